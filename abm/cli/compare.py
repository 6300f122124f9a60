# SPDX-License-Identifier: Apache-2.0
"""``abm compare``: several runs side by side, as a table or as a figure."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import TRAJECTORIES
from abm.cli.options import Command, Overwrite

_TABLE = (120, 24)
"""Columns and lines of a terminal of which nothing is known, such as a file."""
_EXAMPLES = """\b
Examples:
  abm compare low.h5 high.h5                    # remission, peak, CRS, aplasia, relapse: a column per run
  abm compare low.h5 high.h5 -o doses.png       # their courses in one figure
  abm compare low.h5 high.h5 -o doses.pdf --label "1e6/kg" --label "3e6/kg"
"""


def _compare(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Two trajectories or more; they may still be growing.", autocompletion=TRAJECTORIES)
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The .png, .pdf or .svg to write, of up to 6 runs; a table if not given."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="TEXT", help="Name of a run, one for each, in their order; those of the files if not given."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Show several runs side by side, as a table or a figure.

    The table tells of each run what a clinician asks; the figure lays their courses over each other.
    """
    from abm.playback.runs import open_runs

    if output is None:
        from abm.playback.milestones import milestones

        with open_runs(files, labels) as runs:
            typer.echo(milestones(runs, width=shutil.get_terminal_size(_TABLE).columns), nl=False)
        return
    from abm.playback.output import refuse_existing
    from abm.playback.overlay import plot_comparison

    refuse_existing(output, files, overwrite=overwrite)
    with open_runs(files, labels) as runs:
        plot_comparison(runs, output)
    typer.echo(f"wrote {output}")


compare = Command("compare", _compare, _EXAMPLES)
