# SPDX-License-Identifier: Apache-2.0
"""Checking a trajectory: everything is read, and compared with its checksums, its schema and itself."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from abm.errors import AbmError, RunError
from abm.trajectory.checkpoints import ROOM, checkpoint_files, verify_checkpoint
from abm.trajectory.digest import combine
from abm.trajectory.hdf5 import DAMAGE, cause, missing_parts, open_file, parts_folder
from abm.trajectory.index import FINISHED, Index, read_index
from abm.trajectory.lock import live_holder
from abm.trajectory.schema import EVENTS, day_text
from abm.trajectory.segments import segment_numbers, segment_path
from abm.trajectory.soundness import NOT_WRITTEN, Findings, increases, inspect, storage_of, times_of
from abm.trajectory.source import Source
from abm.trajectory.standing import Standing

_TRIES = 5
"""Readings of a run that goes on before what has vanished in between is called missing."""
_TOLD = 4
"""Faults that are told one by one."""


@dataclass(frozen=True)
class Report:
    """What was found in a trajectory.

    Parameters
    ----------
    path : Path
        Its file.
    status : str
        ``"running"``, ``"interrupted"`` or ``"finished"``; "" if that cannot be told.
    extent : str
        What it holds, in words.
    damage : tuple of str
        What is damaged and where; empty if all is as it was written.
    readable : str
        What is whole all the same.
    remedy : str
        How to go on; "" if nothing is to be done.
    """

    path: Path
    status: str
    extent: str
    damage: tuple[str, ...] = ()
    readable: str = ""
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.damage

    def text(self) -> str:
        """Return one line."""
        if self.ok:
            return "; ".join(filter(None, (f"ok, {self.status}, {self.extent}", self.remedy)))
        more = len(self.damage) - _TOLD
        told = [*self.damage[:_TOLD], *([f"and {more} more"] if more > 0 else [])]
        return "; ".join(filter(None, (f"damaged: {', '.join(told)}", self.readable, self.remedy)))


def check(path: str | Path, *, progress: Callable[[float, float], None] | None = None) -> Report:
    """Read all of a trajectory, finished, interrupted or running, and tell whether it is as it was written.

    Memory does not grow with the size of the file.

    Parameters
    ----------
    path : path
        The file of the run.
    progress : callable, optional
        Called with what has been read and all there is to read [bytes].

    Raises
    ------
    InputError
        No such file, not a trajectory, or of a newer format.
    """
    path = Path(path)
    missing: FileNotFoundError | None = None
    for _ in range(_TRIES):
        try:
            return _Check(path, read_index(path), progress).report()
        except FileNotFoundError as error:  # the run goes on: its segments have just been packed
            missing = error
        except RunError as error:
            return Report(path, "", "", (_named(error, path),), remedy=_without_header(path))
    return Report(path, "", "", (_named(missing_parts(path, missing), path),))


class _Check:
    """One reading of a trajectory."""

    def __init__(self, path: Path, index: Index, progress: Callable[[float, float], None] | None) -> None:
        self.path = path
        self.index = index
        self.parts = parts_folder(path)
        self.damage: list[str] = []
        self.first_bad: int | None = None
        self._progress = progress
        self._done = 0.0
        files = [path] if index.state == FINISHED else [path, *checkpoint_files(path).values(), *_segments(path).values()]
        self._total = float(sum(file.stat().st_size for file in files if file.exists()))

    def report(self) -> Report:
        """Read it all."""
        if self.index.state == FINISHED:
            status, extent = "finished", self._finished()
            readable, remedy = self._after_the_end()
        else:
            status = "running" if live_holder(self.path) is not None else "interrupted"
            extent = self._in_progress()
            readable, remedy = self._on_the_way(status)
        return Report(self.path, status, extent, tuple(self.damage), readable, remedy)

    def _finished(self) -> str:
        found = inspect(self.path, self.index.header, self._tell)
        self.damage += found.damage
        if not found.damage and self.index.digest and combine(self.index.header, found.hashes) != self.index.digest:
            self.damage.append("the digest is not the one noted when the run was packed: something is missing")
        self.first_bad = 0 if self.damage else None
        ticks: list[int] = []
        try:
            with open_file(self.path) as file:
                ticks = sorted(int(name) for name in file.get(ROOM, ()))
        except DAMAGE as error:
            self.damage.append(f"the list of checkpoints cannot be read ({cause(error)})")
        for tick in ticks:
            self._state(self.path, tick)
        return _extent(found.ticks, _counted(len(ticks), "checkpoint"))

    def _in_progress(self) -> str:
        states = checkpoint_files(self.path)  # before the segments: a run that goes on has recorded all that they know of
        segments = _segments(self.path)
        standing = Standing(len(segments))
        if not self.parts.is_dir():
            self._bad(0, f"{self.parts.name} is not there")
        before = Findings()
        for number in range(max(segments, default=-1) + 1):
            if number in segments:
                found = self._segment(number, segments[number], before)
                for series, ticks in found.ticks.items():
                    standing.ticks[series] = np.concatenate((standing.ticks.get(series, ticks[:0]), ticks))
                before = Findings(ticks={**before.ticks, **found.ticks}, specs={**found.specs, **before.specs})
            else:
                self._bad(number, f"{segment_path(self.path, number).name} is missing")
        self.damage += [f"{what} {NOT_WRITTEN}" for what in self.index.damage]
        for tick, file in states.items():
            notes = self._state(file, tick)
            short = standing.short_of(tick, notes["frames"], notes["events"]) if notes else ""
            if short and self.first_bad is None:
                self._bad(len(segments), f"the last segments are missing, as the checkpoint of {day_text(tick)} knows more of {short}")
        return _extent(standing.ticks, f"{_counted(len(segments), 'segment')}, {_counted(len(states), 'checkpoint')}")

    def _segment(self, number: int, file: Path, before: Findings) -> Findings:
        try:
            found = inspect(file, self.index.header, self._tell)
        except AbmError as error:
            found = Findings([_named(error, file)], number=number)
        if found.number != number:
            found.damage.append("is another segment by its number")
        found.damage += _misfits(before, found)
        if found.damage:
            self._bad(number, f"{file.name}: {', '.join(found.damage[:_TOLD])}")
        return found

    def _bad(self, number: int, what: str) -> None:
        self.first_bad = number if self.first_bad is None else self.first_bad
        self.damage.append(what)

    def _state(self, file: Path, tick: int) -> dict[str, Any] | None:
        """Verify one checkpoint and return its notes, None if it is damaged."""
        try:
            return verify_checkpoint(file, tick, self._tell)
        except FileNotFoundError:
            return None  # a run that goes on keeps only the last ones
        except AbmError as error:
            what = _named(error, file)
            told = what if what.startswith("the checkpoint") else f"the checkpoint of {day_text(tick)} is damaged: {what}"
            self.damage.append(told)
            return None

    def _after_the_end(self) -> tuple[str, str]:
        """Return what is whole of a damaged file of a finished run, and how to go on."""
        if not self.damage:
            return "", ""
        if self.first_bad is None:
            return "all that was recorded is whole", "a run goes on from another state, or from the start"
        made = self.index.header.provenance
        if self.index.damage or (made.get("begins_at_tick", 0) and "ancestors" not in made) or not _opens(self.path):
            return "all else is whole", "take another copy of the file, or run its scenario again"
        again = self.path.with_name(f"{self.path.stem}_again{self.path.suffix}")
        return "all else is whole", f"{_command('rerun', self.path, '-o', again)} makes it again, to the byte"

    def _on_the_way(self, status: str) -> tuple[str, str]:
        """Return what is whole of the files of a run in progress, and how to go on."""
        resume = _command("resume", self.path)
        if not self.damage:
            return "", f"{resume} goes on with it" if status == "interrupted" else ""
        if self.first_bad is None:
            readable = "all that was recorded is whole"
            remedy = f"{resume} goes on from another state, or from the start"
        else:
            readable = f"what was recorded before, up to {self.first_bad - 1:06d}.h5, is whole" if self.first_bad else ""
            later = [number for number in _segments(self.path) if number >= self.first_bad]
            which = f"what comes after {self.first_bad - 1:06d}.h5" if self.first_bad else "all segments"
            remedy = f"remove {which} from {self.parts.name}, and {resume}" if later else resume
            remedy += " makes it again, to the byte"
        is_rootless = not self.first_bad and self.first_bad is not None and self.index.header.provenance.get("begins_at_tick", 0)
        if self.index.damage or is_rootless or not self.parts.is_dir():
            remedy = "the run has to be started again (--overwrite)"
        return readable, f"once the run has ended: {remedy}" if status == "running" else remedy

    def _tell(self, dataset: h5py.Dataset, rows: int) -> None:
        self._done += storage_of(dataset, rows)
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)


def _misfits(before: Findings, now: Findings) -> Iterator[str]:
    """Yield what does not fit between a segment and those before it."""
    for series, ticks in now.ticks.items():
        earlier = before.ticks.get(series, ticks[:0])
        if not increases(np.append(earlier[-1:], ticks[:1]), strictly=series != EVENTS):
            yield f"{series} begins before the end of an earlier segment"
    for series, specs in now.specs.items():
        if before.specs.get(series, specs) != specs:
            yield f"{series} has other datasets than in earlier segments"


def _extent(series: dict[str, NDArray[np.int64]], parts: str) -> str:
    """Return from when to when frames were recorded, and in how many parts."""
    ticks = [int(one) for times in series.values() if len(times) for one in (times[0], times[-1])]
    return f"{times_of((min(ticks), max(ticks))) if ticks else 'nothing recorded'}, {parts}"


def _opens(path: Path) -> bool:
    """Whether the times at least of a finished file can be read, as whoever opens it must."""
    try:
        Source([path]).close()
    except AbmError:
        return False
    return True


def _segments(path: Path) -> dict[int, Path]:
    try:
        return {number: segment_path(path, number) for number in segment_numbers(path)}
    except FileNotFoundError:
        return {}


def _without_header(path: Path) -> str:
    """Say how to go on without what only the header knows."""
    return "take another copy of the file, or run its scenario again" if path.exists() else "or run its scenario again (--overwrite)"


def _named(error: Exception, file: Path) -> str:
    """Return a message without what its line begins with."""
    text = str(error).removeprefix(f"{file}: ")
    text = text.removeprefix("is damaged: ").removeprefix("is damaged or truncated: ")
    return f"the file {text}" if text.startswith("is ") else text


def _command(*words: object) -> str:
    return shlex.join(("abm", *(str(word) for word in words)))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
