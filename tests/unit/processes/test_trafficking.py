# SPDX-License-Identifier: Apache-2.0
"""Trafficking: equilibrium shares, retention, arrival by the sinusoids, entry into the CSF."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm.celltypes.background import BACKGROUND
from abm.celltypes.blast import BLAST
from abm.celltypes.car_t import CAR_T, Programme
from abm.celltypes.host_t import HOST_T
from abm.processes.body import BodyParameters, CsfParameters
from abm.processes.trafficking import Trafficking, TraffickingParameters
from abm.state.columns import GUEST
from abm.state.kinds import VOID
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.state.state import State
from abm.units import TICKS_PER_DAY
from tests.unit.processes.small_body import assert_same_when_shuffled, make_state, marrow, put

SMALL_CSF = CsfParameters(volume=1, shape=(16, 8, 4), meningeal_layers=1, full_density=38.4)


def process(**parameters: Any) -> Trafficking:
    return Trafficking(TraffickingParameters(**parameters), BodyParameters(), host_t_marrow_share=0.2)


def run(state: State, days: float, trafficking: Trafficking, check: int = 6) -> None:
    for step in range(round(days * TICKS_PER_DAY / trafficking.period)):
        trafficking.run(state)
        if step % check == 0:
            state.check()
        state.tick += trafficking.period
    state.check()


def in_marrow(state: State, kind: int) -> float:
    stock = state.ledger.balance()[kind]
    return float(stock[MARROW] / stock.sum())


@pytest.mark.parametrize(("scale", "weight"), [(100, 100), (100, 40), (1, 1)])
def test_a_quarter_of_resting_cells_is_in_marrow(scale: int, weight: int) -> None:
    state = make_state(scale=scale, doors=False)  # nothing moves cells away from the doors here
    put(state, CAR_T.code, PERIPHERY, 400, weight=weight, product=1)
    shares = []
    trafficking = process()
    run(state, 6, trafficking)
    for _ in range(20):
        run(state, 0.5, trafficking)
        shares.append(in_marrow(state, CAR_T.code))
    assert np.mean(shares) == pytest.approx(0.25, abs=0.025)


def test_host_t_settle_at_their_own_share_and_blasts_at_theirs() -> None:
    state = make_state(doors=False)
    put(state, HOST_T.code, PERIPHERY, 800)
    put(state, BLAST.code, PERIPHERY, 500)
    run(state, 20, process(blast_share=10), check=50)
    assert in_marrow(state, HOST_T.code) == pytest.approx(0.2, abs=0.05)
    assert in_marrow(state, BLAST.code) == pytest.approx(1 / 1.1, abs=0.04)


@pytest.mark.parametrize(
    ("programme", "since_contact", "factor"),
    [
        (Programme.MEMORY, 0, 1),
        (Programme.EXHAUSTED, 0, 1),
        (Programme.ACTIVATED, 9, 0.03),
        (Programme.EFFECTOR, 0, 0.03),
        (Programme.EFFECTOR, 9, 1),
        (Programme.RESIDENT, 9, 0),
    ],
)
def test_cells_in_their_programme_are_retained(programme: Programme, since_contact: int, factor: float) -> None:
    state = make_state()
    state.tick = 10 * TICKS_PER_DAY
    free_at = state.tick - since_contact * TICKS_PER_DAY
    put(state, CAR_T.code, MARROW, 2000, product=1, free_at=free_at, **{"state": programme})
    run(state, 0.5, process(marrow_share=0), check=50)
    left = 1 - in_marrow(state, CAR_T.code)
    assert left == pytest.approx(1 - np.exp(-0.6 * 0.5 * factor), abs=0.03)


def test_cells_arrive_beside_the_sinusoids_full_where_they_fill_the_site() -> None:
    state = make_state()
    put(state, CAR_T.code, PERIPHERY, 100, product=1)
    put(state, CAR_T.code, PERIPHERY, 100, weight=30, product=1)
    run(state, 1, process(exit=20, marrow_share=95))
    table = state.motile
    rows = np.flatnonzero(table.array("compartment") == MARROW)
    assert len(rows) > 30
    assert np.isin(table.array("site")[rows], marrow(state).sinusoid).all()
    guests = (table.array("flags")[rows] & GUEST) != 0
    np.testing.assert_array_equal(guests, table.array("weight")[rows] < 100)


def test_without_a_free_site_they_wait_in_blood() -> None:
    state = make_state()
    lattice = marrow(state)
    free = lattice.sinusoid[:3]
    state.fill_light(BACKGROUND.code, MARROW, lattice.sinusoid[3:], Entry.INITIAL)
    put(state, CAR_T.code, PERIPHERY, 200, product=1)
    run(state, 1, process(exit=0, marrow_share=50))
    assert in_marrow(state, CAR_T.code) == 0  # exit 0 and a share of it: nobody moves
    trafficking = process(exit=5, marrow_share=95)
    trafficking.parameters = trafficking.parameters.model_copy(update={"retention": 0.0})
    state.motile.array("state")[:] = Programme.ACTIVATED
    run(state, 1, trafficking)
    table = state.motile
    here = table.array("site")[table.array("compartment") == MARROW]
    assert sorted(here) == sorted(free)


def test_who_finds_a_free_site_is_drawn_by_lot() -> None:
    """Of 400 cells by 32 doors; the mean uid within four standard deviations, and others with another seed."""
    settled = []
    for seed in (1, 2):
        state = make_state(seed=seed)
        lattice = marrow(state)
        state.fill_light(BACKGROUND.code, MARROW, lattice.sinusoid[32:], Entry.INITIAL)
        put(state, CAR_T.code, PERIPHERY, 400, product=1)
        process(exit=100, marrow_share=99).run(state)
        state.check()
        settled.append(state.motile.array("uid")[state.motile.array("compartment") == MARROW])
        assert len(settled[-1]) == 32
        assert abs(settled[-1].mean() - 199.5) < 4 * np.sqrt(400**2 / 12 / 32)
    assert set(settled[0]) != set(settled[1])


def test_bound_cells_stay() -> None:
    state = make_state()
    put(state, CAR_T.code, MARROW, 50, product=1, kill_at=10**6)
    rows = put(state, BLAST.code, MARROW, 50, flags=2)
    marrow(state).site_code[state.sessile.array("site")[rows]] |= 0x20
    run(state, 2, process(exit=50, blast_share=100, blast_homing=50))
    assert in_marrow(state, CAR_T.code) == in_marrow(state, BLAST.code) == 1


def test_crossing_into_the_csf_is_binomial() -> None:
    counts = []
    chance = -np.expm1(-0.02 * 1 / 24)  # the blood's share of a rate of 1/d, for an hour
    trafficking = process(car_t_csf_entry=1, exit=0)
    for seed in range(60):
        state = make_state(scale=1000, csf=SMALL_CSF, seed=seed)
        put(state, CAR_T.code, PERIPHERY, 100, weight=900, product=1, divisions=3)
        trafficking.run(state)
        state.check()
        counts.append(int(state.ledger.balance()[CAR_T.code, CSF]))
        table = state.motile
        rows = np.flatnonzero(table.array("compartment") == CSF)
        assert table.array("weight")[rows].sum() == counts[-1]
        assert (table.array("divisions")[rows] == 3).all()
        lattice = state.places[CSF].lattice
        assert lattice is not None
        assert not lattice.adherent[table.array("site")[rows]].any()
    mean, n = 90_000 * chance, len(counts)
    assert np.mean(counts) == pytest.approx(mean, abs=4 * np.sqrt(mean / n))
    assert np.var(counts, ddof=1) == pytest.approx(mean * (1 - chance), rel=4 * np.sqrt(2 / n))


def test_heavy_crossing_is_cut_to_the_scale_of_the_csf() -> None:
    state = make_state(scale=5000, csf=SMALL_CSF)
    put(state, CAR_T.code, PERIPHERY, 20, weight=5000, product=1)
    trafficking = Trafficking(TraffickingParameters(car_t_csf_entry=1, exit=0), BodyParameters(blood_share=100), host_t_marrow_share=0.2)
    run(state, 3, trafficking)
    table = state.motile
    weights = table.array("weight")[table.array("compartment") == CSF]
    assert weights.sum() > 50_000
    assert weights.max() <= state.places[CSF].scale == 100


def test_barrier_opens_with_the_grade_of_crs() -> None:
    state = make_state(csf=SMALL_CSF)
    trafficking = process(barrier_at_grade_4=5)
    for grade, barrier in ((None, 1), (0, 1), (1, 2), (4, 5)):
        if grade is not None:
            state.body["crs_grade"] = np.array([float(grade)])
        trafficking.run(state)
        assert state.body["barrier"][0] == pytest.approx(barrier)


def test_blasts_seed_the_csf() -> None:
    state = make_state(csf=SMALL_CSF)
    put(state, BLAST.code, PERIPHERY, 100)
    run(state, 1, process(blast_csf_entry=1, blast_homing=0))
    assert state.ledger.balance()[BLAST.code, CSF] == pytest.approx(10_000 * 0.02, rel=0.3)


def test_a_marrow_without_vessels_is_entered_anywhere() -> None:
    state = make_state(doors=False)
    put(state, CAR_T.code, PERIPHERY, 300, product=1)
    run(state, 1, process())
    sites = state.motile.array("site")[state.motile.array("compartment") == MARROW]
    assert len(sites) > 10
    assert (marrow(state).kinds()[sites] != VOID).all()


def test_result_does_not_depend_on_the_order_of_rows() -> None:
    def build() -> State:
        state = make_state(csf=SMALL_CSF)
        put(state, CAR_T.code, PERIPHERY, 300, weight=60, product=1)
        put(state, CAR_T.code, MARROW, 100, product=1)
        put(state, HOST_T.code, PERIPHERY, 300)
        put(state, BLAST.code, MARROW, 300)
        put(state, BLAST.code, PERIPHERY, 100, weight=9)
        return state

    trafficking = process(car_t_csf_entry=0.5, blast_csf_entry=0.5, exit=20, blast_homing=5)

    def step(state: State) -> None:
        trafficking.run(state)
        state.tick += trafficking.period

    assert_same_when_shuffled(build, step, 20)


def test_empty_body() -> None:
    run(make_state(csf=SMALL_CSF), 0.2, process())
