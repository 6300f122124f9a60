# SPDX-License-Identifier: Apache-2.0
"""Showing a run: movies, stills, figures of its time courses, and its story in words; several runs side by side."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from abm.errors import InputError
from abm.playback.output import check_suffix, refuse_existing

OUTPUTS = (".mp4", ".gif", ".png")


def play(file: str | Path, output: str | Path, *, overwrite: bool = False, **options: Any) -> Path:
    """Show a trajectory as a movie (``.mp4``, ``.gif``) or as one frame (``.png``).

    Parameters
    ----------
    file : str or pathlib.Path
        The trajectory.
    output : str or pathlib.Path
        The file to write.
    overwrite : bool
        Whether an earlier file there may be replaced.
    **options
        As of :func:`abm.playback.movie.render_movie` or :func:`abm.playback.movie.render_still`.

    Raises
    ------
    InputError
        No trajectory there, another suffix, an option that cannot be, or a file that must not be replaced.
    RunError
        The output cannot be written.
    """
    suffix = check_suffix(output, OUTPUTS)
    from abm.playback.movie import render_movie, render_still
    from abm.trajectory import Trajectory

    render = render_still if suffix == ".png" else render_movie
    known = list(inspect.signature(render).parameters)[2:]
    for option in options:
        if option not in known:
            raise InputError(
                f"{output}: option {option!r} does not go with a {suffix} file; allowed: {', '.join(known)}"
            )
    refuse_existing(output, [file], overwrite=overwrite)
    with Trajectory.open(file) as trajectory:
        return render(trajectory, output, **options)
