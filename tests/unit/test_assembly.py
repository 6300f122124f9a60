# SPDX-License-Identifier: Apache-2.0
"""From a scenario to a state and a schedule: scales, first cells, processes and their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm.assembly import build_schedule, build_state
from abm.celltypes import BLAST, CAR_T, CD19_NEGATIVE_BLAST, HOST_T, MATURE_B, PRE_B
from abm.model import TherapyModel
from abm.scenario import Scenario
from abm.state.columns import GUEST, NEVER
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.state.state import State
from abm.units import TICKS_PER_HOUR
from tests.contract.shuffling import state_digest

MARROW_BLOCK = {"shape": [14, 12, 10], "voids": 0.2}
BODY = {"weight": "20 kg"}


def scenario(**parts: Any) -> Scenario:
    parts = {"name": "x", "marrow": MARROW_BLOCK, "csf": {"shape": [8, 8, 4]}, "body": BODY, **parts}
    return Scenario(**parts)


def stock(state: State, kind: int, place: int) -> int:
    return int(state.stock()[kind, place])


class TestPatient:
    def test_scale_is_the_healthy_marrow_over_the_sites_that_it_fills(self) -> None:
        patient = scenario()
        state = build_state(patient, 1)
        marrow = state.places[MARROW]
        assert marrow.lattice is not None
        filled = round(marrow.lattice.n_open * 0.8)
        assert 0 < marrow.lattice.n_open < 14 * 12 * 10
        assert marrow.scale == round(patient.body.marrow_cells * 20 / filled)
        assert state.places[PERIPHERY].scale == marrow.scale
        assert state.places[PERIPHERY].n_sites == round(patient.body.periphery_sites * 20 / marrow.scale)

    def test_the_shares_of_the_marrow_are_those_of_the_scenario(self) -> None:
        state = build_state(scenario(blasts={"marrow_fraction": "60 %"}, marrow={**MARROW_BLOCK, "shape": [24, 24, 24]}), 1)
        cells = state.stock()[:, MARROW]
        sites = cells.sum() / state.places[MARROW].scale
        assert cells[BLAST.code] / cells.sum() == pytest.approx(0.6, abs=4 * (0.24 / sites) ** 0.5)
        assert cells[CD19_NEGATIVE_BLAST.code] == 0
        assert sites == pytest.approx(0.8 * state.places[MARROW].lattice.n_open, rel=0.03)

    def test_first_cells_outside_the_marrow(self) -> None:
        patient = scenario(blasts={"marrow_fraction": "60 %"}, csf={"shape": [8, 8, 4], "blasts": 1e5})
        state = build_state(patient, 1)
        in_marrow = stock(state, BLAST.code, MARROW)
        assert stock(state, BLAST.code, PERIPHERY) == round(in_marrow * patient.trafficking.blast_share)
        assert stock(state, BLAST.code, CSF) == 100_000
        marrow_cells = patient.body.marrow_cells * 20
        b = patient.b_lineage
        assert stock(state, MATURE_B.code, PERIPHERY) == round(b.mature_fraction * b.mature_pool * marrow_cells)
        room = state.places[PERIPHERY].n_sites * state.places[PERIPHERY].scale
        host_t = patient.host_t
        assert stock(state, HOST_T.code, PERIPHERY) == round(host_t.periphery_fraction * host_t.initial_pool * room)
        assert state.stock()[CAR_T.code].sum() == 0

    def test_a_small_negative_clone_is_made_of_guests_and_a_large_one_of_full_cells(self) -> None:
        for fraction, guests in ((1e-4, True), (0.5, False)):
            block = {**MARROW_BLOCK, "shape": [16, 16, 16]}
            state = build_state(scenario(marrow=block, blasts={"marrow_fraction": "70 %", "cd19_negative_fraction": fraction}), 1)
            kinds, flags, places = state.sessile.arrays("kind", "flags", "compartment")
            here = (kinds == CD19_NEGATIVE_BLAST.code) & (places == MARROW)
            assert ((flags[here] & GUEST) != 0).all() == guests
            share = stock(state, CD19_NEGATIVE_BLAST.code, MARROW) / state.stock()[[BLAST.code, CD19_NEGATIVE_BLAST.code], MARROW].sum()
            assert share == pytest.approx(fraction, rel=0.1)
            state.check()

    def test_everything_is_booked_as_initial_and_adds_up(self) -> None:
        state = build_state(scenario(blasts={"marrow_fraction": "30 %"}), 1)
        state.check()
        assert state.ledger.book[..., Entry.INITIAL].sum() == state.ledger.book.sum() == state.stock().sum()
        assert state.tick == 0

    def test_body_variables(self) -> None:
        state = build_state(scenario(start="-3 d", susceptibility=1.5, csf={"shape": [8, 8, 4], "volume": "90 mL"}), 1)
        found = {name: values.tolist() for name, values in state.body.items()}
        assert found["day_zero_tick"] == [3 * 24 * TICKS_PER_HOUR]
        assert found["weight_kg"] == [20]
        assert found["blood_volume_ml"] == [pytest.approx(20 * 70)]
        assert found["blood_share"] == [pytest.approx(0.02)]
        assert found["csf_volume_ml"] == [pytest.approx(90)]
        assert found["susceptibility"] == [1.5]
        assert len(found["product_budget"]) == 1

    def test_a_body_without_csf(self) -> None:
        state = build_state(scenario(csf=None), 1)
        assert sorted(state.places) == [MARROW, PERIPHERY]
        assert "csf_volume_ml" not in state.body


class TestBodyAtTheStart:
    """What the first recorded row and the first look of a rule see."""

    def test_levels_are_those_before_treatment(self) -> None:
        cytokines = {"il6": {"baseline": 4}, "acute_phase": {"crp_baseline": "7 mg/L"}}
        model = TherapyModel(scenario(cytokines=cytokines, susceptibility=1.5, host_t={"initial_pool": 0.5}), threads=1)
        found = model.observables()
        expected = {"il6": 4, "crp": 7, "ferritin": 1, "ldh": 1, "crs_signal": 6, "ifn_gamma": 0, "il2": 0, "crs_grade": 0}
        assert {name: found[name] for name in expected} == pytest.approx(expected)
        # half of the T cells of health, with a tenfold maximum
        assert found["il15"] == pytest.approx(1 / (0.1 + 0.9 * 0.5), rel=0.02)

    def test_nothing_jumps_in_the_first_hour(self) -> None:
        model = TherapyModel(scenario(blasts={"marrow_fraction": "30 %"}), threads=1)
        before = model.observables()
        model.step()
        after = model.observables()
        for name in ("il6", "crp", "ferritin", "ldh", "il15", "crs_signal"):
            assert after[name] == pytest.approx(before[name], rel=0.02), name

    def test_a_rule_on_a_low_level_does_not_fire_before_the_level_is_low(self) -> None:
        rules = ("il6 < 2", "crp < 2", "ferritin < 0.5", "ldh < 0.5", "il15 < 0.5", "crs_signal < 2")
        patient = scenario(treatments=[{"type": "etanercept", "when": rule} for rule in (*rules, "il6 > 2")])
        model = TherapyModel(patient, threads=1)
        model.step()
        assert [detail["index"] for _, _, detail in model.state.events] == [len(rules)]

    def test_a_closed_block_has_none(self) -> None:
        block = scenario(body=None)
        state = build_state(block, 1)
        build_schedule(block, state)
        assert not {"il6", "crp", "il15", "crs_signal", "neurotoxicity"} & set(state.body)


class TestClosedBlock:
    def test_every_agent_is_one_cell_and_effectors_are_mixed_in(self) -> None:
        block = scenario(
            body=None, marrow={"shape": [20, 20, 20], "fat": 0, "bone": 0, "sinusoid_radius": 0, "voids": 0.5},
            blasts={"marrow_fraction": 0.4}, b_lineage={"pre_b_fraction": "10 %"}, effector_target_ratio=0.5,
            products=[{"memory_fraction": 0, "cd4_fraction": 1}],
        )  # fmt: skip
        state = build_state(block, 1)
        assert list(state.places) == [MARROW]
        assert state.places[MARROW].scale == 1
        cells = state.stock()[:, MARROW]
        targets, effectors = cells[[BLAST.code, PRE_B.code]].sum(), cells[CAR_T.code]
        assert effectors / targets == pytest.approx(0.5, abs=4 * (0.5 * 1.5 / targets) ** 0.5)
        rows = state.motile.array("kind") == CAR_T.code
        assert (state.motile.array("subset")[rows] == 4).all()
        assert (state.motile.array("product")[rows] == 1).all()
        state.check()


def test_two_dimensions() -> None:
    state = build_state(scenario(marrow={"shape": [32, 32, 1]}, blasts={"marrow_fraction": "50 %"}), 1)
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    assert lattice.directions.tolist() == [0, 1, 2, 3]
    assert lattice.n_open < 32 * 32
    state.check()


def test_seeds() -> None:
    patient = scenario(blasts={"marrow_fraction": "30 %"})
    assert state_digest(build_state(patient, 1)) == state_digest(build_state(patient, 1)) != state_digest(build_state(patient, 2))


class TestSchedule:
    def names(self, patient: Scenario) -> list[str]:
        return [process.name for process in build_schedule(patient, build_state(patient, 1)).processes]

    def test_a_closed_block_needs_few(self) -> None:
        names = self.names(scenario(body=None))
        assert [*names[:4], names[-1]] == ["engagement", "motility", "car_t_population", "leukaemia", "compaction"]
        assert not set(names) & {"trafficking", "lymphopoiesis", "host_t", "background", "csf_flow", "toxicity", "weighting"}

    def test_a_body_adds_its_own_and_treatments_come_first(self) -> None:
        treated = scenario(treatments=[{"type": "car_t_infusion", "day": 0}])
        names = self.names(treated)
        assert names[0] == "treatments"
        assert names[-4:] == ["toxicity", "neurotoxicity", "weighting", "compaction"]
        assert {"trafficking", "lymphopoiesis", "host_t", "background", "csf_flow"} < set(names)
        assert self.names(scenario(treatments=())) == names[1:]
        assert set(names) - set(self.names(scenario(csf=None, treatments=treated.treatments))) == {"csf_flow", "neurotoxicity"}

    def test_first_fates_are_scheduled(self) -> None:
        patient = scenario(blasts={"marrow_fraction": "30 %"})
        state = build_state(patient, 1)
        blasts = state.sessile.array("kind") == BLAST.code
        assert (state.sessile.array("due")[blasts] == NEVER).all()
        schedule = build_schedule(patient, state)
        due = state.sessile.array("due")[blasts]
        assert (due < NEVER).all()
        rate = patient.blasts.net_growth + 2 * patient.blasts.death
        assert due.mean() == pytest.approx(TICKS_PER_HOUR / rate, rel=5 / np.sqrt(len(due)))
        assert schedule.stride == TICKS_PER_HOUR // 6

    def test_threads_reach_the_processes_that_have_them(self) -> None:
        patient = scenario()
        processes = {process.name: process for process in build_schedule(patient, build_state(patient, 1), 3).processes}
        assert processes["engagement"].n_threads == processes["motility"].n_threads == 3
