# SPDX-License-Identifier: Apache-2.0
"""When the writer closes a segment."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from abm.trajectory import Header, TrajectoryWriter, gathering


def closed_at(path: Path, header: Header, monkeypatch: pytest.MonkeyPatch, seconds: int, **options: float) -> list[int]:
    """Record a frame a second by a clock of our own; return the seconds at which those before were on the disk."""
    clock = count(1000)
    monkeypatch.setattr(gathering, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    found, safe = [], -1
    with TrajectoryWriter(path, header, **options) as recording:
        for second in range(seconds):
            recording.observables(second, {"il6": 1.0})
            if recording.safe_tick > safe:
                found.append(second)
                safe = recording.safe_tick
                assert safe == second - 1
    return found


def test_the_first_segments_are_closed_young(tmp_path: Path, header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 2 s, and each further one at twice the age, up to half a minute."""
    assert closed_at(tmp_path / "run.h5", header, monkeypatch, 130) == [2, 6, 14, 30, 60, 90, 120]


def test_no_segment_grows_older_than_asked_for(tmp_path: Path, header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    assert closed_at(tmp_path / "run.h5", header, monkeypatch, 20, segment_seconds=5) == [2, 6, 11, 16]
    assert closed_at(tmp_path / "short.h5", header, monkeypatch, 4, segment_seconds=1) == [1, 2, 3]
