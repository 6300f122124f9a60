# SPDX-License-Identifier: Apache-2.0
"""The report of a study: what was varied, what came of it, and how to do it again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import numpy as np

from abm import __version__
from abm.clinic import ENDPOINTS
from abm.clinic.assays import ASSAYS
from abm.errors import spelled
from abm.playback.phrases import figure
from abm.report.document import Block, Code, Document, Fold, Heading, Note, Paragraph, Table
from abm.report.origin import NOT_CLINICAL
from abm.report.study_figures import MOST_OUTPUTS, study_pictures, with_unit
from abm.settings import key_settings, treatments_planned
from abm.study.analysis import label_of
from abm.study.factors import unit_at
from abm.study.outputs import AnyOutput, AssayOutput, column_of
from abm.study.results import FAILED, FINISHED, UNDER_WAY, WAITING
from abm.study.sampling import Factor
from abm.units import from_base

if TYPE_CHECKING:
    import pandas as pd

    from abm.study import Study
    from abm.study.factors import VariedParameter

MOST_POINTS = 40
"""Points that a table lists; of more it tells how the outputs are spread."""
MOST_FAILED = 20
"""Runs that failed and are listed."""
_ABREAST = 3
"""Outputs beside each other in a table."""
_DESIGNS = {
    "grid": "every value of each parameter with every value of all others",
    "list": "points one by one",
    "latin_hypercube": "a Latin hypercube: each slice of every range holds one point",
    "sobol_sequence": "a Sobol' sequence, which fills the ranges evenly",
    "one_at_a_time": "the scenario as it is, and each parameter alone at both ends of its range",
    "sobol": "points from which Sobol' indices are estimated (Saltelli 2002)",
    "morris": "walks that move each parameter once, for screening (Morris 1991)",
}


def study_document(study: Study) -> Document:
    """Write the report of a study, finished or not.

    Parameters
    ----------
    study : Study
    """
    declared, table = study.declaration, study.table()
    columns = [column_of(output) for output in declared.outputs]
    counts = study.counts(table)
    points = int(table["point"].nunique())
    runs = "1 run" if declared.replicates == 1 else f"{declared.replicates} runs"
    size = f"1 point, {runs}" if points == 1 else f"{points:,} points, {runs} each"
    document = Document(
        declared.name,
        f"Report of a parameter study · {size} · abm {__version__} · seed {declared.seed}",
        NOT_CLINICAL,
        f"{declared.name} · {study.folder.path.name} · {NOT_CLINICAL}",
    )
    document.add(*_notes(study, counts), Heading("Question and design"), *_question(study, points))
    document.add(Heading("Results"), *_results(study, table, columns))
    pictures = study_pictures(study, table, columns) if counts[FINISHED] else []
    if pictures:
        document.add(Heading("Figures"), *pictures)
    document.add(*_failed(study, table), *_limits(declared.replicates), *_origin(study, table))
    document.add(Fold("The scenario that is varied, in full (YAML)", study.folder.base.resolved))
    return document


def _notes(study: Study, counts: dict[str, int]) -> list[Block]:
    folder, found = shlex.quote(study.folder.path.name), list[Block]()
    left = counts[WAITING] + counts[UNDER_WAY]
    if left:
        words = f"{left:,} of {sum(counts.values()):,} runs are not done ({counts[UNDER_WAY]} under way)"
        found.append(
            Note(
                f"This study is not finished: {words}. All that follows is told from those that are; abm study resume {folder} goes on."
            )
        )
    if counts[FAILED]:
        words = "1 run failed and is" if counts[FAILED] == 1 else f"{counts[FAILED]:,} runs failed and are"
        found.append(Note(f"{words} left out, as listed below. abm study retry-failed {folder} does it again."))
    return found


def _question(study: Study, points: int) -> list[Block]:
    declared, scenario = study.declaration, study.folder.base.scenario
    blocks: list[Block] = [Paragraph(declared.description)] if declared.description else []
    if declared.source:
        blocks.append(Paragraph(f"Source: {declared.source}"))
    is_one = declared.replicates == 1
    shared = f"the seed{'' if is_one else 's'} that all points share"
    own = "a seed of its own" if is_one else "seeds of their own"
    seeds = own if declared.random_numbers == "independent" else shared
    until = "" if declared.until is None else f" All runs end on day {spelled(round(from_base(declared.until, 'd'), 4))}."
    runs = "1 run" if is_one else f"{declared.replicates} runs"
    laid = f"1 point, {runs}" if points == 1 else f"{points:,} points, {runs} of each"
    design = _DESIGNS.get(declared.design.type, declared.design.type)
    blocks.append(Paragraph(f"Design: {design}; {laid} with {seeds}.{until}"))
    if declared.parameters:
        rows = tuple(_varied(study, parameter) for parameter in declared.parameters)
        blocks += [Heading("What was varied", 2), Table(("name", "where in the scenario", "values"), rows, (1.0, 1.5, 1.7))]
    blocks += [Heading(f"The scenario: {scenario.name}", 2), Table((), tuple(key_settings(scenario)), (1.0, 2.2))]
    planned = tuple(treatments_planned(scenario))
    if planned:
        blocks += [Heading("Treatments planned", 2), Table(("what", "when", "settings"), planned, (1.0, 1.1, 2.2))]
    return blocks


def _varied(study: Study, parameter: VariedParameter) -> tuple[str, str, str]:
    if parameter.range is None and parameter.values is None and study.declaration.design.type == "list":
        return parameter.column, parameter.path, "as listed"
    factor = parameter.factor(study.folder.base.scenario)
    if isinstance(factor, Factor):
        unit = "" if factor.unit == "1" else f" {factor.unit}"
        words = f"{spelled(factor.low)} to {spelled(factor.high)}{unit}{', equal ratios' if factor.scale == 'log' else ''}"
    else:
        words = ", ".join(
            spelled(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
            for value in factor.values
        )
        of_values = unit_at(study.folder.base.scenario, parameter.path)
        words += "" if of_values in (None, "1") else f" {of_values}"
    return parameter.column, parameter.path, words


def _results(study: Study, table: pd.DataFrame, columns: list[str]) -> list[Block]:
    """Tell outputs by point if these are few, else how they are spread."""
    done = table[table["status"] == FINISHED]
    if done.empty:
        return [Paragraph("No run is finished yet.")]
    spread = [
        (label_of(study, column_of(output)), _about(output), *_spread(done[column_of(output)].to_numpy(dtype=float)))
        for output in study.declaration.outputs
    ]
    blocks: list[Block] = [
        Paragraph(
            "Over all finished runs. A number is missing where what it tells of did not happen, such as a day of relapse without "
            "one: the last column says how many runs have it."
        ),
        Table(("output", "what it is", "median", "least to most", "runs"), tuple(spread), (1.6, 2.0, 0.7, 1.2, 0.9)),
    ]
    names = [parameter.column for parameter in study.declaration.parameters]
    if not names:
        return blocks
    points = int(done["point"].nunique())
    if points > MOST_POINTS:
        command = f"abm study collect {shlex.quote(study.folder.path.name)} -o table.csv"
        return [
            *blocks,
            Paragraph(f"The {points:,} points are too many to be listed here: {command} writes a row for each run."),
        ]
    blocks.append(Heading("By point: mean, and least to most of its runs", 2))
    heads = [with_unit(study, parameter) for parameter in study.declaration.parameters]
    for first in range(0, len(columns), _ABREAST):
        told = columns[first : first + _ABREAST]
        rows = []
        for _, runs in done.groupby("point", sort=True):
            values = tuple(_value(runs[name].iloc[0]) for name in names)
            rows.append((*values, *(_mean_and_range(runs[name].to_numpy(dtype=float)) for name in told)))
        widths = (*(0.8 for _ in names), *(1.3 for _ in told))
        blocks.append(Table((*heads, *(label_of(study, name) for name in told)), tuple(rows), widths))
    return blocks


def _about(output: AnyOutput) -> str:
    if isinstance(output, str):
        return ENDPOINTS[output].about.rstrip(".")
    day = "" if output.day is None else f" on day {spelled(from_base(output.day, 'd'))}"
    if isinstance(output, AssayOutput):
        return f"{ASSAYS[output.assay].about}{day}"
    return f"{output.take.replace('_', ' ')} of {output.observable}{day}"


def _spread(values: np.ndarray) -> tuple[str, str, str]:
    known = values[np.isfinite(values)]
    if not len(known):
        return "none", "", f"0 of {len(values)}"
    return (
        figure(float(np.median(known))),
        f"{figure(float(known.min()))} to {figure(float(known.max()))}",
        f"{len(known)} of {len(values)}",
    )


def _mean_and_range(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    if not len(known):
        return "none"
    told = figure(float(known.mean()))
    if len(known) > 1 and known.min() < known.max():
        told += f" ({figure(float(known.min()))} to {figure(float(known.max()))})"
    return told if len(known) == len(values) else f"{told}, {len(known)} of {len(values)}"


def _value(value: object) -> str:
    return spelled(float(f"{value:.4g}")) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _failed(study: Study, table: pd.DataFrame) -> list[Block]:
    failed = study.failed(table)
    if not failed:
        return []
    names = [parameter.column for parameter in study.declaration.parameters]
    rows = []
    for run, result in failed[:MOST_FAILED]:
        at = ", ".join(f"{name} {_value(table.loc[run.number, name])}" for name in names)
        rows.append((str(run.number), at, str(result["error"])))
    blocks: list[Block] = [Heading("Runs that failed"), Table(("run", "point", "error"), tuple(rows), (0.4, 1.4, 2.6))]
    if len(failed) > MOST_FAILED:
        blocks.append(
            Paragraph(
                f"And {len(failed) - MOST_FAILED} more: abm study status {shlex.quote(study.folder.path.name)} tells of all."
            )
        )
    return blocks


def _limits(replicates: int) -> list[Block]:
    noise = (
        "With one run of each point, chance and the parameters cannot be told apart."
        if replicates == 1
        else f"Least and most of {replicates} runs are no interval: they grow with the number of runs."
    )
    return [
        Heading("Methods and limits"),
        Paragraph(
            "Each run simulates the cells of a body one by one; nothing of its course is scripted. What the model does and cannot do is "
            f"said in docs/model.md, how studies are designed and read in docs/studies.md. {noise} At most {MOST_OUTPUTS} outputs are "
            "drawn; those that all runs have come first."
        ),
    ]


def _origin(study: Study, table: pd.DataFrame) -> list[Block]:
    folder = shlex.quote(study.folder.path.name)
    rows = (
        ("folder", study.folder.path.name),
        ("code", study.folder.version),
        ("seed", str(study.declaration.seed)),
        ("runs", ", ".join(f"{count} {status}" for status, count in study.counts(table).items() if count)),
        ("study as laid out, sha256", study.folder.stamp),
        ("results, sha256", study.digest(table)),
    )
    return [
        Heading("Provenance"),
        Table((), rows, (1.0, 3.0), mono=True),
        Heading("How to reproduce"),
        Paragraph(
            "The folder holds the study and its scenario. The first command does all runs again elsewhere; the results are the same if it "
            "ends with the same digest of them, of which it tells the first letters. The last one makes this report again."
        ),
        Code(f"abm study run {folder}/study.yaml -o again\nabm study collect again\nabm report {folder} -o report.html"),
    ]
