# SPDX-License-Identifier: Apache-2.0
"""``abm new``: a scenario to start from, with or without comments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abm.cli.options import Command, Overwrite, write_text

_EXAMPLES = """\b
Examples:
  abm new my.yaml
  abm new my.yaml --short                       # two dozen lines; everything else has its default
  abm new | less                                # every parameter, with unit, range and source
  abm new | grep -B 3 net_growth                # what is known of one of them
"""


def _new(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="File to write; standard output if not given.")
    ] = None,
    short: Annotated[bool, typer.Option("--short", help="Only the settings, without comments and defaults.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a scenario to start from.

    It runs as it stands, and names every parameter with unit, range and source in a comment.
    """
    from abm import scenario
    from abm.yamlfile import template

    text = scenario.STARTER if short else template(scenario.Scenario, scenario.STARTER)
    if file is None:
        typer.echo(text, nl=False)
    else:
        write_text(file, text, overwrite=overwrite)
        typer.echo(f"wrote {file}; check it with: abm validate {file}", err=True)


new = Command("new", _new, _EXAMPLES)
