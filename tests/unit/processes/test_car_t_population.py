# SPDX-License-Identifier: Apache-2.0
"""Bursts of division, budget, exhaustion, resident memory and contraction of CAR T cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm.celltypes.car_t import CAR_T, MOST_DRUG_DEATH, CarTParameters, Programme
from abm.processes.car_t_population import CarTPopulation
from abm.processes.pace import TOLERANCE
from abm.state.columns import NEVER
from abm.state.places import MARROW, PERIPHERY
from abm.state.state import State
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE
from tests.unit.processes.small_body import make_state, put

PERIOD = 10 * TICKS_PER_MINUTE
N = 3000
IMMORTAL = {"death_memory": 0, "death_activated": 0, "death_effector": 0, "death_exhausted": 0, "death_resident": 0}


def population(**changes: Any) -> CarTPopulation:
    product = CarTParameters(**{"costimulation": "cd28", **changes})
    return CarTPopulation([product], il15_sensitivity=0.1, retry=1.0, period=PERIOD)


def cells(place: int = PERIPHERY, **columns: Any) -> State:
    """Return a body with CAR T cells of one product, light enough to be guests in the marrow."""
    state = make_state(scale=10**6)
    columns = {"state": Programme.ACTIVATED, "budget": 255, "subset": 8, "product": 1, **columns}
    put(state, CAR_T.code, place, N, 7, **columns)
    return state


def run(state: State, days: float, process: CarTPopulation) -> None:
    process.start(state)
    end = state.tick + round(days * TICKS_PER_DAY)
    while state.tick < end:
        process.run(state)
        state.tick += PERIOD
    state.check()


def of(state: State, name: str) -> np.ndarray:
    kinds = state.motile.array("kind")
    return state.motile.array(name)[kinds == CAR_T.code]


@pytest.mark.parametrize(("programme", "name", "rate"), [
    (Programme.MEMORY, "death_memory", 0.2), (Programme.ACTIVATED, "death_activated", 0.3),
    (Programme.EFFECTOR, "death_effector", 0.5), (Programme.EXHAUSTED, "death_exhausted", 0.4),
    (Programme.RESIDENT, "death_resident", 0.1),
])  # fmt: skip
def test_each_programme_dies_at_its_rate(programme: Programme, name: str, rate: float) -> None:
    """Survivors of 3,000 after two days, within four standard deviations (false alarm 6e-5)."""
    state = cells(state=programme)
    run(state, 2, population(**{**IMMORTAL, name: rate}))
    survival = np.exp(-2 * rate)
    assert abs(len(of(state, "uid")) - N * survival) < 4 * np.sqrt(N * survival * (1 - survival))


def test_a_drug_adds_to_the_death_rate() -> None:
    state = cells(state=Programme.EFFECTOR)
    state.body["effect_car_t_death"] = np.array([0.2 / 24])
    run(state, 2, population(**IMMORTAL))
    survival = np.exp(-0.4)
    assert abs(len(of(state, "uid")) - N * survival) < 4 * np.sqrt(N * survival * (1 - survival))


def test_drugs_add_no_more_than_the_most() -> None:
    """With 10/d of overlapping doses resting cells die at 1/d, however fast the candidate deaths are drawn."""
    state = cells(state=Programme.MEMORY)
    state.body["effect_car_t_death"] = np.array([10 / 24])
    run(state, 1, population(**{**IMMORTAL, "death_effector": 5}))
    survival = np.exp(-24 * MOST_DRUG_DEATH)
    assert abs(len(of(state, "uid")) - N * survival) < 4 * np.sqrt(N * survival * (1 - survival))


def test_a_burst_lasts_the_stated_divisions() -> None:
    """Each half goes on with chance 1 - 1/n: along any line of descent n divisions on average."""
    state = cells(divide_at=0)
    run(state, 12, population(**IMMORTAL, burst_divisions=2, resident_fraction=0))
    assert set(np.unique(of(state, "state"))) <= {Programme.ACTIVATED, Programme.EFFECTOR}
    settled = of(state, "state") == Programme.EFFECTOR
    # Every cell has a line of descent of weight 2^-divisions; the mean over lines is that over founders.
    lines = 0.5 ** of(state, "divisions")[settled]
    assert lines.sum() == pytest.approx(N, rel=0.01)
    assert (lines * of(state, "divisions")[settled]).sum() / lines.sum() == pytest.approx(2, rel=0.06)


@pytest.mark.parametrize("budget", [1, 3])
def test_at_the_budget_a_cell_is_exhausted(budget: int) -> None:
    state = cells(divide_at=0, budget=budget)
    run(state, 5, population(**IMMORTAL, burst_divisions=50))
    spent = of(state, "divisions") == budget
    assert of(state, "divisions").max() == budget
    assert set(of(state, "state")[spent].tolist()) == {Programme.EXHAUSTED}
    assert (of(state, "divide_at")[spent] == NEVER).all()


def test_the_cycle_is_that_of_the_subset_shortened_by_il15() -> None:
    for subset, hours, il15 in ((8, 12.0, 1.0), (4, 18.0, 1.0), (8, 12.0 / 8**0.1, 8.0)):
        state = cells(divide_at=0, subset=subset)
        state.body["il15"] = np.array([il15])
        process = population(**IMMORTAL, cycle="12 h", cd4_cycle_ratio=1.5, burst_divisions=50)
        process.run(state)
        again = of(state, "divide_at")[of(state, "divide_at") != NEVER]
        assert set(again.tolist()) == {round(hours * TICKS_PER_HOUR)}


@pytest.mark.parametrize(("on", "off", "hours"), [(0, 0, 12), (0, 4, 15.6), (3, 6, 14.7), (6, 30, 33.6), (13, 20, 12)])
def test_a_drug_delays_a_division_by_what_it_takes_of_the_pace_while_it_is_there(on: int, off: int, hours: float) -> None:
    """At a tenth of the pace each hour of the drug costs 0.9 h; a division that is over is not touched."""
    state = cells(divide_at=12 * TICKS_PER_HOUR)
    process = population(**IMMORTAL, burst_divisions=1)
    process.start(state)
    while state.tick < 40 * TICKS_PER_HOUR and (of(state, "divisions") == 0).all():
        state.body["effect_division"] = np.array([0.1 if on <= state.tick / TICKS_PER_HOUR < off else 1.0])
        process.run(state)
        state.tick += PERIOD
    assert (state.tick - PERIOD) / TICKS_PER_HOUR == pytest.approx(hours, abs=2 * PERIOD / TICKS_PER_HOUR)


def test_a_pace_that_creeps_is_followed() -> None:
    state = cells(divide_at=48 * TICKS_PER_HOUR)
    process = population(**IMMORTAL, burst_divisions=1)
    process.start(state)
    progress = 0.0
    while (of(state, "divisions") == 0).all():
        pace = 1.0 + 0.5 * state.tick / (48 * TICKS_PER_HOUR)
        state.body["effect_division"] = np.array([pace])
        process.run(state)
        progress += pace * PERIOD / TICKS_PER_HOUR
        state.tick += PERIOD
    assert progress == pytest.approx(48, abs=TOLERANCE * 48 + 2 * PERIOD / TICKS_PER_HOUR)


def test_a_stop_of_all_division_is_no_end_of_it() -> None:
    state = cells(divide_at=12 * TICKS_PER_HOUR)
    process = population(**IMMORTAL, burst_divisions=1)
    process.start(state)
    for effect, hours in ((0.0, 100), (1.0, 11)):
        state.body["effect_division"] = np.array([effect])
        for _ in range(hours * TICKS_PER_HOUR // PERIOD):
            process.run(state)
            state.tick += PERIOD
        assert (of(state, "divisions") == 0).all()
    assert (of(state, "divide_at") - state.tick).max() <= 1.1 * TICKS_PER_HOUR


def test_the_next_cycle_counts_from_when_the_last_division_was_due() -> None:
    state = cells()
    due = np.arange(N) % PERIOD
    state.motile.array("divide_at")[:] = due
    state.tick = PERIOD
    population(**IMMORTAL, cycle="12 h", burst_divisions=50).run(state)
    after, again = of(state, "divide_at"), of(state, "state") == Programme.ACTIVATED
    assert again.sum() > N
    np.testing.assert_array_equal(after[again], np.tile(due + 12 * TICKS_PER_HOUR, 2)[again])  # mothers, then daughters


@pytest.mark.parametrize(("place", "share"), [(MARROW, 0.25), (PERIPHERY, 0.0)])
def test_resident_memory_arises_in_marrow(place: int, share: float) -> None:
    """Of halves that stop, a fraction; 6,000 of them, within four standard deviations (false alarm 6e-5)."""
    state = cells(place, divide_at=0)
    population(**IMMORTAL, burst_divisions=1, resident_fraction=0.25).run(state)
    resident = (of(state, "state") == Programme.RESIDENT).sum()
    assert abs(resident - 2 * N * share) <= 4 * np.sqrt(2 * N * share * (1 - share))


def test_resident_memory_emits_effectors_with_a_budget_of_their_own_and_stays() -> None:
    state = cells(MARROW, state=Programme.RESIDENT, divide_at=0, divisions=9, budget=12)
    population(**IMMORTAL, resident_budget=3).run(state)
    resident = of(state, "state") == Programme.RESIDENT
    assert resident.sum() == (~resident).sum() == N
    assert set(of(state, "divisions")[resident].tolist()) == {9}
    assert set(of(state, "divide_at").tolist()) == {NEVER}
    left = of(state, "budget")[~resident].astype(int) - of(state, "divisions")[~resident]
    assert set(left.tolist()) == {3}


def test_a_bound_cell_meets_its_fates_when_the_synapse_ends() -> None:
    state = cells(kill_at=100, divide_at=0)
    process = population(**IMMORTAL, burst_divisions=50)
    process.run(state)
    assert len(of(state, "uid")) == N
    assert set(of(state, "divide_at").tolist()) == {100}
    state.motile.array("kill_at")[:] = NEVER
    state.tick = 120
    process.run(state)
    assert len(of(state, "uid")) == 2 * N


def test_daughters_are_free_and_have_secreted_nothing() -> None:
    state = cells(MARROW, divide_at=0, free_at=77, engaged=40)
    population(**IMMORTAL).run(state)
    assert of(state, "engaged").tolist() == [40] * N + [0] * N
    assert of(state, "free_at").tolist() == [77] * N + [0] * N
