# SPDX-License-Identifier: Apache-2.0
"""Time courses of several runs in one figure: a panel per quantity, in it a line per run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from abm.errors import InputError
from abm.playback.courses import GRADE, Course, Panel, course_panels, grade_panel
from abm.playback.lettering import DARK, shorten, text_width
from abm.playback.marks import treatments_given
from abm.playback.output import check_suffix, written_whole
from abm.playback.runs import Run, merged
from abm.playback.timecourses import TimeAxis, draw_panel, draw_treatments_of_runs, treatments_of_runs

LOOKS: tuple[tuple[str, str | tuple[float, tuple[float, ...]]], ...] = (
    ("#0072b2", "-"),
    ("#d55e00", (0.0, (5.0, 1.4))),
    ("#009e73", (0.0, (1.6, 1.0))),
    ("#cc79a7", (0.0, (6.0, 1.2, 1.6, 1.2))),
    ("#e69f00", "-"),
    ("#56b4e9", (0.0, (5.0, 1.4))),
)
"""Colour (of Okabe and Ito) and dashes of each run: told apart in grey as well, and where lines lie on each other."""
FORMATS = (".png", ".pdf", ".svg")
_RULED = ("leukaemia", "CD19-negative")
"""Courses to which the thresholds of their panel apply."""
_LEFT_OUT = ("CRS signal",)
"""Courses that the grade tells as well."""
_COLUMNS = 2
_WIDTH, _PANEL, _TREATMENT, _LEGEND = 10.0, 1.75, 0.28, 0.28
"""Figure, row of panels, row of treatments, row of names [inches]."""
_POINTS = 9.5


def plot_comparison(runs: Sequence[Run], path: str | Path) -> Figure:
    """Draw the time courses of several runs over each other.

    Parameters
    ----------
    runs : sequence of Run
        At most as many as there are :data:`LOOKS`.
    path : str or pathlib.Path
        The ``.png``, ``.pdf`` or ``.svg`` file to write.

    Raises
    ------
    InputError
        Another suffix, too many runs, or runs of which no course was recorded.
    RunError
        The file cannot be written.
    """
    suffix = check_suffix(path, FORMATS)
    if len(runs) > len(LOOKS):
        raise InputError(
            f"a figure shows up to {len(LOOKS)} runs, got {len(runs)}; the table, which is told without a figure, takes more"
        )
    panels = shared_panels(runs)
    if not panels:
        raise InputError(f"no time courses to draw: neither {' nor '.join(run.label for run in runs)} recorded any")
    figure = _figure(runs, panels)
    with written_whole(path) as unfinished:
        figure.savefig(unfinished, format=suffix[1:], dpi=150)
    return figure


def shared_panels(runs: Sequence[Run]) -> list[Panel]:
    """Return a panel for every course that one of the runs recorded, in it that course of each run in the look of the run."""
    every = [_panels_of(run, number, len(runs)) for number, run in enumerate(runs)]
    panels = []
    for title in merged(list(each) for each in every):
        alike = [each[title] for each in every if title in each]
        courses = tuple(course for panel in alike for course in panel.courses)
        limits = min(panel.low for panel in alike), max(panel.high for panel in alike)
        panels.append(replace(alike[0], courses=courses, low=limits[0], high=limits[1]))
    return panels


def _panels_of(run: Run, number: int, count: int) -> dict[str, Panel]:
    """Return the courses of one run, each in a panel of its own, by title."""
    observables = run.trajectory.observables
    grade = grade_panel(observables)
    panels = course_panels(observables, run.trajectory.header.kinds)
    found = {}
    for panel in [*panels, grade] if grade is not None else panels:
        for course in panel.courses:
            if course.label not in _LEFT_OUT:
                title = f"{panel.title}: {course.label}"
                rules = panel.rules if course.label in _RULED else ()
                dressed = _dressed(course, run.label, number, count)
                found[title] = replace(panel, title=title, courses=(dressed,), rules=rules)
    return found


def _dressed(course: Course, label: str, number: int, count: int) -> Course:
    """Return a course in the look of a run; those drawn first are wider, and show under the others."""
    colour, style = LOOKS[number]
    return replace(course, label=label, colour=colour, style=style, width=1.4 + 0.15 * (count - 1 - number))


def _figure(runs: Sequence[Run], panels: Sequence[Panel]) -> Figure:
    given = [treatments_given(run.trajectory.events) for run in runs]
    time = TimeAxis(min(run.trajectory.first_day for run in runs), max(run.trajectory.last_day for run in runs))
    rows = math.ceil(len(panels) / _COLUMNS)
    treatments = len(treatments_of_runs(given)) * max(_TREATMENT, 0.1 * len(runs))
    per_row = _names_per_row(runs)
    legend = math.ceil(len(runs) / per_row) * _LEGEND + 0.5
    height = legend + rows * _PANEL + (treatments + 0.5 if treatments else 0.0) + 0.45
    figure = Figure(figsize=(_WIDTH, height), facecolor="white")
    FigureCanvasAgg(figure)
    left, right = 0.95 / _WIDTH, 1 - 0.8 / _WIDTH
    lowest = 0.45 + (treatments + 0.75 if treatments else 0.0)
    grid = figure.add_gridspec(
        rows, _COLUMNS, left=left, right=right, top=1 - legend / height, bottom=lowest / height, hspace=0.42, wspace=0.4
    )
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(grid[number // _COLUMNS, number % _COLUMNS])
        draw_panel(axes, panel, time, points=_POINTS, legend=False)
        if panel.unit == GRADE:
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        if number + _COLUMNS < len(panels):
            axes.tick_params(axis="x", labelbottom=False)
        else:
            axes.set_xlabel(time.label, size=_POINTS, color=DARK)
    if treatments:
        axes = figure.add_axes((left + 0.06, 0.45 / height, right - left - 0.06, treatments / height))
        colours = [colour for colour, _ in LOOKS]
        draw_treatments_of_runs(axes, list(zip(colours, given, strict=False)), time, points=_POINTS)
        axes.set_xlabel(time.label, size=_POINTS, color=DARK)
    _name_runs(figure, runs, per_row)
    return figure


def _names_per_row(runs: Sequence[Run]) -> int:
    """Return the number of columns in which the names of the runs fit beside each other, in rows as even as can be."""
    widths = [text_width(_shown(run), _POINTS + 1) / 100 + 0.75 for run in runs]
    for rows in range(1, len(runs) + 1):
        columns = math.ceil(len(runs) / rows)
        if sum(max(widths[column::columns]) for column in range(columns)) < _WIDTH - 0.4:
            return columns
    return 1


def _shown(run: Run) -> str:
    return shorten(run.label, _POINTS + 1, 100 * (_WIDTH - 2.0))


def _name_runs(figure: Figure, runs: Sequence[Run], per_row: int) -> None:
    """Write above all panels which line is which run, row by row (matplotlib would go column by column)."""
    order = [number for column in range(per_row) for number in range(column, len(runs), per_row)]
    lines = [Line2D([], [], color=LOOKS[number][0], ls=LOOKS[number][1], lw=2.6) for number in order]
    legend = figure.legend(
        lines, [str(number) for number in order], loc="upper left", bbox_to_anchor=(0.02, 1.0), ncol=per_row,
        frameon=False, fontsize=_POINTS + 1, handlelength=2.6,
    )  # fmt: skip
    for words, number in zip(legend.get_texts(), order, strict=True):
        words.set_parse_math(False)  # a name may hold anything, and begin with an underscore
        words.set_text(_shown(runs[number]))
