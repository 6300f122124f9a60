# SPDX-License-Identifier: Apache-2.0
"""``abm run``: from a scenario to a trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import YAML_FILES
from abm.cli.options import Command, Overwrite, Quiet, Set, Threads

_EXAMPLES = """\b
Examples:
  abm run scenarios/quickstart.yaml -o quick.h5
  abm run my.yaml -o my.h5 --seed 7 --until 28 --threads 8
  abm run my.yaml -o high.h5 --set "treatments[1].dose=3e6" --set "body.weight=40 kg"
  abm run my.yaml -o my.h5 --replicates 20      # my_000.h5 to my_019.h5

\b
Exit codes: 0 done, 2 bad input, 1 anything else; interrupted: 130 from the
keyboard, 143 by SIGTERM, 129 by a closed terminal.
"""


def _run(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario, a YAML file.", autocompletion=YAML_FILES)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The trajectory to write (.h5).")],
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Seed, in place of the scenario's.")] = None,
    threads: Threads = None,
    until: Annotated[
        float | None, typer.Option(min=0, metavar="DAYS", help="Day to end at, in place of the scenario's; to the next ten minutes.")
    ] = None,
    settings: Set = None,
    replicates: Annotated[int, typer.Option(min=1, metavar="N", help="Runs of the scenario, each with a seed of its own.")] = 1,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Simulate a scenario and write its trajectory.

    Tells what happened, as a clinician would ask; progress goes to standard error. Ctrl-C leaves what was recorded; abm resume goes on.
    """
    from abm.execution import run_scenario

    run_scenario(
        scenario,
        output,
        seed=seed,
        threads=threads,
        until_days=until,
        overrides=tuple(settings or ()),
        replicates=replicates,
        overwrite=overwrite,
        quiet=quiet,
    )


run = Command("run", _run, _EXAMPLES)
