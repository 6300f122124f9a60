# SPDX-License-Identifier: Apache-2.0
"""Infusion of CAR T cells: numbers, composition, split doses, early loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from abm.celltypes.car_t import CAR_T, CarTParameters, Programme
from abm.errors import InputError
from abm.state.columns import NEVER
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY
from abm.state.state import State
from abm.treatments.infusion import ACT_TICKS, CarTInfusion, record_products
from abm.units import TICKS_PER_DAY
from tests.unit.processes.small_body import make_state, put, shuffle

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


def test_cells_that_have_divided_are_not_lost() -> None:
    state = prepared()
    put(state, CAR_T.code, PERIPHERY, 50, weight=100, divisions=1, product=2)
    give(state, 2, dose=0)
    assert car_t(state) == 5000


def test_bound_cells_and_other_products_are_left_alone() -> None:
    state = prepared()
    put(state, CAR_T.code, PERIPHERY, 20, weight=100, product=1)
    put(state, CAR_T.code, MARROW, 20, weight=100, product=2, kill_at=10**6)
    give(state, 2, dose=1)
    assert car_t(state) >= 4000


def test_full_cells_in_marrow_die_as_a_whole() -> None:
    state = prepared()
    put(state, CAR_T.code, MARROW, 400, product=2)
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
        ({"dose": -1}, "between"),
    ],
)
def test_contradictions_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CarTInfusion(day=0, **parameters)
