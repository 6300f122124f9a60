# SPDX-License-Identifier: Apache-2.0
"""Time series in VTKHDF, the HDF5 format of VTK and ParaView, written one step at a time.

After the specification of the format at version 2 ("Poly data", "Image data", "Temporal data"). Everything is
declared before the first step, because the numbers of cells are known: datasets do not grow, and a step is
written once. The vertex of cell ``i`` is point ``i`` at every step, so connectivity and offsets are stored
once for the fullest step, and all steps begin at 0. (Readers before VTK 9.3.20231030, that is ParaView 5.12,
count an offset per step in addition, and cannot read that.)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from abm.trajectory.hdf5 import new_file

if TYPE_CHECKING:
    import h5py

VERSION = (2, 0)
"""The first with time steps of both types, so that the oldest readers take it."""
_TOPOLOGIES = ("Vertices", "Lines", "Polygons", "Strips")
_CHUNK = 65_536
"""Values in a chunk of a flat dataset."""
_CHUNK_BYTES = 4 * 1024**2


class _TimeSeries:
    """A file with one data set of VTK at several times; a context manager.

    Parameters
    ----------
    path : path
        The file to write.
    kind : str
        Its type in VTK.
    days : sequence of float
        The times [d].
    """

    def __init__(self, path: str | Path, kind: str, days: ArrayLike) -> None:
        self._context = new_file(Path(path))
        file, self._sink = self._context.__enter__()
        self._root = file.create_group("VTKHDF")
        self._root.attrs["Version"] = VERSION
        _ascii(self._root, "Type", kind)
        times = np.asarray(days, np.float64)
        self._steps = self._root.create_group("Steps")
        self._steps.attrs["NSteps"] = len(times)
        self._steps["Values"] = times
        self._step = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    def _stepped(self) -> None:
        """End a step.

        Raises
        ------
        OSError
            The disk is full.
        """
        self._step += 1
        self._sink.check()

    def _attribute(self, room: str, name: str, shape: tuple[int, ...], chunk: tuple[int, ...], dtype: DTypeLike, starts: ArrayLike) -> None:
        """Declare an array of points or voxels, and where in it each step starts."""
        self._create(f"{room}/{name}", shape, chunk, dtype)
        self._steps[f"{room}Offsets/{name}"] = np.asarray(starts, np.int64)

    def _create(self, name: str, shape: tuple[int, ...], chunk: tuple[int, ...], dtype: DTypeLike) -> h5py.Dataset:
        options: dict[str, Any] = {"chunks": chunk, "compression": "gzip", "compression_opts": 1, "shuffle": True}
        return self._root.create_dataset(name, shape, dtype, **(options if min(shape) else {}))


class PointSeries(_TimeSeries):
    """Points at several times: poly data with one vertex per point.

    Parameters
    ----------
    path : path
        The file to write.
    days : sequence of float
        The times [d].
    counts : sequence of int
        Number of points at each.
    columns : dict
        Name -> dtype of the values that each point has.
    shown : str
        The column by which a viewer colours at first.
    """

    def __init__(
        self, path: str | Path, days: ArrayLike, counts: ArrayLike, columns: Mapping[str, DTypeLike], shown: str
    ) -> None:
        super().__init__(path, "PolyData", days)
        sizes = np.asarray(counts, np.int64)
        self._starts, self._columns = np.cumsum(sizes) - sizes, tuple(columns)
        total = int(sizes.sum())
        chunk = min(max(total, 1), _CHUNK)
        self._create("Points", (total, 3), (chunk, 3), np.float32)
        for name, dtype in columns.items():
            self._attribute("PointData", name, (total,), (chunk,), dtype, self._starts)
        _ascii(self._root["PointData"][shown], "Attribute", "Scalars")
        self._root["NumberOfPoints"] = sizes
        self._lay_out_steps(sizes)

    def append(self, points: NDArray[np.float32], columns: Mapping[str, NDArray[Any]]) -> None:
        """Write the next step: points of shape (n, 3), and the values of each column."""
        start = self._starts[self._step]
        rows = slice(start, start + len(points))
        self._root["Points"][rows] = points
        for name in self._columns:
            self._root["PointData"][name][rows] = columns[name]
        self._stepped()

    def _lay_out_steps(self, counts: NDArray[np.int64]) -> None:
        steps, most, nothing = len(counts), int(counts.max()), np.zeros(len(counts), np.int64)
        for topology in _TOPOLOGIES:
            cells = counts if topology == "Vertices" else nothing
            group = self._root.create_group(topology)
            group["NumberOfCells"] = group["NumberOfConnectivityIds"] = cells
            length = most if topology == "Vertices" else 0
            for name, size in (("Connectivity", length), ("Offsets", length + 1)):
                self._create(f"{topology}/{name}", (size,), (min(max(size, 1), _CHUNK),), np.int64)[:] = np.arange(size)
        self._steps["PartOffsets"] = np.arange(steps)
        self._steps["NumberOfParts"] = np.ones(steps, np.int64)
        self._steps["PointOffsets"] = self._starts
        for name in ("CellOffsets", "ConnectivityIdOffsets"):
            self._steps[name] = np.zeros((steps, len(_TOPOLOGIES)), np.int64)


class VoxelSeries(_TimeSeries):
    """Arrays over a block of voxels at several times: image data with a value per voxel.

    Parameters
    ----------
    path : path
        The file to write.
    days : sequence of float
        The times [d].
    shape : (int, int, int)
        Voxels along x, y and z.
    spacing : float
        Side of a voxel [µm].
    origin : (float, float, float)
        Lowest corner of the block [µm].
    arrays : dict
        Name -> dtype of each array.
    shown : str
        The array by which a viewer colours at first.
    """

    def __init__(
        self,
        path: str | Path,
        days: ArrayLike,
        *,
        shape: tuple[int, int, int],
        spacing: float,
        origin: tuple[float, float, float],
        arrays: Mapping[str, DTypeLike],
        shown: str,
    ) -> None:
        super().__init__(path, "ImageData", days)
        self._root.attrs["WholeExtent"] = np.array([end for size in shape for end in (0, size)], np.int64)
        self._root.attrs["Origin"] = np.array(origin, np.float64)
        self._root.attrs["Spacing"] = np.full(3, spacing, np.float64)
        self._root.attrs["Direction"] = np.eye(3).ravel()
        steps, (x, y, z) = len(self._steps["Values"]), shape
        self._arrays = tuple(arrays)
        for name, dtype in arrays.items():
            layers = max(1, min(z, _CHUNK_BYTES // (x * y * np.dtype(dtype).itemsize)))
            self._attribute("CellData", name, (steps, z, y, x), (1, layers, y, x), dtype, np.arange(steps))
        _ascii(self._root["CellData"], "Scalars", shown)
        _ascii(self._root["CellData"][shown], "Attribute", "Scalars")

    def append(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write the next step: arrays of shape (x, y, z)."""
        for name in self._arrays:
            self._root["CellData"][name][self._step] = arrays[name].transpose(2, 1, 0)
        self._stepped()


def _ascii(where: h5py.HLObject, name: str, text: str) -> None:
    """Set a text attribute as the format wants it: ASCII of fixed length."""
    where.attrs[name] = np.bytes_(text)
