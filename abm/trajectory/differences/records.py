# SPDX-License-Identifier: Apache-2.0
"""The frames of one series in two runs: whether two frames differ, and where first."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from abm.errors import path_text
from abm.state.kinds import BOUND_BIT, GUESTS_BIT, KIND_BITS, SOLID, VIEW_BONE_BIT, VIEW_CAR_T_BIT, VIEW_LUMEN_BIT, VOID
from abm.trajectory.differences.report import ORDER, Difference
from abm.trajectory.differences.texts import ABSENT, nested, value_text
from abm.trajectory.schema import EVENTS, OBSERVABLES, RESERVED, VIEW_FRAMES, Header
from abm.trajectory.source import Source

Ticks = NDArray[np.int64]
Sources = tuple[Source, Source]


class Records(Protocol):
    """One series of two runs; frames are addressed by their number in either."""

    @property
    def ticks(self) -> tuple[Ticks, Ticks]:
        """Times of the frames of either run, increasing [15 s]."""

    def differ(self, ours: int, theirs: int) -> bool:
        """Tell whether two frames differ."""

    def locate(self, tick: int, ours: int, theirs: int) -> Difference:
        """Find the first value in which two frames differ that do."""


def unequal(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.bool_]:
    """Compare two arrays of one type and shape by their bits; NaN equals NaN."""
    if ours.dtype.kind != "f":
        return np.asarray(ours != theirs)
    bits = f"u{ours.dtype.itemsize}"
    return np.asarray((ours.view(bits) != theirs.view(bits)) & ~(np.isnan(ours) & np.isnan(theirs)))


def number_text(value: Any, unit: str = "") -> str:
    """Write a number so that it reads back the same, with its unit."""
    number = repr(float(value)) if isinstance(value, np.float64) else str(value)
    return f"{number} {unit}" if unit not in ("", "1") else number


class ObservableRecords:
    """All observables of two runs; they are small and read at once."""

    def __init__(self, sources: Sources, header: Header, names: list[str]) -> None:
        self._header = header
        self._names = [name for name in header.observables if name in names]
        self.ticks = sources[0].series[OBSERVABLES].ticks, sources[1].series[OBSERVABLES].ticks
        ours, theirs = (source.table(OBSERVABLES, self._names) for source in sources)
        self._ours, self._theirs = (
            np.stack([table[name] for name in self._names], axis=1) for table in (ours, theirs)
        )

    def differ(self, ours: int, theirs: int) -> bool:
        """Tell whether two rows differ."""
        return bool(unequal(self._ours[ours], self._theirs[theirs]).any())

    def locate(self, tick: int, ours: int, theirs: int) -> Difference:
        """Find the first observable that differs."""
        rows = self._ours[ours], self._theirs[theirs]
        wrong = unequal(*rows)
        column = int(wrong.argmax())
        name = self._names[column]
        unit = self._header.observables[name]["unit"]
        values = float(rows[0][column]), float(rows[1][column])
        words = number_text(rows[0][column], unit), number_text(rows[1][column], unit)
        return Difference(tick, OBSERVABLES, name, values, words, differing=int(wrong.sum()), total=len(wrong))


class Event(NamedTuple):
    """An event as it was recorded."""

    kind: str
    detail: str


class EventRecords:
    """The events of two runs. That a run has none at a time while it was recorded says something, too.

    Parameters
    ----------
    sources : pair of Source
    span : (int, int) or None
        First and last tick that both runs reached.
    """

    def __init__(self, sources: Sources, span: tuple[int, int] | None) -> None:
        self._ours, self._theirs = (_events_of(source) for source in sources)
        either = {tick for tick in {*self._ours, *self._theirs} if span is not None and span[0] <= tick <= span[1]}
        self.ticks = _sorted(either | self._ours.keys()), _sorted(either | self._theirs.keys())

    def differ(self, ours: int, theirs: int) -> bool:
        """Tell whether the events of a tick differ."""
        pair = self._at(int(self.ticks[0][ours]))
        return pair[0] != pair[1]

    def locate(self, tick: int, ours: int, theirs: int) -> Difference:
        """Find the first event that differs."""
        here, there = self._at(tick)
        differing = sum(one != other for one, other in zip(here, there, strict=False)) + abs(len(here) - len(there))
        total = max(len(here), len(there))
        at = next(number for number in range(total) if here[number : number + 1] != there[number : number + 1])
        name, values = _parting(here[at:], there[at:])
        words = ["nothing" if value is None else _detail_text(value) for value in values]
        return Difference(tick, EVENTS, name, values, (words[0], words[1]), differing=differing, total=total)

    def _at(self, tick: int) -> tuple[list[Event], list[Event]]:
        return self._ours.get(tick, []), self._theirs.get(tick, [])


def _sorted(ticks: set[int]) -> Ticks:
    return np.array(sorted(ticks), dtype=np.int64)


def _events_of(source: Source) -> dict[int, list[Event]]:
    found: dict[int, list[Event]] = {}
    if EVENTS in source.series:
        ticks = source.series[EVENTS].ticks
        kinds, details = (source.read(EVENTS, name, 0, len(ticks)) for name in ("kind", "detail"))
        for tick, kind, detail in zip(ticks, kinds, details, strict=True):
            found.setdefault(int(tick), []).append(Event(kind, detail))
    return found


def _parting(here: list[Event], there: list[Event]) -> tuple[str, tuple[Any, Any]]:
    """Return kind and details of the first of two lists of events, which differ from their first entry on."""
    ours, theirs = here[0] if here else None, there[0] if there else None
    if ours is not None and theirs is not None:
        if ours.kind == theirs.kind:
            return ours.kind, _details(ours, theirs)
        if ours in there and theirs in here:
            return ORDER, (ours.kind, theirs.kind)
    if ours is not None and (theirs is None or ours not in there):
        return ours.kind, (json.loads(ours.detail), None)
    assert theirs is not None
    return theirs.kind, (None, json.loads(theirs.detail))


def _details(ours: Event, theirs: Event) -> tuple[Any, Any]:
    """Return those details of two events of a kind that differ."""
    found = list(nested(json.loads(ours.detail), json.loads(theirs.detail)))
    here, there = (
        {path_text(path): pair[side] for path, *pair in found if pair[side] is not ABSENT} for side in (0, 1)
    )
    return here, there


def _detail_text(detail: Any) -> str:
    return value_text(detail).removeprefix("{").removesuffix("}") or "no detail"


class ArrayRecords:
    """The views of a compartment, or one field, of two runs."""

    def __init__(self, sources: Sources, header: Header, series: str) -> None:
        self._sources, self._header, self._series = sources, header, series
        self.ticks = sources[0].series[series].ticks, sources[1].series[series].ticks

    def differ(self, ours: int, theirs: int) -> bool:
        """Tell whether two frames differ."""
        return bool(unequal(*self._frames(ours, theirs)).any())

    def locate(self, tick: int, ours: int, theirs: int) -> Difference:
        """Find the first site or voxel that differs."""
        frames = self._frames(ours, theirs)
        wrong = unequal(*frames)
        site = tuple(int(place) for place in np.unravel_index(int(wrong.argmax()), wrong.shape))
        values = frames[0][site], frames[1][site]
        if self._series.startswith("view/"):
            words = [f"site code {value} ({_site_words(int(value), self._header)})" for value in values]
        else:
            unit = self._header.describe_dataset(self._series, VIEW_FRAMES)["unit"]
            words = [number_text(value, unit) for value in values]
        return Difference(
            tick, self._series, "", (values[0].item(), values[1].item()), (words[0], words[1]), site=site,
            differing=int(wrong.sum()), total=wrong.size,
        )  # fmt: skip

    def _frames(self, *numbers: int) -> tuple[NDArray[Any], NDArray[Any]]:
        ours, theirs = (
            source.read(self._series, VIEW_FRAMES, number, number + 1)[0]
            for source, number in zip(self._sources, numbers, strict=True)
        )
        return ours, theirs


class CellRecords:
    """The cells of a compartment in two runs, column by column; a cell is told by its ``uid``."""

    def __init__(self, sources: Sources, header: Header, series: str, names: list[str]) -> None:
        self._sources, self._header, self._series = sources, header, series
        self._columns = [name for name in header.columns if name in names and name not in RESERVED]
        self.ticks = sources[0].series[series].ticks, sources[1].series[series].ticks

    def differ(self, ours: int, theirs: int) -> bool:
        """Tell whether two frames differ."""
        sizes = [self._bounds(side, number) for side, number in enumerate((ours, theirs))]
        if sizes[0][1] - sizes[0][0] != sizes[1][1] - sizes[1][0]:
            return True
        return any(unequal(*self._read(name, ours, theirs)).any() for name in self._columns)

    def locate(self, tick: int, ours: int, theirs: int) -> Difference:
        """Find the cell of smallest ``uid`` that differs, and its first column that does."""
        by_uid, idents = self._idents(ours, theirs)
        shared, here, there = np.intersect1d(*idents, assume_unique=True, return_indices=True)
        wrong = np.zeros(len(shared), dtype=bool)
        first: tuple[int, str, tuple[Any, Any]] | None = None
        for name in self._columns:
            pair = self._read(name, ours, theirs)
            values = pair[0][here], pair[1][there]
            differ = unequal(*values)
            wrong |= differ
            if differ.any() and (first is None or shared[int(differ.argmax())] < first[0]):
                at = int(differ.argmax())
                first = int(shared[at]), name, (values[0][at], values[1][at])
        alone = [np.setdiff1d(idents[side], shared, assume_unique=True) for side in (0, 1)]
        differing = int(wrong.sum()) + len(alone[0]) + len(alone[1])
        total = len(shared) + len(alone[0]) + len(alone[1])
        for side, missing in enumerate(alone):
            if len(missing) and (first is None or int(missing.min()) < first[0]):
                ident = int(missing.min())
                found = self._kind_of(side, (ours, theirs)[side], int(np.flatnonzero(idents[side] == ident)[0]))
                first = ident, "", (found, None) if side == 0 else (None, found)
        if first is None:  # the same cells in another order
            at = int((idents[0] != idents[1]).argmax())
            first = at, ORDER, (idents[0][at], idents[1][at])
            by_uid, differing = False, total
        ident, name, values = first
        return Difference(
            tick, self._series, name or "the cell itself", *self._told(name, values),
            uid=ident if by_uid else None, site=None if by_uid else (ident,), differing=differing, total=total,
        )  # fmt: skip

    def _idents(self, ours: int, theirs: int) -> tuple[bool, tuple[NDArray[Any], NDArray[Any]]]:
        """Return what tells the cells apart: their ``uid``, or their row if they have none of their own."""
        if "uid" in self._columns:
            pair = self._read("uid", ours, theirs)
            if all(len(np.unique(uids)) == len(uids) for uids in pair):
                return True, pair
        bounds = [self._bounds(side, number) for side, number in enumerate((ours, theirs))]
        rows = [np.arange(stop - start) for start, stop in bounds]
        return False, (rows[0], rows[1])

    def _told(self, name: str, values: tuple[Any, Any]) -> tuple[tuple[Any, Any], tuple[str, str]]:
        """Return both values as Python numbers, and in words."""
        plain = tuple(value.item() if isinstance(value, np.generic) else value for value in values)
        if not name:
            words = ["no such cell" if value is None else f"there{_kind(value, self._header)}" for value in plain]
        elif name == "kind":
            words = [f"{value}{_kind(int(value), self._header)}" for value in plain]
        elif name == ORDER:
            words = [f"cell {value}" for value in plain]
        else:
            words = [number_text(value, self._header.columns[name]["unit"]) for value in values]
        return (plain[0], plain[1]), (words[0], words[1])

    def _kind_of(self, side: int, number: int, row: int) -> int:
        """Return the kind of a cell, -1 if it was not recorded."""
        if "kind" not in self._columns:
            return -1
        start, _ = self._bounds(side, number)
        return int(self._sources[side].read(self._series, "kind", start + row, start + row + 1)[0])

    def _bounds(self, side: int, number: int) -> tuple[int, int]:
        start, stop = self._sources[side].series[self._series].offsets[number : number + 2]
        return int(start), int(stop)

    def _read(self, name: str, *numbers: int) -> tuple[NDArray[Any], NDArray[Any]]:
        ours, theirs = (
            source.read(self._series, name, *self._bounds(side, number))
            for side, (source, number) in enumerate(zip(self._sources, numbers, strict=True))
        )
        return ours, theirs


def _site_words(code: int, header: Header) -> str:
    """Say what a site code of a view means."""
    kind = code & KIND_BITS
    if kind == SOLID:
        return "bone" if code & VIEW_BONE_BIT else "sinusoid" if code & VIEW_LUMEN_BIT else "fat"
    name = "void" if kind == VOID else _label(kind, header) or f"kind {kind}"
    marks = ((BOUND_BIT, "bound"), (GUESTS_BIT, "target guests"), (VIEW_CAR_T_BIT, "CAR T guests"))
    return ", ".join([name, *(words for bit, words in marks if code & bit)])


def _kind(code: int, header: Header) -> str:
    """Return the label of a cell type in brackets; nothing if the header does not name it."""
    label = _label(code, header)
    return f" ({label})" if label else ""


def _label(code: int, header: Header) -> str:
    return next((str(kind["label"]) for kind in header.kinds if int(kind["code"]) == code), "")
