# SPDX-License-Identifier: Apache-2.0
"""The figure of a posterior: each parameter with its prior, and each pair of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from abm.playback.lettering import DARK, GREY, shorten
from abm.study.axes import BLUE, ORANGE, PALE, POINTS, key, label_axis, number_axis
from abm.study.sampling import Factor

if TYPE_CHECKING:
    from abm.study.posterior import Posterior

MOST = 6
"""Parameters that a figure holds; of more, those that the targets inform most."""
_SIDE = 2.1
"""Of the axes of a pair [inches]."""
_LEAST_WIDTH = 5.0
_NAME = 1.6
"""Widest name of a parameter [inches]."""
_TICKS = 4


def plot_posterior(posterior: Posterior) -> Figure:
    """Draw the marginal of each parameter over its prior, and below the particles in each pair of them.

    Parameters
    ----------
    posterior : Posterior
        Of more than six parameters, the six that it narrows most are drawn.
    """
    factors = posterior.factors
    if len(factors) > MOST:
        chosen = sorted(factors, key=posterior.narrowed)[:MOST]
        factors = [factor for factor in factors if factor in chosen]
    count = len(factors)
    side = max(_SIDE * count, _LEAST_WIDTH)
    figure = Figure(figsize=(side, 0.75 * side if count == 1 else side), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(count, count, squeeze=False)
    for row, down in enumerate(factors):
        for column, across in enumerate(factors):
            axes = grid[row, column]
            if column > row:
                axes.remove()
                continue
            _frame(axes, across)
            if row == column:
                _marginal(axes, posterior, across)
            else:
                _pair(axes, posterior, across, down)
                if column == 0:
                    label_axis(axes, _label(down), vertical=True)
                else:
                    axes.tick_params(axis="y", labelleft=False)
            if row == count - 1:
                label_axis(axes, _label(across))
            else:
                axes.tick_params(axis="x", labelbottom=False)
    entries = [
        Patch(color=BLUE, alpha=0.6, label="posterior"),
        Line2D([], [], color=GREY, ls=(0, (4, 3)), label="prior"),
        Line2D([], [], color=ORANGE, lw=2.0, label="median, 90 %"),
    ]
    key(figure, entries)
    return figure


def _label(factor: Factor) -> str:
    """Return a name that is no longer than the axis, with the unit on a line of its own."""
    name = shorten(factor.name, POINTS, 100 * _NAME)
    return name if factor.unit == "1" else f"{name}\n[{factor.unit}]"


def _frame(axes: Axes, across: Factor) -> None:
    for name in ("top", "right"):
        axes.spines[name].set_visible(False)
    for name in ("left", "bottom"):
        axes.spines[name].set_color(GREY)
    axes.tick_params(labelsize=POINTS - 1, color=GREY, labelcolor=DARK)
    axes.set(xscale=across.scale, xlim=(across.low, across.high))
    if across.scale == "log":
        number_axis(axes.xaxis, across.low, across.high, few=True)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(_TICKS))


def _marginal(axes: Axes, posterior: Posterior, factor: Factor) -> None:
    """Draw the density of a parameter on the scale of its prior, which is then 1 everywhere."""
    low, median, high = posterior.interval(factor.name)
    width = max(posterior.narrowed(factor), 1e-3)
    # over what is left of the prior as many bars as its particles can fill
    bars = int(np.clip(np.ceil(np.clip(posterior.effective / 6.0, 3.0, 10.0) / width), 6, 200))
    edges = factor.value(np.linspace(0.0, 1.0, bars + 1))
    at = factor.position(posterior.table[factor.name].to_numpy(float).clip(factor.low, factor.high))
    density, _ = np.histogram(at, bins=np.linspace(0.0, 1.0, bars + 1), weights=posterior.table["weight"], density=True)
    axes.stairs(density, edges, fill=True, color=BLUE, alpha=0.6, lw=0.0)
    axes.plot([factor.low, factor.high], [1.0, 1.0], color=GREY, ls=(0, (4, 3)), lw=1.2)
    top = 1.25 * max(float(density.max()), 1.0)
    axes.plot([low, high], [0.92 * top] * 2, color=ORANGE, lw=2.0, solid_capstyle="butt")
    axes.plot([median], [0.92 * top], "o", color=ORANGE, ms=5.0)
    axes.set_ylim(0.0, top)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _pair(axes: Axes, posterior: Posterior, across: Factor, down: Factor) -> None:
    table, weights = posterior.table, posterior.table["weight"]
    axes.set(yscale=down.scale, ylim=(down.low, down.high))
    if down.scale == "log":
        number_axis(axes.yaxis, down.low, down.high, few=True)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(_TICKS))
    axes.grid(color=PALE, alpha=0.3, lw=0.6)
    axes.set_axisbelow(True)
    # areas are weights
    axes.scatter(table[across.name], table[down.name], 14.0 * weights / weights.mean(), color=BLUE, alpha=0.5, lw=0.0, clip_on=False)
