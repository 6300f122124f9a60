# SPDX-License-Identifier: Apache-2.0
"""The normal B lineage: stationary in health, slowed by blasts and drugs, antigens by stage."""

from __future__ import annotations

import numpy as np
import pytest

from abm.celltypes.b_lineage import MATURE_B, PRE_B, PRO_B, BLineageParameters, endow, seed_mature_b
from abm.celltypes.blast import BLAST
from abm.processes.lymphopoiesis import Lymphopoiesis
from abm.state.columns import GUEST, NEVER
from abm.state.kinds import GUESTS_BIT, SOLID
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY
from abm.state.state import State
from abm.units import TICKS_PER_DAY
from tests.unit.processes.small_body import assert_same_when_shuffled, make_state, marrow, put

PARAMETERS = BLineageParameters(pre_b_fraction=10, pre_b_transit=2, pro_b_transit=1, mature_life=5)
CELLS = 3000


def process(scale: int) -> Lymphopoiesis:
    return Lymphopoiesis(PARAMETERS, marrow_cells=float(CELLS * scale))


def run(state: State, days: float, lymphopoiesis: Lymphopoiesis) -> dict[int, float]:
    """Return the mean number of agents of each stage over the second half."""
    steps = round(days * TICKS_PER_DAY / lymphopoiesis.period)
    total = np.zeros(state.ledger.book.shape[0])
    for step in range(steps):
        lymphopoiesis.run(state)
        if step % 24 == 0:
            state.compact()
            state.check()
        if step >= steps // 2:
            total += state.ledger.balance().sum(axis=1) / state.places[MARROW].scale
        state.tick += lymphopoiesis.period
    state.check()
    return {kind: float(total[kind] / (steps - steps // 2)) for kind in (PRO_B.code, PRE_B.code, MATURE_B.code)}


@pytest.mark.parametrize("scale", [1, 100])
def test_each_stage_settles_at_influx_times_stay(scale: int) -> None:
    means = run(make_state(scale=scale), 40, process(scale))
    influx = 0.05 * CELLS  # agents a day
    assert means[PRO_B.code] == pytest.approx(influx * 1, rel=0.05)
    assert means[PRE_B.code] == pytest.approx(influx * 2, rel=0.05)
    assert means[MATURE_B.code] == pytest.approx(influx * 0.13 * 5, rel=0.2)


def test_newcomers_came_half_a_period_ago_on_average() -> None:
    """Their mean stay of 57.6 ticks counts from then; within four standard deviations."""
    state = make_state()
    state.tick = 1000
    parameters = BLineageParameters(pre_b_fraction=50, pre_b_transit=1, pro_b_transit=0.01)
    lymphopoiesis = Lymphopoiesis(parameters, marrow_cells=400_000 * 100)
    lymphopoiesis.run(state)
    due = state.sessile.array("due")
    assert len(due) > 1000
    stay = 0.01 * TICKS_PER_DAY
    assert (due - state.tick).mean() == pytest.approx(stay - lymphopoiesis.period / 2, abs=4 * stay / np.sqrt(len(due)))


def test_healthy_pools_of_the_start_stay() -> None:
    state = make_state()
    seed_mature_b(state, PARAMETERS, CELLS * 100)
    for kind, share in ((PRO_B, PARAMETERS.pro_b_fraction), (PRE_B, PARAMETERS.pre_b_fraction)):
        endow(state, put(state, kind.code, MARROW, round(share * CELLS)), PARAMETERS)
    before = state.ledger.balance().sum(axis=1) / 100
    means = run(state, 10, process(100))
    for kind in (PRO_B, PRE_B, MATURE_B):
        assert means[kind.code] == pytest.approx(before[kind.code], rel=0.15)


def test_precursors_displaced_to_the_blood_live_on_there() -> None:
    """They age, mature or die as in marrow, and touch no site of it."""
    state = make_state()
    state.body["effect_pro_b"] = np.array([0.0])
    endow(state, put(state, PRO_B.code, PERIPHERY, 400), PARAMETERS)
    codes = marrow(state).site_code.copy()
    means = run(state, 3, process(100))
    assert means[PRE_B.code] > 0
    book = state.ledger.book
    matured = book[MATURE_B.code, PERIPHERY, Entry.MATURED_IN]
    assert 0.05 < matured / book[PRE_B.code, PERIPHERY, Entry.MATURED_IN] < 0.2
    assert book[:, :, [Entry.ARRIVED, Entry.DEPARTED]].sum() == 0
    np.testing.assert_array_equal(marrow(state).site_code, codes)


@pytest.mark.parametrize(("blasts", "effect"), [(1500, 1.0), (0, 0.25), (3000, 1.0)])
def test_leukaemia_and_drugs_slow_the_influx(blasts: int, effect: float) -> None:
    state = make_state()
    if blasts:
        put(state, BLAST.code, MARROW, blasts)
    state.body["effect_pro_b"] = np.array([effect])
    run(state, 10, process(100))
    entered = state.ledger.total(Entry.BIRTH, PRO_B.code) / 100
    assert entered == pytest.approx(0.05 * CELLS * 10 * effect * (1 - blasts / CELLS), rel=0.12, abs=1)


def test_packed_marrow_lets_no_one_in() -> None:
    state = make_state()
    lattice = marrow(state)
    lattice.site_code[:] = SOLID
    run(state, 2, process(100))
    assert state.ledger.total(Entry.BIRTH) == 0
    assert state.ledger.total(Entry.BLOCKED, PRO_B.code) > 100


def test_stages_have_their_antigens() -> None:
    state = make_state()
    run(state, 10, process(100))
    table = state.sessile
    rows = table.alive()
    kinds, cd19 = table.array("kind")[rows], table.array("cd19")[rows]
    assert (cd19[kinds == PRO_B.code] == 0).all()
    assert cd19[kinds == PRE_B.code].mean() == pytest.approx(8000, rel=0.1)
    assert cd19[kinds == MATURE_B.code].mean() == pytest.approx(20_000, rel=0.2)
    assert (table.array("compartment")[rows[kinds == MATURE_B.code]] == PERIPHERY).all()


def test_guests_pass_through_the_stages_too() -> None:
    state = make_state()
    rows = put(state, PRO_B.code, MARROW, 200, weight=7, due=0)
    Lymphopoiesis(PARAMETERS.model_copy(update={"pre_b_fraction": 0.0}), marrow_cells=CELLS * 100.0).run(state)
    state.check()
    table = state.sessile
    assert (table.array("kind")[rows] == PRE_B.code).all()
    assert (table.array("flags")[rows] == GUEST).all()
    assert (marrow(state).site_code[table.array("site")[rows]] & GUESTS_BIT).all()
    assert (table.array("due")[rows] < NEVER).all()


def test_a_precursor_in_a_synapse_waits() -> None:
    state = make_state()
    rows = put(state, PRE_B.code, MARROW, 20, due=0, flags=2)
    marrow(state).site_code[state.sessile.array("site")[rows]] |= 0x20
    process(100).run(state)
    state.check()
    assert (state.sessile.array("kind")[rows] == PRE_B.code).all()


def test_result_does_not_depend_on_the_order_of_rows() -> None:
    def build() -> State:
        state = make_state()
        seed_mature_b(state, PARAMETERS, CELLS * 100)
        endow(state, put(state, PRE_B.code, MARROW, 300), PARAMETERS)
        return state

    lymphopoiesis = process(100)

    def step(state: State) -> None:
        lymphopoiesis.run(state)
        state.tick += lymphopoiesis.period

    assert_same_when_shuffled(build, step, 40)
