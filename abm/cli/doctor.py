# SPDX-License-Identifier: Apache-2.0
"""``abm doctor``: what of an installation works, and how to mend the rest."""

from __future__ import annotations

import json
import shutil
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from abm.cli.options import Command

_EXAMPLES = """\b
Examples:
  abm doctor                                    # of this installation, and of the folder one stands in
  abm doctor --folder /scratch/runs             # of the folder to which runs are to be written
  abm doctor --json > doctor.json               # to send along with a question
"""


def _doctor(
    folder: Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="Where runs are to be written.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Examine this installation, and say how to mend it.

    Ends with 1 if there is a problem; warnings only make something slow or unavailable.
    """
    from abm.doctor import examine

    findings = []
    for one in examine(folder):
        findings.append(one)
        if not as_json:
            typer.echo(_lines(f"{one.state:<9}{one.name:<17}", one.found))
            if one.mend:
                typer.echo(_lines(f"{'':<26}-> ", one.mend))
    problems, warnings = (sum(one.state == state for one in findings) for state in ("problem", "warning"))
    if as_json:
        told = {"problems": problems, "warnings": warnings, "findings": [asdict(one) for one in findings]}
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        typer.echo(f"\n{_counted(problems, 'problem')}, {_counted(warnings, 'warning')}")
    if problems:
        raise typer.Exit(1)


def _lines(head: str, text: str) -> str:
    """Write text behind a head, broken between words to the width of the terminal."""
    width = max(shutil.get_terminal_size().columns, 60)
    return textwrap.fill(
        text, width, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False, break_on_hyphens=False
    )


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


doctor = Command("doctor", _doctor, _EXAMPLES)
