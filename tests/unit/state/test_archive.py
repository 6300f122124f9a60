# SPDX-License-Identifier: Apache-2.0
"""The state as arrays and back; that a run goes on from it is a contract (tests/contract/test_resume.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abm.assembly import build_state
from abm.model import TherapyModel
from abm.scenario import Scenario
from abm.state import archive
from abm.state.state import State
from tests.contract.shuffling import shuffle, state_digest
from tests.small_scenarios import everything


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return everything(Path(tmp_path_factory.mktemp("archive"))).scenario


@pytest.fixture(scope="module")
def state(scenario: Scenario) -> State:
    model = TherapyModel(scenario, threads=1)
    model.run(until_days=0.1)
    model.state.events.clear()
    assert len(model.state.places[1].guest_row)
    return model.state


def fresh(scenario: Scenario) -> State:
    return build_state(scenario, scenario.seed)


def test_back_again(scenario: Scenario, state: State) -> None:
    other = fresh(scenario)
    archive.load_arrays(other, archive.to_arrays(state))
    other.check()
    assert state_digest(other) == state_digest(state)


def test_it_shares_nothing_with_the_state(scenario: Scenario, state: State) -> None:
    arrays, other = archive.to_arrays(state), fresh(scenario)
    before = state_digest(state)
    archive.load_arrays(other, arrays)
    for values in arrays.values():
        values[...] = 0
    assert state_digest(other) == state_digest(state) == before


def test_neither_the_order_of_rows_nor_dead_ones_show(scenario: Scenario, state: State) -> None:
    before, other = archive.to_arrays(state), fresh(scenario)
    archive.load_arrays(other, before)
    shuffle(other, 3)
    after = archive.to_arrays(other)
    assert after.keys() == before.keys()
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values, err_msg=name)


def test_events_have_to_be_recorded_first(scenario: Scenario) -> None:
    other = fresh(scenario)
    other.events.append((0, "kind", {}))
    with pytest.raises(ValueError, match="1 events have not been recorded"):
        archive.to_arrays(other)


def test_another_lattice_is_refused(scenario: Scenario, state: State) -> None:
    arrays = archive.to_arrays(state)
    arrays["places/csf/site_code"] = arrays["places/csf/site_code"][:-1]
    with pytest.raises(ValueError, match="the csf has another shape"):
        archive.load_arrays(fresh(scenario), arrays)


@pytest.mark.parametrize("name", ["clock", "ledger", "tables/motile/uid", "places/marrow/guest_uid"])
def test_what_is_missing_is_named(scenario: Scenario, state: State, name: str) -> None:
    arrays = archive.to_arrays(state)
    del arrays[name]
    with pytest.raises(ValueError, match="missing"):
        archive.load_arrays(fresh(scenario), arrays)
