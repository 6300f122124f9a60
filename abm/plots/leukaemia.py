# SPDX-License-Identifier: Apache-2.0
"""Blasts in the marrow on a log axis, with the limits of microscope and flow cytometry."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from abm.clinic.courses import MRD_LIMIT, REMISSION
from abm.plots.axes import SHADE, Courses, absent, axes_for, draw, unrecorded

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

TITLE = "Leukaemia in the marrow"
RULES = ((REMISSION, "5 %\nremission"), (MRD_LIMIT, "0.01 %\nMRD limit"))


def leukaemia(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw the leukaemic share of marrow cells, and that of its CD19-negative clone.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib.axes.Axes, optional
        A new figure if not given.
    """
    ax = axes_for(ax)
    courses = Courses(trajectory)
    panel = courses.panel("Marrow", "leukaemia", "CD19-negative", renamed=TITLE)
    if panel is None:
        return absent(ax, TITLE, unrecorded(trajectory, "mrd"))
    draw(ax, replace(panel, unit="share of\nmarrow cells", rules=RULES), courses)
    ax.axhspan(panel.low, MRD_LIMIT, color=SHADE, lw=0.0, zorder=0)
    return ax
