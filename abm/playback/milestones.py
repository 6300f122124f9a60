# SPDX-License-Identifier: Apache-2.0
"""What a clinician asks of a run, for several runs side by side: a table with a column per run."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from abm.playback.findings import Finding
from abm.playback.phrases import between
from abm.playback.runs import Run, merged
from abm.playback.summary import summarise
from abm.trajectory import Trajectory

NOTHING = "-"
_NARROWEST, _WIDEST = 14, 44
"""Letters in a column."""
_GAP = "  "
_NO_BREAK = "\u00a0"
"""Keeps a day on one line."""
Row = tuple[str, int]
"""What is told, and for the how many-th time: a run may have several stretches of aplasia."""


def milestones(runs: Sequence[Run], *, width: int = 120) -> str:
    """Tell of several runs what the summary of each tells, one column per run.

    Parameters
    ----------
    runs : sequence of Run
    width : int
        Letters in a line, as far as columns can be that narrow.
    """
    told = [_told(run.trajectory) for run in runs]
    rows: list[tuple[str, list[str]]] = [("", [run.label for run in runs])]
    for heading in merged(list(each) for each in told):
        rows.append((heading, []))
        for row in merged(list(each.get(heading, ())) for each in told):
            cells = [each.get(heading, {}).get(row) for each in told]
            rows.append((f"  {row[0]}", [NOTHING if cell is None else _cell(cell) for cell in cells]))
    return _aligned(rows, width)


def _told(trajectory: Trajectory) -> dict[str, dict[Row, Finding]]:
    """Return the findings of a run by section and row."""
    summary = summarise(trajectory.observables, "", trajectory.events)
    return {heading: _rows(findings) for heading, findings in (("Run", _origin(trajectory)), *summary.sections)}


def _rows(findings: Iterable[Finding]) -> dict[Row, Finding]:
    seen: Counter[str] = Counter()
    rows = {}
    for finding in findings:
        seen[finding.what] += 1
        rows[finding.what, seen[finding.what]] = finding
    return rows


def _origin(trajectory: Trajectory) -> list[Finding]:
    made = trajectory.provenance
    findings = [Finding(name, str(made[name])) for name in ("scenario", "seed") if name in made]
    recorded = Finding("recorded", f"day {between(trajectory.first_day, trajectory.last_day)}")
    status = [Finding("status", trajectory.status)] if trajectory.status != "finished" else []
    return [*findings, recorded, *status]


def _cell(finding: Finding) -> str:
    if not finding.day:
        return finding.value
    day = f"to day {finding.day.removeprefix('to ')}" if finding.day.startswith("to ") else f"day {finding.day}"
    return f"{finding.value}, {day.replace(' ', _NO_BREAK)}"


def _aligned(rows: Sequence[tuple[str, Sequence[str]]], width: int) -> str:
    """Align the columns, wrapping cells that are too wide."""
    columns = len(rows[0][1])
    left = max(len(what) for what, _ in rows)
    wide = min(max((width - left) // columns - len(_GAP), _NARROWEST), _WIDEST)
    lines = []
    for what, cells in rows:
        wrapped = [textwrap.wrap(cell, wide) or [""] for cell in cells]
        for number, parts in enumerate(zip_longest(*wrapped, fillvalue="")):
            words = [f"{what if number == 0 else '':{left}}", *(f"{part:{wide}}" for part in parts)]
            lines.append(_GAP.join(words).replace(_NO_BREAK, " ").rstrip())
        if not cells:
            lines.append(what)
    return "\n".join(lines) + "\n"
