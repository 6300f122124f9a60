# SPDX-License-Identifier: Apache-2.0
"""Time courses of a run as a figure: leukaemia, CAR T, B cells, cytokine release and treatments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecBase
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter

from abm.errors import InputError
from abm.playback.courses import Panel, course_panels
from abm.playback.lettering import DARK, GREY, shorten
from abm.playback.marks import Treatment, spells, treatments_given
from abm.playback.output import check_suffix, written_whole

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

RULE_COLOUR = "#b5b5b5"
_SHORT_RUN = 3.0
"""Runs up to this many days are drawn in hours."""


class TimeAxis:
    """The time axis of a run: days, or hours if it is short.

    Parameters
    ----------
    first, last : float
        [d]
    """

    def __init__(self, first: float, last: float) -> None:
        self.first, self.last = first, max(last, first + 1.0 / 24.0)
        in_hours = self.last - self.first <= _SHORT_RUN
        self.scale = 24.0 if in_hours else 1.0
        self.label = "time [h]" if in_hours else "time [d]"
        self._clock = "{:.1f} h" if in_hours else "day {:.1f}"

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis, in its unit."""
        return self.first * self.scale, self.last * self.scale

    def clock(self, day: float) -> str:
        """Say the time of a frame."""
        shown = round(day * self.scale, 1)
        return self._clock.format(shown if shown else 0.0)


def draw_panel(
    axes: Axes, panel: Panel, time: TimeAxis, *, points: float = 9.0, legend: bool = True
) -> list[Artist]:
    """Draw a panel, its legend beside its title, and return its lines.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    panel : Panel
    time : TimeAxis
    points : float
        Size of the letters.
    legend : bool
        Whether the panel has one.
    """
    if panel.log:
        axes.set_yscale("log")
    axes.set_xlim(*time.limits)
    axes.set_ylim(panel.low, panel.high)
    style(axes, points)
    axes.set_ylabel(panel.unit if panel.unit != "1" else "ratio", size=points)
    write_title(axes, panel.title, points)
    if panel.log:
        decades = math.log10(panel.high / panel.low)
        axes.yaxis.set_major_locator(LogLocator(base=10.0 ** max(1, math.ceil(decades / 4.5)), numticks=20))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_locator(LogLocator(base=10.0, numticks=20))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4))
    for value, words in panel.rules:
        if panel.low < value < panel.high:
            axes.axhline(value, color=RULE_COLOUR, lw=0.9, ls=(0, (4, 3)), zorder=1)
            axes.annotate(
                words, (1.0, value), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
                ha="left", va="center", size=points - 1, color=GREY, annotation_clip=False,
            )  # fmt: skip
    lines: list[Artist] = []
    for course in panel.courses:
        # A value under the axis leaves through its floor, instead of breaking the line.
        values = course.values.clip(min=panel.low / 10.0) if panel.log else course.values
        lines += axes.plot(
            course.days * time.scale, values, color=course.colour, lw=course.width, ls=course.style, label=course.label
        )
    if not legend:
        return lines
    names = axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncol=len(lines), frameon=False, fontsize=points,
        handlelength=1.1, handletextpad=0.4, columnspacing=1.0, borderaxespad=0.15, borderpad=0.0,
    )  # fmt: skip
    for handle in names.get_lines():
        handle.set_linewidth(3.0)
    return lines


def draw_treatments(
    axes: Axes, treatments: Sequence[Treatment], time: TimeAxis, *, points: float = 9.0
) -> list[Artist]:
    """Draw a row per treatment with a mark on each day it was given, and return the marks."""
    return draw_treatments_of_runs(axes, [(DARK, treatments)], time, points=points)


def draw_treatments_of_runs(
    axes: Axes, runs: Sequence[tuple[str, Sequence[Treatment]]], time: TimeAxis, *, points: float = 9.0
) -> list[Artist]:
    """Draw a row per treatment, in it the days on which each run gave it in the colour of the run, one under the other."""
    names = treatments_of_runs([treatments for _, treatments in runs])
    axes.set_xlim(*time.limits)
    axes.set_ylim(len(names) - 0.5, -0.5)
    style(axes, points)
    write_title(axes, "Treatments", points)
    axes.yaxis.set_major_locator(FixedLocator(list(range(len(names)))))
    axes.set_yticklabels([shorten(name, points, 14.0 * points) for name in names], size=points)
    axes.tick_params(axis="y", length=0, pad=7.0)  # a mark at the start is not on its name
    artists: list[Artist] = []
    for row in range(len(names)):
        if len(runs) > 1:
            axes.axhspan(row - 0.46, row + 0.46, color="#f4f4f4", lw=0.0, zorder=0)
        else:
            axes.axhline(row, color="#ececec", lw=0.8, zorder=1)
    for number, (colour, treatments) in enumerate(runs):
        for treatment in treatments:
            at = names.index(treatment.name) + (number + 0.5) / len(runs) - 0.5
            for first, last, _ in spells(treatment.days):
                artists += axes.plot([first * time.scale, last * time.scale], [at, at], color=colour, lw=2.5, zorder=2)
            days = [day * time.scale for day in treatment.days]
            artists += axes.plot(days, [at] * len(days), "v", color=colour, ms=6.0, zorder=3, clip_on=False)
    return artists


