# SPDX-License-Identifier: Apache-2.0
"""``abm play``: from a trajectory to a movie or a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from abm.cli.options import Command, Quiet

_EXAMPLES = """\b
Examples:
  abm play my.h5 -o my.mp4
  abm play my.h5 -o my.gif --fps 10 --seconds 8 --width 640 --height 360
  abm play my.h5 -o my.png                      the last day as one picture
"""


def _play(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The trajectory; it may still be growing.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .mp4, .gif or .png to write.")],
    fps: Annotated[float | None, typer.Option(help="Frames per second.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Length of the movie.")] = None,
    width: Annotated[int | None, typer.Option(min=480, help="Width in pixels.")] = None,
    height: Annotated[int | None, typer.Option(min=270, help="Height in pixels.")] = None,
    title: Annotated[str | None, typer.Option(help="Title, in place of the scenario's name.")] = None,
    quiet: Quiet = False,
) -> None:
    """Show a trajectory as a movie or a picture."""
    from abm import playback
    from abm.progress import Progress
    from abm.trajectory import Trajectory

    asked = {"fps": fps, "seconds": seconds, "width": width, "height": height, "title": title}
    options: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if output.suffix.lower() == ".png":
        playback.play(file, output, **options)
        return
    with Trajectory.open(file) as trajectory:
        days = trajectory.duration_days
    with Progress(days, output.name, quiet) as progress:
        playback.play(file, output, progress=progress, **options)


play = Command("play", _play, _EXAMPLES)
