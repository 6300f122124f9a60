# SPDX-License-Identifier: Apache-2.0
"""Movies and stills: frames piped to ffmpeg as H.264 that plays everywhere, as GIF, or one frame as PNG."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError, RunError
from abm.playback.frames import FrameComposer
from abm.playback.output import check_suffix, written_whole
from abm.playback.sections import Pixels

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

MOVIE_SUFFIXES = (".mp4", ".gif")
_SHORTEST, _LONGEST = 20.0, 40.0
"""Length of a movie if none is asked for [s]: one frame per view, within these."""
_PALETTE_FRAMES = 24
"""Frames from which the 256 colours of a GIF are chosen."""
_MOST_FPS = 120.0


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
    compartments: Sequence[str] | None = None,
    title: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a movie of a trajectory: its lattices, and beside them time courses that grow.

    Parameters
    ----------
    trajectory : Trajectory
    path : str or pathlib.Path
        ``.mp4`` (H.264, plays everywhere) or ``.gif``. An existing file is replaced once the new one is whole.
    fps : float
        Frames per second.
    seconds : float, optional
        Length [s]; if not given one frame per view, but at least 20 s and at most 40 s.
    width, height : int
        [px]; even.
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
    if seconds is not None and not 0 < seconds < float("inf"):
        raise InputError(f"seconds must be above 0, got {seconds!r}")
    if width % 2 or height % 2:
        raise InputError(f"width and height must be even for a movie that plays everywhere, got {width}x{height}")
    composer = FrameComposer(trajectory, width=width, height=height, compartments=compartments, title=title)
    days = _frame_days(composer, fps, seconds)
    with written_whole(path) as unfinished:
        if suffix == ".gif":
            with tempfile.TemporaryDirectory() as folder:
                colours = Path(folder) / "colours.png"
                chosen = days[np.unique(np.linspace(0, len(days) - 1, _PALETTE_FRAMES).astype(int))]
                sample = (composer.frame(float(day)) for day in chosen)
                _encode(sample, (width, height), fps, _palette_options(colours))
                _encode(_told(composer, days, progress), (width, height), fps, _gif_options(colours, unfinished))
        else:
            _encode(_told(composer, days, progress), (width, height), fps, _mp4_options(unfinished))
    return path


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


def ffmpeg_binary() -> str:
    """Find the ffmpeg that imageio-ffmpeg brings, or the system's.

    Raises
    ------
    RunError
        There is none.
    """
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        system = shutil.which("ffmpeg")
        if system is None:
            raise RunError("movies need ffmpeg: install the package imageio-ffmpeg, or ffmpeg itself") from None
        return system


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


def _mp4_options(target: Path) -> list[str]:
    # BT.709 said and done, or players guess and the colours of cells shift; faststart plays while it loads.
    colour = ["-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd", "-colorspace", "bt709"]
    colour += ["-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    coding = ["-c:v", "libx264", "-preset", "fast", "-crf", "19", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    return [*colour, *coding, "-fflags", "+bitexact", "-f", "mp4", str(target)]


def _palette_options(target: Path) -> list[str]:
    choose = "palettegen=max_colors=256:reserve_transparent=0:stats_mode=full"
    return ["-vf", choose, "-frames:v", "1", "-f", "image2", str(target)]


def _gif_options(colours: Path, target: Path) -> list[str]:
    return ["-i", str(colours), "-lavfi", "paletteuse=dither=none:diff_mode=rectangle", "-f", "gif", str(target)]


def _encode(frames: Iterable[Pixels], size: tuple[int, int], fps: float, options: Sequence[str]) -> None:
    """Pipe frames to ffmpeg and wait until it has written them."""
    width, height = size
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-"]
    command = [ffmpeg_binary(), "-hide_banner", "-loglevel", "error", "-y", *raw, *options]
    with tempfile.TemporaryFile() as log, _ffmpeg(command, log) as encoder:
        assert encoder.stdin is not None
        try:
            for frame in frames:
                encoder.stdin.write(np.ascontiguousarray(frame).data)
            encoder.stdin.close()
        except BrokenPipeError:
            pass  # ffmpeg gave up first; its own words say why
        if encoder.wait() != 0:
            log.seek(0)
            words = log.read().decode(errors="replace").strip().splitlines()
            why = words[-1] if words else f"exit code {encoder.returncode}"
            raise RunError(f"ffmpeg could not write the movie: {why}")


@contextmanager
def _ffmpeg(command: Sequence[str], log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ffmpeg in a session of its own, so that Ctrl-C reaches us first, and end it whatever happens."""
    encoder = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
    )
    try:
        yield encoder
    finally:
        if encoder.poll() is None:
            encoder.kill()
            encoder.wait()
        if encoder.stdin is not None:
            with suppress(BrokenPipeError):
                encoder.stdin.close()
