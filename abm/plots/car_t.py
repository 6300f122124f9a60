# SPDX-License-Identifier: Apache-2.0
"""CAR T cells in blood on a log axis, with their peak and the count above which they are said to persist."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from abm.clinic.courses import CAR_T_SEEN
from abm.playback.courses import decades
from abm.playback.lettering import DARK
from abm.playback.phrases import concentration, on_day
from abm.plots.axes import POINTS, SHADE, Courses, absent, axes_for, draw, unrecorded

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

TITLE = "CAR T cells in blood"
LOW = 0.1
"""Where the axis begins: a cell in 10 µL [cells/µL]."""


def car_t(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw the CAR T cells per µL of blood.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib.axes.Axes, optional
        A new figure if not given.
    """
    ax = axes_for(ax)
    courses = Courses(trajectory)
    panel = courses.panel("Blood", "CAR T", renamed=TITLE)
    if panel is None:
        return absent(ax, TITLE, unrecorded(trajectory, "car_t_blood"))
    _, high = decades(panel.courses, least=(LOW, 100.0), span=5)
    draw(ax, replace(panel, low=LOW, high=3.0 * high, rules=((CAR_T_SEEN, "1 cell/µL"),)), courses)
    ax.axhspan(LOW, CAR_T_SEEN, color=SHADE, lw=0.0, zorder=0)
    (course,) = panel.courses
    top = int(course.values.argmax())
    day, peak = float(course.days[top]), float(course.values[top])
    if 0 < top < len(course.days) - 1:
        at = (day * courses.time.scale, peak)
        ax.plot(*at, "o", color=course.colour, ms=5.0, zorder=4)
        words = f"{concentration(peak)} on day {on_day(day)}"
        ax.annotate(words, at, xytext=(6, 4), textcoords="offset points", size=POINTS, color=DARK, va="bottom")
    return ax
