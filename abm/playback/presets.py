# SPDX-License-Identifier: Apache-2.0
"""Sizes, rates and qualities of movies for what they are made for."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from abm.errors import InputError, nearest


@dataclass(frozen=True)
class Preset:
    """What a movie is like: width and height [px], frames per second, quality (H.264), and what it is for."""

    width: int
    height: int
    fps: float
    crf: int
    about: str


PRESETS = {
    "paper": Preset(2560, 1440, 20.0, 16, "supplementary files and figures: 360 dots per inch at the width of a page"),
    "talk": Preset(1920, 1080, 30.0, 18, "full screen on a projector"),
    "web": Preset(854, 480, 15.0, 27, "pages and mails: a few megabytes"),
}


def preset_options(name: str) -> dict[str, float | int]:
    """Return the options of :func:`abm.playback.movie.render_movie` that a preset sets.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name not in PRESETS:
        raise InputError(f"preset {name!r}: must be one of {', '.join(PRESETS)}; nearest: {nearest(name, PRESETS)!r}")
    return {option: value for option, value in asdict(PRESETS[name]).items() if option != "about"}
