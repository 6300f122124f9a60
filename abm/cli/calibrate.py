# SPDX-License-Identifier: Apache-2.0
"""``abm study calibrate``: parameters of a scenario told from published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import YAML_FILES
from abm.cli.options import Command, Quiet

_EXAMPLES = """\b
Examples:
  abm study calibrate growth.yaml -o growth                      # on all cores
  abm study calibrate growth.yaml -o growth --cluster site.yaml  # jobs of a batch system
  abm study calibrate growth.yaml -o growth                      # goes on, if it was cut short
"""


def _calibrate(
    calibration: Annotated[
        Path, typer.Argument(metavar="CALIBRATION", help="What is calibrated to what, a YAML file.", autocompletion=YAML_FILES)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder of the calibration; it is made.")],
    where: Annotated[
        str,
        typer.Option(
            "--cluster", metavar="WHERE",
            help="local: this machine; an address such as tcp://10.0.0.1:8786: that Dask scheduler; a YAML file: jobs of a batch system.",
        ),
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Runs at a time on this machine; 0: one after the other in this process.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Calibrate parameters of a scenario to published numbers (ABC-SMC).

    A folder that holds this calibration already is gone on with: no run is done twice. Any number of workers gives the same
    result. Ctrl-C keeps the states of the runs under way.
    """
    from abm.progress import duration_text
    from abm.study.calibrating import calibrate
    from abm.study.calibration import read_calibration
    from abm.study.calibration_folder import FIGURE, POSTERIOR, SUMMARY, CalibrationFolder
    from abm.study.posterior import counted

    folder = CalibrationFolder.lay_out(read_calibration(calibration), output)
    if not quiet:
        file, seconds = folder.file, max(folder.seconds_of_particle(), 1.0)
        typer.echo(
            f"{counted(folder.runs_of_particle(), 'run')} a particle, about {duration_text(seconds)} on one core; "
            f"up to {file.generations} generations of {file.population_size} particles, several tried for each",
            err=True,
        )
    posterior = calibrate(folder, where, workers, quiet=quiet)
    if not quiet:
        typer.echo(posterior.text())
        failures = folder.failures()
        if failures:
            typer.echo(f"{counted(len(failures), 'run')} failed, and their particles were not accepted; the first: {failures[0]}")
        typer.echo(f"wrote {output / POSTERIOR}, {output / SUMMARY} and {output / FIGURE}")


calibrate = Command("calibrate", _calibrate, _EXAMPLES)
