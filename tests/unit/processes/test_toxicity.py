# SPDX-License-Identifier: Apache-2.0
"""The signal, the 12 hours of each grade, and how a grade ends."""

from __future__ import annotations

import numpy as np
import pytest

from abm.observables import Snapshot, crs_grade
from abm.playback import courses
from abm.processes.toxicity import CRS_THRESHOLDS, Toxicity, ToxicityParameters
from abm.state.state import State
from tests.unit.processes.body_state import advance, body_state


def patient(il6: float, *, susceptibility: float = 1.0, occupancy: float = 0.0) -> State:
    state = body_state()
    state.body |= {
        "il6": np.array([il6]),
        "susceptibility": np.array([susceptibility]),
        "il6r_occupancy": np.array([occupancy]),
    }
    return state


def grade(state: State) -> int:
    return int(state.body["crs_grade"][0])


def test_thresholds_are_shared_and_triple() -> None:
    assert CRS_THRESHOLDS == (30.0, 90.0, 270.0, 810.0)
    assert courses.CRS_THRESHOLDS is CRS_THRESHOLDS


@pytest.mark.parametrize(("il6", "expected"), [(29.9, 0), (30.0, 1), (89.0, 1), (90.0, 2), (300.0, 3), (5000.0, 4)])
def test_grade_after_twelve_hours_and_not_before(il6: float, expected: int) -> None:
    state, process = patient(il6), Toxicity(ToxicityParameters())
    advance(state, (12 * 60 - 10) / 1440, process)
    assert grade(state) == 0
    advance(state, 10 / 1440, process)
    assert grade(state) == expected


def test_signal_is_susceptibility_times_il6_at_free_receptors() -> None:
    state = patient(400.0, susceptibility=2.5, occupancy=0.9)
    Toxicity(ToxicityParameters()).run(state)
    assert state.body["crs_signal"][0] == pytest.approx(100.0)
    advance(state, 0.5, Toxicity(ToxicityParameters()))
    assert grade(state) == 2


def test_a_dip_starts_the_hours_anew_and_a_fall_ends_the_grade_at_once() -> None:
    state, process = patient(100.0), Toxicity(ToxicityParameters())
    advance(state, 11 / 24, process)
    state.body["il6"][0] = 80.0
    process.run(state)
    assert state.body["crs_hours_above"].tolist() == pytest.approx([11 + 1 / 6, 0, 0, 0])
    state.body["il6"][0] = 100.0
    advance(state, 11.8 / 24, process)
    assert grade(state) == 1
    advance(state, 0.1 / 24, process)
    assert grade(state) == 2
    state.body["il6"][0] = 50.0
    process.run(state)
    assert grade(state) == 1
    state.body["il6r_occupancy"][0] = 0.99
    process.run(state)
    assert grade(state) == 0
    assert [(kind, detail["before"], detail["grade"]) for _, kind, detail in state.events] == [
        ("crs_grade", 0, 1),
        ("crs_grade", 1, 2),
        ("crs_grade", 2, 1),
        ("crs_grade", 1, 0),
    ]


def test_who_looks_once_an_hour_sees_a_grade_of_ten_minutes() -> None:
    state, process = patient(100.0), Toxicity(ToxicityParameters(sustained=0.0))
    assert crs_grade.value(Snapshot(state, np.zeros((32, 3), np.int64))) == 0
    seen = []
    for minute in range(0, 120, 10):
        state.body["il6"][0] = 300.0 if minute == 10 else 1.0
        process.run(state)
        seen.append(crs_grade.value(Snapshot(state, np.zeros((32, 3), np.int64))))
    assert seen == [0] + [3] * 6 + [0] * 5


def test_without_delay_the_grade_is_that_of_the_moment() -> None:
    state = patient(100.0)
    Toxicity(ToxicityParameters(sustained=0.0)).run(state)
    assert grade(state) == 2
    state.body["il6"][0] = 1.0
    Toxicity(ToxicityParameters(sustained=0.0)).run(state)
    assert grade(state) == 0


def test_without_a_body_nothing_happens() -> None:
    state = body_state(body=False)
    Toxicity(ToxicityParameters()).run(state)
    assert state.body == {}
