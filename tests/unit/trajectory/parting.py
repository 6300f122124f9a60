# SPDX-License-Identifier: Apache-2.0
"""Pairs of runs that differ in one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from abm.trajectory import Header, Trajectory, TrajectoryWriter, diff
from abm.trajectory.differences import Difference, RunDiff

TICKS = range(-240, 1201, 240)
AT = 480
"""Tick at which most of these runs differ."""
Content = dict[str, Any]
Change = Callable[[Content], object]
Write = Callable[..., Path]
Parted = Callable[[Change], RunDiff]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the run to which nothing was done, written once."""
    return tmp_path_factory.mktemp("plain")


@pytest.fixture
def write(tmp_path: Path, shared: Path, header: Header, content: Callable[[int], Content]) -> Write:
    """Write a run, some of whose ticks are changed, with a header that may be.

    Only the plain one is finished if nothing is said: packing the others would take most of the time.
    """

    def write(
        name: str,
        changes: dict[int, Change] | None = None,
        *,
        ticks: range = TICKS,
        finish: bool | None = None,
        without: tuple[str, ...] = (),
        **changed: Any,
    ) -> Path:
        plain = not changes and not changed and ticks == TICKS and finish is None and not without
        path = (shared if plain else tmp_path) / name
        if plain and path.exists():
            return path
        writer = TrajectoryWriter(path, replace(header, **changed))
        for tick in ticks:
            now = content(tick - TICKS.start)
            now["events"] = [("infusion", {"cells": tick * 10, "note": "µ"})]
            (changes or {}).get(tick, dict)(now)
            if "observables" not in without:
                writer.observables(tick, now["observables"])
            for compartment in ("marrow", "csf"):
                if f"view/{compartment}" not in without:
                    writer.view(tick, compartment, now[compartment])
            writer.cells(tick, "marrow", now["cells"])
            writer.field(tick, "marrow", "il6", now["field"])
            for event in now["events"]:
                writer.event(tick, *event)
        if plain or finish:
            writer.finish()
        else:
            writer.flush()
        return path

    return write


@pytest.fixture
def parted(write: Write) -> Parted:
    """Compare a run with one that is changed at :data:`AT`."""

    def parted(change: Change) -> RunDiff:
        paths = write("a.h5"), write("b.h5", {AT: change})
        found = diff(*paths)
        with Trajectory.open(paths[0]) as ours, Trajectory.open(paths[1]) as theirs:
            assert found.identical == (ours.digest() == theirs.digest())
        return found

    return parted


def only_in(found: RunDiff, series: str, frames: int = 1) -> Difference:
    """Check that one series alone differs, from :data:`AT` on, and return the first difference."""
    assert {each.series: each.differing for each in found.series if each.differing} == {series: frames}
    assert all(each.times == len(TICKS) and each.only == (0, 0) for each in found.series)
    assert found.first is not None
    assert (found.first.tick, found.first.series) == (AT, series)
    assert f"first difference: day 0.08333 (tick {AT}), {found.first.place}\n" in found.text()
    return found.first


def set_cell(row: int, column: str, value: float) -> Change:
    return lambda now: now["cells"][column].__setitem__(row, value)
