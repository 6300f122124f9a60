# SPDX-License-Identifier: Apache-2.0
"""Packing the segments of a complete run into one file, verified before the segments go."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError, RunError
from abm.trajectory.checkpoints import checkpoint_files, copy_checkpoint, verify_checkpoint
from abm.trajectory.digest import combine, digest
from abm.trajectory.disk import Sink, sync_folder, write_error
from abm.trajectory.hashing import DatasetHash
from abm.trajectory.hdf5 import (
    copy_frame,
    create_dataset,
    new_file,
    open_file,
    parts_folder,
    seal,
    stored_alike,
    write_header,
)
from abm.trajectory.index import COMPLETE, FINISHED, read_index
from abm.trajectory.lock import acquire, release
from abm.trajectory.schema import CHECKSUM, CLOSING, RESERVED, Header, day_text
from abm.trajectory.source import Series, Source
from abm.trajectory.standing import source_of_parts


def pack(path: str | Path) -> None:
    """Pack a run that was recorded to its end but whose packing was cut short.

    A finished file is left as it is, but for segments that still lie beside it.

    Parameters
    ----------
    path : path
        The index file.

    Raises
    ------
    InputError
        No trajectory, another process is writing it, or the run did not reach its end.
    RunError
        A damaged file, or the disk is full: the segments stay readable.
    """
    path = Path(path).resolve()
    read_index(path)
    try:
        mine = acquire(path)
    except OSError as error:
        raise write_error(error, f"locking {path}", "nothing has changed") from None
    try:
        index = read_index(path)  # again: until now another process may have been at work
        if index.state == FINISHED:
            shutil.rmtree(parts_folder(path), ignore_errors=True)
            return
        if index.state != COMPLETE:
            why = index.reason or "it was cut short"
            raise InputError(f"{path}: not packed, as the run did not reach its end ({why})")
        pack_parts(path, index.header)
    finally:
        release(path, mine)


def pack_parts(path: Path, header: Header) -> None:
    """Replace index and segments by one file; the caller holds the lock.

    Parameters
    ----------
    path : Path
        The index file.
    header : Header
        The run.

    Raises
    ------
    RunError
        The disk is full, or what was read back differs; the segments are untouched.
    """
    target = path.with_name(path.name + ".packing")
    source = source_of_parts(path)
    last = max((int(series.ticks[-1]) for series in source.series.values()), default=0)
    checkpoints = checkpoint_files(path)
    try:
        noted, kept = _copy(source, target, header, checkpoints)
        source.close()
        _verify(target, header, noted, path)
        for tick in kept:
            verify_checkpoint(target, tick)
        os.replace(target, path)
        sync_folder(path.parent)
    except OSError as error:
        size = sum(file.stat().st_size for file in source.files) / 1e6
        safe = (
            f"everything up to {day_text(last)} is safe in {path} and {parts_folder(path)}; free about {size:.3g} MB "
            f"and finish with abm.trajectory.pack({str(path)!r})"
        )
        raise write_error(error, f"packing {path} into one file", safe) from None
    finally:
        source.close()
        with suppress(OSError):
            target.unlink(missing_ok=True)
    # The run is finished from here on: segments that cannot be removed are in nobody's way.
    shutil.rmtree(parts_folder(path), ignore_errors=True)


def _copy(source: Source, target: Path, header: Header, checkpoints: Mapping[int, Path]) -> tuple[str, list[int]]:
    """Write the packed file; return the digest of what went into it, and the ticks of its checkpoints."""
    kept = []
    with new_file(target) as (file, sink):
        write_header(file, header, {"state": FINISHED, "reason": ""})
        closing = closing_of(source.files[-1]) if source.files else None
        if closing is not None:
            file.attrs[CLOSING] = closing
        noted = combine(header, copy_series(source, file, header, sink))
        file.attrs["digest"] = noted
        for tick, stored in checkpoints.items():
            with suppress(RunError):  # one that is damaged is left out: the recording is whole without it
                copy_checkpoint(stored, tick, file, sink)
                kept.append(tick)
        seal(file)
    return noted, kept


def closing_of(segment: Path) -> int | None:
    """Return the tick of the end that a segment closes, or None."""
    with open_file(segment) as file:
        return int(file.attrs[CLOSING]) if CLOSING in file.attrs else None


def copy_series(source: Source, file: h5py.File, header: Header, sink: Sink) -> dict[str, DatasetHash]:
    """Write all series of a source into a file that is being made, and return the hashes of their datasets.

    Raises
    ------
    OSError
        The disk is full.
    """
    hashes: dict[str, DatasetHash] = {}
    for path in sorted(source.series):
        _copy_series(source, path, file.create_group(path), header, hashes, sink)
    return hashes


def _copy_series(
    source: Source, path: str, group: h5py.Group, header: Header, hashes: dict[str, DatasetHash], sink: Sink
) -> None:
    series = source.series[path]
    for name, pieces in source.datasets(path):
        spec, length, frame_rows = series.datasets[name], series.length(name), _frame_rows(series, name)
        dataset = create_dataset(group, name, spec, length, frame_rows, header.describe_dataset(path, name))
        found = hashes[f"{path}/{name}"] = DatasetHash(spec)
        if spec.is_framed(frame_rows):
            _copy_frames(series, f"{path}/{name}", pieces, dataset, found, sink)
        else:
            for block in _aligned(pieces, dataset.chunks[0] if dataset.chunks else 1):
                dataset[found.length : found.length + len(block)] = block
                found.update(block)
                sink.check()
        dataset.attrs[CHECKSUM] = found.checksum()


def _copy_frames(
    series: Series, name: str, pieces: Iterator[NDArray[Any]], dataset: h5py.Dataset, found: DatasetHash, sink: Sink
) -> None:
    """Write frames that are a chunk each: as their segments store them, since that is how they are stored here."""
    for begin, end, segment in zip(series.frame_starts, series.frame_starts[1:], series.files, strict=False):
        with open_file(segment) as file:
            stored = file[name]
            as_stored = stored_alike(stored, dataset)
            while found.length < end:
                piece = next(pieces)
                for number, values in enumerate(piece, found.length):
                    if as_stored:
                        copy_frame(stored, number - begin, dataset, number)
                    else:
                        dataset[number] = values
                found.update(piece)
                sink.check()


def _frame_rows(series: Series, name: str) -> int:
    """Return how many rows are read together: a frame of cells or views, a whole time series."""
    if series.flat and name not in RESERVED:
        return max(1, series.length(name) // max(1, len(series.ticks)))
    return 1


def _aligned(pieces: Iterable[NDArray[Any]], rows: int) -> Iterator[NDArray[Any]]:
    """Cut pieces anew so that each block but the last fills whole chunks: a chunk is compressed once."""
    rest: NDArray[Any] | None = None
    for piece in pieces:
        block = piece if rest is None or not len(rest) else np.concatenate((rest, piece))
        whole = len(block) - len(block) % rows
        if whole:
            yield block[:whole]
        rest = block[whole:].copy()
    if rest is not None and len(rest):
        yield rest


def _verify(target: Path, header: Header, noted: str, path: Path) -> None:
    """Read the packed file back and compare it with what was put in."""
    packed = Source([target])
    try:
        found = digest(read_index(target).header, packed)
    finally:
        packed.close()
    if found != noted:
        raise RunError(
            f"{path}: the packed file does not read back as written (digest {found[:12]}, expected {noted[:12]}); "
            f"the segments in {parts_folder(path)} are untouched"
        )
