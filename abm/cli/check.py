# SPDX-License-Identifier: Apache-2.0
"""``abm check``: whether trajectories are as they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import TRAJECTORIES
from abm.cli.options import Command, Quiet
from abm.errors import InputError

DAMAGED = 1
"""Exit code."""
_EXAMPLES = """\b
Examples:
  abm check my.h5
  abm check runs/*.h5 || echo something is damaged
  abm check my.h5 && abm resume my.h5           # before a long run is carried on

\b
Everything is read and compared with its checksums. Exit codes: 0 all is as it
was written, 1 something is damaged, 2 a file is no trajectory.
"""


def _check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Trajectories; they may still be growing.", autocompletion=TRAJECTORIES)
    ],
    quiet: Quiet = False,
) -> None:
    """Tell whether trajectories are as they were written.

    One line each: ok, or what is damaged and where, what is whole all the same, and how to go on.
    """
    from abm.trajectory import check as look_at

    refused, damaged = [], False
    for path in files:
        try:
            with _bar(path.name, quiet) as progress:
                report = look_at(path, progress=progress)
        except InputError as error:
            refused.append(str(error))
            continue
        damaged |= not report.ok
        if not quiet:
            typer.echo(f"{path}: {report.text()}")
    if refused:
        raise InputError("\n".join(refused))
    if damaged:
        raise typer.Exit(DAMAGED)


@contextmanager
def _bar(name: str, quiet: bool) -> Iterator[Callable[[float, float], None]]:
    """Show how much has been read, where a person is watching, until it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


check = Command("check", _check, _EXAMPLES)
