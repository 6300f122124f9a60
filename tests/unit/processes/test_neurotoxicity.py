# SPDX-License-Identifier: Apache-2.0
"""Neurotoxicity: its hazard, when it sets in, how it ends, and where it cannot be.

Seeds are fixed, so each test passes always or never. With another seed the comparison of onset times with
an exponential would fail with probability ``FALSE_ALARM`` though nothing is wrong.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from abm.celltypes import CAR_T
from abm.processes.body import CsfParameters
from abm.processes.neurotoxicity import Neurotoxicity, NeurotoxicityParameters, hazard_to_onset
from abm.state.places import CSF
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_HOUR
from tests.unit.processes.small_body import make_state, put

FALSE_ALARM = 1e-3
VOLUME_ML = 2.0
ALWAYS = NeurotoxicityParameters(rate="4 1/d", csf_share=0, half_signal=0.1)
"""The hazard is 4 per day at any IL-6 well above 0.1 pg/mL."""


def patient(il6: float = 90.0, cells: int = 0, susceptibility: float = 1.0, seed: int = 1) -> State:
    state = make_state(seed=seed, csf=CsfParameters(volume=1, shape=(8, 8, 4), meningeal_layers=1))
    numbers = {"il6": il6, "csf_volume_ml": VOLUME_ML, "susceptibility": susceptibility}
    state.body |= {name: np.array([value]) for name, value in numbers.items()}
    if cells:
        put(state, CAR_T.code, CSF, 1, weight=cells, product=1)
    return state


def hazard(state: State, **parameters: float) -> float:
    """Return the hazard per day."""
    Neurotoxicity(NeurotoxicityParameters(**parameters)).run(state)
    return float(state.body["neurotoxicity_hazard"][0]) * 24


def run(state: State, process: Neurotoxicity, hours: float) -> None:
    end = state.tick + round(hours * TICKS_PER_HOUR)
    while state.tick < end:
        process.run(state)
        state.tick += process.period


class TestHazard:
    def test_half_of_everything(self) -> None:
        # 200 cells in 2 mL are 0.1 per µL
        assert hazard(patient(90, 200), rate=0.8, csf_share=1) == pytest.approx(0.8 / 4)
        assert hazard(patient(90, 200), rate=0.8, csf_share=0) == pytest.approx(0.8 / 2)
        assert hazard(patient(90, 200), rate=0.8, csf_share=0.5) == pytest.approx(0.8 * 0.375)
        assert hazard(patient(30, 200, susceptibility=3), rate=0.8, csf_share=0) == pytest.approx(0.8 / 2)
        assert hazard(patient(180, 200), rate=0.8, csf_share=0, half_signal=60) == pytest.approx(0.8 * 0.9)
        assert hazard(patient(90, 60), rate=0.8, csf_share=1, half_cells=0.01) == pytest.approx(0.8 / 2 * 0.75)

    def test_none_without_il6_nor_without_car_t_cells_where_these_are_needed(self) -> None:
        assert hazard(patient(il6=0, cells=100)) == 0
        assert hazard(patient(il6=1e4, cells=0), csf_share=1) == 0
        assert hazard(patient(il6=1e4, cells=0), csf_share=0.5, rate=1) == pytest.approx(0.5, rel=1e-3)
        assert hazard(patient(il6=1e4, cells=100), rate=0) == 0

    def test_receptors_that_are_blocked_do_not_lower_it(self) -> None:
        blocked = patient(90, 200)
        blocked.body["il6r_occupancy"] = np.array([0.99])
        assert hazard(blocked) == hazard(patient(90, 200)) > 0

    def test_the_il6_of_health_does_next_to_nothing_in_a_year(self) -> None:
        assert hazard(patient(il6=3, cells=100)) * 365 < 0.1

    def test_as_many_onsets_under_release_as_the_default_was_reasoned_from(self) -> None:
        """Of patients with 4.8 d of release at the half-maximal signal and concentration, 6 of 16."""
        assert -math.expm1(-4.8 * hazard(patient(90, 200))) == pytest.approx(6 / 16, abs=0.05)


class TestOnset:
    def test_thresholds_are_exponential_and_differ_between_seeds_and_episodes(self) -> None:
        found = [hazard_to_onset(patient(seed=1), 0)]
        state = patient()
        for seed in range(2000):
            state.draws = Draws(seed)
            found += [hazard_to_onset(state, 0), hazard_to_onset(state, 1)]
        assert len(set(found)) == 4000
        assert stats.kstest(found[1::2], "expon").pvalue > FALSE_ALARM
        assert stats.kstest(found[2::2], "expon").pvalue > FALSE_ALARM
        assert abs(stats.spearmanr(found[1::2], found[2::2]).statistic) < 0.08

    def test_waiting_times_under_a_constant_hazard_are_exponential(self) -> None:
        """Steps of ten minutes are 0.7 % of the mean wait; half a step is taken off."""
        process, days = Neurotoxicity(NeurotoxicityParameters(rate="1 1/d", csf_share=0, half_signal=0.1)), []
        state = patient()
        plain = dict(state.body)
        for seed in range(500):
            state.draws, state.body, state.tick = Draws(seed), dict(plain), 0
            while not state.body.get("neurotoxicity", [0])[0]:
                process.run(state)
                state.tick += process.period
            days.append((state.tick - process.period / 2) / (24 * TICKS_PER_HOUR))
        assert stats.kstest(days, "expon").pvalue > FALSE_ALARM

    def test_it_depends_on_the_cumulated_hazard_alone(self) -> None:
        steady, halting = patient(), patient()
        process = Neurotoxicity(ALWAYS)
        run(steady, process, 200)
        first = steady.events[0][0]
        for _ in range(first // process.period // 2):
            halting.body["il6"][0] = 0.0
            run(halting, process, 1 / 6)
            halting.body["il6"][0] = 90.0
            run(halting, process, 1 / 6)
        assert halting.events == []
        run(halting, process, 200)
        assert 1.4 * first < halting.events[0][0] < 1.6 * first

    def test_the_same_seed_the_same_onset_another_seed_another(self) -> None:
        def events(seed: int) -> list[tuple[int, str, dict[str, object]]]:
            state = patient(seed=seed)
            run(state, Neurotoxicity(ALWAYS), 100)
            return state.events

        assert events(3) == events(3)
        assert events(3)[0][0] != events(4)[0][0]


class TestEpisode:
    def test_onset_resolution_and_another_episode(self) -> None:
        state, process = patient(il6=200.0), Neurotoxicity(NeurotoxicityParameters(rate=20, csf_share=0))
        run(state, process, 240)
        assert [detail["change"] for _, _, detail in state.events] == ["onset"]
        assert state.body["neurotoxicity"][0] == 1
        highest = state.body["neurotoxicity_hazard"][0]
        state.body["il6"][0] = 90.0  # 0.6 of the highest
        run(state, process, 1)
        assert state.body["neurotoxicity"][0] == 1
        state.body["il6"][0] = 80.0
        process.run(state)
        assert state.body["neurotoxicity_hazard"][0] < 0.55 * highest
        assert state.body["neurotoxicity"][0] == 1
        state.body["il6"][0] = 60.0
        process.run(state)
        assert state.body["neurotoxicity"][0] == 0
        run(state, process, 480)
        assert [detail["change"] for _, _, detail in state.events] == ["onset", "resolved", "onset"]
        assert {kind for _, kind, _ in state.events} == {"neurotoxicity"}
        assert state.events[0][2]["hazard_per_day"] == pytest.approx(highest * 24)

    def test_it_lasts_while_the_hazard_rises(self) -> None:
        state, process = patient(il6=30.0), Neurotoxicity(NeurotoxicityParameters(rate=20, csf_share=0))
        run(state, process, 240)
        state.body["il6"][0] = 300.0
        run(state, process, 1)
        assert state.body["neurotoxicity"][0] == 1
        state.body["il6"][0] = 60.0  # above the hazard of the onset, below half of the highest
        run(state, process, 1)
        assert [detail["change"] for _, _, detail in state.events][:2] == ["onset", "resolved"]


class TestSilence:
    def test_without_csf(self) -> None:
        state = make_state()
        state.body["il6"] = np.array([1e4])
        before = dict(state.body)
        process = Neurotoxicity(ALWAYS)
        process.start(state)
        run(state, process, 24)
        assert state.body == before
        assert state.events == []

    def test_without_a_body(self) -> None:
        state = patient()
        state.body.clear()
        run(state, Neurotoxicity(ALWAYS), 24)
        assert state.body == {}

    def test_start_shows_the_hazard_and_no_episode(self) -> None:
        state = patient(90, 200)
        Neurotoxicity(NeurotoxicityParameters()).start(state)
        assert state.body["neurotoxicity_hazard"][0] * 24 == pytest.approx(0.25 * 0.375)
        assert state.body["neurotoxicity"][0] == 0
