# SPDX-License-Identifier: Apache-2.0
"""Movies and stills: the frames of a run as H.264 that plays everywhere, as VP9 or GIF, in a folder, or one as PNG."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError
from abm.playback.encoding import FRAME_NAME, encode, gif_options, mp4_options, palette_options, png_options, webm_options
from abm.playback.frames import FrameComposer
from abm.playback.output import check_suffix, folder_written_whole, written_whole
from abm.playback.sections import Pixels

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

MOVIE_SUFFIXES = (".mp4", ".webm", ".gif", "")
"""Of files of each kind; a name without any is that of a folder of frames."""
DAYS_NAME = "days.csv"
"""File beside the pictures of a folder: which shows which day."""
_SHORTEST, _LONGEST = 20.0, 40.0
"""Length of a movie if none is asked for [s]: one frame per view, within these."""
_PALETTE_FRAMES = 24
"""Frames from which the 256 colours of a GIF are chosen."""
_MOST_FPS = 120.0
_MOST_SECONDS = 3600.0
"""Of a movie [s]."""


class Progress(Protocol):
    """What is told how far a movie has got."""

    def update(self, day: float, text: str) -> object:
        """Take note of the day reached and a word on it."""


def render_movie(
    trajectory: Trajectory,
    path: str | Path,
    *,
    fps: float = 20.0,
    seconds: float | None = None,
    width: int = 1280,
    height: int = 720,
    crf: int = 19,
    compartments: Sequence[str] | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a movie of a trajectory: its lattices, and beside them time courses that grow.

    Parameters
    ----------
    trajectory : Trajectory
    path : str or pathlib.Path
        ``.mp4`` (H.264, plays everywhere), ``.webm`` (VP9), ``.gif``; without a suffix a folder: a PNG per frame, and
        ``days.csv``, which tells their days. What is there already is replaced once the new one is whole.
    fps : float
        Frames per second.
    seconds : float, optional
        Length [s]; if not given one frame per view, but at least 20 s and at most 40 s.
    width, height : int
        [px]; even.
    crf : int
        Quality of H.264, 0 (no loss) to 51; 6 more halve the file. That of VP9 follows.
    compartments : sequence of str, optional
        Which to show; all that have views if not given.
    title : str, optional
        The scenario's name if not given.
    progress : Progress, optional
        Told the day after each frame.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        Another suffix, no or too few views, a size or a length that cannot be.
    RunError
        No ffmpeg, or it failed (such as on a full disk). No half file is left, as on any other exception.
    """
    path = Path(path)
    suffix = check_suffix(path, MOVIE_SUFFIXES)
    if not 0 < fps <= _MOST_FPS:
        raise InputError(f"fps must be above 0 and at most {_MOST_FPS:g}, got {fps!r}")
    if seconds is not None and not 0 < seconds <= _MOST_SECONDS:
        raise InputError(f"seconds must be above 0 and at most {_MOST_SECONDS:g}, got {seconds!r}")
    if width % 2 or height % 2:
        raise InputError(f"width and height must be even for a movie that plays everywhere, got {width}x{height}")
    composer = FrameComposer(trajectory, width=width, height=height, compartments=compartments, title=title)
    days = _frame_days(composer, fps, seconds)
    size = width, height
    if suffix:
        with written_whole(path) as unfinished:
            if suffix == ".gif":
                _write_gif(unfinished, composer, days, size, fps, progress)
            else:
                options = mp4_options if suffix == ".mp4" else webm_options
                encode(_told(composer, days, progress), size, fps, options(unfinished, crf))
    else:
        with folder_written_whole(path, (FRAME_NAME.replace("%05d", "*"), DAYS_NAME)) as folder:
            encode(_told(composer, days, progress), size, fps, png_options(folder))
            lines = [f"{FRAME_NAME % number},{day:.6f}\n" for number, day in enumerate(days, start=1)]
            (folder / DAYS_NAME).write_text("frame,day\n" + "".join(lines), encoding="utf-8")
    return path


def _write_gif(
    path: Path, composer: FrameComposer, days: NDArray[np.float64], size: tuple[int, int], fps: float, progress: Progress | None
) -> None:
    """Choose the colours of some frames, then write all with these."""
    with tempfile.TemporaryDirectory() as folder:
        colours = Path(folder) / "colours.png"
        chosen = days[np.unique(np.linspace(0, len(days) - 1, _PALETTE_FRAMES).astype(int))]
        encode((composer.frame(float(day)) for day in chosen), size, fps, palette_options(colours))
        encode(_told(composer, days, progress), size, fps, gif_options(colours, path))


def render_still(
    trajectory: Trajectory,
    path: str | Path,
    *,
    day: float | None = None,
    width: int = 1280,
    height: int = 720,
    compartments: Sequence[str] | None = None,
    title: str | None = None,
) -> Path:
    """Write one frame as PNG.

    Parameters
    ----------
    trajectory, width, height, compartments, title
        As of :func:`render_movie`.
    path : str or pathlib.Path
        ``.png``.
    day : float, optional
        [d]; the last if not given.

    Raises
    ------
    InputError
        Another suffix, no views, or a day outside the run.
    """
    from matplotlib.image import imsave

    path = Path(path)
    check_suffix(path, (".png",))
    composer = FrameComposer(trajectory, width=width, height=height, compartments=compartments, title=title)
    first, last = composer.days
    shown = last if day is None else day
    if not first <= shown <= last:
        raise InputError(f"day must be between {first:g} and {last:g}, the days that have views, got {day:g}")
    with written_whole(path) as unfinished:
        imsave(unfinished, composer.frame(shown), format="png")
    return path


def _frame_days(composer: FrameComposer, fps: float, seconds: float | None) -> NDArray[np.float64]:
    """Choose the day of each frame, evenly over the run."""
    first, last = composer.days
    if composer.longest < 2 or last <= first:
        raise InputError(f"a movie needs at least 2 views, this trajectory has {composer.longest}; a .png shows one")
    length = min(max(composer.longest / fps, _SHORTEST), _LONGEST) if seconds is None else seconds
    number = round(length * fps)
    if number < 2:
        raise InputError(f"a movie needs at least 2 frames: {length:g} s at {fps:g} frames per second are {number}")
    return np.linspace(first, last, number)


def _told(composer: FrameComposer, days: NDArray[np.float64], progress: Progress | None) -> Iterator[Pixels]:
    for number, day in enumerate(days, start=1):
        yield composer.frame(float(day))
        if progress is not None:
            progress.update(float(day), f"frame {number} of {len(days)}")
