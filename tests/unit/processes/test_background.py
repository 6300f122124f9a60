# SPDX-License-Identifier: Apache-2.0
"""Background marrow: a healthy marrow stays as it is, an emptied one fills again."""

from __future__ import annotations

import numpy as np
import pytest

from abm.celltypes.background import BACKGROUND, BackgroundParameters
from abm.celltypes.blast import BLAST
from abm.processes.background import Background
from abm.state.kinds import GUESTS_BIT, VOID
from abm.state.ledger import Entry
from abm.state.places import MARROW
from abm.state.state import State
from abm.units import TICKS_PER_HOUR
from tests.unit.processes.small_body import make_state, marrow, put

PROCESS = Background(BackgroundParameters(), voids=0.15)


def filled(share: float, seed: int = 1) -> State:
    state = make_state(seed=seed)
    lattice = marrow(state)
    voids = np.flatnonzero(lattice.kinds() == VOID)
    sites = np.random.default_rng(seed).permutation(voids)[: round(share * len(voids))]
    state.fill_light(BACKGROUND.code, MARROW, sites, Entry.INITIAL)
    return state


def run(state: State, hours: int, process: Background = PROCESS) -> None:
    for _ in range(hours):
        process.run(state)
        state.check()
        state.tick += TICKS_PER_HOUR


def packing(state: State) -> float:
    kinds = marrow(state).kinds()
    return 1 - np.count_nonzero(kinds == VOID) / marrow(state).n_open


def test_a_healthy_marrow_is_stationary() -> None:
    state = filled(0.85)
    before = state.ledger.book.copy()
    run(state, 48)
    assert packing(state) == pytest.approx(0.85, abs=1e-3)
    assert abs(state.ledger.book - before).sum() < 20 * state.places[MARROW].scale


@pytest.mark.parametrize("start", [0.0, 0.3, 1.0])
def test_any_packing_returns_to_the_healthy_one(start: float) -> None:
    state = filled(start)
    run(state, 24 * 60)
    assert packing(state) == pytest.approx(0.85, abs=0.01)


def test_return_follows_the_logistic_equation() -> None:
    state, target = filled(0.2), 0.85
    run(state, 24 * 5)
    rate, day = 0.25, 5
    expected = target / (1 + (target / 0.2 - 1) * np.exp(-rate * day))
    assert packing(state) == pytest.approx(expected, rel=0.04)


def test_background_gives_way_where_blasts_overfill_the_marrow() -> None:
    state = filled(0.85)
    put(state, BLAST.code, MARROW, 500)
    run(state, 24 * 20)
    assert packing(state) == pytest.approx(0.85, abs=0.01)
    assert state.ledger.total(Entry.DIED, BACKGROUND.code) > 0


def test_marks_of_guests_stay_on_their_sites() -> None:
    state = filled(0.5)
    lattice = marrow(state)
    rows = put(state, BLAST.code, MARROW, 50, weight=3)
    sites = state.sessile.array("site")[rows]
    run(state, 24 * 20)
    assert (lattice.site_code[sites] & GUESTS_BIT).all()


def test_nothing_fills_where_nothing_is_open() -> None:
    state = make_state(shape=(1, 1, 1))
    marrow(state).site_code[:] = 31
    run(state, 3)
    assert state.ledger.book.sum() == 0
