# SPDX-License-Identifier: Apache-2.0
"""``abm play``: from a trajectory to a movie or a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from abm.cli.options import Command, Overwrite, Quiet

_EXAMPLES = """\b
Examples:
  abm play my.h5 -o my.mp4
  abm play my.h5 -o my.gif --fps 10 --seconds 8 --width 640 --height 360
  abm play my.h5 -o my.png --day 9              # one day as a picture; the last if not given
"""


def _play(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The trajectory; it may still be growing.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .mp4, .gif or .png to write.")],
    fps: Annotated[float | None, typer.Option(metavar="N", help="Frames per second; 20 if not given.")] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Length of the movie; one frame per view, 20 to 40 s, if not given.")
    ] = None,
    width: Annotated[int | None, typer.Option(min=480, metavar="PX", help="Width in pixels; 1280 if not given.")] = None,
    height: Annotated[int | None, typer.Option(min=270, metavar="PX", help="Height in pixels; 720 if not given.")] = None,
    day: Annotated[float | None, typer.Option(metavar="DAY", help="Day of a picture (.png); the last if not given.")] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Title, in place of the scenario's name.")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Show a trajectory as a movie or a picture.

    Marrow and CSF cell by cell, and beside them the courses of leukaemia, CAR T, B cells and cytokines.
    """
    from abm import playback
    from abm.progress import Progress
    from abm.trajectory import Trajectory

    asked = {"fps": fps, "seconds": seconds, "width": width, "height": height, "day": day, "title": title}
    options: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if output.suffix.lower() == ".png":
        playback.play(file, output, overwrite=overwrite, **options)
        return
    with Trajectory.open(file) as trajectory:
        days = trajectory.last_day
    with Progress(days, output.name, quiet) as progress:
        playback.play(file, output, overwrite=overwrite, progress=progress, **options)


play = Command("play", _play, _EXAMPLES)
