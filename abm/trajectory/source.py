# SPDX-License-Identifier: Apache-2.0
"""Reading series across the files of a trajectory, as if they were one.

Only times and offsets are held in memory; rows are read when asked for, through a few open files.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from abm.errors import RunError
from abm.trajectory.hashing import DatasetHash
from abm.trajectory.hdf5 import DAMAGE, PIECE_BYTES, Spec, cause, open_file, spec_of
from abm.trajectory.schema import CHECKSUM, EVENTS, OBSERVABLES, RESERVED

MAX_OPEN_FILES = 64
_DERIVED = ("tick", "frame_offset")


class Series:
    """Extent of one series over all files.

    Parameters
    ----------
    flat : bool
        Whether its datasets are flat with a ``frame_offset``.
    datasets : dict
        Name -> spec.
    """

    def __init__(self, flat: bool, datasets: dict[str, Spec]) -> None:
        self.flat = flat
        self.datasets = datasets
        self.files: list[Path] = []
        self.frame_starts = [0]
        self.row_starts = [0]
        self._ticks: list[NDArray[np.int64]] = []
        self._offsets: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]

    def extend(self, file: Path, ticks: NDArray[np.int64], offsets: NDArray[np.int64] | None) -> None:
        """Add the frames of a further file."""
        self.files.append(file)
        self._ticks.append(ticks)
        rows = len(ticks)
        if offsets is not None:
            rows = int(offsets[-1])
            self._offsets.append(offsets[1:] + self.row_starts[-1])
        self.frame_starts.append(self.frame_starts[-1] + len(ticks))
        self.row_starts.append(self.row_starts[-1] + rows)

    @property
    def ticks(self) -> NDArray[np.int64]:
        """Tick of each frame."""
        if len(self._ticks) > 1:
            self._ticks = [np.concatenate(self._ticks)]
        return self._ticks[0]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """First row of each frame, and the number of rows."""
        if len(self._offsets) > 1:
            self._offsets = [np.concatenate(self._offsets)]
        return self._offsets[0]

    def cut(self, frames: int) -> None:
        """Forget all but the first frames."""
        rows = int(self.offsets[frames]) if self.flat else frames
        self._ticks, self._offsets = [self.ticks[:frames]], [self.offsets[: frames + 1]]
        self.frame_starts = [min(start, frames) for start in self.frame_starts]
        self.row_starts = [min(start, rows) for start in self.row_starts]

    def starts(self, name: str) -> list[int]:
        """Return the first index of each file in a dataset, and its length."""
        return self.row_starts if self.flat and name not in RESERVED else self.frame_starts

    def length(self, name: str) -> int:
        """Return the length of a dataset."""
        return len(self.ticks) + 1 if name == "frame_offset" else self.starts(name)[-1]


class Source:
    """The series of one packed file or of many segments.

    Parameters
    ----------
    files : sequence of Path
        In the order of time.
    """

    def __init__(self, files: Sequence[Path] = ()) -> None:
        self._open: OrderedDict[Path, h5py.File] = OrderedDict()
        self.files: list[Path] = []
        self.series: dict[str, Series] = {}
        self.reset(files)

    def reset(self, files: Sequence[Path]) -> None:
        """Start again with these files.

        Raises
        ------
        FileNotFoundError
            A file is gone.
        InputError, RunError
            A file is not part of a trajectory, or damaged.
        """
        self.close()
        self.files, self.series = [], {}
        for file in files:
            self.add(file)

    def add(self, path: Path) -> None:
        """Add one further file."""
        file = self._file(path)
        try:
            for name in series_in(file):
                group = file[name]
                ticks = _verified(group["tick"])
                offsets = _verified(group["frame_offset"]) if "frame_offset" in group else None
                if name not in self.series:
                    self.series[name] = Series(offsets is not None, {item: _spec_of(group, item) for item in group})
                self.series[name].extend(path, ticks, offsets)
        except DAMAGE as error:
            raise RunError(f"{path}: is damaged: {cause(error)}") from None
        self.files.append(path)

    def cut(self, last: int, last_event: int) -> None:
        """Forget the frames after tick ``last``, and the events after ``last_event``."""
        for name, series in list(self.series.items()):
            frames = int(np.searchsorted(series.ticks, last_event if name == EVENTS else last, side="right"))
            if frames:
                series.cut(frames)
            else:
                del self.series[name]

    def close(self) -> None:
        """Close all files; they open again when needed."""
        while self._open:
            self._open.popitem()[1].close()

    def read(self, series: str, name: str, start: int, stop: int) -> NDArray[Any]:
        """Return rows of a dataset.

        Parameters
        ----------
        series, name : str
            The dataset.
        start, stop : int
            First row and one past the last, over all files.

        Raises
        ------
        RunError
            A file is damaged or gone.
        """
        try:
            return self._read(series, name, start, stop)
        except FileNotFoundError as error:
            self.recover(error)
        return self._read(series, name, start, stop)

    def recover(self, error: FileNotFoundError) -> None:
        """Do what can be done about a file that has vanished: here nothing."""
        raise RunError(f"{error.filename}: was removed while it was being read")

    def pieces(self, series: str, name: str) -> Iterator[NDArray[Any]]:
        """Yield a dataset from end to end in pieces of bounded size, and hold those of each file against its checksum.

        Raises
        ------
        RunError
            A file is damaged or gone.
        """
        whole = self.series[series]
        length, spec = whole.length(name), whole.datasets[name]
        step = max(1, PIECE_BYTES // spec.row_bytes)
        if name in _DERIVED:
            yield from (self.read(series, name, start, min(start + step, length)) for start in range(0, length, step))
            return
        start, found = 0, None
        while start < length:
            whole = self.series[series]  # again: while a run is being packed, other files take the place of those there were
            starts = whole.starts(name)
            part = int(np.searchsorted(starts, start, side="right")) - 1
            stop = min(start + step, starts[part + 1])
            found = DatasetHash(spec) if start == starts[part] else found
            piece = self.read(series, name, start, stop)
            if self.series[series] is not whole:
                found = None
            if found is not None:
                found.update(piece)
                if stop == starts[part + 1]:
                    self._compare(whole.files[part], f"{series}/{name}", found)
            yield piece
            start = stop

    def datasets(self, series: str) -> Iterator[tuple[str, Iterator[NDArray[Any]]]]:
        """Yield every dataset of a series, by name, with its pieces.

        Observables are many, small and in every segment: they are read in one pass over the files.
        """
        names = sorted(self.series[series].datasets)
        if series != OBSERVABLES:
            for name in names:
                yield name, self.pieces(series, name)
            return
        table = self.table(series, names)
        for name in names:
            yield name, iter([table[name]])

    def table(self, series: str, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return whole datasets of a small series, file by file."""
        whole = self.series[series]
        blocks: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
        for file, (start, stop) in zip(list(whole.files), pairwise(list(whole.frame_starts)), strict=True):
            for name in names:
                rows = self.read(series, name, start, stop)
                if name not in _DERIVED and self.series[series] is whole:
                    found = DatasetHash(whole.datasets[name])
                    found.update(rows)
                    self._compare(file, f"{series}/{name}", found)
                blocks[name].append(rows)
        return {name: np.concatenate(found) for name, found in blocks.items()}

    def stored_bytes(self, series: str) -> int:
        """Return the size of a series on disk [bytes].

        Raises
        ------
        RunError
            A file is damaged.
        """
        total = 0
        for path in self.series[series].files:
            try:
                group = self._file(path)[series]
                total += sum(group[name].id.get_storage_size() for name in group)
            except DAMAGE as error:
                raise RunError(f"{path}: is damaged: {series} cannot be read: {cause(error)}") from None
        return total

    def _read(self, series: str, name: str, start: int, stop: int) -> NDArray[Any]:
        whole = self.series[series]
        if name in _DERIVED:
            return (whole.ticks if name == "tick" else whole.offsets)[start:stop]
        starts = whole.starts(name)
        spec = whole.datasets[name]
        blocks = []
        part = int(np.searchsorted(starts, start, side="right")) - 1
        while part < len(whole.files) and starts[part] < stop:
            first = starts[part]
            low, high = max(start, first) - first, min(stop, starts[part + 1]) - first
            blocks.append(self._rows(whole.files[part], f"{series}/{name}", spec, low, high))
            part += 1
        if not blocks:
            return np.empty((0, *spec.tail), spec.dtype or object)
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _rows(self, path: Path, name: str, spec: Spec, start: int, stop: int) -> NDArray[Any]:
        file = self._file(path)
        try:
            dataset = file[name]
            rows: NDArray[Any] = dataset.asstr()[start:stop] if spec.dtype is None else dataset[start:stop]
        except DAMAGE as error:
            raise RunError(f"{path}: is damaged: {name} cannot be read: {cause(error)}") from None
        if spec.dtype is not None and (rows.dtype, rows.shape) != (spec.dtype, (stop - start, *spec.tail)):
            raise RunError(f"{path}: is damaged: {name} has {rows.dtype} {rows.shape}, unlike the rest of its series")
        return rows

    def _compare(self, path: Path, name: str, found: DatasetHash) -> None:
        """Hold what was read of a file against its checksum, if that is all there is."""
        try:
            dataset = self._file(path)[name]
            same = len(dataset) != found.length or dataset.attrs.get(CHECKSUM, found.checksum()) == found.checksum()
        except FileNotFoundError:
            return  # packed in the meantime
        except DAMAGE as error:
            raise RunError(f"{path}: is damaged: {name} cannot be read: {cause(error)}") from None
        if not same:
            raise RunError(f"{path}: is damaged: {name} is not what was written")

    def _file(self, path: Path) -> h5py.File:
        file = self._open.pop(path, None) or open_file(path)
        self._open[path] = file
        while len(self._open) > MAX_OPEN_FILES:
            self._open.popitem(last=False)[1].close()
        return file


def _verified(dataset: h5py.Dataset) -> NDArray[Any]:
    """Return a small dataset; a ValueError if it is not what was written."""
    values: NDArray[Any] = dataset[...]
    found = DatasetHash(spec_of(dataset))
    found.update(values)
    if dataset.attrs.get(CHECKSUM, found.checksum()) != found.checksum():
        raise ValueError(f"{dataset.name} is not what was written")
    return values


def _spec_of(group: h5py.Group, item: str) -> Spec:
    """Return the spec of a dataset; a damaged one does not keep the others from being read, but reading it is an error."""
    try:
        return spec_of(group[item])
    except DAMAGE:
        return Spec(None, ())


def series_in(file: h5py.File) -> Iterator[str]:
    """Yield the paths of the series in a file."""
    yield from (name for name in (OBSERVABLES, EVENTS) if name in file)
    for room in ("view", "cells"):
        yield from (f"{room}/{name}" for name in file.get(room, ()))
    for compartment, group in file["fields"].items() if "fields" in file else ():
        yield from (f"fields/{compartment}/{name}" for name in group)
