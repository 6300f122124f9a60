# SPDX-License-Identifier: Apache-2.0
"""Lymphodepletion: shares of each lineage that survive, and the influx that returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm.celltypes.b_lineage import MATURE_B, PRE_B
from abm.celltypes.background import BACKGROUND
from abm.celltypes.blast import BLAST
from abm.celltypes.host_t import HOST_T
from abm.processes.body import CsfParameters
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.state.state import State
from abm.treatments.lymphodepletion import Lymphodepletion
from abm.units import TICKS_PER_DAY, TICKS_PER_MINUTE
from tests.unit.processes.small_body import assert_same_when_shuffled, make_state, put

STEP = 10 * TICKS_PER_MINUTE


def body(scale: int = 100) -> State:
    csf = CsfParameters(volume=1, shape=(16, 8, 4), meningeal_layers=1, full_density=38.4)
    state = make_state(scale=scale, csf=csf)
    put(state, BLAST.code, MARROW, 1000)
    put(state, HOST_T.code, MARROW, 500)
    put(state, PRE_B.code, MARROW, 100)
    put(state, HOST_T.code, PERIPHERY, 2000)
    put(state, MATURE_B.code, PERIPHERY, 1500)
    put(state, BLAST.code, CSF, 50)
    if scale > 1:
        put(state, BLAST.code, MARROW, 300, weight=40)
        put(state, MATURE_B.code, PERIPHERY, 300, weight=70)
    state.fill_light(BACKGROUND.code, MARROW, np.flatnonzero(marrow_voids(state))[:200], Entry.INITIAL)
    return state


def marrow_voids(state: State) -> Any:
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    return lattice.kinds() == 0


def treat(state: State, days: float, drug: Lymphodepletion) -> None:
    for since in range(0, int(days * TICKS_PER_DAY), STEP):
        state.body["effect_pro_b"] = np.ones(1)
        drug.act(state, 0, since)
        state.check()
        state.tick += STEP


@pytest.mark.parametrize("scale", [100, 1])
def test_each_lineage_is_left_with_its_share(scale: int) -> None:
    state = body(scale)
    before = state.ledger.balance()
    treat(state, 4, Lymphodepletion(day=-4))
    after = state.ledger.balance()
    assert after[BLAST.code, MARROW] / before[BLAST.code, MARROW] == pytest.approx(0.8, abs=0.04)
    assert after[MATURE_B.code].sum() / before[MATURE_B.code].sum() == pytest.approx(0.1, abs=0.025)
    assert after[HOST_T.code].sum() / before[HOST_T.code].sum() == pytest.approx(0.03, abs=0.012)
    assert after[BLAST.code, CSF] == before[BLAST.code, CSF]
    assert after[PRE_B.code, MARROW] == before[PRE_B.code, MARROW]
    assert after[BACKGROUND.code, MARROW] == before[BACKGROUND.code, MARROW]
    lost = state.ledger.total(Entry.DRUG_KILLED)
    assert lost == before.sum() - after.sum()


def test_light_agents_lose_a_share_and_full_ones_all_or_nothing() -> None:
    state = body()
    treat(state, 1, Lymphodepletion(day=0, duration=1, blast_survival=0.5, t_survival=1, b_survival=1))
    table = state.sessile
    rows = np.flatnonzero((table.array("kind") == BLAST.code) & (table.array("compartment") == MARROW))
    weights = table.array("weight")[rows]
    assert set(weights[weights > 40]) == {100}
    assert weights[weights <= 40].mean() == pytest.approx(20, abs=1.5)


def test_influx_falls_at_once_and_returns_exponentially() -> None:
    drug = Lymphodepletion(day=-4, duration=2)
    assert drug.influx_factor(0) == pytest.approx(0.1)
    assert drug.influx_factor(48) == pytest.approx(0.1)
    assert drug.influx_factor(48 + 4 * 24) == pytest.approx(1 - 0.9 * np.exp(-1))
    state = body()
    state.body["effect_pro_b"] = np.array([0.5])
    drug.act(state, 0, 0)
    assert state.body["effect_pro_b"][0] == pytest.approx(0.05)


def test_no_survivors_and_no_duration() -> None:
    state = body()
    drug = Lymphodepletion(day=0, duration=0, blast_survival=0, b_survival=0, t_survival=0, precursor_survival=0)
    treat(state, 0.1, drug)
    after = state.ledger.balance()
    assert after[:, (MARROW, PERIPHERY)].sum() == after[BACKGROUND.code].sum()


def test_targets_in_a_synapse_are_left_to_their_killer() -> None:
    state = make_state()
    rows = put(state, BLAST.code, MARROW, 10)
    state.sessile.array("flags")[rows] |= 2
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    lattice.site_code[state.sessile.array("site")[rows]] |= 0x20
    treat(state, 0.1, Lymphodepletion(day=0, duration=0, blast_survival=0))
    assert len(state.sessile.alive()) == 10


def test_empty_body() -> None:
    treat(make_state(), 1, Lymphodepletion(day=0))


def test_result_does_not_depend_on_the_order_of_rows() -> None:
    drug = Lymphodepletion(day=0)

    def step(state: State) -> None:
        state.body["effect_pro_b"] = np.ones(1)
        drug.act(state, 0, state.tick)
        state.tick += 6 * STEP

    assert_same_when_shuffled(body, step, 10)
