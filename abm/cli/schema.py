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

    It holds every parameter with its unit, range, default and source.
    """
    from abm.scenario import Scenario
    from abm.yamlfile import json_schema

    text = json.dumps(json_schema(Scenario), indent=2, ensure_ascii=False)
    if output is None:
        typer.echo(text)
    else:
        write_text(output, f"{text}\n", overwrite=overwrite)


schema = Command("schema", _schema, _EXAMPLES)
