# SPDX-License-Identifier: Apache-2.0
"""What the leukaemia is made of over time, as a fish plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from abm.celltypes import BLAST, CD19_NEGATIVE_BLAST
from abm.playback.lettering import DARK, GREY
from abm.playback.timecourses import style, write_title
from abm.plots.axes import POINTS, Courses, absent, axes_for, finish, legend_above, unrecorded
from abm.plots.blasts import antigen_course

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

TITLE = "Composition of the leukaemia"
LOW_COLOUR = "#a88cc0"
"""Of CD19-low blasts: between that of blasts and white."""
LEAST_LOW = 0.01
"""Share from which CD19-low blasts are drawn: a thinner area would look like a gap."""
_MOST = 600
"""Points of an area: more could not be told apart."""
_TICKS = (1e3, 1e6, 1e9, 1e12)


def clones(trajectory: Trajectory, ax: Axes | None = None) -> Axes:
    """Draw CD19+, CD19-low and CD19-negative blasts as areas within each other.

    The height of all is the decimal logarithm of the leukaemic cells of the body; within it each kind has its share.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib.axes.Axes, optional
        A new figure if not given.
    """
    ax = axes_for(ax)
    observables = trajectory.observables
    stocks = []
    for kind in (BLAST, CD19_NEGATIVE_BLAST):
        names = [name for place in trajectory.header.compartments if (name := f"cells_{kind.name}_{place}") in observables]
        if not names or observables.empty:
            return absent(ax, TITLE, unrecorded(trajectory, f"cells_{kind.name}_marrow"))
        stocks.append(observables[names].sum(axis=1).to_numpy(dtype=float))
    positive, negative = stocks
    total = positive + negative
    if total.max() <= 0:
        return absent(ax, TITLE, "no leukaemic cell in this run")
    courses = Courses(trajectory)
    kept = np.unique(np.linspace(0, len(total) - 1, min(len(total), _MOST)).round().astype(int))
    total, negative = total[kept], negative[kept]
    days = observables.index.to_numpy(dtype=float)[kept]
    height = np.log10(total + 1.0) / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, negative / total, 0.0)
    dim = _low_share(trajectory, days) * (1.0 - share)
    colours = {str(kind["name"]): str(kind["colour"]) for kind in trajectory.header.kinds}
    areas = [("CD19+", np.ones_like(share), colours.get(BLAST.name, DARK))]
    if dim.max() >= LEAST_LOW:
        areas.append(("CD19-low", share + dim, LOW_COLOUR))
    if share.max() > 0:
        areas.append(("CD19-negative", share, colours.get(CD19_NEGATIVE_BLAST.name, GREY)))
    ax.set_xlim(*courses.time.limits)
    top = 1.08 * float(height.max())
    ax.set_ylim(-top, top)
    style(ax, POINTS)
    write_title(ax, TITLE, POINTS)
    for number, (label, inner, colour) in enumerate(areas):
        ax.fill_between(
            days * courses.time.scale, -inner * height, inner * height, color=colour, lw=0.0, label=label, zorder=2 + number
        )  # fmt: skip
    ticks = [count for count in _TICKS if np.log10(count) / 2.0 < top]
    ax.yaxis.set_major_locator(FixedLocator([side * float(np.log10(count)) / 2.0 for side in (-1, 1) for count in ticks]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_yticklabels([f"$10^{{{round(np.log10(count))}}}$" for _ in range(2) for count in ticks], size=POINTS)
    ax.set_ylabel("leukaemic cells\nof the body", size=POINTS)
    legend_above(ax)
    finish(ax, courses.treatments, courses.time)
    return ax


def _low_share(trajectory: Trajectory, days: np.ndarray) -> np.ndarray:
    """Return which share of the CD19+ blasts has little of it (below :data:`CD19_LOW`) on some days; 0 if no cells were recorded."""
    course = antigen_course(trajectory)
    known = None if course is None else ~np.isnan(course.low)
    if course is None or known is None or not known.any():
        return np.zeros(len(days))
    return np.asarray(np.interp(days, course.days[known], course.low[known]))
