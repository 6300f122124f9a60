# SPDX-License-Identifier: Apache-2.0
"""Density of the target antigen on the blasts over time, as median and bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from abm.errors import InputError, nearest
from abm.playback.lettering import GREY
from abm.playback.timecourses import RULE_COLOUR, style, write_title
from abm.plots.axes import POINTS, Courses, absent, axes_for, finish, legend_above
from abm.plots.blasts import CD19_LOW, LEAST_AGENTS, antigen_course

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

_COLOUR = "#521078"
"""Of blasts."""
_ANTIGENS = ("cd19", "cd22")


def antigen(trajectory: Trajectory, ax: Axes | None = None, *, name: str = "cd19") -> Axes:
    """Draw the antigen density of the CD19+ blasts: median, and the bands of 50 and 90 % of them.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib.axes.Axes, optional
        A new figure if not given.
    name : {"cd19", "cd22"}
        The antigen.

    Raises
    ------
    InputError
        Another antigen.
    """
    if name not in _ANTIGENS:
        raise InputError(f"name: must be {' or '.join(_ANTIGENS)}, got {name!r}; nearest: {nearest(name, _ANTIGENS)!r}")
    ax = axes_for(ax)
    title = f"{name.upper()} on CD19+ blasts"
    course = antigen_course(trajectory, name)
    if course is None:
        return absent(ax, title, "no cells were recorded in this run (record.cells)")
    if np.isnan(course.quantiles).all():
        return absent(ax, title, f"at no time were there {LEAST_AGENTS} CD19+ blasts to tell a distribution from")
    courses = Courses(trajectory)
    days = course.days * courses.time.scale
    known = course.quantiles[~np.isnan(course.quantiles)]
    ax.set_yscale("log")
    ax.set_xlim(*courses.time.limits)
    ax.set_ylim(min(0.5 * known.min(), 500.0), max(2.0 * known.max(), 20000.0))
    style(ax, POINTS)
    write_title(ax, title, POINTS)
    ax.set_ylabel("molecules per cell", size=POINTS)
    low, lower, median, upper, high = course.quantiles.T
    ax.fill_between(days, low, high, color=_COLOUR, alpha=0.18, lw=0.0, label="5 to 95 %")
    ax.fill_between(days, lower, upper, color=_COLOUR, alpha=0.35, lw=0.0, label="25 to 75 %")
    # days between two gaps, which no line could show
    ax.plot(days, median, "-", marker=".", ms=4.0, color=_COLOUR, lw=2.0, label="median")
    if name == "cd19":
        ax.axhline(CD19_LOW, color=RULE_COLOUR, lw=0.9, ls=(0, (4, 3)), zorder=1)
        ax.annotate(
            f"{CD19_LOW:,.0f}\nCD19-low", (1.0, CD19_LOW), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
            ha="left", va="center", size=POINTS - 1, color=GREY, annotation_clip=False,
        )  # fmt: skip
    legend_above(ax)
    finish(ax, courses.treatments, courses.time)
    return ax
