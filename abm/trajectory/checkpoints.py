# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: the whole state of a run at one tick, as named arrays with a checksum.

While a run goes on each is a file of its own beside the segments, ``checkpoint_<tick>.h5``; packing puts
them into the one file. Either way it is the group ``/checkpoint/<tick>``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError, RunError
from abm.trajectory.disk import Sink, sync_folder
from abm.trajectory.hashing import DatasetHash
from abm.trajectory.hdf5 import DAMAGE, Spec, cause, create_dataset, mark, new_file, open_file, parts_folder, row_ranges, seal, spec_of
from abm.trajectory.index import FINISHED, read_index
from abm.trajectory.schema import day_text, to_json
from abm.trajectory.standing import standing_of

ROOM = "checkpoint"
_NAME = re.compile(r"checkpoint_([+-]\d+)\.h5")


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run at one tick.

    Parameters
    ----------
    tick : int
        Time since day 0 [15 s].
    arrays : mapping
        Name -> array; slashes in names make groups.
    notes : mapping
        JSON values: what belongs to the state but is no array.
    """

    tick: int
    arrays: Mapping[str, NDArray[Any]]
    notes: Mapping[str, Any]


def checkpoint_path(path: Path, tick: int) -> Path:
    """Return the file of a checkpoint of a run in progress."""
    return parts_folder(path) / f"checkpoint_{tick:+d}.h5"


def checkpoint_files(path: Path) -> dict[int, Path]:
    """Return the checkpoints beside the segments of a run, by tick, in the order of time."""
    try:
        entries = [(_NAME.fullmatch(entry.name), entry) for entry in parts_folder(path).iterdir()]
    except FileNotFoundError:
        return {}
    return dict(sorted((int(match[1]), entry) for match, entry in entries if match))


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint of a run in progress in place whole or not at all.

    Raises
    ------
    OSError
        The disk is full, or the folder cannot be written.
    """
    target = checkpoint_path(path, checkpoint.tick)
    temporary = target.with_name(target.name + ".tmp")
    try:
        with new_file(temporary) as (file, sink):
            mark(file, {ROOM: checkpoint.tick})
            put_checkpoint(file, checkpoint, sink)
            seal(file)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def checkpoint_ticks(path: Path) -> list[int]:
    """Return the ticks of the checkpoints of a run, in progress, cut short or finished, in the order of time."""
    if read_index(path).state == FINISHED:
        with open_file(path) as file:
            return sorted(int(name) for name in file.get(ROOM, ()))
    return list(checkpoint_files(path))


def load_checkpoint(path: Path, tick: int) -> Checkpoint:
    """Read a checkpoint of a run, wherever it lies.

    Raises
    ------
    InputError
        There is none of that tick.
    RunError
        It is damaged, or what was recorded before it is no longer there: the run cannot go on from it.
    """
    if tick not in checkpoint_ticks(path):
        raise InputError(f"{path}: has no checkpoint of tick {tick}")
    if read_index(path).state == FINISHED:
        return read_checkpoint(path, tick)
    checkpoint = read_checkpoint(checkpoint_path(path, tick), tick)
    short = standing_of(path).short_of(tick, checkpoint.notes["frames"], checkpoint.notes["events"])
    if short:
        raise RunError(f"{path}: the last segments are missing: the checkpoint of {day_text(tick)} knows more of {short}")
    return checkpoint


def read_checkpoint(path: Path, tick: int) -> Checkpoint:
    """Read a checkpoint from a file that holds it, and verify its checksum.

    Raises
    ------
    RunError
        It is damaged, or not there.
    """
    with open_file(path) as file:
        try:
            group = file[f"{ROOM}/{tick}"]
            arrays = {name: group[name][...] for name in _datasets(group)}
            notes = json.loads(group.attrs["notes"])
            noted = str(group.attrs["sha256"])
        except DAMAGE as error:
            raise _damaged(path, tick, cause(error)) from None
    checkpoint = Checkpoint(tick, arrays, notes)
    if checksum(checkpoint) != noted:
        raise _damaged(path, tick, "its checksum differs")
    return checkpoint


def verify_checkpoint(path: Path, tick: int, tell: Callable[[h5py.Dataset, int], None] | None = None) -> dict[str, Any]:
    """Verify the checksum of a checkpoint piece by piece, and return its notes.

    Parameters
    ----------
    path : Path
        The file that holds it.
    tick : int
        Time [15 s].
    tell : callable, optional
        Called with a dataset and how many of its rows have been read now.

    Raises
    ------
    RunError
        It is damaged, or not there.
    """
    with open_file(path) as file:
        try:
            group = file[f"{ROOM}/{tick}"]
            notes: dict[str, Any] = json.loads(group.attrs["notes"])
            hashes = {name: _hash_of(group[name], tell) for name in _datasets(group)}
            same = _combined(tick, notes, hashes) == str(group.attrs["sha256"])
        except DAMAGE as error:
            raise _damaged(path, tick, cause(error)) from None
    if not same:
        raise _damaged(path, tick, "its checksum differs")
    return notes


def checksum(checkpoint: Checkpoint) -> str:
    """Return the sha256 of all that a checkpoint holds."""
    hashes = {}
    for name, values in checkpoint.arrays.items():
        hashes[name] = DatasetHash(Spec(values.dtype, values.shape[1:]))
        hashes[name].update(values)
    return _combined(checkpoint.tick, checkpoint.notes, hashes)


def put_checkpoint(file: h5py.File, checkpoint: Checkpoint, sink: Sink) -> None:
    """Write a checkpoint into a file that is being made.

    Raises
    ------
    OSError
        The disk is full.
    """
    group = file.create_group(f"{ROOM}/{checkpoint.tick}")
    hashes = {}
    for name, values in checkpoint.arrays.items():
        spec = Spec(values.dtype, values.shape[1:])
        found = hashes[name] = DatasetHash(spec)
        found.update(values)
        create_dataset(group, name, spec, len(values), len(values), {})[...] = np.ascontiguousarray(values)
        sink.check()
    group.attrs["notes"] = to_json(dict(checkpoint.notes), "notes")
    group.attrs["sha256"] = _combined(checkpoint.tick, checkpoint.notes, hashes)


def copy_checkpoint(path: Path, tick: int, file: h5py.File, sink: Sink) -> None:
    """Copy a checkpoint as it is stored into a file that is being made, if it is whole.

    Raises
    ------
    OSError
        The disk is full.
    RunError
        It is damaged, or not there.
    """
    verify_checkpoint(path, tick)
    with open_file(path) as stored:
        stored.copy(f"{ROOM}/{tick}", file.require_group(ROOM))
    sink.check()


def _hash_of(dataset: h5py.Dataset, tell: Callable[[h5py.Dataset, int], None] | None) -> DatasetHash:
    found = DatasetHash(spec_of(dataset))
    for start, stop in row_ranges(dataset):
        found.update(dataset[start:stop])
        if tell is not None:
            tell(dataset, stop - start)
    return found


def _combined(tick: int, notes: Mapping[str, Any], hashes: Mapping[str, DatasetHash]) -> str:
    entries: dict[str, Any] = {"tick": tick, "notes": json.loads(to_json(dict(notes), "notes"))}
    entries |= {f"/{name}": found.entry() for name, found in hashes.items()}
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path, tick: int, why: str) -> RunError:
    return RunError(f"{path}: the checkpoint of {day_text(tick)} is damaged: {why}")


def _datasets(group: h5py.Group) -> Iterator[str]:
    names: list[str] = []
    group.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    yield from names
