# SPDX-License-Identifier: Apache-2.0
"""Frames piped to ffmpeg: H.264, VP9, GIF, or a picture each."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np

from abm.errors import RunError
from abm.playback.sections import Pixels

FRAME_NAME = "frame_%05d.png"
"""Names of the pictures in a folder of frames, from 1."""
_VP9_CRF = 12
"""By how much the quality factor of VP9 is above that of H.264 where both look alike."""
# BT.709 said and done, or players guess and the colours of cells shift.
_COLOUR = (
    "-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd", "-colorspace", "bt709",
    "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
)  # fmt: skip


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


def mp4_options(target: Path, crf: int) -> list[str]:
    """Return what makes H.264 that plays everywhere, and while it loads."""
    coding = ["-c:v", "libx264", "-preset", "fast", "-crf", str(crf), "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    return [*_COLOUR, *coding, "-fflags", "+bitexact", "-f", "mp4", str(target)]


def webm_options(target: Path, crf: int) -> list[str]:
    """Return what makes VP9, for browsers; its scale of quality is another than that of H.264."""
    coding = ["-c:v", "libvpx-vp9", "-b:v", "0", "-crf", str(crf + _VP9_CRF), "-deadline", "good", "-cpu-used", "4", "-row-mt", "1"]
    return [*_COLOUR, *coding, "-pix_fmt", "yuv420p", "-fflags", "+bitexact", "-f", "webm", str(target)]


def png_options(folder: Path) -> list[str]:
    """Return what makes a picture of each frame."""
    return ["-c:v", "png", "-f", "image2", "-fflags", "+bitexact", str(folder / FRAME_NAME)]


def palette_options(target: Path) -> list[str]:
    """Return what chooses the colours of a GIF."""
    choose = "palettegen=max_colors=256:reserve_transparent=0:stats_mode=full"
    return ["-vf", choose, "-frames:v", "1", "-f", "image2", str(target)]


def gif_options(colours: Path, target: Path) -> list[str]:
    """Return what makes a GIF of colours chosen before."""
    return ["-i", str(colours), "-lavfi", "paletteuse=dither=none:diff_mode=rectangle", "-f", "gif", str(target)]


def encode(frames: Iterable[Pixels], size: tuple[int, int], fps: float, options: Sequence[str]) -> None:
    """Pipe frames to ffmpeg and wait until it has written them.

    Parameters
    ----------
    frames : iterable of ndarray of uint8, shape (height, width, 3)
    size : tuple of int
        Width and height [px].
    fps : float
        Frames per second.
    options : sequence of str
        What makes what of them; of the functions here.

    Raises
    ------
    RunError
        No ffmpeg, or it failed (such as on a full disk).
    """
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
