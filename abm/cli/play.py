# SPDX-License-Identifier: Apache-2.0
"""``abm play``: a trajectory in the browser, as a page to be mailed, or as a movie or picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from abm.cli.completing import PRESETS, TRAJECTORIES
from abm.cli.options import Command, Overwrite, Quiet
from abm.errors import InputError

_EXAMPLES = """\b
Examples:
  abm play my.h5                                # in the browser; the run may still be going on
  abm play branch.h5 --compare my.h5            # two runs side by side
  abm play my.h5 --html my.html                 # one file to mail: needs no server, no network
  abm play my.h5 -o my.mp4
  abm play my.h5 -o my.gif --fps 10 --seconds 8 --width 640 --height 360
  abm play my.h5 -o my.png --day 9              # one day as a picture; the last if not given
"""
_OUTPUTS = "The .mp4, .gif, .webm or .png to write, or a folder, such as frames/, for a picture per frame."
_MOVIE = "with -o: "


def _play(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The trajectory; it may still be growing.", autocompletion=TRAJECTORIES)],
    output: Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help=_OUTPUTS)] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="The .html to write: player and run in one file.")] = None,
    megabytes: Annotated[float | None, typer.Option(metavar="MB", help="with --html: size of the file; 10 if not given.")] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="Another trajectory, in the browser beside this one, such as a branch's ancestor.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="N", help="Port of the player; the first free one from 8750 on if not given.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Tell the address, open no browser.")] = False,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help=f"{_MOVIE}a look: paper, talk or web.", autocompletion=PRESETS)] = None,
    fps: Annotated[float | None, typer.Option(metavar="N", help=f"{_MOVIE}frames per second; 20 if not given.")] = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help=f"{_MOVIE}length of the movie; one frame per view, 20 to 40 s, if not given."),
    ] = None,
    width: Annotated[int | None, typer.Option(min=480, metavar="PX", help=f"{_MOVIE}width in pixels; 1280 if not given.")] = None,
    height: Annotated[int | None, typer.Option(min=270, metavar="PX", help=f"{_MOVIE}height in pixels; 720 if not given.")] = None,
    day: Annotated[float | None, typer.Option(metavar="DAY", help=f"{_MOVIE}day of a picture (.png); the last if not given.")] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help=f"{_MOVIE}title, in place of the scenario's name.")] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Show a trajectory: in the browser, as a page, or as a movie or picture.

    Without -o and --html a player opens in the browser: marrow and CSF cell by cell, and beside them the courses of
    leukaemia, CAR T, B cells and cytokines. It is served on this machine alone, to whoever has its address.
    """
    asked = {
        "preset": preset, "fps": fps, "seconds": seconds, "width": width, "height": height, "day": day, "title": title,
    }  # fmt: skip
    options: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    _refuse_what_does_not_go_together(output, html, megabytes, compare, port, no_browser, options)
    if output is not None:
        _make_movie(file, output, overwrite=overwrite, quiet=quiet, options=options)
        if not quiet:
            typer.echo(f"wrote {output}")
        return
    from abm.playback import player

    if html is None:
        player.serve(file, compare=compare, port=port, browser=not no_browser)
        return
    size = player.DEFAULT_MEGABYTES if megabytes is None else megabytes
    told = None if quiet or not sys.stderr.isatty() else lambda words: typer.echo(f"packing {words}", err=True)
    written = player.write_page(file, html, compare=compare, megabytes=size, overwrite=overwrite, progress=told)
    if not quiet:
        typer.echo(f"wrote {written} ({written.stat().st_size / 1e6:.1f} MB); open it in a browser")


def _refuse_what_does_not_go_together(
    output: str | None, html: Path | None, megabytes: float | None, compare: Path | None, port: int | None, no_browser: bool,
    options: dict[str, Any],
) -> None:  # fmt: skip
    if output is not None and html is not None:
        raise InputError("-o and --html: give one of them, a movie or a page")
    if megabytes is not None and html is None:
        raise InputError("--megabytes: goes with --html alone")
    served = [name for name, given in (("--port", port is not None), ("--no-browser", no_browser)) if given]
    if served and (output is not None or html is not None):
        raise InputError(f"{served[0]}: goes with the player in the browser alone, not with {'-o' if output is not None else '--html'}")
    if compare is not None and output is not None:
        raise InputError("--compare: goes with the player and --html; abm compare draws the courses of several runs")
    if options and output is None:
        raise InputError(f"--{next(iter(options))}: goes with -o alone, a movie or a picture")


def _make_movie(file: Path, output: str, *, overwrite: bool, quiet: bool, options: dict[str, Any]) -> None:
    from abm import playback
    from abm.progress import Progress
    from abm.trajectory import Trajectory

    if Path(output).suffix.lower() == ".png":
        playback.play(file, output, overwrite=overwrite, **options)
        return
    with Trajectory.open(file) as trajectory:
        days = trajectory.last_day
    with Progress(days, Path(output).name, quiet) as progress:
        playback.play(file, output, overwrite=overwrite, progress=progress, **options)


play = Command("play", _play, _EXAMPLES)
