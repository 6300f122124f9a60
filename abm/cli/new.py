# SPDX-License-Identifier: Apache-2.0
"""``abm new``: a commented scenario to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abm.cli.options import Command, Overwrite, write_text

_EXAMPLES = """\b
Examples:
  abm new my.yaml
  abm new | less                                every parameter, with unit, range and source
"""


def _new(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="File to write; standard output if not given.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a commented scenario to start from.

    It runs as it stands, and names every parameter with unit, range and source in a comment.
    """
    from abm import scenario
    from abm.yamlfile import template

    text = template(scenario.Scenario, scenario.STARTER)
    if file is None:
        typer.echo(text, nl=False)
    else:
        write_text(file, text, overwrite=overwrite)
        typer.echo(f"wrote {file}; check it with: abm validate {file}", err=True)


new = Command("new", _new, _EXAMPLES)
