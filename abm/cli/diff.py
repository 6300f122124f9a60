# SPDX-License-Identifier: Apache-2.0
"""``abm diff``: where two runs part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import TRAJECTORIES
from abm.cli.options import Command

DIFFERENT = 1
"""Exit code, as that of diff(1)."""
_EXAMPLES = """\b
Examples:
  abm diff one.h5 other.h5
  abm diff half.h5 whole.h5 --common            # as far as both got, do they agree?
  abm diff one.h5 other.h5 > /dev/null && echo the same

\b
Exit codes: 0 identical, 1 different, or the work could not be done (then
there is a message on standard error), 2 bad input.
"""


def _diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="A trajectory; it may still be growing.", autocompletion=TRAJECTORIES)],
    second: Annotated[Path, typer.Argument(metavar="B", help="The one to compare it with.", autocompletion=TRAJECTORIES)],
    common: Annotated[
        bool, typer.Option("--common", help="Only what both recorded counts: neither scenarios nor a longer run.")
    ] = False,
) -> None:
    """Tell where two runs part, value by value.

    Names the settings that differ, then the first day, cell and column, and how much differs in all. How the runs were
    made (seed, threads, versions) is told, but does not count.
    """
    from abm.trajectory import diff

    found = diff(first, second, common=common)
    typer.echo(found.text())
    if not found.identical:
        raise typer.Exit(DIFFERENT)


diff = Command("diff", _diff, _EXAMPLES)
