# SPDX-License-Identifier: Apache-2.0
"""Showing a run: movies, stills, figures of its time courses, and its story in words; several runs side by side."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from abm.errors import InputError
from abm.playback.output import check_suffix, refuse_existing

OUTPUTS = (".mp4", ".webm", ".gif", ".png", "")


def play(file: str | Path, output: str | Path, *, overwrite: bool = False, preset: str | None = None, **options: Any) -> Path:
    """Show a trajectory as a movie (``.mp4``, ``.webm``, ``.gif``, or a folder of frames) or as one frame (``.png``).

    Parameters
    ----------
    file : str or pathlib.Path
        The trajectory.
    output : str or pathlib.Path
        The file to write; a name without a suffix is that of a folder, for a picture of each frame.
    overwrite : bool
        Whether what is there already may be replaced.
    preset : str, optional
        Name in :data:`abm.playback.presets.PRESETS`; other options go before those of the preset.
    **options
        As of :func:`abm.playback.movie.render_movie` or :func:`abm.playback.movie.render_still`.

    Raises
    ------
    InputError
        No trajectory there, another suffix, an option or a preset that cannot be, or a file that must not be replaced.
    RunError
        The output cannot be written.
    """
    suffix = check_suffix(output, OUTPUTS)
    from abm.playback.movie import MOVIE_SUFFIXES, render_movie, render_still
    from abm.playback.presets import preset_options
    from abm.trajectory import Trajectory

    render = render_movie if suffix in MOVIE_SUFFIXES else render_still
    known = list(inspect.signature(render).parameters)[2:]
    for option in options:
        if option not in known:
            raise InputError(
                f"{output}: option {option!r} does not go with a {suffix} file; allowed: {', '.join(known)}"
            )
    if preset is not None:
        options = {option: value for option, value in preset_options(preset).items() if option in known} | options
    refuse_existing(output, [file], overwrite=overwrite, folder=not suffix)
    with Trajectory.open(file) as trajectory:
        return render(trajectory, output, **options)
