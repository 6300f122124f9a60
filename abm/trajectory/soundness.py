# SPDX-License-Identifier: Apache-2.0
"""Whether one file of a trajectory, a segment or the packed file, is as it was written, and where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from abm.trajectory.hashing import DatasetHash
from abm.trajectory.hdf5 import DAMAGE, Spec, cause, header_damage, open_file, row_ranges, spec_of
from abm.trajectory.schema import CHECKSUM, EVENTS, OBSERVABLES, RESERVED, Header, day_text
from abm.trajectory.source import series_in
from abm.units import TICKS_PER_HOUR

Tell = Callable[[h5py.Dataset, int], None]
"""Called with a dataset and how many of its rows have been read now."""
NOT_WRITTEN = "is not what was written"


@dataclass
class Findings:
    """What one file holds, and what is wrong with it.

    Parameters
    ----------
    damage : list of str
        What is wrong and where, in words.
    hashes : dict
        Path of a dataset -> hash of what was read.
    ticks : dict
        Series -> tick of each frame, where it can be told.
    specs : dict
        Series -> its datasets and their types.
    number : int
        That of a segment; -1 for other files.
    """

    damage: list[str] = field(default_factory=list)
    hashes: dict[str, DatasetHash] = field(default_factory=dict)
    ticks: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    specs: dict[str, dict[str, Spec]] = field(default_factory=dict)
    number: int = -1


def inspect(path: Path, header: Header, tell: Tell) -> Findings:
    """Read a whole file in pieces of bounded size, and compare it with its checksums, its schema and itself.

    Raises
    ------
    FileNotFoundError
        It is gone.
    InputError, RunError
        It cannot be opened.
    """
    found = Findings()
    with open_file(path) as file:
        try:
            found.damage += [f"{what} {NOT_WRITTEN}" for what in header_damage(file)]
            found.number = int(file.attrs.get("segment", -1))
            series = list(series_in(file))
        except DAMAGE as error:
            found.damage.append(f"the list of its contents cannot be read ({cause(error)})")
            return found
        for name in series:
            try:
                _Series(name, file[name], header, found).inspect(tell)
            except DAMAGE as error:
                found.damage.append(f"{name} cannot be read ({cause(error)})")
    return found


def times_of(ticks: Iterable[int]) -> str:
    """Return one or several days in words, such as ``day 3 to 4.5``."""
    days = [day_text(tick) for tick in ticks]
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1].removeprefix('day ')}"


class _Series:
    """One series of a file: its datasets against their checksums, and against each other."""

    def __init__(self, name: str, group: h5py.Group, header: Header, found: Findings) -> None:
        self.name = name
        self.group = group
        self.header = header
        self.found = found
        self.small: dict[str, NDArray[Any]] = {}
        self.kinds: set[int] = set()

    def inspect(self, tell: Tell) -> None:
        """Read every dataset, and add what is wrong to the findings."""
        specs = self.found.specs[self.name] = {}
        for item in sorted(self.group, key=lambda item: (item not in RESERVED, item)):
            try:
                dataset = self.group[item]
                specs[item] = spec_of(dataset)
                self._read(item, dataset, tell)
            except DAMAGE as error:
                self._say(f"{self.name}/{item} cannot be read ({cause(error)})")
        self._compare()
        ticks = self.small.get("tick")
        if ticks is not None:
            self.found.ticks[self.name] = ticks

    def _read(self, item: str, dataset: h5py.Dataset, tell: Tell) -> None:
        """Read a dataset from end to end; keep what is small."""
        path = f"{self.name}/{item}"
        spec = spec_of(dataset)
        computed = DatasetHash(spec)
        lost: list[tuple[int, int]] = []
        kept: list[NDArray[Any]] = []
        for start, stop in row_ranges(dataset):
            try:
                piece = dataset.asstr()[start:stop] if spec.dtype is None else dataset[start:stop]
                computed.update(piece)
            except DAMAGE:
                lost += _unreadable(dataset, start, stop)
                continue
            finally:
                tell(dataset, stop - start)
            if item in RESERVED:
                kept.append(piece)
            elif item == "kind" and spec.dtype is not None:
                self.kinds.update(np.unique(piece).tolist())
        if lost:
            self._say(f"{path} cannot be read{self._when(item, lost)}")
            return
        self.found.hashes[path] = computed
        if dataset.attrs.get(CHECKSUM, computed.checksum()) != computed.checksum():
            self._say(f"{path} {NOT_WRITTEN}")
        elif item in RESERVED:
            self.small[item] = np.concatenate(kept) if kept else np.empty(0, spec.dtype)
        self._described(item, dataset)

    def _described(self, item: str, dataset: h5py.Dataset) -> None:
        """Compare unit and description with those of the schema."""
        try:
            expected = self.header.describe_dataset(self.name, item)
        except KeyError:
            self._say(f"{self.name}/{item} is not in the schema")
            return
        if any(dataset.attrs.get(key) != value for key, value in expected.items()):
            self._say(f"unit or description of {self.name}/{item} is not that of the schema")

    def _compare(self) -> None:
        """Compare the datasets with each other and with the schema."""
        name, specs, small = self.name, self.found.specs[self.name], self.small
        for item in ("tick", "time", *(self.header.observables if name == OBSERVABLES else ())):
            if item not in self.group:
                self._say(f"{name}/{item} is missing")
        compartment = name.split("/")[1] if "/" in name else None
        if compartment is not None and compartment not in self.header.compartments:
            self._say(f"{name}: {compartment!r} is not in the schema")
        unknown = self.kinds - {int(kind["code"]) for kind in self.header.kinds}
        if unknown:
            self._say(f"{name}/kind: there is no cell type {', '.join(str(code) for code in sorted(unknown))}")
        ticks = small.get("tick")
        if ticks is None:
            return
        if not increases(ticks, strictly=name != EVENTS):
            self._say(f"{name}/tick does not increase")
        if "time" in small and not np.array_equal(small["time"], ticks / TICKS_PER_HOUR):
            self._say(f"{name}/time does not agree with its ticks")
        offsets, rows = small.get("frame_offset"), len(ticks)
        if offsets is not None:
            if len(offsets) != len(ticks) + 1 or offsets[0] != 0 or not increases(offsets, strictly=False):
                self._say(f"{name}/frame_offset does not fit {len(ticks)} frames")
                return
            rows = int(offsets[-1])
        for item in specs:
            length = len(self.group[item])
            expected = {"tick": len(ticks), "time": len(ticks), "frame_offset": len(ticks) + 1}.get(item, rows)
            if length != expected and (item in RESERVED or offsets is not None or "frame_offset" not in specs):
                self._say(f"{name}/{item} has {length} rows in place of {expected}")

    def _when(self, item: str, lost: list[tuple[int, int]]) -> str:
        """Return the frames and days of lost rows in words, as far as they can be told."""
        first, last = lost[0][0], lost[-1][1] - 1
        offsets, ticks = self.small.get("frame_offset"), self.small.get("tick")
        if "frame_offset" in self.group and item not in RESERVED:
            if offsets is None:
                return ""
            first, last = (int(np.searchsorted(offsets, row, side="right")) - 1 for row in (first, last))
        frames = f"frame {first}" if first == last else f"frames {first} to {last}"
        if ticks is None or not 0 <= first <= last < len(ticks):
            return f" in {frames}"
        return f" in {frames} ({times_of((int(ticks[first]), int(ticks[last])))})"

    def _say(self, what: str) -> None:
        self.found.damage.append(what)


def increases(values: NDArray[np.int64], *, strictly: bool) -> bool:
    """Whether values increase, or at least never fall."""
    return bool((values[1:] > values[:-1]).all() if strictly else (values[1:] >= values[:-1]).all())


def _unreadable(dataset: h5py.Dataset, start: int, stop: int) -> list[tuple[int, int]]:
    """Return the parts of a range of rows that cannot be read, chunk by chunk."""
    step = dataset.chunks[0] if dataset.chunks else 1
    lost = []
    for first in range(start, stop, step):
        end = min(first + step, stop)
        try:
            dataset[first:end]
        except DAMAGE:
            lost.append((first, end))
    return lost or [(start, stop)]


def storage_of(dataset: h5py.Dataset, rows: int) -> float:
    """Return what some rows of a dataset take on the disk [bytes]."""
    size = 0
    with suppress(*DAMAGE):
        size = dataset.id.get_storage_size()
    return size * rows / max(1, len(dataset))
