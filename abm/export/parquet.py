# SPDX-License-Identifier: Apache-2.0
"""Parquet: the tables of the CSV export, smaller, with types, units and meanings in the schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abm.export.output import package
from abm.export.selection import Compartments, Span
from abm.export.tables import CellTables, Column, check_options, observable_columns, observable_table
from abm.playback.output import written_whole
from abm.trajectory import Trajectory

if TYPE_CHECKING:
    from pandas import DataFrame

    from abm.progress import Progress

_PACKAGE = "pyarrow"


def export_parquet(
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
    """Write observables, or cells, as Parquet.

    The observables have the index ``day``. Each field carries ``unit`` and ``about``; the schema carries
    ``abm``, JSON with scenario and provenance. A frame of cells is a row group for each compartment.

    Parameters
    ----------
    trajectory, output, cells, compartment, day, since, until, progress
        As of :func:`abm.export.csv.export_csv`.

    Raises
    ------
    InputError
        Nothing was recorded of what is asked for, options that do not go together, or pyarrow is not installed.
    RunError
        The file cannot be written.
    """
    check_options(cells, compartment, day)
    arrow, files = package(_PACKAGE, "parquet"), package("pyarrow.parquet", "parquet")
    span, path = Span(since, until, day), Path(output)
    if not cells:
        observables = observable_table(trajectory, span)
        described = _described(arrow, observables, observable_columns(trajectory.header), trajectory, None)
        with written_whole(path) as unfinished:
            files.write_table(described, unfinished, compression="zstd")
        return path
    tables = CellTables(trajectory, compartment, span)
    with written_whole(path) as unfinished:
        writer = None
        try:
            for reached, table in tables:
                described = _described(arrow, table, tables.columns, trajectory, False)
                writer = writer or files.ParquetWriter(unfinished, described.schema, compression="zstd")
                writer.write_table(described)
                if progress is not None:
                    progress.update(reached)
        finally:
            if writer is not None:
                writer.close()
    return path


def _described(arrow: Any, table: DataFrame, columns: Sequence[Column], trajectory: Trajectory, index: bool | None) -> Any:
    """Return an Arrow table whose fields have units; ``index`` is as of ``pyarrow.Table.from_pandas``."""
    plain = arrow.Table.from_pandas(table, preserve_index=index)
    about = {column.name: {"unit": column.unit, "about": column.about} for column in columns}
    made = {"scenario": trajectory.header.scenario, "provenance": trajectory.provenance}
    fields = [field.with_metadata(about[field.name]) for field in plain.schema]
    notes = {**(plain.schema.metadata or {}), b"abm": json.dumps(made, ensure_ascii=False).encode()}
    return plain.cast(arrow.schema(fields, notes))
