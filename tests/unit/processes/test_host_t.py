# SPDX-License-Identifier: Apache-2.0
"""Host T cells: logistic recovery and the IL-15 that they leave."""

from __future__ import annotations

import numpy as np
import pytest

from abm.celltypes.host_t import HOST_T, HostTParameters, seed_host_t
from abm.processes.host_t import HostTRecovery
from abm.state.places import MARROW, PERIPHERY
from abm.state.state import State
from abm.units import TICKS_PER_HOUR
from tests.unit.processes.small_body import assert_same_when_shuffled, make_state, put

MARROW_CELLS = 300_000.0
PARAMETERS = HostTParameters(periphery_fraction=50, marrow_fraction=10)
PROCESS = HostTRecovery(PARAMETERS, marrow_cells=MARROW_CELLS)


def host_t(state: State) -> int:
    return int(state.ledger.balance()[HOST_T.code].sum())


def run(state: State, hours: int, process: HostTRecovery = PROCESS) -> None:
    for _ in range(hours):
        process.run(state)
        state.check()
        state.tick += TICKS_PER_HOUR


def with_host_t(share: float, scale: int = 100, seed: int = 1) -> State:
    state = make_state(scale=scale, seed=seed)
    put(state, HOST_T.code, PERIPHERY, round(share * 1000))
    put(state, HOST_T.code, MARROW, round(share * 300))
    return state


def test_seeding_gives_the_stated_pool_in_both_subsets() -> None:
    state = make_state()
    rows = seed_host_t(state, PARAMETERS)
    state.check()
    assert host_t(state) == round(0.5 * 0.7 * 2000 * 100)
    assert (state.motile.array("subset")[rows] == 4).mean() == pytest.approx(0.6, abs=0.05)
    assert (state.motile.array("weight")[rows] == 100).all()


def test_normal_number_neither_grows_nor_shrinks() -> None:
    state = with_host_t(1.0)
    before = host_t(state)
    assert before == pytest.approx(PROCESS.normal(state), abs=1)
    run(state, 24)
    assert host_t(state) == before
    assert state.body["il15"][0] == pytest.approx(1.0)


def test_recovery_follows_the_logistic_equation() -> None:
    start, day, found = 0.2, 8, []
    for seed in range(6):
        state = with_host_t(start, seed=seed)
        run(state, 24 * day)
        found.append(host_t(state) / PROCESS.normal(state))
    expected = 1 / (1 + (1 / start - 1) * np.exp(-0.17 * day))
    assert np.mean(found) == pytest.approx(expected, rel=0.06)


def test_too_many_die_back() -> None:
    state = with_host_t(2.0)
    run(state, 24 * 30)
    assert host_t(state) == pytest.approx(PROCESS.normal(state), rel=0.05)


def test_il15_rises_to_its_maximum_without_t_cells() -> None:
    state = make_state()
    run(state, 1)
    assert state.body["il15"][0] == pytest.approx(PARAMETERS.il15_maximum)


def test_result_does_not_depend_on_the_order_of_rows() -> None:
    def step(state: State) -> None:
        PROCESS.run(state)
        state.tick += TICKS_PER_HOUR

    assert_same_when_shuffled(lambda: with_host_t(0.5), step, 24)


def test_single_cells_recover_too() -> None:
    state = with_host_t(0.3, scale=1)
    before = host_t(state)
    run(state, 24 * 4, HostTRecovery(PARAMETERS, marrow_cells=3000))
    assert host_t(state) > 1.3 * before
