# SPDX-License-Identifier: Apache-2.0
"""Assays: the distribution of what is reported, limits of detection, and that a sample is drawn once."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from abm.clinic import ASSAYS, Courses
from abm.observables import catalogue


def courses(**values: float) -> Courses:
    return Courses(pd.DataFrame(values, index=pd.Index([28.0], name="day")))


def reported(assay: str, true: float, seeds: int = 400) -> np.ndarray:
    course = courses(**{ASSAYS[assay].observable: true})
    return np.array([ASSAYS[assay].report(course, 28.0, seed) for seed in range(seeds)])


def test_every_assay_measures_an_observable_of_a_patient_in_its_unit() -> None:
    units = {item.name: item.unit for item in catalogue((0, 1, 2), with_body=True)}
    assert {name: units[assay.observable] for name, assay in ASSAYS.items()} == {name: assay.unit for name, assay in ASSAYS.items()}
    assert all(assay.about and assay.source for assay in ASSAYS.values())


@pytest.mark.parametrize(
    ("assay", "true", "spread"),
    [
        ("morphology", 0.4, math.sqrt(0.4 * 0.6 / 200)),
        ("mrd_flow", 0.01, math.sqrt(0.01 * 0.99 / 2e5)),
        ("mrd_igh", 1e-4, math.sqrt(1e-4 / 1e6)),
        ("car_t_flow", 30.0, 100 * math.sqrt(0.3 * 0.7 / 5e4)),
        ("b_cells_flow", 80.0, math.sqrt(80 / 50)),
        ("csf_cytology", 2.0, math.sqrt(2 / 500)),
        ("il6_serum", 500.0, 50.0),
        ("crp_serum", 100.0, 5.0),
    ],
)
def test_what_is_reported_is_right_on_average_and_scatters_as_it_should(assay: str, true: float, spread: float) -> None:
    found = reported(assay, true)
    assert found.mean() == pytest.approx(true, abs=4 * spread / math.sqrt(len(found)))
    assert found.std() == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize(
    ("assay", "below"), [("mrd_flow", 3e-5), ("mrd_igh", 1e-8), ("b_cells_flow", 0.1), ("il6_serum", 1.0), ("crp_serum", 0.1)]
)
def test_what_is_below_the_limit_is_not_detected(assay: str, below: float) -> None:
    found = reported(assay, below)
    assert np.mean(found == 0.0) > 0.95
    assert reported(assay, 0.0, seeds=5).tolist() == [0.0] * 5


def test_near_the_limit_it_is_a_matter_of_chance() -> None:
    # 20 cells of 2e5 are expected and needed: found in 53 % of samples (Poisson)
    assert np.mean(reported("mrd_flow", 1e-4, seeds=2000) > 0) == pytest.approx(0.53, abs=0.05)


def test_a_sample_is_drawn_once_and_each_on_its_own() -> None:
    days = pd.Index([7.0, 14.0, 28.0], name="day")
    course = Courses(pd.DataFrame({"mrd": [1e-3] * 3, "il6": [100.0] * 3}, index=days))
    found = {(day, seed): ASSAYS["il6_serum"].report(course, day, seed) for day in days for seed in (1, 2)}
    assert len({*found.values()}) == len(found)
    assert found == {(day, seed): ASSAYS["il6_serum"].report(course, day, seed) for day, seed in found}
    assert ASSAYS["mrd_flow"].report(course, 7.0, 1) != ASSAYS["mrd_igh"].report(course, 7.0, 1)


def test_without_a_record_there_is_no_report() -> None:
    assert math.isnan(ASSAYS["mrd_flow"].report(courses(il6=1.0), 28.0, 1))
    assert math.isnan(ASSAYS["mrd_flow"].report(courses(mrd=1.0), 35.0, 1))
