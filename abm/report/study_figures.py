# SPDX-License-Identifier: Apache-2.0
"""The figures of a study as they stand in its report, chosen by its design."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from abm.errors import InputError
from abm.playback.lettering import DARK, GREY, shorten
from abm.report.document import Block, Paragraph, Picture
from abm.report.figures import WIDTH
from abm.study.analysis import label_of, outputs_by_point, sensitivity, surface, tornado
from abm.study.axes import BLUE, PALE, POINTS, label_axis, number_axis, number_text
from abm.study.declaration import WITH_DUMMY, OneAtATimeDesign
from abm.study.factors import unit_at
from abm.study.figures import plot_ranking
from abm.study.results import FINISHED

if TYPE_CHECKING:
    import pandas as pd

    from abm.study import Study
    from abm.study.factors import VariedParameter

MOST_OUTPUTS = 4
"""Outputs that are drawn."""
MOST_PARAMETERS = 3
"""Parameters beside each other, and figures of courses."""
MOST_COURSES = 80
"""Runs of which the courses are drawn."""
_HIGHEST = 3.6
"""Of a figure [inches]."""
_MOST_NAMED = 7
"""Levels that are named each in its colour; more are named at the ends."""
_DECADES = 30.0
"""Ratio of most to least from which a positive output is drawn on a log scale."""
_COURSES = (
    ("mrd", "leukaemic share of marrow", 1e-7),
    ("car_t_blood", "CAR T in blood [cells/µL]", 0.1),
    ("b_cells_blood", "B cells in blood [cells/µL]", 0.1),
    ("crs_signal", "CRS signal [pg/mL]", 1.0),
)
_BLOCK_COURSES = (("kills_total", "cells killed", 1.0), ("effector_target_ratio", "effectors per target", 1e-3))


def outputs_drawn(study: Study, columns: Sequence[str]) -> list[str]:
    """Choose the outputs that are drawn: of those that differ between points first such as every run has."""
    varied = []
    for name in columns:
        values = outputs_by_point(study, name)
        known = values[np.isfinite(values)]
        if len(known) and known.min() < known.max():
            varied.append((len(known) < values.size, name))
    return [name for _, name in sorted(varied, key=lambda item: item[0])][:MOST_OUTPUTS]


def study_pictures(study: Study, table: pd.DataFrame, columns: Sequence[str]) -> list[Block]:
    """Draw what the design allows; what cannot be drawn is said in its place.

    Parameters
    ----------
    study : Study
    table : pandas.DataFrame
        Its rows.
    columns : sequence of str
        Its outputs.
    """
    declared = study.declaration
    names = [parameter.column for parameter in declared.parameters]
    drawn = outputs_drawn(study, columns)
    found: list[Block] = []
    has_index = isinstance(declared.design, (OneAtATimeDesign, *WITH_DUMMY))
    is_plane = len(names) == 2 and all(table[name].dtype.kind in "if" and table[name].nunique() > 1 for name in names)
    for output in drawn if has_index or is_plane else ():
        try:
            found.append(_indexed(study, table, output) if has_index else _plane(study, table, output, names))
        except InputError as error:
            found.append(Paragraph(f"No figure of {output}: {error}."))
    if names and drawn and not is_plane and not has_index:
        found.append(_responses(study, table, drawn, names[:MOST_PARAMETERS]))
    for parameter in declared.parameters[:MOST_PARAMETERS]:
        picture = _courses(study, table, parameter)
        if picture is not None:
            found.append(picture)
    return found


def _indexed(study: Study, table: pd.DataFrame, output: str) -> Picture:
    """Draw a tornado, or a ranking by the index of the design."""
    log = _wants_log(table, output)
    if isinstance(study.declaration.design, OneAtATimeDesign):
        caption = (
            "Each bar is the output with one parameter at an end of its range and all others as in the scenario (vertical line); the "
            "longest reach is on top. Interactions between parameters do not show."
        )
        return Picture(_fitted(tornado(study, output, log=log)), f"What each parameter alone does to {output}", caption)
    caption = (
        "Parameters ranked by their effect over the whole ranges, with 95 % intervals. Dashed: the floor of noise, as far as a "
        "factor without any effect reaches; pale bars are not told from it."
    )
    return Picture(_fitted(plot_ranking(sensitivity(study, output, log=log))), f"What {output} depends on", caption)


def _plane(study: Study, table: pd.DataFrame, output: str, names: Sequence[str]) -> Picture:
    """Draw an output over both parameters."""
    log = _wants_log(table, output)
    caption = (
        f"Colours and lines of equal values: mean of {output} over the runs of each point{', on a logarithmic scale' if log else ''}. "
        "Between points the colours are mixed or stepped, not simulated."
    )
    return Picture(_fitted(surface(study, output, *names, log=log)), f"{output} over {names[0]} and {names[1]}", caption)


def _wants_log(table: pd.DataFrame, output: str) -> bool:
    """Tell whether an output is better drawn on a logarithmic scale."""
    values = table.loc[table["status"] == FINISHED, output]
    return bool((values > 0).all() and values.max() / values.min() > _DECADES)


def _fitted(figure: Figure) -> Figure:
    """Make a figure as wide as a page, and so low that two have room on one."""
    figure.set_size_inches(WIDTH, min(figure.get_figheight() * WIDTH / figure.get_figwidth(), _HIGHEST))
    for mesh in figure.findobj(QuadMesh):
        mesh.set(edgecolor="face", linewidth=0.3)  # else seams show where squares meet
    return figure


def _grid(rows: int, columns: int, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(WIDTH, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for each in axes.flat:
        for side in ("top", "right"):
            each.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            each.spines[side].set_color(GREY)
        each.tick_params(labelsize=POINTS - 1.5, color=GREY, labelcolor=DARK)
    return figure, axes


def _places(table: pd.DataFrame, name: str) -> tuple[np.ndarray, list[str]]:
    """Return where the values of a parameter stand on an axis, and the words of its ticks if they are no numbers."""
    if table[name].dtype.kind in "if":
        return table[name].to_numpy(dtype=float), []
    levels = list(dict.fromkeys(table[name].tolist()))
    return np.array([levels.index(value) for value in table[name]], dtype=float), [str(level) for level in levels]


def _responses(study: Study, table: pd.DataFrame, outputs: Sequence[str], names: Sequence[str]) -> Picture:
    """Draw outputs against each parameter: every run, and the mean of each point."""
    figure, axes = _grid(len(outputs), len(names), 0.4 + 1.75 * len(outputs))
    done = table[table["status"] == FINISHED]
    for column, name in enumerate(names):
        places, words = _places(done, name)
        scale = next(item.scale for item in study.declaration.parameters if item.column == name)
        for row, output in enumerate(outputs):
            ax = axes[row, column]
            values = done[output].to_numpy(dtype=float)
            ax.plot(places, values, "o", color=PALE, ms=3.5, zorder=2)
            points = done.assign(place=places).groupby("point", sort=False)[["place", output]].mean().sort_values("place")
            ax.plot(points["place"], points[output], "o-" if len(names) == 1 else "o", color=BLUE, ms=5.0, lw=1.2, zorder=3)
            _scales(ax, places, values, log_x=scale == "log" and not words)
            if words:
                ax.set_xticks(range(len(words)), [shorten(word, POINTS - 1.5, 80.0) for word in words])
            if column == 0:
                label_axis(ax, label_of(study, output), vertical=True)
            if row == len(outputs) - 1:
                label_axis(ax, name)
    caption = "Pale: each run. Blue: the mean of the runs of a point."
    if len(names) > 1:
        caption += " All other parameters vary as well between the points."
    return Picture(figure, "Outputs by parameter", caption)


def _scales(ax: Axes, places: np.ndarray, values: np.ndarray, *, log_x: bool) -> None:
    """Choose linear or logarithmic axes."""
    if log_x:
        ax.set_xscale("log")
        number_axis(ax.xaxis, float(places.min()), float(places.max()), few=True)
    known = values[np.isfinite(values)]
    if len(known) and known.min() > 0 and known.max() / known.min() > _DECADES:
        ax.set_yscale("log")
    else:
        ax.yaxis.set_major_locator(MaxNLocator(4))


def _courses(study: Study, table: pd.DataFrame, parameter: VariedParameter) -> Picture | None:
    """Draw the courses of the runs, coloured by the value of one parameter; None where nothing was kept."""
    name = parameter.column
    kept = table[(table["status"] == FINISHED) & table["file"].notna()]
    if kept.empty or table[name].nunique() < 2:
        return None
    chosen = kept.iloc[np.unique(np.linspace(0, len(kept) - 1, min(len(kept), MOST_COURSES)).round().astype(int))]
    places, words = _places(table, name)
    levels = np.unique(places)
    colours = dict(zip(levels.tolist(), colormaps["viridis"](np.linspace(0.0, 0.92, len(levels))), strict=True))
    wanted = _COURSES if study.folder.base.scenario.body is not None else _BLOCK_COURSES
    figure, axes = _grid((len(wanted) + 1) // 2, 2, 0.7 + 1.85 * ((len(wanted) + 1) // 2))
    for number in chosen["run"].tolist():
        with study.trajectory(number) as trajectory:
            observables = trajectory.observables
        for ax, (observable, _, low) in zip(axes.flat, wanted, strict=False):
            if observable in observables:
                course = observables[observable].clip(lower=low / 10.0)
                ax.plot(course.index, course, color=colours[float(places[number])], lw=1.0, alpha=0.85)
    for ax, (_, label, low) in zip(axes.flat, wanted, strict=False):
        ax.set_yscale("log")
        ax.set_ylim(bottom=low)
        ax.set_xlabel("time [d]", size=POINTS - 1.5)
        label_axis(ax, label, vertical=True)
        ax.yaxis.label.set_size(POINTS - 1.5)
    entries = _level_names(table, name, places, words, levels)
    lines = [Line2D([], [], color=colours[level], lw=2.5) for level, _ in entries]
    legend = figure.legend(
        lines, [str(number) for number in range(len(entries))], loc="outside upper left", ncol=min(len(entries) + 1, 8), frameon=False,
        fontsize=POINTS - 1.5, title=f"{with_unit(study, parameter)}:", title_fontsize=POINTS - 1.5, alignment="left", handlelength=1.4,
    )  # fmt: skip
    legend.get_title().set_parse_math(False)
    for text, (_, said) in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(said)
    part = f" {len(chosen)} of {len(kept)} runs are drawn." if len(chosen) < len(kept) else ""
    others = " Lines of one colour differ in seed and in all other parameters." if len(study.declaration.parameters) > 1 else ""
    return Picture(figure, f"Courses by {name}", f"A line for each run, in the colour of its {name}.{others}{part}")


def with_unit(study: Study, parameter: VariedParameter) -> str:
    """Return the name of a parameter with its unit."""
    unit = unit_at(study.folder.base.scenario, parameter.path)
    return parameter.column if unit in (None, "1") else f"{parameter.column} [{unit}]"


def _level_names(
    table: pd.DataFrame, name: str, places: np.ndarray, words: Sequence[str], levels: np.ndarray
) -> list[tuple[float, str]]:
    """Return the levels that are named, and their names: all if they are few, else least, middle and most."""
    named = levels.tolist()
    if len(named) > _MOST_NAMED:
        named = [named[0], named[len(named) // 2], named[-1]]
    return [(level, words[int(level)] if words else number_text(level)) for level in named]
