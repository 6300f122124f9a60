# SPDX-License-Identifier: Apache-2.0
"""Infusion of CAR T cells: numbers, composition, split doses, early loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from abm.celltypes.car_t import CAR_T, CarTParameters, Programme
from abm.errors import InputError
from abm.processes.car_t_population import CarTPopulation
from abm.processes.weighting import Weighting, WeightingParameters
from abm.state.columns import NEVER
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY
from abm.state.state import State
from abm.state.weights_classes import merge
from abm.treatments.infusion import ACT_TICKS, CarTInfusion, record_products
from abm.treatments.schedule import TreatmentSchedule
from abm.units import TICKS_PER_DAY
from tests.contract.shuffling import shuffle
from tests.unit.processes.small_body import make_state, put

PRODUCT = CarTParameters(memory_fraction=0.8, cd4_fraction=0.3, division_budget=13.6)


def prepared(scale: int = 100, seed: int = 1) -> State:
    state = make_state(scale=scale, seed=seed)
    record_products(state, [CarTParameters(), PRODUCT])
    return state


def give(state: State, days: float, **parameters: Any) -> CarTInfusion:
    infusion = CarTInfusion(day=0, product=2, **parameters)
    infusion.begin(state, 0)
    start = state.tick
    while state.tick - start < days * TICKS_PER_DAY:
        infusion.act(state, 0, state.tick - start)
        state.check()
        state.tick += ACT_TICKS
    return infusion


def car_t(state: State) -> int:
    return int(state.ledger.balance()[CAR_T.code].sum())


def test_dose_is_given_to_the_cell_in_many_agents() -> None:
    state = prepared(scale=10_000)
    give(state, 1 / 144, dose=123_457, early_loss=0)
    rows = state.motile.alive()
    assert car_t(state) == state.ledger.total(Entry.INFUSED) == 123_457
    assert len(rows) == 128
    assert (state.motile.array("compartment")[rows] == PERIPHERY).all()
    assert (state.motile.array("due")[rows] < NEVER).all()
    assert state.events[-1][1] == "infusion"
    assert state.events[-1][2]["cells"] == 123_457


def test_viability_and_body_weight_scale_the_dose() -> None:
    state = prepared()
    state.body["weight_kg"] = np.array([2.5])
    give(state, 1 / 144, dose=1000, viability=0.8, early_loss=0)
    assert car_t(state) == 2000


def test_composition_is_that_of_the_product() -> None:
    state = prepared(scale=1)
    give(state, 1 / 144, dose=20_000, early_loss=0)
    table = state.motile
    assert (table.array("subset") == 4).mean() == pytest.approx(0.3, abs=0.015)
    assert (table.array("state") == Programme.MEMORY).mean() == pytest.approx(0.8, abs=0.015)
    assert set(np.unique(table.array("budget"))) == {13, 14}
    assert table.array("budget").mean() == pytest.approx(13.6, abs=0.02)
    assert (table.array("product") == 2).all()


def test_single_dose_loses_its_share_in_two_days_and_no_more() -> None:
    state = prepared()
    give(state, 2, dose=1e6, early_loss=0.9)
    assert car_t(state) == pytest.approx(1e5, rel=0.02)
    after = car_t(state)
    state.tick -= 2 * TICKS_PER_DAY
    CarTInfusion(day=0, product=2, early_loss=0.9).act(state, 0, 3 * TICKS_PER_DAY)
    assert car_t(state) == after


def test_split_dose_follows_its_days_and_loses_the_same_share() -> None:
    state = prepared()
    give(state, 6, dose=1e6, shares=(0.1, 0.3, 0.6), share_days=(0, 1, 2), delay=0.5)
    given = [(tick / TICKS_PER_DAY, detail["cells"]) for tick, kind, detail in state.events if kind == "infusion"]
    assert given == [(0.5, 100_000), (1.5, 300_000), (2.5, 600_000)]
    assert car_t(state) == pytest.approx(1e5, rel=0.02)


def of_part(state: State, number: int) -> int:
    """Return the body cells that still undergo the early loss of a part, counted from 1; 0 for all others."""
    kinds, infusions, weights = state.motile.arrays("kind", "infusion", "weight")
    return int(weights[(kinds == CAR_T.code) & (infusions == number)].sum())


def assert_survivors(count: int, given: int, days: float, loss: float = 0.9, time: float = 2.0) -> None:
    """Compare a part with the law of its loss, each cell on its own; false alarm 6e-5."""
    chance = (1 - loss) ** (min(days, time) / time)
    assert abs(count - given * chance) < 4 * math.sqrt(given * chance * (1 - chance))


def run_schedule(state: State, process: TreatmentSchedule, until: float, *others: Weighting) -> None:
    while state.tick < until * TICKS_PER_DAY:
        for one in (process, *others):
            one.run(state)
        state.check()
        state.tick += ACT_TICKS


def schedule(*treatments: CarTInfusion) -> TreatmentSchedule:
    return TreatmentSchedule(treatments, lambda name, state: 0.0, ())


def test_a_second_infusion_leaves_the_first_one_alone() -> None:
    state = prepared(scale=10_000)
    process = schedule(CarTInfusion(day=0, product=2, dose=1e6), CarTInfusion(day=14, product=2, dose=5e5))
    run_schedule(state, process, 1)
    assert_survivors(of_part(state, 1), 1_000_000, 1)
    run_schedule(state, process, 2.1)
    first = of_part(state, 0)
    assert_survivors(first, 1_000_000, 2)
    assert of_part(state, 1) == 0
    state.tick = 14 * TICKS_PER_DAY
    run_schedule(state, process, 15)
    assert of_part(state, 0) == first
    assert_survivors(of_part(state, 2), 500_000, 1)
    run_schedule(state, process, 16.1)
    assert_survivors(car_t(state) - first, 500_000, 2)
    assert of_part(state, 0) == car_t(state)


def test_infusions_that_overlap_are_lost_each_by_its_own_law() -> None:
    """Five parts of two treatments, enough agents to be merged; the second treatment loses more, and faster."""
    state = prepared(scale=10_000)
    process = schedule(
        CarTInfusion(day=0, product=2, dose=1e6, shares=(0.2, 0.3, 0.5), share_days=(0, 0.5, 1)),
        CarTInfusion(day=0.25, product=2, dose=4e5, early_loss=0.99, early_loss_time=1.5, shares=(0.5, 0.5), share_days=(0, 1)),
    )
    run_schedule(state, process, 1.5, Weighting(WeightingParameters(lower=40, upper=160)))
    assert state.ledger.total(Entry.MERGED) > 50
    # in the order in which they were given, by which they are numbered
    given = [detail["cells"] for _, kind, detail in state.events if kind == "infusion"]
    assert given == [200_000, 200_000, 300_000, 500_000, 200_000]
    for number, days in ((1, 1.5), (3, 1.0), (4, 0.5)):
        assert_survivors(of_part(state, number), given[number - 1], days)
    for number, days in ((2, 1.25), (5, 0.25)):
        assert_survivors(of_part(state, number), given[number - 1], days, 0.99, 1.5)


def test_cells_of_a_part_are_merged_only_with_their_like() -> None:
    state = prepared(scale=10**6)
    for number in (1, 2):
        put(state, CAR_T.code, PERIPHERY, 501, weight=10, product=2, infusion=number)
    merge(state, "motile", state.motile.alive())
    assert state.ledger.total(Entry.MERGED) == 500
    assert [of_part(state, number) for number in (1, 2)] == [5010, 5010]


def test_daughters_are_lost_no_more() -> None:
    state = prepared(scale=100)
    rows = put(state, CAR_T.code, PERIPHERY, 50, weight=100, product=2, infusion=1, divide_at=0, budget=9)
    CarTPopulation([PRODUCT, PRODUCT], il15_sensitivity=0, retry=1, period=ACT_TICKS).run(state)
    assert len(state.motile.alive()) == 100
    assert (state.motile.array("divisions")[rows] == 1).all()
    assert of_part(state, 1) == 0


def test_other_cells_are_left_alone_and_bound_ones_for_the_time() -> None:
    state = prepared()
    put(state, CAR_T.code, PERIPHERY, 20, weight=100, product=2)
    put(state, CAR_T.code, MARROW, 20, weight=100, product=2, kill_at=10**6, infusion=1)
    give(state, 2, dose=1)
    assert car_t(state) >= 4000


def test_full_cells_in_marrow_die_as_a_whole() -> None:
    state = prepared()
    put(state, CAR_T.code, MARROW, 400, product=2, infusion=1)
    give(state, 2, dose=1)
    assert car_t(state) == pytest.approx(4000, abs=1500)


def test_result_does_not_depend_on_the_order_of_rows() -> None:
    results = []
    for mixed in (False, True):
        state = prepared()
        give(state, 0.5, dose=1e5)
        if mixed:
            shuffle(state)
        infusion = CarTInfusion(day=0, product=2)
        infusion.act(state, 0, TICKS_PER_DAY)
        results.append(state.motile.to_arrays())
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])


def test_unknown_product_and_closed_block_are_refused() -> None:
    state = prepared()
    with pytest.raises(InputError, match="at most 2"):
        CarTInfusion(day=0, product=3).begin(state, 0)
    del state.places[PERIPHERY]
    with pytest.raises(InputError, match="closed block"):
        CarTInfusion(day=0, product=1).begin(state, 0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shares": (0.5, 0.4), "share_days": (0, 1)}, "add up to 1"),
        ({"shares": (0.5, 0.5)}, "equally many"),
        ({"shares": (), "share_days": ()}, "shares: must list at least one part, such as"),
        ({"shares": ()}, "shares: must list at least one part, such as"),
        ({"dose": -1}, "between"),
    ],
)
def test_contradictions_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CarTInfusion(day=0, **parameters)
