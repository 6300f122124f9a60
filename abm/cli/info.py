# SPDX-License-Identifier: Apache-2.0
"""``abm info``: what a trajectory holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from abm.cli.completing import TRAJECTORIES
from abm.cli.options import Command

_EXAMPLES = """\b
Examples:
  abm info my.h5
  abm info my.h5 | grep digest                  # equal digests: the same run, to the byte
"""


def _info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The trajectory; it may still be growing.", autocompletion=TRAJECTORIES)],
) -> None:
    """Tell what a trajectory holds.

    How it was made, how far it got, and whether it is complete.
    """
    from abm.trajectory import Trajectory

    with Trajectory.open(file) as trajectory:
        typer.echo(trajectory.describe())


info = Command("info", _info, _EXAMPLES)
