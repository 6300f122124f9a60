# SPDX-License-Identifier: Apache-2.0
"""No random number serves two purposes: (stream, tick, identity, draw number) is asked for once.

Seen are the draws that Python asks for, not those within kernels. What a cell keeps for life is drawn
again, on purpose, when its stage changes.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abm import assembly
from abm.assembly import build_schedule, build_state
from abm.celltypes.seeding import DRAW_CD19, DRAW_CD22, FOR_LIFE
from abm.streams import Draws, Stream
from abm.units import TICKS_PER_HOUR
from tests.small_scenarios import everything

Key = tuple[str, int, int]
FOR_LIFE_KEYS = {("ANTIGEN", FOR_LIFE, draw) for draw in (DRAW_CD19, DRAW_CD22)}


class Recorded(Draws):
    """Draws that remember who was drawn for."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.asked: dict[Key, list[Any]] = defaultdict(list)

    def _fill(self, kernel: Any, dtype: Any, stream: int, tick: int, ident: Any, draw: int, *rest: Any, **more: Any) -> Any:
        self.asked[Stream(stream).name, int(tick), int(draw)].append(np.asarray(ident).reshape(-1).astype(np.int64))
        return super()._fill(kernel, dtype, stream, tick, ident, draw, *rest, **more)

    def used_twice(self) -> set[Key]:
        found = set()
        for key, idents in self.asked.items():
            every = np.concatenate(idents)
            if len(np.unique(every)) < len(every):
                found.add(key)
        return found


@pytest.fixture(autouse=True)
def _record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "Draws", Recorded)


@pytest.mark.parametrize("fraction", [0, 1e-3, 0.5])
def test_at_the_start(tmp_path: Path, fraction: float) -> None:
    """A CD19-negative clone is absent, made of guests, or of full cells."""
    scenario = everything(tmp_path, f"blasts.cd19_negative_fraction={fraction}").scenario
    state = build_state(scenario, 1)
    build_schedule(scenario, state)
    assert isinstance(state.draws, Recorded)
    assert {"PLACEMENT", "GEOMETRY", "ANTIGEN", "FATE"} <= {stream for stream, _, _ in state.draws.asked}
    assert state.draws.used_twice() == set()


def test_in_the_first_hours(tmp_path: Path) -> None:
    """From before the lymphodepletion to after the infusion of three products."""
    scenario = everything(tmp_path, "start=-0.1 d", "treatments[0].day=-0.1 d").scenario
    state = build_state(scenario, 1)
    schedule = build_schedule(scenario, state)
    schedule.advance(state, 10 * TICKS_PER_HOUR)
    assert isinstance(state.draws, Recorded)
    assert {"TREATMENT", "PRODUCT", "TRAFFIC", "CSF", "MERGE", "LYMPHOPOIESIS"} <= {stream for stream, _, _ in state.draws.asked}
    assert state.draws.used_twice() - FOR_LIFE_KEYS == set()


def test_the_check_sees_a_draw_that_is_used_twice() -> None:
    draws = Recorded(1)
    draws.uniform(Stream.FATE, 3, np.arange(5), 1)
    draws.exponential(Stream.FATE, 3, 4, 2)
    assert draws.used_twice() == set()
    draws.exponential(Stream.FATE, 3, 4, 1)
    assert draws.used_twice() == {("FATE", 3, 1)}
