# SPDX-License-Identifier: Apache-2.0
"""What a comparison of two runs found, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from abm.trajectory.schema import EVENTS, OBSERVABLES, day_text
from abm.units import TICKS_PER_DAY

ORDER = "order"
"""Name of a difference that is one of order alone."""
_LONGEST = 48


@dataclass(frozen=True)
class Setting:
    """A value of the scenario, the structure or the provenance that two runs do not share.

    Parameters
    ----------
    path : str
        Such as ``treatments[1].dose``.
    values : tuple of (str, str)
        As YAML; ``"(none)"`` where a run has nothing there.
    """

    path: str
    values: tuple[str, str]


@dataclass(frozen=True)
class Difference:
    """The first value in which two runs differ.

    Parameters
    ----------
    tick : int
        When [15 s].
    series : str
        Such as ``"observables"`` or ``"cells/marrow"``.
    name : str
        The observable, the column of the cell, or the kind of the event; "" for views and fields.
    values : tuple
        Of either run; None where a run has no such cell or event.
    words : tuple of (str, str)
        The values for a reader.
    uid : int, optional
        Of the cell.
    site : tuple of int, optional
        Of the view or field; the row, of cells without a ``uid`` of their own.
    differing, total : int
        How many values, cells or sites differ at this tick, of how many.
    """

    tick: int
    series: str
    name: str
    values: tuple[Any, Any]
    words: tuple[str, str]
    uid: int | None = None
    site: tuple[int, ...] | None = None
    differing: int = 1
    total: int = 1

    @property
    def day(self) -> float:
        """When [d]."""
        return self.tick / TICKS_PER_DAY

    @property
    def compartment(self) -> str | None:
        """The compartment; None for observables and events."""
        return self.series.split("/")[1] if "/" in self.series else None

    @property
    def place(self) -> str:
        """Where it is, in words."""
        if self.compartment is None:
            return f"{self.series}: {self.name}"
        if self.series.startswith("cells/"):
            which = f"cell {self.uid}" if self.uid is not None else f"the cell in row {self.site[0] if self.site else '?'}"
            return f"{self._where}: {which}, {self.name}"
        return f"{self._where}: {'voxel' if self.series.startswith('fields/') else 'site'} {self.site}"

    @property
    def share(self) -> str:
        """How much of the frame differs, in words."""
        things = {OBSERVABLES: "observables", EVENTS: "events"}.get(self.series, "")
        if not things:
            things = {"cells": "cells", "view": "sites", "fields": "voxels"}[self.series.split("/")[0]]
        return f"{self.differing:,} of {self.total:,} {things} differ there"

    @property
    def _where(self) -> str:
        room, compartment, *field = self.series.split("/")
        return f"{room} {compartment}{' ' + field[0] if field else ''}"


@dataclass(frozen=True)
class SeriesDiff:
    """How much of one series differs.

    Parameters
    ----------
    series : str
    times : int
        Frames that were compared; of events, times at which either run has one.
    differing : int
        Those that differ.
    first : int, optional
        Tick of the first of them.
    only : tuple of (int, int)
        Frames that only the one or only the other run recorded.
    """

    series: str
    times: int
    differing: int
    first: int | None
    only: tuple[int, int]


@dataclass(frozen=True)
class RunDiff:
    """All in which two runs differ.

    Parameters
    ----------
    names : tuple of (str, str)
        Of the runs.
    spans : tuple
        First and last tick of either; None of one that recorded nothing.
    scenario, structure, provenance : tuple of Setting
        Scenario values; kinds, compartments, units, types and shapes; how the runs were made, which never counts.
    rewritten : bool
        The scenarios say the same in other words.
    series : tuple of SeriesDiff
    first : Difference, optional
        The earliest; at one tick events come before observables, cells, views and fields.
    common : bool
        Only what both runs recorded counts.
    digest : str
        Of both runs, if they are the same; "" if NaN of different bits make it differ.
    """

    names: tuple[str, str]
    spans: tuple[tuple[int, int] | None, tuple[int, int] | None]
    scenario: tuple[Setting, ...]
    structure: tuple[Setting, ...]
    provenance: tuple[Setting, ...]
    rewritten: bool
    series: tuple[SeriesDiff, ...]
    first: Difference | None
    common: bool = False
    digest: str = ""

    @property
    def identical(self) -> bool:
        """Whether nothing that counts differs."""
        return self.first is None and (self.common or not self._beyond)

    @property
    def frames(self) -> int:
        """Number of frames that were compared."""
        return sum(series.times for series in self.series)

    @property
    def _beyond(self) -> bool:
        """Whether the runs differ in more than the frames of both."""
        unpaired = any(any(series.only) for series in self.series)
        return bool(unpaired or self.scenario or self.structure or self.rewritten)

    def text(self) -> str:
        """Tell it: texts first, then the first difference, then how much differs in all."""
        compared = sum(series.times > 0 for series in self.series)
        extent = f"{self.frames:,} frames in {compared} series, {_span_text(self._shared)}"
        if self.identical and not self._beyond:
            digest = f"digest {self.digest}" if self.digest else "but NaN of other bits, so that their digests differ"
            lines = [f"identical: {extent}, {digest}"]
            return "\n".join([*lines, *self._settings()]).rstrip()
        lines = self._settings()
        if self.rewritten:
            lines += ["the scenarios say the same in other words (comments, layout, what they extend)", ""]
        if self.first is not None:
            lines += [f"first difference: {day_text(self.first.tick)} (tick {self.first.tick}), {self.first.place}"]
            lines += _table([("  " + name, told) for name, told in zip(self.names, self.first.words, strict=True)])
            lines += [f"  {self.first.share}", ""]
        else:
            lines += [f"identical where both recorded: {extent}", ""]
        lines += self._extents()
        return "\n".join(lines)

    @property
    def _shared(self) -> tuple[int, int] | None:
        ours, theirs = self.spans
        if ours is None or theirs is None or max(ours[0], theirs[0]) > min(ours[1], theirs[1]):
            return None
        return max(ours[0], theirs[0]), min(ours[1], theirs[1])

    def _settings(self) -> list[str]:
        lines: list[str] = []
        for heading, settings in (
            ("scenario", self.scenario),
            ("structure", self.structure),
            ("made otherwise, which does not count", self.provenance),
        ):
            if settings:
                told = [("  " + item.path, *(_cut(value) for value in item.values)) for item in settings]
                lines += [*_table([(heading, *self.names), *told]), ""]
        return lines

    def _extents(self) -> list[str]:
        """Tell of every series how much differs, and which run is longer."""
        only = [f"only {name}" for name in self.names]
        rows: list[tuple[str, ...]] = [("series", "times", "differ", *only, "first")]
        for item in self.series:
            first = "" if item.first is None else day_text(item.first)
            counts = (item.times, item.differing, *item.only)
            rows.append((item.series.replace("/", " "), *(f"{count:,}" for count in counts), first))
        lines = _table(rows, right=range(1, 5))
        if self.spans[0] == self.spans[1]:
            return lines
        spans = [f"{name}: {_span_text(span)}" for name, span in zip(self.names, self.spans, strict=True)]
        lengths = [span[1] - span[0] if span else -1 for span in self.spans]
        if lengths[0] == lengths[1]:
            return [*lines, "", f"they cover other times; {'; '.join(spans)}"]
        longer = self.names[lengths[1] > lengths[0]]
        return [*lines, "", f"{longer} is longer; {'; '.join(spans)}"]


def _span_text(span: tuple[int, int] | None) -> str:
    if span is None:
        return "no time"
    return f"day {span[0] / TICKS_PER_DAY:.4g} to {span[1] / TICKS_PER_DAY:.4g}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _table(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Align the columns of a table; those of ``right`` to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    flush = set(right)
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in flush else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
