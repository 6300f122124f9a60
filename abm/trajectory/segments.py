# SPDX-License-Identifier: Apache-2.0
"""Segments: the frames of a short stretch of a run, gathered in memory and written as one small file."""

from __future__ import annotations

import errno
import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from abm.trajectory.hashing import DatasetHash
from abm.trajectory.hdf5 import LIBVER, Spec, create_dataset, mark, parts_folder, seal
from abm.trajectory.schema import BEFORE_ALL, CHECKSUM, CLOSING, Header
from abm.units import TICKS_PER_HOUR

Content = Mapping[str, "NDArray[Any] | str"]

_NAME = re.compile(r"(\d{6,})\.h5")
_SAMPLE_BYTES = 16 * 1024
_PAYS = 0.25
"""Share of its size to which gzip must bring a dataset to be worth its time in a segment, which goes when the run is packed."""


@dataclass
class _Gathered:
    """The frames of one series in the open segment."""

    flat: bool
    frames: list[tuple[int, Content]] = field(default_factory=list)


class Segment:
    """Frames gathered since the last segment was closed.

    Parameters
    ----------
    header : Header
        For the attributes of the datasets.

    Attributes
    ----------
    bytes : int
        Size of what was gathered [bytes].
    last_tick : int
        Of its frames.
    closing : int or None
        Tick of the end of a run, if this segment holds what was recorded there whether due or not.
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        self._series: dict[str, _Gathered] = {}
        self.bytes = 0
        self.last_tick = BEFORE_ALL
        self.closing: int | None = None

    def __bool__(self) -> bool:
        return any(gathered.frames for gathered in self._series.values())

    def add(self, series: str, tick: int, content: Content, *, flat: bool) -> None:
        """Add one frame.

        Parameters
        ----------
        series : str
            Path of the series.
        tick : int
            Time of the frame [15 s].
        content : mapping
            Dataset -> array or text, owned by the segment from here on.
        flat : bool
            Whether the arrays are rows of the frame (cells) or the frame is one entry.
        """
        gathered = self._series.setdefault(series, _Gathered(flat))
        # In one step: a signal that interrupts it leaves a whole frame or none.
        gathered.frames.append((tick, content))
        self.bytes += 16 + sum(len(value) + 16 if isinstance(value, str) else value.nbytes for value in content.values())
        self.last_tick = max(self.last_tick, tick)

    def image(self, number: int) -> memoryview:
        """Return the segment as the bytes of an HDF5 file."""
        memory = io.BytesIO()
        with h5py.File(memory, "w", libver=LIBVER) as file:
            mark(file, {"segment": number} if self.closing is None else {"segment": number, CLOSING: self.closing})
            for path, gathered in self._series.items():
                if gathered.frames:
                    self._write(file.create_group(path), path, gathered)
            seal(file)
        return memory.getbuffer()

    def _write(self, group: h5py.Group, path: str, gathered: _Gathered) -> None:
        ticks = np.array([tick for tick, _ in gathered.frames], dtype="<i8")
        datasets: dict[str, NDArray[Any]] = {"tick": ticks, "time": ticks / TICKS_PER_HOUR}
        frame_rows = 1
        if gathered.flat:
            rows = [max((len(value) for value in content.values()), default=0) for _, content in gathered.frames]
            datasets["frame_offset"] = np.concatenate(([0], np.cumsum(rows))).astype("<i8")
            frame_rows = max(1, sum(rows) // len(rows))
        for name in gathered.frames[0][1]:
            values: list[Any] = [content[name] for _, content in gathered.frames]
            if isinstance(values[0], str):
                datasets[name] = np.array(values, dtype=object)
            else:
                datasets[name] = _joined(values, gathered.flat)
        for name, data in datasets.items():
            spec = Spec(None if data.dtype == object else data.dtype, data.shape[1:])
            found = DatasetHash(spec)
            found.update(data)
            about = {**self._header.describe_dataset(path, name), CHECKSUM: found.checksum()}
            stays = spec.is_framed(frame_rows)  # such a chunk is packed as it is
            create_dataset(group, name, spec, len(data), frame_rows, about, compressed=stays or _pays(data))[...] = data


def _joined(values: list[NDArray[Any]], flat: bool) -> NDArray[Any]:
    if flat:
        return values[0] if len(values) == 1 else np.concatenate(values)
    return np.stack(values)


def _pays(data: NDArray[Any]) -> bool:
    """Whether it pays to compress a dataset for a while, by a sample from its middle."""
    if data.dtype == object or data.nbytes < _SAMPLE_BYTES:
        return False
    values = data.reshape(-1)
    count = _SAMPLE_BYTES // data.itemsize
    sample = values[(len(values) - count) // 2 :][:count]
    shuffled = sample.view(np.uint8).reshape(count, -1).T.tobytes()  # as HDF5 does before gzip
    return len(zlib.compress(shuffled, 1)) < _PAYS * len(shuffled)


def segment_path(path: Path, number: int) -> Path:
    """Return the file of a segment of a trajectory."""
    return parts_folder(path) / f"{number:06d}.h5"


def segment_numbers(path: Path) -> list[int]:
    """Return the numbers of the segments that are there, in order.

    Raises
    ------
    FileNotFoundError
        There is no parts folder.
    """
    found = (_NAME.fullmatch(entry.name) for entry in parts_folder(path).iterdir())
    return sorted(int(match[1]) for match in found if match)


def segment_files(path: Path, first: int = 0) -> list[Path]:
    """Return the segments of a trajectory from number ``first`` on, in order.

    Raises
    ------
    FileNotFoundError
        There is no parts folder, or a segment in the middle is missing.
    """
    numbers = segment_numbers(path)
    for expected, number in enumerate(numbers):
        if number != expected:
            raise FileNotFoundError(errno.ENOENT, "missing segment", str(segment_path(path, expected)))
    return [segment_path(path, number) for number in numbers[first:]]
