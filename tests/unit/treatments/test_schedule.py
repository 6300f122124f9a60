# SPDX-License-Identifier: Apache-2.0
"""When treatments are given, and that their effects add up and end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from abm.errors import InputError
from abm.state.lattice import Lattice
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.streams import Draws
from abm.treatments import EFFECTS, TREATMENTS, AnyTreatment, Treatment, TreatmentSchedule
from abm.treatments.corticosteroid import Corticosteroid
from abm.treatments.etanercept import Etanercept
from abm.treatments.tocilizumab import Tocilizumab
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR

OBSERVABLES = ("crs_grade", "il6")
DRUGS: tuple[type[Treatment], ...] = (Tocilizumab, Etanercept, Corticosteroid)


def observe(name: str, state: State) -> float:
    return float(state.body[name][0]) if name in state.body else math.nan


def new_state(day_zero: float = 0.0) -> State:
    lattice = Lattice((2, 2, 2), 10.0, (True, True, True))
    state = State(Draws(1), [Place(MARROW, 1, 8, lattice)])
    state.body["day_zero_tick"] = np.array([day_zero * TICKS_PER_DAY])
    return state


def schedule(*treatments: Treatment) -> TreatmentSchedule:
    return TreatmentSchedule(treatments, observe, OBSERVABLES)


def advance(state: State, process: TreatmentSchedule, hours: float) -> None:
    """Run up to and including the state at ``hours`` from the start."""
    while state.tick <= hours * TICKS_PER_HOUR:
        process.run(state)
        state.tick += process.period


def given(state: State) -> list[tuple[float, str]]:
    return [(tick / TICKS_PER_HOUR, detail["treatment"]) for tick, kind, detail in state.events if kind == "treatment"]


def test_day_and_clock_time_of_a_schedule() -> None:
    # Grupp 2013, patient 1: day 5 steroid; day 7 etanercept in the morning, tocilizumab at 18:00
    state = new_state(day_zero=2)
    process = schedule(Tocilizumab(day=7.75), Etanercept(day=7), Corticosteroid(day=5))
    advance(state, process, 10 * 24)
    assert given(state) == [(7 * 24.0, "corticosteroid"), (9 * 24.0, "etanercept"), (9.75 * 24, "tocilizumab")]
    details = [detail for _, _, detail in state.events]
    assert details[2] == {"treatment": "tocilizumab", "index": 0, "dose_mg_per_kg": 8.0}
    assert details[0]["course"] == "2 mg/kg/d, zero after 7 d"


def test_a_day_before_the_start_is_the_start() -> None:
    state = new_state(day_zero=1)
    advance(state, schedule(Tocilizumab(day=-5)), 1)
    assert given(state) == [(0.0, "tocilizumab")]


def test_rule_must_hold_without_a_break_and_fires_once() -> None:
    state = new_state()
    process = schedule(Tocilizumab(when="crs_grade >= 3 for 12 h"))
    for hours, grade in ((5, 3), (6, 2), (17, 3), (18, 1), (31, 4), (60, 4)):
        state.body["crs_grade"] = np.array([float(grade)])
        advance(state, process, hours)
    first = 18 + 1 / 6 + 12
    assert given(state) == [(pytest.approx(first), "tocilizumab")]


def test_rule_on_what_is_not_known_yet_waits() -> None:
    state = new_state()
    process = schedule(Tocilizumab(when="il6 < 1000"))
    advance(state, process, 3)
    assert given(state) == []
    state.body["il6"] = np.array([3.0])
    advance(state, process, 4)
    assert len(given(state)) == 1


def test_memory_is_in_the_state() -> None:
    whole, halves = new_state(), new_state()
    plan = (Tocilizumab(when="crs_grade >= 3 for 12 h"), Corticosteroid(day=0.1))
    for state in (whole, halves):
        state.body["crs_grade"] = np.array([3.0])
    advance(whole, schedule(*plan), 30)
    advance(halves, schedule(*plan), 7)
    restored = new_state()
    restored.tick = halves.tick
    restored.body = {name: array.copy() for name, array in halves.body.items()}
    advance(restored, schedule(*plan), 30)
    assert restored.body.keys() == whole.body.keys()
    for name, array in whole.body.items():
        assert restored.body[name].tobytes() == array.tobytes(), name


def test_effects_start_neutral_multiply_and_return() -> None:
    state = new_state()
    steroid = {"full_duration": 2, "taper_duration": 0, "day": 1}
    process = schedule(Corticosteroid(**steroid), Corticosteroid(**steroid))  # type: ignore[arg-type]
    process.run(state)
    assert {name: float(state.body[name][0]) for name in EFFECTS} == EFFECTS
    advance(state, process, 60)
    one = Corticosteroid(**steroid)  # type: ignore[arg-type]
    level = one.relative_level(36)
    assert state.body["effect_secretion"][0] == pytest.approx((1 - 0.7 * level) ** 2)
    assert state.body["effect_division"][0] == pytest.approx((1 - 0.3 * level) ** 2)
    assert state.body["effect_car_t_death"][0] == pytest.approx(2 * 0.05 / 24 * level)
    advance(state, process, 60 * 24)
    for name, neutral in EFFECTS.items():
        assert state.body[name][0] == pytest.approx(neutral, abs=1e-9)


def test_halving_the_step_changes_no_level() -> None:
    class Halved(TreatmentSchedule):
        period = TreatmentSchedule.period // 2

    plan = (Tocilizumab(day=0.5), Etanercept(day=1), Corticosteroid(day=0))
    states = [new_state(), new_state()]
    for state, kind in zip(states, (TreatmentSchedule, Halved), strict=True):
        advance(state, kind(plan, observe, OBSERVABLES), 99)
    for name in EFFECTS:
        assert states[0].body[name][0] == pytest.approx(states[1].body[name][0], rel=1e-12), name


def test_an_unknown_observable_is_refused_when_the_schedule_is_built() -> None:
    words = r"treatments\[1\]\.when: unknown observable 'crs_garde'; nearest: 'crs_grade'; known: crs_grade, il6"
    with pytest.raises(InputError, match=words):
        schedule(Etanercept(day=1), Tocilizumab(when="crs_garde >= 3"))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "needs either 'day' .* or 'when' .*, got neither"),
        ({"day": 1, "when": "il6 > 5"}, "needs either 'day' .* or 'when' .*, got both"),
        ({"when": "il6 >> 5"}, "unknown operator '>>'"),
        ({"day": -100}, "must be between -60 and 7300 d, got -100"),
        ({"day": 1, "dosis": 8}, "Extra inputs"),
    ],
)
@pytest.mark.parametrize("kind", DRUGS)
def test_day_or_rule(kind: type[Treatment], entry: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        kind.model_validate(entry)


def test_index_finds_treatments_by_type() -> None:
    read = TypeAdapter(AnyTreatment).validate_python
    assert read({"type": "tocilizumab", "day": 7.75, "dose": "12 mg/kg"}) == Tocilizumab(day=7.75, dose=12)
    assert set(DRUGS) <= set(TREATMENTS)
    for kind in DRUGS:
        made = read({"type": kind.model_fields["type"].default, "when": "crs_grade >= 2"})
        assert type(made) is kind
        assert made.label == made.type
