# SPDX-License-Identifier: Apache-2.0
"""Blasts and CAR T cells of the cerebrospinal fluid, with the days of neurotoxicity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from abm.clinic.courses import Courses as Recorded
from abm.clinic.courses import stretches
from abm.plots.axes import Courses, absent, axes_for, draw, shade, unrecorded

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

TITLE = "Cerebrospinal fluid"


def csf(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw blasts and CAR T cells per µL of CSF; days of neurotoxicity are shaded.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib.axes.Axes, optional
        A new figure if not given.
    """
    ax = axes_for(ax)
    courses = Courses(trajectory)
    panel = courses.panel("CSF", renamed=TITLE)
    if panel is None:
        return absent(ax, TITLE, unrecorded(trajectory, "blasts_csf", "car_t_csf"))
    draw(ax, panel, courses)
    shade(ax, neurotoxic_spells(trajectory), courses.time)
    return ax


def neurotoxic_spells(trajectory: Trajectory) -> list[tuple[float, float]]:
    """Return first and last day of each episode of neurotoxicity [d]."""
    course = Recorded(trajectory.observables).get("neurotoxicity")
    return [] if course is None else stretches(course[0], course[1] > 0, lasting=0.0)
