# SPDX-License-Identifier: Apache-2.0
"""Small trajectories with known site codes, for the players."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from abm.state.kinds import KINDS
from abm.trajectory import Header, Trajectory, TrajectoryWriter
from abm.units import TICKS_PER_DAY
from tests.unit.playback.small_run import CSF_SHAPE, OBSERVABLES, MakeTrajectory, csf_view, marrow_view


@pytest.fixture
def make_trajectory(tmp_path: Path) -> Iterator[MakeTrajectory]:
    """Give a function that writes a trajectory of some daily views and opens it."""
    opened: list[Trajectory] = []

    def make(shape: tuple[int, ...] = (8, 8, 8), days: int = 4, observed: bool = True, **provenance: Any) -> Trajectory:
        kinds = [{"code": k.code, "name": k.name, "label": k.label, "colour": k.colour} for k in KINDS]
        compartments: dict[str, dict[str, Any]] = {
            "marrow": {"shape": list(shape), "spacing_um": 10.0, "scale": 1000.0},
            "csf": {"shape": list(CSF_SHAPE), "spacing_um": 10.0, "scale": 10.0},
            "periphery": {"shape": None, "spacing_um": 0.0, "scale": 1000.0},
        }
        observables = {name: {"unit": unit, "about": name} for name, unit in OBSERVABLES.items()} if observed else {}
        header = Header("", "", {"scenario": "a test", **provenance}, kinds, compartments, observables, {})
        path = tmp_path / f"run{len(opened)}.h5"
        with TrajectoryWriter(path, header) as writer:
            writer.event(0, "treatment", {"name": "infusion"})
            for day in range(days):
                tick = day * TICKS_PER_DAY
                if observed:
                    writer.observables(tick, dict.fromkeys(OBSERVABLES, 0.5 * 10.0 ** (-day)))
                writer.view(tick, "marrow", marrow_view(shape, day))
                writer.view(tick, "csf", csf_view(day))
        opened.append(Trajectory.open(path))
        return opened[-1]

    yield make
    for trajectory in opened:
        trajectory.close()
