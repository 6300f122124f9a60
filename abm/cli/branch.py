# SPDX-License-Identifier: Apache-2.0
"""``abm branch``: a run that goes another way from some day on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import TRAJECTORIES
from abm.cli.options import Command, Overwrite, Quiet, Set, Threads

_EXAMPLES = """\b
Examples:
  abm branch my.h5 --at 5 --set "treatments[2]={type: tocilizumab, day: 5}" -o toci.h5
  abm branch my.h5 --at -1 --set treatments[1].day=2 --until 60 -o later.h5
  abm compare my.h5 toci.h5 -o both.png

\b
A branch holds what its ancestor recorded up to that day. What has happened stays:
geometry, first cells, and treatments that were given. [2] is the third treatment;
the number after the last one adds one.
"""


def _branch(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The trajectory to branch from.", autocompletion=TRAJECTORIES)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The trajectory of the branch.")],
    at: Annotated[float, typer.Option(metavar="DAY", help="Day from which the changes hold.")],
    settings: Set = None,
    until: Annotated[float | None, typer.Option(metavar="DAYS", help="Day to end at; that of FILE if not given.")] = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Let a run go another way from some day on."""
    from abm.continuation import branch as let_go
    from abm.execution import carry_on

    carry_on(
        file,
        output,
        lambda watch: let_go(
            file, output, at_day=at, overrides=tuple(settings or ()), until_days=until, threads=threads,
            overwrite=overwrite, command=sys.argv, watch=watch,
        ),
        until_days=until,
        quiet=quiet,
    )  # fmt: skip


branch = Command("branch", _branch, _EXAMPLES)
