# SPDX-License-Identifier: Apache-2.0
"""``abm schema``: the JSON Schema of scenarios, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from abm.cli.options import Command, Overwrite, write_text

_EXAMPLES = """\b
Examples:
  abm schema > abm.schema.json
  abm schema -o abm.schema.json

\b
An editor with a YAML language server then completes and checks a scenario that begins with
  # yaml-language-server: $schema=abm.schema.json
"""


def _schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write; standard output if not given.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the JSON Schema of scenarios, for editors.

    It holds every parameter with its unit, range, default and source. What other packages add and cannot be loaded is
    left out, and told on standard error.
    """
    from abm.celltypes import OTHERS as CELL_TYPES
    from abm.scenario import Scenario
    from abm.treatments import OTHERS as TREATMENTS
    from abm.yamlfile import json_schema

    for opening in (TREATMENTS, CELL_TYPES):
        for problem in opening.load_all():
            typer.echo(f"left out: {problem}", err=True)
    text = json.dumps(json_schema(Scenario), indent=2, ensure_ascii=False)
    if output is None:
        typer.echo(text)
    else:
        write_text(output, f"{text}\n", overwrite=overwrite)


schema = Command("schema", _schema, _EXAMPLES)
