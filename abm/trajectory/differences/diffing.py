# SPDX-License-Identifier: Apache-2.0
"""The walk through two runs: texts, then every series, frame by frame."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from abm.errors import InputError
from abm.trajectory.differences.records import ArrayRecords, CellRecords, EventRecords, ObservableRecords, Records
from abm.trajectory.differences.report import Difference, RunDiff, SeriesDiff
from abm.trajectory.differences.texts import provenance_settings, scenario_settings, structure_settings
from abm.trajectory.digest import digest
from abm.trajectory.live import LiveSource
from abm.trajectory.schema import EVENTS, OBSERVABLES, RESERVED, Header

_ROOMS = (EVENTS, OBSERVABLES, "cells", "view", "fields")
"""In this order of two differences at one tick the first is told."""
Pair = tuple[LiveSource, LiveSource]
Span = tuple[int, int]


def diff(first: str | Path, second: str | Path, *, common: bool = False) -> RunDiff:
    """Compare two runs, finished, interrupted or still going on, value by value.

    Parameters
    ----------
    first, second : str or pathlib.Path
        The trajectories.
    common : bool
        Only what both recorded counts, the same series at the same times: neither scenarios nor a longer run.

    Raises
    ------
    InputError
        No trajectory there, or runs whose compartments cannot be compared site by site.
    RunError
        A damaged file.
    """
    with ExitStack() as opened:
        ours, theirs = (opened.enter_context(closing(LiveSource(Path(path).resolve()))) for path in (first, second))
        return _diff((ours, theirs), _names(Path(first), Path(second)), common)


def _diff(sources: Pair, names: tuple[str, str], common: bool) -> RunDiff:
    headers = sources[0].index.header, sources[1].index.header
    _check_compartments(headers, names)
    spans = _span(sources[0]), _span(sources[1])
    scenario = scenario_settings(headers[0].scenario, headers[1].scenario)
    texts = [(header.scenario, header.original) for header in headers]
    structure = structure_settings(sources, headers)
    series, first = _walk(sources, headers[0], spans)
    found = RunDiff(
        names=names,
        spans=spans,
        scenario=tuple(scenario),
        structure=tuple(structure),
        provenance=tuple(provenance_settings(headers[0].provenance, headers[1].provenance)),
        rewritten=not scenario and texts[0] != texts[1],
        series=tuple(series),
        first=first,
        common=common,
    )
    return replace(found, digest=_digest(sources)) if replace(found, common=False).identical else found


def _check_compartments(headers: tuple[Header, Header], names: tuple[str, str]) -> None:
    """Refuse runs of which no site or place of the one is one of the other."""
    shapes = [{name: made["shape"] for name, made in header.compartments.items()} for header in headers]
    if shapes[0] != shapes[1]:
        words = [
            f"{name} has " + ", ".join(f"{room} {' × '.join(map(str, shape or ())) or '(well mixed)'}" for room, shape in here.items())
            for name, here in zip(names, shapes, strict=True)
        ]
        raise InputError(
            f"the runs cannot be compared cell by cell, as their compartments differ: {'; '.join(words)}; "
            "abm compare shows their courses side by side"
        )


def _walk(sources: Pair, header: Header, spans: tuple[Span | None, Span | None]) -> tuple[list[SeriesDiff], Difference | None]:
    """Compare every series, and find the earliest difference of all."""
    rooms = list(header.compartments)

    def place(series: str) -> tuple[int, int, str]:
        room, *rest = series.split("/")
        return _ROOMS.index(room), rooms.index(rest[0]) if rest else 0, series

    every = sorted(sources[0].series.keys() | sources[1].series.keys(), key=place)
    # all times first: a run that is still going on may grow while its frames are read
    records = {series: _records(sources, header, series, spans) for series in every}
    found, first = [], None
    for series, known in records.items():
        if known is None:
            counts = [len(source.series[series].ticks) if series in source.series else 0 for source in sources]
            found.append(SeriesDiff(series, 0, 0, None, (counts[0], counts[1])))
            continue
        told, parting = _compare(series, known)
        found.append(told)
        if parting is not None and (first is None or parting.tick < first.tick):
            first = parting
    return found, first


def _records(sources: Pair, header: Header, series: str, spans: tuple[Span | None, Span | None]) -> Records | None:
    """Return how the frames of a series are compared; None if they cannot be, or if only one run has any."""
    if series == EVENTS:
        return EventRecords(sources, _overlap(*spans))
    if any(series not in source.series for source in sources):
        return None
    ours, theirs = (source.series[series].datasets for source in sources)
    names = [name for name in ours if name not in RESERVED and ours[name] == theirs.get(name)]
    if not names:
        return None
    if series == OBSERVABLES:
        return ObservableRecords(sources, header, names)
    return CellRecords(sources, header, series, names) if series.startswith("cells/") else ArrayRecords(sources, header, series)


def _compare(series: str, records: Records) -> tuple[SeriesDiff, Difference | None]:
    """Compare the frames that both runs have of a series."""
    ticks, ours, theirs = np.intersect1d(*records.ticks, assume_unique=True, return_indices=True)
    differing, first = 0, None
    for tick, here, there in zip(ticks.tolist(), ours.tolist(), theirs.tolist(), strict=True):
        if records.differ(here, there):
            differing += 1
            first = first or records.locate(tick, here, there)
    only = len(records.ticks[0]) - len(ticks), len(records.ticks[1]) - len(ticks)
    return SeriesDiff(series, len(ticks), differing, first.tick if first else None, only), first


def _span(source: LiveSource) -> Span | None:
    """Return first and last tick of a run, None of one that has recorded nothing."""
    ticks = [series.ticks for series in source.series.values()]
    return (int(min(each[0] for each in ticks)), int(max(each[-1] for each in ticks))) if ticks else None


def _overlap(ours: Span | None, theirs: Span | None) -> Span | None:
    return None if ours is None or theirs is None else (max(ours[0], theirs[0]), min(ours[1], theirs[1]))


def _digest(sources: Pair) -> str:
    """Return the digest that two equal runs share, as noted if one of them noted it; "" if it tells kinds of NaN apart."""
    noted = {source.index.digest for source in sources} - {""}
    if not noted:
        return digest(sources[0].index.header, sources[0])
    return noted.pop() if len(noted) == 1 else ""


def _names(first: Path, second: Path) -> tuple[str, str]:
    """Return what the runs are called: the names of their files, or their paths if those are the same."""
    return (first.name, second.name) if first.name != second.name else (str(first), str(second))
