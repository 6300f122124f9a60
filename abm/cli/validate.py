# SPDX-License-Identifier: Apache-2.0
"""``abm validate``: whether scenarios are right, and how large their runs will be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import YAML_FILES
from abm.cli.options import Command, Set
from abm.errors import InputError
from abm.progress import duration_text

_EXAMPLES = """\b
Examples:
  abm validate my.yaml
  abm validate scenarios/*.yaml
  abm validate my.yaml --set "body.weight=40 kg"

All that is wrong is told at once, one line each: file:line:column: path: what is wrong, what is allowed.
"""


def _validate(
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO", help="Scenarios, YAML files.", autocompletion=YAML_FILES)],
    settings: Set = None,
) -> None:
    """Check scenarios, and tell the size of their runs.

    A scenario that is right but too large for this machine's memory is told with a warning: abm run would refuse it here.
    """
    from abm.machine import size_text
    from abm.scenario import load_scenario
    from abm.sizing import estimate, short_of_memory

    refused = []
    for path in scenarios:
        try:
            scenario = load_scenario(path, tuple(settings or ()))
        except InputError as error:
            refused.append(str(error))
            continue
        size = estimate(scenario)
        words = [
            f"up to {float(f'{size.agents:.2g}'):,.0f} agents",
            f"memory {size_text(size.memory_bytes)}",
            f"file {size_text(size.file_bytes)}",
            f"about {duration_text(size.seconds)} on one core",
        ]
        typer.echo(f"{path}: valid; {', '.join(words)}")
        for note in scenario.never_given():
            typer.echo(f"{path}: {note}")
        short = short_of_memory(scenario)
        if short is not None:
            typer.echo(f"{path}: warning: {short}")
    if refused:
        raise InputError("\n".join(refused))


validate = Command("validate", _validate, _EXAMPLES)
