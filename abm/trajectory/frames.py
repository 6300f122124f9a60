# SPDX-License-Identifier: Apache-2.0
"""Random access to the frames of a trajectory, by number or by day, one frame in memory at a time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError
from abm.trajectory.schema import VIEW_FRAMES, Header
from abm.trajectory.source import Source
from abm.units import TICKS_PER_DAY

if TYPE_CHECKING:
    from pandas import DataFrame

_NO_TICKS = np.empty(0, np.int64)


class _Sequence:
    """Times of a series and the look-up of a frame; grows when the trajectory is refreshed."""

    def __init__(self, source: Source, series: str) -> None:
        self._source = source
        self._series = series

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def ticks(self) -> NDArray[np.int64]:
        """Time of each frame [15 s]."""
        found = self._source.series.get(self._series)
        return _NO_TICKS if found is None else found.ticks

    @property
    def days(self) -> NDArray[np.float64]:
        """Time of each frame [d]."""
        days: NDArray[np.float64] = self.ticks / TICKS_PER_DAY
        return days

    def index_at(self, day: float) -> int:
        """Return the number of the frame nearest to a day (the earlier of two).

        Raises
        ------
        InputError
            No frames, or the day lies outside the recorded time by more than the widest gap of frames.
        """
        days = self.days
        if not len(days):
            raise InputError(f"{self._series}: no frames were recorded")
        gap = np.diff(days).max() if len(days) > 1 else 0.0
        if not days[0] - gap <= day <= days[-1] + gap:
            reach = f"from day {days[0]:.4g} to {days[-1]:.4g}"
            raise InputError(f"{self._series}: frames reach {reach}, asked for day {day:g}")
        return int(np.argmin(np.abs(days - day)))

    def _number(self, index: int) -> int:
        number = operator.index(index)
        count = len(self)
        if not -count <= number < count:
            raise IndexError(f"{self._series}: has {count} frames, asked for number {number}")
        return number % count


class Frames(_Sequence):
    """The views of a compartment, or one field: ``frames[i]`` is an array.

    Parameters
    ----------
    source : Source
        Where to read.
    series : str
        Path of the series.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a frame; () while there is none."""
        found = self._source.series.get(self._series)
        return () if found is None else found.datasets[VIEW_FRAMES].tail

    def __getitem__(self, index: int) -> NDArray[Any]:
        number = self._number(index)
        frame: NDArray[Any] = self._source.read(self._series, VIEW_FRAMES, number, number + 1)[0]
        return frame

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[number] for number in range(len(self)))

    def at(self, *, day: float) -> NDArray[Any]:
        """Return the frame nearest to a day."""
        return self[self.index_at(day)]


class CellFrames(_Sequence):
    """The recorded cells of a compartment: ``frames[i]`` is a :class:`CellFrame`.

    Parameters
    ----------
    source : Source
        Where to read.
    series : str
        Path of the series.
    header : Header
        For the names of kinds.
    """

    def __init__(self, source: Source, series: str, header: Header) -> None:
        super().__init__(source, series)
        self.header = header

    @property
    def compartment(self) -> str:
        """Name of the compartment."""
        return self._series.partition("/")[2]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        found = self._source.series.get(self._series)
        names = () if found is None else found.datasets
        return tuple(name for name in self.header.columns if name in names)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of cells in each frame."""
        found = self._source.series.get(self._series)
        return _NO_TICKS if found is None else np.diff(found.offsets)

    def __getitem__(self, index: int) -> CellFrame:
        return CellFrame(self, self._number(index))

    def __iter__(self) -> Iterator[CellFrame]:
        return (self[number] for number in range(len(self)))

    def at(self, *, day: float) -> CellFrame:
        """Return the frame nearest to a day."""
        return self[self.index_at(day)]

    def column(self, name: str, number: int) -> NDArray[Any]:
        """Return one column of one frame.

        Raises
        ------
        KeyError
            No such column.
        """
        if name not in self.columns:
            raise KeyError(f"{name!r}; there are {', '.join(self.columns)}")
        start, stop = (int(row) for row in self._source.series[self._series].offsets[number : number + 2])
        return self._source.read(self._series, name, start, stop)


