# SPDX-License-Identifier: Apache-2.0
"""Observables of a state that is small enough to count by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from abm.celltypes import BACKGROUND, BLAST, CAR_T, CD19_NEGATIVE_BLAST, HOST_T, MACROPHAGE, MATURE_B, PRE_B, PRO_B
from abm.errors import InputError
from abm.observables import OBSERVABLES, Snapshot, available, catalogue, observe, observe_all
from abm.state.columns import GUEST
from abm.state.kinds import KINDS
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY, PLACE_NAMES, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import canonical_unit

SCALE = 100


def closed_block() -> State:
    """Return a block of 24 sites: 2 blasts, 1 CD19-negative, 1 pre-B, 1 pro-B, 1 macrophage, 3 CAR T, 4 background cells."""
    lattice = Lattice((4, 3, 2), 10.0, (True, True, True))
    state = State(Draws(1), [Place(MARROW, SCALE, lattice.n_sites, lattice)])
    site = 0
    for kind, count in ((BLAST, 2), (CD19_NEGATIVE_BLAST, 1), (PRE_B, 1), (PRO_B, 1), (MACROPHAGE, 1), (CAR_T, 3)):
        state.add_cells(kind.code, MARROW, Entry.INITIAL, count, site=np.arange(site, site + count), weight=SCALE)
        site += count
    state.fill_light(BACKGROUND.code, MARROW, np.arange(site, site + 4), Entry.INITIAL)
    return state


def patient() -> State:
    """Return the block with a CSF and a periphery, weighted agents in them, and body variables."""
    state = closed_block()
    csf = Lattice((4, 4, 1), 10.0, (True, True, True))
    state.places[CSF] = Place(CSF, 10, csf.n_sites, csf)
    state.places[PERIPHERY] = Place(PERIPHERY, SCALE, 1000)
    numbers = {"weight_kg": 20.0, "blood_volume_ml": 1.4, "blood_share": 0.02, "csf_volume_ml": 0.08, "il6": 12.5, "crp": 40.0}
    numbers |= {"neurotoxicity": 1.0, "neurotoxicity_hazard": 0.125}
    state.body.update({name: np.array([value]) for name, value in numbers.items()})
    for kind, weights in ((CAR_T, [100, 37]), (HOST_T, [100, 100, 100, 11]), (BLAST, [50]), (MATURE_B, [99]), (PRE_B, [1])):
        state.add_cells(kind.code, PERIPHERY, Entry.INITIAL, len(weights), weight=np.array(weights))
    state.add_cells(CAR_T.code, CSF, Entry.ARRIVED, 1, site=3, weight=7, flags=GUEST)
    state.add_cells(CD19_NEGATIVE_BLAST.code, CSF, Entry.ARRIVED, 2, site=np.array([3, 4]), weight=4, flags=GUEST)
    state.check()
    return state


PER_MICROLITRE = 0.02 / 1400
BY_HAND = {
    "kills_total": 0.0,
    "effector_target_ratio": 300 / 300,
    "mrd": 300 / 1300,
    "marrow_blast_percent": 100 * 300 / 1300,
    "cd19_negative_fraction": 108 / 358,
    "blasts_total": 358.0,
    "car_t_total": 444.0,
    "car_t_blood": 137 * PER_MICROLITRE,
    "car_t_percent_cd3": 100 * 137 / 448,
    "b_cells_blood": 100 * PER_MICROLITRE,
    "blasts_blood": 50 * PER_MICROLITRE,
    "car_t_csf": 7 / 80,
    "blasts_csf": 8 / 80,
    "il6": 12.5,
    "crp": 40.0,
    "ifn_gamma": 0.0,
    "crs_grade": 0.0,
    "neurotoxicity": 1.0,
    "neurotoxicity_hazard": 3.0,
}


class TestOfAPatient:
    @pytest.mark.parametrize("name", BY_HAND)
    def test_by_hand(self, name: str) -> None:
        assert observe(name, patient()) == pytest.approx(BY_HAND[name], rel=1e-12)

    def test_cells_by_kind_and_place(self) -> None:
        found = observe_all(patient())
        counted = {name: value for name, value in found.items() if name.startswith("cells_") and value}
        assert counted == {
            "cells_background_marrow": 400, "cells_macrophage_marrow": 100, "cells_pro_b_marrow": 100,
            "cells_pre_b_marrow": 100, "cells_pre_b_periphery": 1, "cells_mature_b_periphery": 99,
            "cells_blast_marrow": 200, "cells_blast_periphery": 50, "cells_blast_cd19_negative_marrow": 100,
            "cells_blast_cd19_negative_csf": 8, "cells_host_t_periphery": 311, "cells_car_t_marrow": 300,
            "cells_car_t_csf": 7, "cells_car_t_periphery": 137,
        }  # fmt: skip
        assert {f"cells_{kind.name}_{place}" for kind in KINDS for place in PLACE_NAMES} < set(found)

    def test_all_at_once_are_those_one_by_one(self) -> None:
        state = patient()
        together = observe_all(state)
        for item in available(state):
            assert observe(item.name, state) == together[item.name] or math.isnan(together[item.name])

    def test_kills_are_booked_kills_of_every_kind_and_place(self) -> None:
        state = patient()
        state.remove("sessile", np.flatnonzero(state.sessile.array("kind") == BLAST.code), Entry.KILLED)
        assert observe("kills_total", state) == 250
        assert observe("blasts_total", state) == 108
        state.remove("sessile", np.flatnonzero(state.sessile.array("kind") == PRO_B.code), Entry.DIED)
        assert observe("kills_total", state) == 250

    def test_looking_changes_nothing(self) -> None:
        state = patient()
        before = {name: values.copy() for name, values in state.body.items()}
        book = state.ledger.book.copy()
        observe_all(state)
        assert {name: values.tolist() for name, values in state.body.items()} == {k: v.tolist() for k, v in before.items()}
        np.testing.assert_array_equal(state.ledger.book, book)
        assert state.events == []


class TestWithoutABody:
    def test_only_what_makes_sense(self) -> None:
        found = observe_all(closed_block())
        assert set(found) == {f"cells_{kind.name}_marrow" for kind in KINDS} | {"kills_total", "effector_target_ratio"}
        assert found["effector_target_ratio"] == 1.0

    def test_without_targets_there_is_no_ratio(self) -> None:
        state = closed_block()
        state.remove("sessile", np.flatnonzero(np.isin(state.sessile.array("kind"), (BLAST.code, PRE_B.code))), Entry.DIED)
        assert math.isnan(observe("effector_target_ratio", state))

    def test_a_body_variable_of_a_patient_is_unknown(self) -> None:
        with pytest.raises(InputError, match=r"unknown observable 'il6'; nearest: '"):
            observe("il6", closed_block())


def test_a_misspelt_name_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown observable 'car_t_blod'; nearest: 'car_t_blood'"):
        observe("car_t_blod", patient())


def test_without_csf_its_concentrations_are_unknown() -> None:
    state = patient()
    rows = {name: np.flatnonzero(table.array("compartment") == CSF) for name, table in state.tables.items()}
    for name, found in rows.items():
        state.remove(name, found, Entry.DIED)
    del state.places[CSF]
    assert math.isnan(observe("car_t_csf", state))
    assert "cells_car_t_csf" not in observe_all(state)


def test_nothing_at_all_is_no_reason_to_divide_by_zero() -> None:
    lattice = Lattice((2, 2, 1), 10.0, (True, True, True))
    state = State(Draws(1), [Place(MARROW, 1, 4, lattice), Place(PERIPHERY, 1, 10)])
    state.body["weight_kg"] = np.array([20.0])
    found = observe_all(state)
    assert {name for name, value in found.items() if math.isnan(value)} == {
        "effector_target_ratio", "cd19_negative_fraction", "car_t_csf", "blasts_csf", "neurotoxicity", "neurotoxicity_hazard"
    }  # fmt: skip
    assert not any(value for value in found.values() if not math.isnan(value))


def test_each_has_a_unit_that_is_known_and_a_description() -> None:
    for item in catalogue((MARROW, CSF, PERIPHERY), with_body=True):
        assert canonical_unit(item.unit) == item.unit
        assert item.about
        assert "\n" not in item.about
    assert all(name == item.name for name, item in OBSERVABLES.items())


def test_a_snapshot_counts_once() -> None:
    state = patient()
    snapshot = Snapshot.of(state)
    np.testing.assert_array_equal(snapshot.cells, state.stock())
    assert snapshot.count((CAR_T.code,)) == 444
    assert snapshot.count((CAR_T.code, HOST_T.code), PERIPHERY) == 448
    assert snapshot.body("il6") == 12.5
    assert snapshot.body("never_set") == 0.0
