# SPDX-License-Identifier: Apache-2.0
"""B cells in blood on a log axis, with the days of aplasia."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from abm.clinic.courses import APLASIA, stretches
from abm.playback.courses import decades
from abm.plots.axes import Courses, absent, axes_for, draw, shade, unrecorded

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

TITLE = "B cells in blood"
LOW = 0.1
"""Where the axis begins: a B cell in 10 µL [cells/µL]."""


def b_cells(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw the CD19+ B cells per µL of blood; days of aplasia are shaded.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib.axes.Axes, optional
        A new figure if not given.
    """
    ax = axes_for(ax)
    courses = Courses(trajectory)
    panel = courses.panel("Blood", "B cells", renamed=TITLE)
    if panel is None:
        return absent(ax, TITLE, unrecorded(trajectory, "b_cells_blood"))
    _, high = decades(panel.courses, least=(LOW, 400.0), span=4)
    draw(ax, replace(panel, low=LOW, high=high, rules=((APLASIA, "10 cells/µL\naplasia"),)), courses)
    (course,) = panel.courses
    shade(ax, stretches(course.days, course.values < APLASIA), courses.time)
    return ax
