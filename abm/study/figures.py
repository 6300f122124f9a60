# SPDX-License-Identifier: Apache-2.0
"""Figures of parameter studies: tornado, ranking, screening, Sobol' indices and response surface.

Each takes data and returns a figure of its own, to be saved or shown by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import Triangulation
from numpy.typing import ArrayLike, NDArray

from abm.errors import InputError, shown
from abm.playback.lettering import DARK, GREY
from abm.study.axes import (
    BLUE,
    ORANGE,
    PALE,
    POINTS,
    RIM,
    STEPS,
    key,
    label_axis,
    log_ticks,
    name_points,
    number_axis,
    number_text,
    panel,
    rows,
)
from abm.study.sampling import DUMMY, Factor
from abm.study.sensitivity import LEADING, Sensitivity

_BARS: dict[str, Any] = {"fmt": "none", "ecolor": DARK, "elinewidth": 1.1, "capsize": 2.5, "zorder": 4}
_DASHES = (0, (4, 3))
_RATIOS = (0.1, 0.5, 1.0)
"""sigma/mu* under which the effect of a factor is about linear, monotonic, and nearly monotonic."""


def plot_tornado(
    names: Sequence[str],
    at_low: ArrayLike,
    at_high: ArrayLike,
    base: float,
    *,
    output: str,
    ranges: Sequence[tuple[str, str]] | None = None,
) -> Figure:
    """Draw what each factor alone does to an output, the one of the largest reach on top.

    Parameters
    ----------
    names : sequence of str
        Of the factors; the reach of ``"dummy"`` is drawn as noise.
    at_low, at_high : array_like of float, shape (factors,)
        The output with the factor at the low and at the high end of its range.
    base : float
        The output with no factor moved.
    output : str
        Label of the axis, with the unit.
    ranges : sequence of (str, str), optional
        The low and the high end of each factor in words, written at the bars.

    Raises
    ------
    InputError
        Numbers that are missing or do not go with the names.
    """
    ends = np.array([at_low, at_high], dtype=np.float64)
    if not names or ends.shape != (2, len(names)):
        raise InputError(f"a tornado of {len(names)} factors needs a value for each at both ends, got shape {ends.shape}")
    _refuse_missing(np.append(ends, base), output)
    reach = np.abs(ends - base).max(axis=0)
    order = np.argsort(-reach, kind="stable").tolist()
    figure, axes = rows([names[number] for number in order], 0.42)
    for row, number in enumerate(order):
        # bars that leave the base on one side would cover each other
        halved = float(np.prod(ends[:, number] - base)) > 0
        height, shift = (0.36, 0.18) if halved else (0.72, 0.0)
        for end, colour in enumerate((ORANGE, BLUE)):
            value, at = ends[end, number], row + (2 * end - 1) * shift
            axes.barh(at, value - base, height, left=base, color=colour, lw=0.0, zorder=2)
            if ranges is not None:
                rightwards = value > base or (value == base and end == 1)
                axes.annotate(
                    ranges[number][end], (value, at), xytext=(3 if rightwards else -3, 0), textcoords="offset points",
                    ha="left" if rightwards else "right", va="center", size=POINTS - 2, color=GREY, parse_math=False,
                )  # fmt: skip
    axes.margins(x=0.25 if ranges is not None else 0.05)  # words at the bars stay off the names
    axes.axvline(base, color=DARK, lw=1.0, zorder=3)
    entries = [Patch(color=ORANGE, label="at the low end"), Patch(color=BLUE, label="at the high end")]
    if DUMMY in names:
        noise = reach[list(names).index(DUMMY)]
        axes.axvspan(base - noise, base + noise, color=PALE, alpha=0.4, lw=0.0, zorder=1)
        entries.append(Patch(color=PALE, alpha=0.4, label="reach of the dummy: noise"))
    label_axis(axes, output)
    key(figure, entries)
    return figure


def plot_ranking(result: Sensitivity) -> Figure:
    """Draw the index by which factors are ranked, with its interval and the floor of noise.

    Parameters
    ----------
    result : Sensitivity
    """
    table, leading = result.ranked, LEADING[result.method]
    figure, axes = rows(list(table["name"]))
    axes.barh(range(len(table)), table[leading], 0.66, color=np.where(table["above_noise"], BLUE, PALE), lw=0.0, zorder=2)
    axes.errorbar(table[leading], range(len(table)), xerr=table[f"{leading}_conf"], **_BARS)
    axes.set_xlim(left=0.0)
    measure = "µ*: mean size of the effect on" if result.method == "morris" else "ST: total share of the variance of"
    label_axis(axes, f"{measure} {result.output}")
    key(figure, [Patch(color=BLUE, label="told from noise"), Patch(color=PALE, label="not told from noise"), _floor(axes, result)])
    return figure


def plot_sobol(result: Sensitivity) -> Figure:
    """Draw the first-order and the total index of each factor side by side.

    Parameters
    ----------
    result : Sensitivity
        Of :func:`abm.study.sensitivity.sobol_indices`.

    Raises
    ------
    InputError
        The result of another method.
    """
    _refuse_other(result, "sobol")
    table = result.ranked
    figure, axes = rows(list(table["name"]), 0.48)
    for column, colour, shift in (("S1", ORANGE, -0.19), ("ST", BLUE, 0.19)):
        at = np.arange(len(table)) + shift
        axes.barh(at, table[column], 0.36, color=colour, lw=0.0, zorder=2)
        axes.errorbar(table[column], at, xerr=table[f"{column}_conf"], **_BARS)
    axes.axvline(0.0, color=DARK, lw=1.0, zorder=3)
    label_axis(axes, f"share of the variance of {result.output}")
    key(figure, [Patch(color=ORANGE, label="S1, alone"), Patch(color=BLUE, label="ST, with interactions"), _floor(axes, result)])
    return figure


def plot_screening(result: Sensitivity) -> Figure:
    """Draw the mean size of the elementary effects against their standard deviation.

    Factors far to the right matter; those high up act through others or not in proportion. Only factors told from noise
    bear their names.

    Parameters
    ----------
    result : Sensitivity
        Of :func:`abm.study.sensitivity.morris_indices`.

    Raises
    ------
    InputError
        The result of another method.

    References
    ----------
    Garcia Sanchez et al. 2014, Energy and Buildings 68:741 (the lines of constant sigma/mu*).
    """
    _refuse_other(result, "morris")
    table = result.table
    figure, axes = panel(5.2)
    right = 1.1 * max(float((table["mu_star"] + table["mu_star_conf"]).max()), result.floor)
    top = 1.15 * max(float(table["sigma"].max()), 0.25 * right)
    axes.set_xlim(0.0, right)
    axes.set_ylim(-0.03 * top, top)
    axes.axvspan(0.0, result.floor, color=PALE, alpha=0.4, lw=0.0, zorder=0)
    for ratio in _RATIOS:
        end = min(right, top / ratio)
        axes.plot([0.0, end], [0.0, ratio * end], color=PALE, lw=0.9, ls=_DASHES, zorder=1)
        beside = end == right
        axes.annotate(
            f"σ/µ* = {ratio:g}", (end, ratio * end), xytext=(3, 0) if beside else (0, 3), textcoords="offset points",
            ha="left" if beside else "center", va="center" if beside else "bottom", size=POINTS - 1.5, color=GREY,
        )  # fmt: skip
    groups = {
        "told from noise": (table["above_noise"], BLUE, "o", 6.5),
        "not told from noise": (~table["above_noise"] & (table["name"] != DUMMY), GREY, "s", 4.5),
        "dummy": (table["name"] == DUMMY, ORANGE, "D", 6.0),
    }
    entries: list[Line2D | Patch] = []
    for label, (chosen, colour, marker, size) in groups.items():
        if chosen.any():
            x, y = table["mu_star"][chosen], table["sigma"][chosen]
            axes.errorbar(x, y, xerr=table["mu_star_conf"][chosen], **_BARS | {"ecolor": colour, "zorder": 2})
            axes.plot(x, y, marker, color=colour, ms=size, zorder=3, clip_on=False)
        entries.append(Line2D([], [], ls="", marker=marker, color=colour, ms=size, label=label))
    label_axis(axes, f"µ*: mean size of the effect on {result.output}")
    label_axis(axes, "σ: standard deviation of the effect", vertical=True)
    key(figure, [*entries, Patch(color=PALE, alpha=0.4, label="floor of noise")])
    named = table[table["above_noise"]]
    name_points(axes, list(named["name"]), named["mu_star"].to_numpy(), named["sigma"].to_numpy(), named["mu_star_conf"].to_numpy())
    return figure


def plot_surface(
    x: Factor,
    y: Factor,
    points: ArrayLike,
    values: ArrayLike,
    *,
    output: str,
    log: bool = False,
    interpolate: bool = True,
) -> Figure:
    """Draw an output over the ranges of two factors: a heat map of a grid, else the points and what lies between them.

    Parameters
    ----------
    x, y : Factor
        The axes; logarithmic where the factor is.
    points : array_like of float, shape (points, 2)
        Positions of both factors in the unit interval.
    values : array_like of float, shape (points,)
        The output there; points at one place are averaged.
    output : str
        Label of the colours, with the unit.
    log : bool
        Whether the colours are logarithmic.
    interpolate : bool
        Whether colours and contours fill the room between the points. Where other factors vary as well they should not:
        neighbours then differ in more than these two.

    Raises
    ------
    InputError
        Values that are missing or, with ``log``, not positive; points outside the unit square, or on one line.
    """
    places, means = _averaged_places(points, values, output)
    if log and (means <= 0).any():
        raise InputError(f"{output}: logarithmic colours need values above 0, got {shown(float(means.min()))}")
    figure, axes = panel(5.2)
    axes.set(xscale=x.scale, xlim=(x.low, x.high), yscale=y.scale, ylim=(y.low, y.high))
    for axis, factor in ((axes.xaxis, x), (axes.yaxis, y)):
        label_axis(axes, factor.label, vertical=axis is axes.yaxis)
        if factor.scale == "log":
            number_axis(axis, factor.low, factor.high)
    # Equal steps on the axes are equal steps in the unit square, so that all is drawn there, also what is logarithmic.
    square = axes.inset_axes((0.0, 0.0, 1.0, 1.0))
    square.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
    square.set_axis_off()
    ends = float(means.min()), float(means.max())
    colours = LogNorm(*ends) if log else Normalize(*ends)
    looks: dict[str, Any] = {"cmap": "viridis", "norm": colours}
    # colours between points are mixed as the scale says, so contours have to follow them
    raised, levels = (np.log10(means), np.log10(_levels(means, log=True))) if log else (means, _levels(means, log=False))
    lines: dict[str, Any] = {"colors": DARK, "linewidths": 1.0, "linestyles": "solid"}
    across, up = np.unique(places[:, 0]), np.unique(places[:, 1])
    if interpolate and min(len(across), len(up)) > 1 and len(places) == len(across) * len(up):
        shape = len(across), len(up)
        drawn: ScalarMappable = square.pcolormesh(_edges(across), _edges(up), means.reshape(shape).T, rasterized=True, **looks)
        _label_contours(square, square.contour(across, up, raised.reshape(shape).T, levels, **lines), log=log)
    else:
        if interpolate:
            mesh = _triangles(places, output)
            square.tripcolor(mesh, means, shading="gouraud", rasterized=True, **looks)
            _label_contours(square, square.tricontour(mesh, raised, levels, **lines), log=log)
        drawn = square.scatter(places[:, 0], places[:, 1], 34, means, edgecolors="white", linewidths=0.8, clip_on=False, **looks)
    bar = figure.colorbar(drawn, ax=axes, pad=0.02)
    if log:
        number_axis(bar.ax.yaxis, *ends)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=POINTS, color=GREY, labelcolor=DARK)
    label_axis(bar.ax, output, vertical=True)
    return figure


def _floor(axes: Axes, result: Sensitivity) -> Line2D:
    return axes.axvline(result.floor, color=DARK, lw=1.2, ls=_DASHES, zorder=3, label="floor of noise")


def _averaged_places(points: ArrayLike, values: ArrayLike, output: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the places that points take, in order, and the mean value at each."""
    at, every = np.asarray(points, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if at.shape != (len(every), 2) or every.ndim != 1 or not len(every):
        raise InputError(f"{output}: needs points of two factors with a value each, got shapes {at.shape} and {every.shape}")
    if not ((at >= 0) & (at <= 1)).all():
        raise InputError(f"{output}: points must lie in the unit square, got {shown(float(at[~((at >= 0) & (at <= 1))][0]))}")
    _refuse_missing(every, output)
    places, which = np.unique(at, axis=0, return_inverse=True)
    which = which.reshape(-1)
    return places, np.bincount(which, every) / np.bincount(which)


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the borders between levels of a factor; the outer ones lie on the border of the range, if the levels do."""
    between = (centres[:-1] + centres[1:]) / 2
    ends = 2 * centres[[0, -1]] - between[[0, -1]]
    return np.concatenate([ends[:1], between, ends[1:]]).clip(0.0, 1.0)


def _triangles(places: NDArray[np.float64], output: str) -> Triangulation:
    try:
        return Triangulation(places[:, 0], places[:, 1])
    except (RuntimeError, ValueError):
        raise InputError(f"{output}: no surface through {len(places)} points on one line; draw them without interpolation") from None


def _levels(values: NDArray[np.float64], *, log: bool) -> NDArray[np.float64]:
    """Choose round values for contours, all within the range of the values."""
    low, high = float(values.min()), float(values.max())
    locator = log_ticks(low, high) if log else MaxNLocator(7, steps=STEPS)
    ticks = np.asarray(locator.tick_values(low, high), dtype=np.float64)
    return ticks[(ticks > low) & (ticks < high)]


def _label_contours(axes: Axes, contours: ContourSet, *, log: bool) -> None:
    contours.set_path_effects(RIM)
    for words in axes.clabel(contours, fmt=lambda level: number_text(10**level if log else level), fontsize=POINTS - 1.5):
        words.set(path_effects=RIM, clip_on=False)


def _refuse_missing(values: NDArray[np.float64], output: str) -> None:
    missing = int((~np.isfinite(values)).sum())
    if missing:
        raise InputError(f"{output}: {missing} of {values.size} values are missing or not finite; leave those points out")


def _refuse_other(result: Sensitivity, method: str) -> None:
    if result.method != method:
        raise InputError(f"{result.output}: this figure shows results of the method {method!r}, got {result.method!r}")