class CellFrame:
    """The cells of a compartment at one time; a column is read when first asked for.

    It is used as a set of the model's cells is: ``cells.cd19`` and ``cells["cd19"]`` are columns,
    ``cells.select(lambda cells: cells.cd19 < 2000)`` and ``cells[mask]`` are fewer cells.

    Parameters
    ----------
    frames : CellFrames
        The sequence it belongs to.
    number : int
        Its place there.
    chosen : (n,) ndarray of int, optional
        Which cells of the frame are meant, by their place; all if not given.
    """

    def __init__(self, frames: CellFrames, number: int, chosen: NDArray[np.int64] | None = None) -> None:
        self.frames = frames
        self.number = number
        self._chosen = chosen
        self._read: dict[str, NDArray[Any]] = {}

    def __repr__(self) -> str:
        return f"CellFrame({len(self)} cells of {self.frames.compartment}, day {self.day:.4g})"

    @property
    def tick(self) -> int:
        """Time [15 s]."""
        return int(self.frames.ticks[self.number])

    @property
    def day(self) -> float:
        """Time [d]."""
        return self.tick / TICKS_PER_DAY

    def __len__(self) -> int:
        """Return the number of cells."""
        return int(self.frames.counts[self.number]) if self._chosen is None else len(self._chosen)

    @overload
    def __getitem__(self, item: str) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, item: slice | NDArray[Any]) -> CellFrame: ...
    def __getitem__(self, item: str | slice | NDArray[Any]) -> NDArray[Any] | CellFrame:
        if isinstance(item, int | np.integer):
            raise TypeError(f"cells are chosen by a mask, a slice or places, columns by name; got {item}")
        if not isinstance(item, str):
            places = np.arange(self.frames.counts[self.number]) if self._chosen is None else self._chosen
            return CellFrame(self.frames, self.number, places[item])
        if item not in self._read:
            whole = self.frames.column(item, self.number)
            self._read[item] = whole if self._chosen is None else whole[self._chosen]
        return self._read[item]

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name.startswith("_") or name not in self.frames.columns:
            raise AttributeError(f"no column {name!r}; there are {', '.join(self.frames.columns)}")
        return self[name]

    def __contains__(self, column: str) -> bool:
        return column in self.frames.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.frames.columns)

    def keys(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return self.frames.columns

    def kind(self, kind: str | int) -> CellFrame:
        """Return only the cells of a kind, given by name or code.

        Raises
        ------
        InputError
            Unknown kind.
        """
        return self[np.flatnonzero(self["kind"] == self.frames.header.kind_code(kind))]

    def select(self, condition: Callable[[CellFrame], Any], at_most: int | None = None) -> CellFrame:
        """Return the cells for which a condition holds.

        Parameters
        ----------
        condition : callable
            Given this frame; returns an array of bool, one per cell.
        at_most : int, optional
            Only so many, the first ones by uid.
        """
        return self[np.flatnonzero(np.broadcast_to(condition(self), len(self)))[:at_most]]

    def get(self, *columns: str) -> Any:
        """Return a column, or several as a list."""
        return self[columns[0]] if len(columns) == 1 else [self[name] for name in columns]

    def agg(self, column: str, function: Callable[[NDArray[Any]], Any]) -> Any:
        """Return what a function makes of a column, such as ``cells.agg("weight", np.sum)`` body cells."""
        return function(self[column])

    @property
    def position(self) -> NDArray[np.float64]:
        """Middle of the sites where the cells stand, shape ``(n, 3)`` [µm].

        Raises
        ------
        InputError
            The compartment has no lattice.
        """
        made = self.frames.header.compartments[self.frames.compartment]
        if made["shape"] is None:
            raise InputError(f"the {self.frames.compartment} is well mixed: its cells stand nowhere")
        sites = np.stack(np.unravel_index(self["site"], made["shape"]), axis=1)
        return (sites.astype(np.float64) + 0.5) * float(made["spacing_um"])

    def to_frame(self) -> DataFrame:
        """Return all columns as a pandas DataFrame, indexed by uid."""
        import pandas

        columns = {name: self[name] for name in self.keys()}
        # pandas cannot print or sort half floats without warnings
        single = {name: values.astype(np.float32) for name, values in columns.items() if values.dtype == np.float16}
        return pandas.DataFrame(columns | single).set_index("uid")
