# SPDX-License-Identifier: Apache-2.0
"""Frames of a run, gathered in memory and put on the disk segment by segment; checkpoints between them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abm.errors import InputError
from abm.trajectory.checkpoints import Checkpoint, checkpoint_files, checkpoint_path, write_checkpoint
from abm.trajectory.content import Consistency, small
from abm.trajectory.disk import replace_file, write_error
from abm.trajectory.hdf5 import parts_folder
from abm.trajectory.schema import (
    BEFORE_ALL,
    EVENTS,
    OBSERVABLES,
    VIEW_FRAMES,
    Header,
    cell_series,
    check_name,
    day_text,
    field_series,
    to_json,
    unknown,
    view_series,
)
from abm.trajectory.segments import Content, Segment, segment_path
from abm.trajectory.standing import Standing

SEGMENT_BYTES = 32e6
"""Size at which a segment is closed, before compression."""
SEGMENT_SECONDS = 30.0
"""Age at which a segment is closed [s of wall time]."""
FIRST_SECONDS = 2.0
"""Age of the first segment; each further one may grow twice as old, so that a short run has little to lose."""


class FrameGatherer:
    """Takes the frames of a run, and acknowledges them when their segment is on the disk.

    Parameters
    ----------
    path : Path
        The file of the run; segments lie in ``<path>.parts`` beside it, and whoever makes that folder calls
        :meth:`begin_after`.
    header : Header
        The run.
    segment_bytes : float
        Size of a segment before compression [bytes].
    segment_seconds : float
        Age of a segment [s of wall time].
    """

    def __init__(self, path: Path, header: Header, segment_bytes: float, segment_seconds: float) -> None:
        self.path = path
        self.header = header
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._segment = Segment(header)
        self._opened = 0.0
        self._consistency = Consistency()
        self._recorded: dict[str, tuple[int, int]] = {}
        self._end: int | None = None
        self._closed = False
        self.begin_after(Standing())

    def begin_after(self, held: Standing) -> None:
        """Go on after what is on the disk: frames that it holds are not recorded again."""
        self._held = held
        self._number, self._events, self._safe_tick = held.segments, held.events, held.safe_tick

    @property
    def safe_tick(self) -> int:
        """Tick of the last acknowledged frame, or ``BEFORE_ALL`` before the first."""
        return self._safe_tick

    @property
    def checkpoints(self) -> list[int]:
        """Ticks of the checkpoints that are kept, in the order of time."""
        return list(checkpoint_files(self.path))

    def observables(self, tick: int, values: Mapping[str, float]) -> None:
        """Record observables; one that is missing becomes NaN.

        Parameters
        ----------
        tick : int
            Time [15 s].
        values : mapping
            Name -> value in the unit of the header.

        Raises
        ------
        InputError
            An observable that the header does not declare.
        RunError
            The disk is full.
        """
        for name in values:
            if name not in self.header.observables:
                raise unknown("observable", name, self.header.observables)
        row = {name: np.array(values.get(name, math.nan), dtype=np.float64) for name in self.header.observables}
        self._append(OBSERVABLES, tick, row)

    def view(self, tick: int, compartment: str, sites: NDArray[np.uint8]) -> None:
        """Record the site codes of a slab or a coarse volume.

        Parameters
        ----------
        tick : int
            Time [15 s].
        compartment : str
            Name of the compartment.
        sites : ndarray of uint8, 2-D or 3-D
            Site codes; the same shape in every frame.

        Raises
        ------
        InputError
            Unknown compartment, another dtype or shape.
        RunError
            The disk is full.
        """
        self._check_compartment(compartment)
        if sites.dtype != np.uint8 or sites.ndim not in (2, 3):
            got = f"{sites.dtype} in {sites.ndim}"
            raise InputError(f"view of {compartment}: must be uint8 in 2 or 3 dimensions, got {got}")
        self._append(view_series(compartment), tick, {VIEW_FRAMES: sites.copy(order="C")})

    def cells(self, tick: int, compartment: str, columns: Mapping[str, ArrayLike]) -> None:
        """Record all cells of a compartment.

        Float columns are stored as float32, antigen densities as float16 (saturating at 65,504
        molecules), booleans as uint8; integers as they are.

        Parameters
        ----------
        tick : int
            Time [15 s].
        compartment : str
            Name of the compartment.
        columns : mapping
            Column -> array of shape (cells,); the same columns in every frame.

        Raises
        ------
        InputError
            Unknown compartment or column, or arrays of different length.
        RunError
            The disk is full.
        """
        self._check_compartment(compartment)
        stored: dict[str, NDArray[Any]] = {}
        for name, values in columns.items():
            if name not in self.header.columns:
                raise unknown("column", name, self.header.columns)
            stored[name] = small(np.asarray(values), self.header.columns[name]["unit"], f"column {name!r}")
        shapes = {name: values.shape for name, values in stored.items()}
        if not stored or len(set(shapes.values())) > 1 or any(len(shape) != 1 for shape in shapes.values()):
            raise InputError(f"cells of {compartment}: columns must be 1-D and of one length, got {shapes}")
        self._append(cell_series(compartment), tick, stored, flat=True)

    def field(self, tick: int, compartment: str, name: str, values: ArrayLike) -> None:
        """Record a field, such as a cytokine, on the sites of a compartment or on a coarser grid.

        Parameters
        ----------
        tick : int
            Time [15 s].
        compartment : str
            Name of the compartment.
        name : str
            Name of the field.
        values : ndarray
            Float16 or float32 (float64 is stored as float32); the same shape in every frame.

        Raises
        ------
        InputError
            Unknown compartment, or another shape.
        RunError
            The disk is full.
        """
        self._check_compartment(compartment)
        check_name(name, "name of a field")
        stored = small(np.asarray(values), "", f"field {name!r}")
        self._append(field_series(compartment, name), tick, {VIEW_FRAMES: stored})

    def event(self, tick: int, kind: str, detail: Mapping[str, Any]) -> None:
        """Record an event, such as an infusion.

        Parameters
        ----------
        tick : int
            Time [15 s]; several events may share one.
        kind : str
            Kind of event.
        detail : mapping
            JSON values.

        Raises
        ------
        InputError
            A detail that JSON cannot hold.
        RunError
            The disk is full.
        """
        if not kind or "\0" in kind:
            raise InputError(f"kind of an event: must be a word, got {kind!r}")
        content = {"kind": kind, "detail": to_json(dict(detail), f"event {kind!r}")}
        if self._events >= self._held.events:
            self._append(EVENTS, tick, content)
        self._events += 1

    def checkpoint(self, tick: int, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any]) -> None:
        """Acknowledge everything recorded so far, and keep the state of the run beside it.

        Parameters
        ----------
        tick : int
            Time [15 s]; everything up to it has been recorded.
        arrays : mapping
            Name -> array of one dimension or more.
        notes : mapping
            JSON values.

        Raises
        ------
        RunError
            The disk is full; what was recorded stays.
        """
        self.flush()
        try:
            write_checkpoint(self.path, Checkpoint(tick, arrays, {**notes, **self._extent(tick)}))
        except OSError as error:
            raise write_error(error, f"writing a checkpoint of {self.path}", self._standing()) from None

    def drop_checkpoint(self, tick: int) -> None:
        """Remove a checkpoint that is no longer wanted."""
        checkpoint_path(self.path, tick).unlink(missing_ok=True)

    def resume_at(self, checkpoint: Checkpoint | None) -> None:
        """Take the run up from a checkpoint, or from its start: events are counted from there, and later states are made again."""
        for tick in self.checkpoints:
            if checkpoint is None or tick > checkpoint.tick:
                self.drop_checkpoint(tick)
        self._events = int(checkpoint.notes["events"]) if checkpoint is not None else 0

    def close_with(self, tick: int) -> None:
        """Keep apart what is recorded from here on: the end of the run, whether due or not."""
        self.flush()
        self._segment.closing = self._end = tick

    def flush(self) -> None:
        """Close the segment now: everything recorded so far is acknowledged when this returns.

        Raises
        ------
        RunError
            The disk is full; the frames are kept in memory, and the next call tries again.
        """
        self._check_open()
        if not self._segment:
            return
        target = segment_path(self.path, self._number)
        try:
            replace_file(target, self._segment.image(self._number))
        except OSError as error:
            raise write_error(error, f"writing {target}", self._standing()) from None
        self._safe_tick = max(self._safe_tick, self._segment.last_tick)
        self._number += 1
        self._segment = Segment(self.header)

    def _append(self, series: str, tick: int, content: Content, *, flat: bool = False) -> None:
        self._check_open()
        if series != EVENTS and tick <= self._held.last(series):
            return  # recorded before the run was resumed
        self._consistency.check(series, tick, content, flat=flat)
        now = time.monotonic()
        oldest = min(self._segment_seconds, FIRST_SECONDS * 2.0 ** min(self._number, 9))
        due = self._segment.bytes >= self._segment_bytes or now - self._opened >= oldest
        if self._segment and due and tick > self._segment.last_tick:
            self.flush()
        if not self._segment:
            self._opened = now
        self._segment.add(series, int(tick), content, flat=flat)
        self._consistency.accept(series, tick)
        self._recorded[series] = (self._recorded.get(series, (0, 0))[0] + 1, int(tick))

    def _extent(self, tick: int) -> dict[str, Any]:
        """Return what there is up to a tick, for a checkpoint: a run goes on from it only if that is still there.

        What was recorded because it is the end does not count: it is given up if the run goes further.
        """
        counted = tick - (tick == self._end)
        frames = self._held.frames_until(counted)
        for series, (count, last) in self._recorded.items():
            if series != EVENTS:
                frames[series] = frames.get(series, 0) + count - (last > counted)
        return {"events": self._events, "frames": frames}

    def _standing(self) -> str:
        if self._safe_tick == BEFORE_ALL:
            return "nothing was recorded yet"
        return f"everything up to {day_text(self._safe_tick)} is safe in {self.path} and {parts_folder(self.path)}"

    def _check_open(self) -> None:
        if self._closed:
            raise InputError(f"{self.path}: the recording has ended")

    def _check_compartment(self, name: str) -> None:
        if name not in self.header.compartments:
            raise unknown("compartment", name, self.header.compartments)
