# SPDX-License-Identifier: Apache-2.0
"""CSV: a plain table, and units and meanings beside it as the W3C's "CSV on the Web" has them.

The table has one line of names and nothing else, so that every program reads it without an option. For
``run.csv`` the rest stands in ``run.csv-metadata.json``, where that standard looks for it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abm.export.selection import Compartments, Span
from abm.export.tables import CellTables, Column, check_options, observable_columns, observable_table
from abm.playback.output import written_whole
from abm.trajectory import Trajectory

if TYPE_CHECKING:
    from abm.progress import Progress

_METADATA = "-metadata.json"


def export_csv(
    trajectory: Trajectory,
    output: str | Path,
    *,
    cells: bool = False,
    compartment: Compartments = None,
    day: float | None = None,
    since: float | None = None,
    until: float | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write observables, or cells, as CSV with a description of the columns beside it.

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    output : path
        The file to write.
    cells : bool
        The cells of all frames, a row per cell and frame, in place of the observables, a row per time.
    compartment : str or sequence of str, optional
        Compartments of the cells; all if not given.
    day : float, optional
        Only the frame of cells nearest to it [d].
    since, until : float, optional
        First and last day [d].
    progress : Progress, optional
        Told of the days that are done.

    Raises
    ------
    InputError
        Nothing was recorded of what is asked for, or options that do not go together.
    RunError
        The file cannot be written.
    """
    check_options(cells, compartment, day)
    span, path = Span(since, until, day), Path(output)
    beside = path.with_name(path.name + _METADATA)
    if not cells:
        table = observable_table(trajectory, span)
        with written_whole(path) as unfinished, written_whole(beside) as about:
            table.to_csv(unfinished, lineterminator="\n")
            about.write_text(_description(trajectory, path, observable_columns(trajectory.header)), encoding="utf-8")
        return path
    tables = CellTables(trajectory, compartment, span)
    with written_whole(path) as unfinished, written_whole(beside) as about:
        about.write_text(_description(trajectory, path, tables.columns), encoding="utf-8")
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            for number, (reached, table) in enumerate(tables):
                table.to_csv(file, index=False, header=number == 0, lineterminator="\n")
                if progress is not None:
                    progress.update(reached)
    return path


def _description(trajectory: Trajectory, path: Path, columns: Sequence[Column]) -> str:
    """Return the metadata of a table: each column with unit and meaning, and how the run was made."""
    described: list[dict[str, Any]] = []
    for column in columns:
        described.append({"name": column.name, "titles": column.name, "dc:description": column.about})
        if column.unit not in ("", "1"):
            described[-1]["schema:unitText"] = column.unit
    content = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": path.name,
        "dc:title": str(trajectory.provenance.get("scenario") or trajectory.path.stem),
        "dc:provenance": json.dumps(trajectory.provenance, ensure_ascii=False),
        "tableSchema": {"columns": described},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
