# SPDX-License-Identifier: Apache-2.0
"""``abm export``: a trajectory for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from abm.cli.completing import COMPARTMENTS, FORMATS, TRAJECTORIES
from abm.cli.options import Command, Overwrite, Quiet

_EXAMPLES = """\b
Examples:
  abm export my.h5 --to csv -o my.csv           # the time courses, for pandas, R, a spreadsheet
  abm export my.h5 --to paraview -o my_3d       # a folder of cells and lattices over time
  abm export my.h5 --to anndata -o my.h5ad --day 9
  abm export my.h5 --to parquet -o cells.parquet --cells --since 0 --until 9
  abm export my.h5 --to ome-tiff -o csf.ome.tiff --compartment csf
"""


def _export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The trajectory; it may still be growing.", autocompletion=TRAJECTORIES)],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="paraview, anndata, csv, parquet or ome-tiff.", autocompletion=FORMATS)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The file to write; for paraview a folder.")],
    compartment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Compartment, such as marrow; may be repeated. All if not given (ome-tiff: the first).",
            autocompletion=COMPARTMENTS,
        ),
    ] = None,
    day: Annotated[
        float | None, typer.Option(metavar="DAY", help="Day of the cells (anndata: the last if not given; csv, parquet).")
    ] = None,
    since: Annotated[float | None, typer.Option(metavar="DAY", help="First day.")] = None,
    until: Annotated[float | None, typer.Option(metavar="DAY", help="Last day.")] = None,
    cells: Annotated[bool, typer.Option("--cells", help="The cells in place of the observables (csv, parquet).")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write a trajectory for other programs.

    ParaView, AnnData (scanpy, squidpy), CSV, Parquet or OME-TIFF (Fiji, napari). All but csv and paraview
    need packages of their own: pip install '.[export]'
    """
    from abm import export as exports
    from abm.progress import Progress
    from abm.trajectory import Trajectory

    asked = {"compartment": compartment or None, "day": day, "since": since, "until": until, "cells": cells or None}
    options: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    with Trajectory.open(file) as trajectory:
        last = trajectory.last_day
    with Progress(last if until is None else min(until, last), output.name, quiet) as progress:
        exports.export(file, output, to, overwrite=overwrite, progress=progress, **options)
    if not quiet:
        typer.echo(f"wrote {output}; {exports.FORMATS[to].opened.format(str(output))}")


export = Command("export", _export, _EXAMPLES)