def treatments_of_runs(runs: Sequence[Sequence[Treatment]]) -> list[str]:
    """Return the names of all treatments of some runs, in the order of first use."""
    first: dict[str, float] = {}
    for treatment in (each for treatments in runs for each in treatments):
        first[treatment.name] = min(treatment.days[0], first.get(treatment.name, math.inf))
    return sorted(first, key=lambda name: first[name])


def plot_timecourses(trajectory: Trajectory, target: str | Path | Axes) -> Figure:
    """Draw the time courses of a run.

    Parameters
    ----------
    trajectory : Trajectory
    target : str, pathlib.Path or matplotlib.axes.Axes
        A ``.png``, ``.pdf`` or ``.svg`` file to write, or axes whose place the panels take.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        Another suffix, or a run that recorded no observable to draw.
    """
    panels, treatments, time = panels_of(trajectory)
    if not panels:
        raise InputError(f"{trajectory.path}: no time courses to draw: nothing of marrow, blood or CSF was recorded")
    rows = [2.0] * len(panels) + ([0.18 * len(treatments) + 0.1] if treatments else [])
    if isinstance(target, Axes):
        figure = target.get_figure(root=True)
        assert figure is not None
        place = target.get_subplotspec()
        target.set_axis_off()
        if place is None:
            raise InputError("time courses need axes that are part of a grid, such as those of figure.subplots()")
        grid: GridSpecBase = place.subgridspec(len(rows), 1, height_ratios=rows, hspace=0.4)
    else:
        check_suffix(target, (".png", ".pdf", ".svg"))
        figure = Figure(figsize=(8.0, 1.2 + 1.3 * sum(rows) + 0.2 * len(rows)), facecolor="white")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            len(rows), 1, height_ratios=rows, hspace=0.3, left=0.175, right=0.9, top=1 - 0.5 / figure.get_figheight(),
            bottom=0.55 / figure.get_figheight(),
        )  # fmt: skip
    drawn = [figure.add_subplot(grid[row]) for row in range(len(rows))]
    for axes, panel in zip(drawn, panels, strict=False):
        draw_panel(axes, panel, time, points=10.0)
    if treatments:
        draw_treatments(drawn[-1], treatments, time, points=10.0)
    label_time(drawn, time, points=10.0)
    figure.align_ylabels(drawn[: len(panels)])
    if not isinstance(target, Axes):
        with written_whole(target) as unfinished:
            figure.savefig(unfinished, format=Path(target).suffix[1:], dpi=150)
    return figure


def label_time(axes: Sequence[Axes], time: TimeAxis, *, points: float = 9.0) -> None:
    """Write the time under the lowest of panels that share it."""
    for each in axes[:-1]:
        each.tick_params(axis="x", labelbottom=False)
    axes[-1].set_xlabel(time.label, size=points, color=DARK)


def write_title(axes: Axes, words: str, points: float) -> None:
    """Write a title that starts over the axis' labels, and so leaves room for the legend beside it."""
    axes.annotate(
        words, (0.0, 1.0), xycoords="axes fraction", xytext=(-6.0 * points, 6.0), textcoords="offset points",
        size=points + 1, weight="bold", color=DARK, annotation_clip=False,
    )  # fmt: skip


def style(axes: Axes, points: float) -> None:
    """Give axes the looks of the figures of a run: two spines, quiet ticks, letters of one size."""
    axes.set_facecolor("white")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.tick_params(labelsize=points, color=GREY, labelcolor=DARK, pad=2.5)
    axes.tick_params(which="minor", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))


def panels_of(trajectory: Trajectory) -> tuple[list[Panel], list[Treatment], TimeAxis]:
    """Read what a figure of time courses shows: its panels, treatments and time axis."""
    observables = trajectory.observables
    days = observables.index.to_numpy(dtype=float)
    first, last = (float(days[0]), float(days[-1])) if len(days) else (0.0, trajectory.last_day)
    panels = course_panels(observables, trajectory.header.kinds)
    return panels, treatments_given(trajectory.events), TimeAxis(first, last)
