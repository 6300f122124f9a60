# SPDX-License-Identifier: Apache-2.0
"""An output over two lists of values: equal boxes, whatever lies between the values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from abm.errors import InputError, shown
from abm.playback.lettering import DARK, shorten
from abm.study.axes import PALE, POINTS, label_axis, number_axis, number_text, panel

_BOX, _AROUND = 0.62, 1.5
"""Height of a box, and of all around the boxes [inches]."""
_LONGEST = 90.0
"""Widest name of a value [hundredths of an inch]."""
_DARK_COLOURS = 0.6
"""Share of the colours on which letters are white."""


def plot_heat_map(
    x: tuple[str, Sequence[str]],
    y: tuple[str, Sequence[str]],
    values: ArrayLike,
    *,
    output: str,
    log: bool = False,
) -> Figure:
    """Draw an output over all combinations of two lists, with its value in each box.

    Parameters
    ----------
    x, y : tuple
        Label of an axis, and the names of its values in order.
    values : array_like of float, shape (values of y, values of x)
        The output there; NaN where the study has no point, which leaves the box empty.
    output : str
        Label of the colours, with the unit.
    log : bool
        Whether the colours are logarithmic; zeros are grey then.

    Raises
    ------
    InputError
        No value to draw, or with ``log`` a negative one or none above zero.
    """
    table = np.asarray(values, dtype=np.float64)
    drawn = table[np.isfinite(table) & (table > 0)] if log else table[np.isfinite(table)]
    if not len(drawn) or (log and np.nanmin(table) < 0):
        lowest = f", got {shown(float(np.nanmin(table)))}" if np.isfinite(table).any() else ""
        raise InputError(f"{output}: {'logarithmic colours need values above 0' if log else 'no value to draw'}{lowest}")
    ends = float(drawn.min()), float(drawn.max())
    figure, axes = panel(_AROUND + _BOX * table.shape[0])
    colours = LogNorm(*ends) if log else Normalize(*ends)
    boxes = axes.pcolormesh(np.ma.masked_where(~np.isfinite(table) | (log & (table <= 0)), table), cmap="viridis", norm=colours)
    for (up, across), value in np.ndenumerate(table):
        if log and value == 0:
            axes.axvspan(across, across + 1, up / table.shape[0], (up + 1) / table.shape[0], color=PALE, lw=0.0)
        if np.isfinite(value):
            dark = (value > 0 or not log) and colours(value) < _DARK_COLOURS
            words = number_text(float(f"{value:.2g}"))
            axes.text(across + 0.5, up + 0.5, words, ha="center", va="center", size=POINTS, color="white" if dark else DARK)
    for axis, (label, names) in ((axes.xaxis, x), (axes.yaxis, y)):
        axis.set_ticks(np.arange(len(names)) + 0.5, [shorten(name, POINTS, _LONGEST) for name in names])
        for tick in axis.get_ticklabels():
            tick.set_parse_math(False)
        axis.set_tick_params(length=0)
        label_axis(axes, label, vertical=axis is axes.yaxis)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    bar = figure.colorbar(boxes, ax=axes, pad=0.02)
    if log:
        number_axis(bar.ax.yaxis, *ends)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=POINTS)
    label_axis(bar.ax, output, vertical=True)
    return figure
