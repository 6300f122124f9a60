# SPDX-License-Identifier: Apache-2.0
"""What of a trajectory is exported: compartments, a stretch of time, and where its cells and sites are."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError
from abm.state.columns import GUEST
from abm.trajectory import CellFrame, CellFrames, Frames, Trajectory
from abm.units import TICKS_PER_DAY

Series = TypeVar("Series", CellFrames, Frames)
Compartments = str | Sequence[str] | None
_HALF_TICK = 0.5 / TICKS_PER_DAY
"""[d]"""


@dataclass(frozen=True)
class Stretch(Generic[Series]):
    """Frames of one compartment, one after the other.

    Parameters
    ----------
    compartment : str
        Its name.
    frames : CellFrames or Frames
        All that were recorded.
    numbers : range
        Those that are meant.
    """

    compartment: str
    frames: Series
    numbers: range

    @property
    def days(self) -> NDArray[np.float64]:
        """Their times [d]."""
        days: NDArray[np.float64] = self.frames.days[self.numbers.start : self.numbers.stop]
        return days


@dataclass(frozen=True)
class Span:
    """A stretch of time, or the frame nearest to one day; everything if nothing is stated.

    Parameters
    ----------
    since, until : float, optional
        First and last day [d].
    day : float, optional
        The day [d]; not together with the others.

    Raises
    ------
    InputError
        It ends before it starts, or both are stated.
    """

    since: float | None = None
    until: float | None = None
    day: float | None = None

    def __post_init__(self) -> None:
        if self.day is not None and (self.since is not None or self.until is not None):
            raise InputError(f"either one day or a stretch of time (since, until), not both; got day {self.day:g}")
        if not self.first <= self.last:
            raise InputError(f"a stretch of time must not end before it starts, got {self}")

    @property
    def first(self) -> float:
        """First day [d]."""
        return -math.inf if self.since is None else self.since

    @property
    def last(self) -> float:
        """Last day [d]."""
        return math.inf if self.until is None else self.until

    def __str__(self) -> str:
        return f"day {self.first:g} to {self.last:g}"

    def numbers(self, frames: CellFrames | Frames) -> range:
        """Return the numbers of the frames in it."""
        if self.day is not None:
            number = frames.index_at(self.day)
            return range(number, number + 1)
        return self.among(frames.days)

    def among(self, days: NDArray[np.float64]) -> range:
        """Return which of some days, in order, lie between the first and the last, to half a tick."""
        low, high = np.searchsorted(days, [self.first - _HALF_TICK, self.last + _HALF_TICK])
        return range(int(low), int(high))


ALWAYS = Span()
GUEST_COLUMN, GUEST_ABOUT = "guest", "whether the agent is too small to fill its site, so that others may stand there"
_NEEDED_COLUMNS = ("uid", "kind", "site")


def names(compartment: Compartments) -> list[str]:
    """Return the compartments that are named, each once."""
    return [compartment] if isinstance(compartment, str) else list(dict.fromkeys(compartment or ()))


def cell_stretches(
    trajectory: Trajectory,
    compartment: Compartments = None,
    span: Span = ALWAYS,
    *,
    lattices: bool = True,
    needed: bool = True,
) -> list[Stretch[CellFrames]]:
    """Return the frames of cells of some compartments, of all that have any if none is named.

    Parameters
    ----------
    trajectory : Trajectory
        Where to look.
    compartment : str or sequence of str, optional
        Names of compartments.
    span : Span
        When.
    lattices : bool
        Only compartments whose cells have positions.
    needed : bool
        Refuse what is not there, rather than leave it out.

    Raises
    ------
    InputError
        An unknown compartment, one without a lattice, or one without frames at that time.
    """
    chosen = _stretches(trajectory, "cells", trajectory.cell_frames, compartment, span, lattices, needed)
    for stretch in chosen:
        for column in _NEEDED_COLUMNS:
            if column not in stretch.frames.columns:
                raise InputError(f"{trajectory.path}: the cells of {stretch.compartment} were recorded without {column!r}")
    return chosen


def view_stretches(
    trajectory: Trajectory, compartment: Compartments = None, span: Span = ALWAYS, *, needed: bool = True
) -> list[Stretch[Frames]]:
    """Return the views of some compartments, as :func:`cell_stretches` does the cells."""
    return _stretches(trajectory, "views", trajectory.views, compartment, span, True, needed)


def _stretches(
    trajectory: Trajectory,
    what: str,
    frames_of: Callable[[str], Series],
    compartment: Compartments,
    span: Span,
    lattices: bool,
    needed: bool,
) -> list[Stretch[Series]]:
    abouts = trajectory.header.compartments
    named = names(compartment)
    with_lattice = [name for name, about in abouts.items() if about["shape"] is not None]
    chosen = []
    for name in named or (with_lattice if lattices else abouts):
        frames = frames_of(name)
        if lattices and name not in with_lattice:
            raise InputError(f"{name}: is well mixed, nothing in it has a position; with a lattice: {', '.join(with_lattice)}")
        numbers = span.numbers(frames) if len(frames) else range(0)
        if numbers:
            chosen.append(Stretch(name, frames, numbers))
        elif named and needed:
            raise _missing(trajectory, what, f" of {name}", frames, span)
    if needed and not chosen:
        raise _missing(trajectory, what, "", frames_of(next(iter(with_lattice or abouts))), span)
    return chosen


def _missing(trajectory: Trajectory, what: str, where: str, frames: CellFrames | Frames, span: Span) -> InputError:
    if len(frames):
        reach = f"day {frames.days[0]:.4g} to {frames.days[-1]:.4g}"
        return InputError(f"{trajectory.path}: no {what}{where} were recorded from {span}; there are some from {reach}")
    key = "record.cells" if what == "cells" else "record.view"
    return InputError(f"{trajectory.path}: no {what}{where} were recorded; a scenario asks for them with {key}")


def by_time(stretches: Mapping[str, Stretch[Any]]) -> Iterator[tuple[float, str, int]]:
    """Yield day [d], key and number of every frame of several stretches, in the order of time."""
    yield from heapq.merge(
        *(
            [(float(day), key, number) for day, number in zip(stretch.days, stretch.numbers, strict=True)]
            for key, stretch in stretches.items()
        ),
        key=lambda step: step[0],
    )


def positions(sites: NDArray[Any], about: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return where cells are, shape (n, 3) [µm]: the middle of their sites, which fill the lattice from 0 on.

    Parameters
    ----------
    sites : ndarray of int, shape (n,)
        Numbers of sites.
    about : dict
        What the header tells of the compartment.
    """
    steps = np.stack(np.unravel_index(sites, about["shape"]), axis=-1)
    middles: NDArray[np.float32] = ((steps + 0.5) * about["spacing_um"]).astype(np.float32)
    return middles


def view_shape(frames: Frames) -> tuple[int, int, int]:
    """Return the sites of a view along x, y and z; one recorded flat is one site thick."""
    x, y, *depth = frames.shape
    return x, y, depth[0] if depth else 1


def view_origin(frames: Frames, about: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return the lowest corner of a view [µm]: it shows the middle layers of its lattice."""
    below = (about["shape"][2] - view_shape(frames)[2]) // 2
    return 0.0, 0.0, below * float(about["spacing_um"])


def values(frame: CellFrame, columns: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return columns of a frame in types that every program reads: antigen densities are recorded as float16.

    Beside the bits of ``flags`` stands ``guest``, as not every program can take bits apart.
    """
    found = {name: frame[name] for name in columns}
    found = {name: column.astype(np.float32) if column.dtype == np.float16 else column for name, column in found.items()}
    if "flags" in found:
        found[GUEST_COLUMN] = found["flags"] & GUEST != 0
    return found
