# SPDX-License-Identifier: Apache-2.0
"""``abm validate``: whether scenarios are right, and how large their runs will be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abm.cli.options import Command, Set
from abm.errors import InputError
from abm.progress import duration_text

_EXAMPLES = """\b
Examples:
  abm validate my.yaml
  abm validate scenarios/*.yaml
  abm validate my.yaml --set body.weight="40 kg"

All that is wrong is told at once, one line each: file:line:column: path: what is wrong, what is allowed.
"""


def _validate(
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO", help="Scenarios, YAML files.")],
    settings: Set = None,
) -> None:
    """Check scenarios, and tell the size of their runs."""
    from abm.scenario import load_scenario

    refused = []
    for path in scenarios:
        try:
            size = load_scenario(path, tuple(settings or ())).estimate()
        except InputError as error:
            refused.append(str(error))
            continue
        words = [
            f"{size['cells']:,.0f} cells",
            f"memory {size_text(size['memory_bytes'])}",
            f"file {size_text(size['disk_bytes'])}",
            f"about {duration_text(size['seconds'])}",
        ]
        typer.echo(f"{path}: valid; {', '.join(words)}")
    if refused:
        raise InputError("\n".join(refused))


def size_text(size: float) -> str:
    """Write a number of bytes with two digits or three: ``120 MB``, ``1.4 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.2g} {unit}" if size < 9.95 and unit != "B" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.2g} TB" if size < 9.95 else f"{size:.0f} TB"


validate = Command("validate", _validate, _EXAMPLES)
