# SPDX-License-Identifier: Apache-2.0
"""``abm report``: a run or a study told in a clinician's words and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import TRAJECTORIES
from abm.cli.options import Command, Overwrite

_EXAMPLES = """\b
Examples:
  abm report my.h5 -o my.html                   # one file, for any browser
  abm report my.h5 -o my.pdf                    # the same on pages of A4
  abm report doses -o doses.html                # of a study, by its folder
"""


def _report(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|STUDY", help="A trajectory, which may still be growing, or the folder of a study.", autocompletion=TRAJECTORIES
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .html or .pdf to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Write a report of a run or a study.

    What was simulated, what happened, figures, limits, provenance, and how to make it again.
    """
    from abm.report import report as write_report

    written = write_report(source, output, overwrite=overwrite)
    typer.echo(f"wrote {written} ({written.stat().st_size / 1e6:.2g} MB)")


report = Command("report", _report, _EXAMPLES)
