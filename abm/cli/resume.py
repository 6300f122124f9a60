# SPDX-License-Identifier: Apache-2.0
"""``abm resume``: carry on a run that was cut short, or to a later day."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import TRAJECTORIES
from abm.cli.options import Command, Quiet, Threads
from abm.errors import InputError

_EXAMPLES = """\b
Examples:
  abm resume my.h5                              # after Ctrl-C, a crash or the end of a batch job
  abm resume my.h5 --until 90 --threads 8       # a finished run, to a later day

\b
The result is what one uninterrupted run would have left, byte for byte. The state
of a run is kept every ten minutes, at SIGUSR1, and when it is ended.
"""


def _resume(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The trajectory of the run; it grows in place.", autocompletion=TRAJECTORIES)
    ],
    until: Annotated[
        float | None, typer.Option(metavar="DAYS", help="Day to end at; that to which the run was to go if not given.")
    ] = None,
    threads: Threads = None,
    quiet: Quiet = False,
    settings: Annotated[list[str] | None, typer.Option("--set", hidden=True)] = None,
) -> None:
    """Carry on a run that was cut short, or to a later day."""
    if settings:
        what_if = f"what if it had changed: abm branch {file} --at DAY --set ..."
        raise InputError(f"--set {settings[0]}: a run that is resumed keeps its scenario; {what_if}")
    from abm.continuation import resume as carry
    from abm.execution import carry_on

    carry_on(
        file,
        file,
        lambda watch: carry(file, until_days=until, threads=threads, command=sys.argv, watch=watch),
        until_days=until,
        quiet=quiet,
    )


resume = Command("resume", _resume, _EXAMPLES)
