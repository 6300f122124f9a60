# SPDX-License-Identifier: Apache-2.0
"""Each drug against its label and its closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from abm.celltypes.car_t import MOST_DRUG_DEATH
from abm.state.lattice import Lattice
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.streams import Draws
from abm.treatments.corticosteroid import Corticosteroid
from abm.treatments.etanercept import Etanercept
from abm.treatments.tocilizumab import Tocilizumab
from abm.treatments.treatment import EFFECTS, Treatment
from abm.units import TICKS_PER_HOUR


def effects(hours: float, *treatments: Treatment) -> dict[str, float]:
    """Return the effects some hours after all were given."""
    state = State(Draws(1), [Place(MARROW, 1, 8, Lattice((2, 2, 2), 10.0, (True, True, True)))])
    state.body |= {name: np.array([neutral]) for name, neutral in EFFECTS.items()}
    for index, treatment in enumerate(treatments):
        treatment.begin(state, index)
        treatment.act(state, index, round(hours * TICKS_PER_HOUR))
    return {name: float(array[0]) for name, array in state.body.items()}


def test_tocilizumab_level_is_that_of_the_label() -> None:
    drug = Tocilizumab(day=0)
    assert drug.level(0) / 1e6 == pytest.approx(183, rel=0.001)
    area = sum(drug.level(hours + 0.5) for hours in range(2000)) / 1e6
    assert area == pytest.approx(8 / 0.29 * 1000, rel=0.001)  # dose over clearance [µg h/mL]
    assert drug.level(24.0) == pytest.approx(drug.level(0) * math.exp(-0.29 / 43.7 * 24))


def test_tocilizumab_occupies_more_than_95_percent_from_a_few_ug_per_ml_on() -> None:
    drug = Tocilizumab(day=0)
    for hours in range(0, 24 * 60, 6):
        level = drug.level(hours) / 1e6
        if level > 5:
            assert drug.occupancy(hours) > 0.95
        assert (level > 2.85) == (drug.occupancy(hours) > 0.95)
    assert drug.occupancy(0) > 0.999


def test_tocilizumab_blocks_the_receptor_and_the_clearance_of_il6_alone() -> None:
    found = effects(24, Tocilizumab(day=0))
    assert found["il6r_occupancy"] == pytest.approx(Tocilizumab(day=0).occupancy(24), rel=1e-12)
    assert 3 < 1 / found["effect_il6_clearance"] < 10
    assert found["drug_0_level_ug_per_ml"] == pytest.approx(Tocilizumab(day=0).level(24) / 1e6)
    unchanged = set(EFFECTS) - {"il6r_occupancy", "effect_il6_clearance"}
    assert {name: found[name] for name in unchanged} == {name: EFFECTS[name] for name in unchanged}


def test_two_doses_are_as_one_of_their_sum() -> None:
    hours = 24 * 30  # late, when occupancy is no longer full
    two = effects(hours, Tocilizumab(day=0, dose=4), Tocilizumab(day=0, dose=8))
    one = effects(hours, Tocilizumab(day=0, dose=12))
    for name in ("il6r_occupancy", "effect_il6_clearance"):
        assert two[name] == pytest.approx(one[name], rel=1e-12)
    assert 0.5 < one["il6r_occupancy"] < 0.99


def test_etanercept_neutralises_nine_tenths_of_tnf_and_wanes() -> None:
    assert effects(0, Etanercept(day=0))["effect_tnf"] == pytest.approx(0.1, rel=0.001)
    assert effects(84, Etanercept(day=0))["drug_0_amount_mg_per_kg"] == pytest.approx(0.4)
    assert effects(24 * 60, Etanercept(day=0))["effect_tnf"] > 0.99


def test_corticosteroid_at_two_mg_per_kg_per_day() -> None:
    found = effects(24 * 30, Corticosteroid(day=0, full_duration=60))
    assert found["effect_secretion"] == pytest.approx(0.3)
    assert found["effect_division"] == pytest.approx(0.7)
    assert found["effect_car_t_death"] * 24 == pytest.approx(0.05)
    assert found["il6r_occupancy"] == 0.0


def test_corticosteroid_saturates_but_for_death() -> None:
    found = effects(24 * 30, Corticosteroid(day=0, dose=10, full_duration=60))
    assert found["effect_secretion"] == pytest.approx(0.3)
    assert found["effect_car_t_death"] * 24 == pytest.approx(0.25)
    half = effects(24 * 30, Corticosteroid(day=0, dose=1, full_duration=60))
    assert half["effect_secretion"] == pytest.approx(1 - 0.35)


def test_corticosteroid_fades_after_its_taper() -> None:
    # Grupp 2013, patient 1: from day 5, none by day 12
    drug = Corticosteroid(day=5)
    assert drug.relative_level(18) == pytest.approx(0.5)  # one half-life after the start
    assert drug.relative_level(72) > 0.9
    assert drug.relative_level(7 * 24) < 0.5
    assert drug.relative_level(10 * 24) < 0.02


def test_a_course_of_no_length_is_refused() -> None:
    with pytest.raises(ValidationError, match="must not both be 0 d"):
        Corticosteroid(day=0, full_duration=0, taper_duration=0)


@pytest.mark.parametrize(("death", "dose", "reference"), [(0.5, 4, 2), (1, 2, 2), (0.05, 30, 2), (5, 0.1, 1), (5, 0.2, 1), (0.1, 10, 1)])
def test_a_corticosteroid_that_kills_up_to_the_most_is_taken(death: float, dose: float, reference: float) -> None:
    found = effects(24 * 30, Corticosteroid(day=0, full_duration=60, death=death, dose=dose, reference_dose=reference))
    assert found["effect_car_t_death"] * 24 == pytest.approx(death * dose / reference)
    assert found["effect_car_t_death"] <= MOST_DRUG_DEATH * (1 + 1e-12)


@pytest.mark.parametrize(("death", "dose", "reference", "given"), [(0.5, 4.1, 2, "1.02"), (1.1, 2, 2, "1.1"), (0.05, 30, 1, "1.5")])
def test_a_corticosteroid_that_kills_more_than_the_most_is_refused(death: float, dose: float, reference: float, given: str) -> None:
    with pytest.raises(ValidationError, match=rf"death at this dose must be at most 1 1/d .*, got {given} 1/d"):
        Corticosteroid(day=0, death=death, dose=dose, reference_dose=reference)


def test_no_dose_no_effect() -> None:
    found = effects(24, Tocilizumab(day=0, dose=0), Etanercept(day=0, dose=0), Corticosteroid(day=0, dose=0))
    assert {name: found[name] for name in EFFECTS} == EFFECTS
