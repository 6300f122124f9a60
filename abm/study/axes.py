# SPDX-License-Identifier: Apache-2.0
"""What the figures of studies share: colours, frames, rows of factors, keys, and names that cover nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from abm.errors import spelled
from abm.playback.lettering import DARK, GREY, shorten, text_width

BLUE, ORANGE, PALE = "#0072b2", "#e69f00", "#b5b5b5"
"""Two of Okabe and Ito, and the grey of what is not told from noise."""
POINTS = 10.0
"""Size of the letters."""
STEPS = (1, 2, 5, 10)
"""Of numbers on an axis."""
_WIDTH = 7.2
_NAME = 2.6
"""Width of a figure, and the widest name of a factor [inches]."""
_BESIDE = 7
"""Number of the last place for a name that is so near to its point that no line need lead there."""
RIM: list[AbstractPathEffect] = [withStroke(linewidth=2.4, foreground="white", alpha=0.8)]
"""Keeps words and lines readable on every colour."""

Box = tuple[float, float, float, float]


def panel(height: float) -> tuple[Figure, Axes]:
    """Return a figure with one set of axes.

    Parameters
    ----------
    height : float
        [inches]
    """
    figure = Figure(figsize=(_WIDTH, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.tick_params(labelsize=POINTS, color=GREY, labelcolor=DARK)
    return figure, axes


def rows(names: Sequence[str], height: float = 0.34) -> tuple[Figure, Axes]:
    """Return axes with a row per factor, the first on top.

    Parameters
    ----------
    names : sequence of str
    height : float
        Of a row [inches].
    """
    figure, axes = panel(1.35 + height * len(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [shorten(name, POINTS, 100 * _NAME) for name in names])
    for words in axes.get_yticklabels():
        words.set_parse_math(False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#ececec", lw=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def label_axis(axes: Axes, words: str, *, vertical: bool = False) -> None:
    """Write what an axis measures; words may hold anything."""
    axis = axes.yaxis if vertical else axes.xaxis
    axis.set_label_text(words, size=POINTS, color=DARK, parse_math=False)


def key(figure: Figure, entries: Sequence[Artist]) -> None:
    """Write above the axes what colours and lines mean."""
    figure.legend(
        handles=entries, loc="outside upper left", ncol=len(entries), frameon=False, fontsize=POINTS, handlelength=1.2,
        handletextpad=0.5, columnspacing=1.5,
    )  # fmt: skip


def log_ticks(low: float, high: float, *, few: bool = False) -> Locator:
    """Choose round values on a log axis: powers of ten, over few decades also twice and five times these unless few are wanted."""
    decades = math.log10(high / low)
    if few:
        return MaxNLocator(3, steps=STEPS) if decades < 1.5 else LogLocator(subs=(1.0,), numticks=5)
    subs = (1.0, 2.0, 5.0) if decades < 2.2 else (1.0, 3.0) if decades < 4.0 else (1.0,)
    return MaxNLocator(5, steps=STEPS) if decades < 0.7 else LogLocator(subs=subs, numticks=9)


def number_axis(axis: Axis, low: float, high: float, *, few: bool = False) -> None:
    """Put round numbers on a log axis that goes from one end to the other."""
    axis.set_major_locator(log_ticks(low, high, few=few))
    axis.set_major_formatter(FuncFormatter(number_text))
    axis.set_minor_formatter(NullFormatter())


def number_text(value: float, _: int | None = None) -> str:
    """Write a number on an axis to three digits, as short as it goes."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return spelled(float(f"{value:.3g}"))
    mantissa, power = f"{value:.2e}".split("e")
    return f"{spelled(float(mantissa))}e{int(power)}"


def name_points(axes: Axes, names: Sequence[str], x: NDArray[np.float64], y: NDArray[np.float64], half_width: NDArray[np.float64]) -> None:
    """Write a name beside each point, where it covers neither a point with its interval nor another name.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With final limits.
    names : sequence of str
    x, y, half_width : ndarray of float64, shape (names,)
        Points, and half the intervals of ``x``.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    dot = figure.dpi / 72.0
    frame = axes.get_window_extent()
    starts, middles, ends = (axes.transData.transform(np.column_stack([at, y])).tolist() for at in (x - half_width, x, x + half_width))
    taken: list[Box] = [
        (min(start[0], at[0] - 5 * dot), at[1] - 5 * dot, max(end[0], at[0] + 5 * dot), at[1] + 5 * dot)
        for start, at, end in zip(starts, middles, ends, strict=True)
    ]
    bars = list(taken)
    height = 1.15 * POINTS * dot
    for number in np.argsort(-x).tolist():
        words = shorten(names[number], POINTS, 100 * _NAME)
        width = text_width(words, POINTS) / 100 * figure.dpi
        bar, (across, up) = bars[number], middles[number]
        corners = [(bar[2] + 4 * dot, up - height / 2), (bar[0] - 4 * dot - width, up - height / 2)]
        for away in np.arange(7 * dot, 12 * height, 1.05 * height).tolist():
            for left in (across - width / 2, across, across - width):
                corners += [(left, up + away), (left, up - away - height)]
        boxes = [(left, bottom, left + width, bottom + height) for left, bottom in corners]
        crossed = [sum(_overlap(box, other) for other in taken) + 99 * (not _within(box, frame.extents)) for box in boxes]
        best = crossed.index(min(crossed))
        taken.append(boxes[best])
        left, bottom = corners[best]
        note = axes.annotate(
            words, (x[number], y[number]), xytext=((left - across) / dot, (bottom + height / 2 - up) / dot), textcoords="offset points",
            size=POINTS, color=DARK, ha="left", va="center", parse_math=False, path_effects=RIM,
            arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.6, "shrinkA": 0, "shrinkB": 3} if best > _BESIDE else None,
        )  # fmt: skip
        note.set_in_layout(False)


def _within(box: Box, frame: Sequence[float]) -> bool:
    return frame[0] < box[0] and frame[1] < box[1] and box[2] < frame[2] and box[3] < frame[3]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
