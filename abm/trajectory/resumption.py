# SPDX-License-Identifier: Apache-2.0
"""Taking a recording up again: what it holds, and what another one has to be cut back to."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from abm.errors import AbmError, RunError
from abm.trajectory.checkpoints import checkpoint_ticks, load_checkpoint, write_checkpoint
from abm.trajectory.digest import digest
from abm.trajectory.hdf5 import mark, new_file, parts_folder, seal
from abm.trajectory.index import FINISHED, RUNNING, Index, read_index, write_index
from abm.trajectory.packing import closing_of, copy_series
from abm.trajectory.schema import Header
from abm.trajectory.segments import segment_path
from abm.trajectory.source import Source
from abm.trajectory.standing import all_segments, source_of_parts


def reopen(path: Path, header: Header, until: int) -> None:
    """Lay a recording out as one in progress; the caller holds the lock, and writes the index next.

    What was recorded at the end only because it was the end is taken away if the run is to go further: it
    is made again if it is due.

    Parameters
    ----------
    path : Path
        The file of the run; until the index is replaced it stays what it was.
    header : Header
        The run.
    until : int
        Tick to which the run is to go.

    Raises
    ------
    InputError, RunError
        No trajectory, or damaged.
    OSError
        The disk is full: nothing has changed.
    """
    index = read_index(path)
    _require_header(index, path)
    if index.state == FINISHED:
        if parts_folder(path).exists():  # left by a packing or a reopening that was cut short: the file holds it all
            shutil.rmtree(parts_folder(path))
        source = Source([path])
        try:
            require_whole(path, index, source)
            if index.closing is not None and index.closing < until:
                source.cut(index.closing - 1, index.closing - 1)
            _lay_out(source, path, header)
        finally:
            source.close()
        for tick in checkpoint_ticks(path):
            with suppress(RunError):  # one that is damaged is left behind: nothing goes on from it
                write_checkpoint(path, load_checkpoint(path, tick))
        return
    ends = _ends(all_segments(path), until)
    if ends:
        # A packing that believed the run complete must not find it without its end.
        write_index(path, header, RUNNING)
    for segment in ends:
        segment.unlink()


def abandon(path: Path) -> None:
    """Take back what :func:`reopen` has laid out beside a finished file that it could not reopen."""
    with suppress(AbmError):
        if read_index(path).state == FINISHED:
            shutil.rmtree(parts_folder(path), ignore_errors=True)


def take_over(ancestor: Path, path: Path, header: Header, tick: int) -> None:
    """Lay out a recording that begins with what another one holds up to a tick; the caller holds the lock.

    Raises
    ------
    InputError, RunError
        The ancestor is no trajectory, or damaged.
    OSError
        The disk is full.
    """
    index = read_index(ancestor)
    _require_header(index, ancestor)
    source = Source([ancestor]) if index.state == FINISHED else source_of_parts(ancestor)
    try:
        if index.state == FINISHED:
            require_whole(ancestor, index, source)
        # What is due at this tick the branch records, as it may be due otherwise; an event is of the step that begins with it.
        source.cut(tick - 1, tick - 1)
        _lay_out(source, path, header)
    finally:
        source.close()


def require_whole(path: Path, index: Index, source: Source) -> None:
    """Refuse to go on from a finished file that does not hold what was written: a part of it would pass for whole.

    Raises
    ------
    RunError
        Its digest is not the one that was noted.
    """
    if digest(index.header, source) != index.digest:
        raise RunError(f"{path}: is damaged: its values are not those that were written; abm check {path} tells more")


def _require_header(index: Index, path: Path) -> None:
    """Refuse to go on from a scenario or a seed that may not be what was written."""
    if index.damage:
        raise RunError(f"{path}: is damaged: {', '.join(index.damage)}: no run can go on from it")


def _ends(segments: list[Path], before: int) -> list[Path]:
    """Return the last segments that hold what was recorded at an end before a tick: two if that was interrupted, the last first."""
    found = []
    for segment in reversed(segments):
        end = closing_of(segment)
        if end is None or end >= before:
            break
        found.append(segment)
    return found


def _lay_out(source: Source, path: Path, header: Header) -> None:
    """Write what a source holds as the first segment of a run in progress."""
    parts_folder(path).mkdir(exist_ok=True)
    target = segment_path(path, 0)
    temporary = target.with_name(target.name + ".tmp")
    try:
        with new_file(temporary) as (file, sink):
            mark(file, {"segment": 0})
            copy_series(source, file, header, sink)
            seal(file)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
