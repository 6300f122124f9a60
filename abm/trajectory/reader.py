# SPDX-License-Identifier: Apache-2.0
"""Reading a trajectory: one reader for a run that is going on, was cut short, or is finished."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError
from abm.html import table
from abm.trajectory.checkpoints import checkpoint_ticks
from abm.trajectory.describe import describe
from abm.trajectory.digest import digest
from abm.trajectory.frames import CellFrame, CellFrames, Frames
from abm.trajectory.index import COMPLETE, FINISHED
from abm.trajectory.live import LiveSource
from abm.trajectory.lock import live_holder
from abm.trajectory.moments import Moment, Moments
from abm.trajectory.schema import EVENTS, OBSERVABLES, Header, cell_series, unknown, view_series
from abm.units import TICKS_PER_DAY

if TYPE_CHECKING:
    from pandas import DataFrame

    from abm.plots import Plots


class Trajectory:
    """A recorded run; open one with :meth:`open`.

    Parameters
    ----------
    path : path
        The file of the run.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()
        self._closed = False
        self._source = LiveSource(self.path)

    @classmethod
    def open(cls, path: str | Path) -> Trajectory:
        """Open the trajectory of a run that is going on, was cut short, or is finished.

        Raises
        ------
        InputError
            No such file, not a trajectory, or of a newer format.
        RunError
            Damaged, truncated, or its segments are missing.
        """
        return cls(path)

    def __repr__(self) -> str:
        if self._closed:
            return f"Trajectory({str(self.path)!r}, closed)"
        return f"Trajectory({str(self.path)!r}, {self.status}, day {self.first_day:.4g} to {self.last_day:.4g})"

    def _repr_html_(self) -> str:
        """Show in a notebook what ``abm info`` tells."""
        if self._closed:
            return table(self.path.name, [("status", "closed")])
        lines = (line.partition(":") for line in self.describe().splitlines())
        return table(str(self.provenance.get("scenario", self.path.name)), [(name, text.strip()) for name, _, text in lines])

    @property
    def plot(self) -> Plots:
        """The figures of the run: ``trajectory.plot.car_t()`` returns matplotlib axes."""
        from abm.plots import Plots  # on first use: matplotlib is not needed to read a trajectory

        return Plots(self)

    @property
    def header(self) -> Header:
        """The header of the run."""
        return self._source.index.header

    @property
    def scenario_text(self) -> str:
        """The resolved scenario (YAML)."""
        return self.header.scenario

    @property
    def provenance(self) -> dict[str, Any]:
        """How the run was made."""
        return self.header.provenance

    @property
    def status(self) -> str:
        """``"running"``, ``"interrupted"`` or ``"finished"``."""
        if self._source.index.state != FINISHED:
            if live_holder(self.path) is not None:
                return "running"
            self.refresh()  # the writer leaves its last word before it lets go of the lock
        return "finished" if self._source.index.state == FINISHED else "interrupted"

    @property
    def reason(self) -> str:
        """Why the run was interrupted; "" when it was not."""
        if self.status != "interrupted":
            return ""
        if self._source.index.state == COMPLETE:
            remedy = f"abm.trajectory.pack({str(self.path)!r})"
            return f"every frame is here, but the packing was cut short; {remedy} finishes it"
        return (
            self._source.index.reason or "the writing process ended without a word (killed, or the machine went down)"
        )

    @property
    def noted_digest(self) -> str:
        """The digest noted when the run was packed, without reading it all; "" before."""
        return self._source.index.digest

    @property
    def first_day(self) -> float:
        """Day of the first record [d]; 0 before it."""
        return min((int(series.ticks[0]) for series in self._source.series.values()), default=0) / TICKS_PER_DAY

    @property
    def last_day(self) -> float:
        """Day of the last record so far [d]; 0 before the first."""
        return max((int(series.ticks[-1]) for series in self._source.series.values()), default=0) / TICKS_PER_DAY

    @property
    def checkpoint_days(self) -> list[float]:
        """Days whose whole state is kept, from which a run can go on [d]."""
        return [tick / TICKS_PER_DAY for tick in checkpoint_ticks(self.path)]

    @property
    def observables(self) -> DataFrame:
        """All observables: index ``day`` [d], one column each, in the units of the header."""
        import pandas

        names = list(self.header.observables)
        if OBSERVABLES in self._files().series:
            table = self._files().table(OBSERVABLES, names)
            days = self._files().series[OBSERVABLES].ticks / TICKS_PER_DAY
        else:
            table, days = {name: np.empty(0) for name in names}, np.empty(0)
        return pandas.DataFrame(table, index=pandas.Index(days[: len(next(iter(table.values()), days))], name="day"))

    def observable(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return days [d] and values of one observable.

        Raises
        ------
        InputError
            Unknown observable.
        """
        if name not in self.header.observables:
            raise unknown("observable", name, self.header.observables)
        source = self._files()
        if OBSERVABLES not in source.series:
            return np.empty(0), np.empty(0)
        days = source.series[OBSERVABLES].ticks / TICKS_PER_DAY
        return days, source.read(OBSERVABLES, name, 0, len(days))

    def observables_at(self, day: float) -> dict[str, float]:
        """Return the row of observables nearest to a day, in the units of the header.

        Raises
        ------
        InputError
            None were recorded, or the run does not cover the day.
        """
        source = self._files()
        if OBSERVABLES not in source.series:
            raise InputError(f"{self.path}: no observables were recorded")
        self._require_covered(day)
        number = int(np.argmin(np.abs(source.series[OBSERVABLES].ticks / TICKS_PER_DAY - day)))
        return {name: float(source.read(OBSERVABLES, name, number, number + 1)[0]) for name in self.header.observables}

    @property
    def frames(self) -> Moments:
        """The moments at which cells, views or fields were recorded."""
        series = [found.ticks for name, found in self._files().series.items() if name not in (OBSERVABLES, EVENTS)]
        return Moments(self, np.unique(np.concatenate([np.empty(0, np.int64), *series])))

    def at(self, *, day: float) -> Moment:
        """Return a moment, with all that was recorded nearest to it.

        Parameters
        ----------
        day : float
            One that the recording covers [d].

        Raises
        ------
        InputError
            It does not.
        """
        self._require_covered(day)
        return Moment(self, day)

    def views(self, compartment: str = "marrow") -> Frames:
        """Return the views of a compartment, read one at a time.

        Raises
        ------
        InputError
            Unknown compartment.
        """
        self._check_compartment(compartment)
        return Frames(self._files(), view_series(compartment))

    def cell_frames(self, compartment: str = "marrow") -> CellFrames:
        """Return all frames of cells of a compartment, read column by column.

        Raises
        ------
        InputError
            Unknown compartment.
        """
        self._check_compartment(compartment)
        return CellFrames(self._files(), cell_series(compartment), self.header)

    def cells(self, compartment: str = "marrow", kind: str | int | None = None, day: float | None = None) -> CellFrame:
        """Return the cells of a compartment at one time.

        Parameters
        ----------
        compartment : str
            Name of the compartment.
        kind : str or int, optional
            Only cells of this kind, by name or code.
        day : float, optional
            The frame nearest to it [d]; the last frame if not given.

        Raises
        ------
        InputError
            Unknown compartment or kind, or a day without frames.
        """
        frames = self.cell_frames(compartment)
        if day is None and not len(frames):
            raise InputError(f"{self.path}: no cells of {compartment} were recorded")
        frame = frames[-1] if day is None else frames.at(day=day)
        return frame if kind is None else frame.kind(kind)

    @property
    def fields(self) -> dict[str, dict[str, Frames]]:
        """The recorded fields: compartment -> name -> frames."""
        found: dict[str, dict[str, Frames]] = {}
        for series in self._files().series:
            room, *rest = series.split("/")
            if room == "fields":
                found.setdefault(rest[0], {})[rest[1]] = Frames(self._source, series)
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events in order of time: ``day`` [d], ``tick`` [15 s], ``kind``, ``detail``."""
        source = self._files()
        if EVENTS not in source.series:
            return []
        ticks = source.series[EVENTS].ticks
        kinds, details = (source.read(EVENTS, name, 0, len(ticks)) for name in ("kind", "detail"))
        return [
            {"day": int(tick) / TICKS_PER_DAY, "tick": int(tick), "kind": kind, "detail": json.loads(detail)}
            for tick, kind, detail in zip(ticks, kinds, details, strict=True)
        ]

    def _require_covered(self, day: float) -> None:
        if not self.first_day <= day <= self.last_day:
            raise InputError(f"{self.path}: covers day {self.first_day:.4g} to {self.last_day:.4g}, asked for day {day:g}")

    def digest(self) -> str:
        """Read everything and return its sha256; provenance and checkpoints do not count."""
        return digest(self.header, self._files())

    def describe(self) -> str:
        """Return what ``abm info`` shows."""
        return describe(self, self._files())

    def refresh(self) -> None:
        """Look for frames that were acknowledged since the last look.

        Raises
        ------
        InputError, RunError
            As :meth:`open`.
        """
        self._files().refresh()

    def close(self) -> None:
        """Close all files."""
        self._closed = True
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _files(self) -> LiveSource:
        if self._closed:
            raise InputError(f"{self.path}: has been closed")
        return self._source

    def _check_compartment(self, name: str) -> None:
        if name not in self.header.compartments:
            raise unknown("compartment", name, self.header.compartments)
