# SPDX-License-Identifier: Apache-2.0
"""Cytokines of the serum, and the signal that decides the grade of their release."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from abm.clinic.courses import Courses as Recorded
from abm.playback.courses import Course, decades
from abm.plots.axes import Courses, absent, axes_for, draw, unrecorded

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

TITLE = "Cytokines in serum"
LOW = 1.0
"""Where the axis begins: less is not found by the usual assays [pg/mL]."""
_OTHERS = (("IFN-γ", "ifn_gamma", "#009e73"), ("IL-2", "il2", "#56b4e9"))


def cytokines(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw IL-6, IFN-γ, IL-2 and the signal of cytokine release, with its thresholds of the grades.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib.axes.Axes, optional
        A new figure if not given.
    """
    ax = axes_for(ax)
    courses = Courses(trajectory)
    panel = courses.panel("Cytokine release", renamed=TITLE)
    if panel is None:
        return absent(ax, TITLE, unrecorded(trajectory, "il6", "crs_signal"))
    recorded = Recorded(trajectory.observables)
    found = [(label, colour, recorded.get(name)) for label, name, colour in _OTHERS]
    others = [
        Course(label, colour, *course, width=1.4)
        for label, colour, course in found
        if course is not None and course[1].max() > 0
    ]
    drawn = (*others, *panel.courses)
    _, high = decades(drawn, least=(LOW, 2000.0), span=4)
    draw(ax, replace(panel, courses=drawn, low=LOW, high=high), courses)
    return ax
