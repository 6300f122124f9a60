# SPDX-License-Identifier: Apache-2.0
"""``abm rerun``: make a run again from what its file says, and compare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abm.cli.completing import TRAJECTORIES
from abm.cli.options import Command, Overwrite, Quiet, Threads
from abm.errors import RunError

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

_EXAMPLES = """\b
Examples:
  abm rerun my.h5 -o again.h5
  abm rerun my.h5 -o again.h5 && echo the same, to the byte
  abm diff my.h5 again.h5                       # if not: where the two part

Exit codes: 0 the same, 1 another result, 2 bad input.
"""


def _rerun(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The finished trajectory.", autocompletion=TRAJECTORIES)],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the new one goes.")],
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Make a run again from what its file says, and compare."""
    from abm.continuation import rerun as make_again
    from abm.execution import carry_on
    from abm.trajectory import Trajectory

    carry_on(
        file,
        output,
        lambda watch: make_again(file, output, threads=threads, overwrite=overwrite, command=sys.argv, watch=watch),
        quiet=quiet,
        tell=False,
    )
    with Trajectory.open(file) as before, Trajectory.open(output) as after:
        same = before.noted_digest == after.noted_digest
        if not quiet:
            told = "the same, to the byte" if same else f"another result; abm diff {file} {output} tells where they part"
            if same and not _is_whole(before):
                told = f"what {file} was when it was written; that is damaged now"
            typer.echo(f"{output}: {told} (digest {after.noted_digest[:12]}, that of {file} {before.noted_digest[:12]})")
    if not same:
        raise typer.Exit(1)


def _is_whole(trajectory: Trajectory) -> bool:
    try:
        return trajectory.digest() == trajectory.noted_digest
    except RunError:
        return False


rerun = Command("rerun", _rerun, _EXAMPLES)
