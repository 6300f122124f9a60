# SPDX-License-Identifier: Apache-2.0
"""Endpoints on courses drawn by hand, and on a real run."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from abm.clinic import ENDPOINTS, Courses, endpoint
from abm.observables import catalogue
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.units import UNITS


def patient(**columns: list[float]) -> Courses:
    """A run of 40 days with a value on every second day."""
    index = pd.Index(np.arange(0.0, 41.0, 2.0), name="day")
    return Courses(pd.DataFrame(columns, index=index))


def value(name: str, courses: Courses) -> float:
    return ENDPOINTS[name].value(courses)


RELAPSE = [0.5, 0.4, 0.1, 0.01, 1e-3, 5e-5, 0, 0, 0, 0, 0, 0, 0, 0, 2e-5, 5e-5, 1e-3, 0.02, 0.1, 0.3, 0.6]
NEVER = [0.5] * 21


def test_response_and_relapse() -> None:
    courses = patient(mrd=RELAPSE, cells_blast_marrow=[1e9] * 21, cells_blast_cd19_negative_marrow=[3e9] * 21)
    assert value("mrd_day28", courses) == 2e-5
    assert value("remission_day28", courses) == value("mrd_negative_day28", courses) == 1
    assert (value("remission_day", courses), value("mrd_negative_day", courses)) == (6, 10)
    assert (value("relapse", courses), value("relapse_day", courses)) == (1, 32)
    assert value("relapse_cd19_negative", courses) == 0.75
    assert (value("fewest_blasts", courses), value("blasts_at_end", courses)) == (0, 0.6)


def test_what_did_not_happen_is_not_a_number() -> None:
    courses = patient(mrd=NEVER)
    assert value("remission_day28", courses) == value("mrd_negative_day28", courses) == 0
    for name in ("remission_day", "mrd_negative_day", "relapse", "relapse_day", "relapse_cd19_negative"):
        assert math.isnan(value(name, courses))
    assert value("relapse", patient(mrd=[*RELAPSE[:14], *[0.0] * 7])) == 0
    assert math.isnan(value("mrd_negative_day", patient(mrd=[1e-5] * 21)))  # never was positive


def test_a_run_that_ends_early_has_no_response_of_day_28() -> None:
    short = Courses(pd.DataFrame({"mrd": [0.5, 0.01], "car_t_blood": [1.0, 9.0]}, index=[0.0, 20.0]))
    assert math.isnan(value("mrd_day28", short))
    assert math.isnan(value("remission_day28", short))
    assert math.isnan(value("car_t_exposure_day28", short))


def test_car_t_cytokines_and_b_cells() -> None:
    car_t = [0, 0.5, 5, 50, 20, 10, 5, 2, 0.5, *[0.1] * 12]
    b_cells = [200, 50, 5, 1, 0, 0, 0, 0, 0, 0, 2, 8, 20, 60, *[200] * 7]
    grade = [0, 0, 1, 3, 2, 1, *[0] * 15]
    courses = patient(car_t_blood=car_t, b_cells_blood=b_cells, crs_grade=grade, crs_signal=[10.0 * x for x in grade], il6=car_t)
    assert (value("peak_car_t", courses), value("peak_car_t_day", courses)) == (50, 6)
    assert value("car_t_persistence", courses) == 12
    assert value("car_t_exposure_day28", courses) == pytest.approx(np.trapezoid(car_t[:15], dx=2.0))
    assert (value("highest_crs_grade", courses), value("crs_duration", courses)) == (3, 8)
    assert (value("peak_crs_signal", courses), value("peak_il6", courses)) == (30, 50)
    assert (value("aplasia_duration", courses), value("b_cell_recovery_day", courses)) == (20, 24)


def test_nothing_recorded_gives_no_numbers() -> None:
    assert all(math.isnan(item.value(patient())) for item in ENDPOINTS.values())


def test_every_endpoint_is_described() -> None:
    for item in ENDPOINTS.values():
        assert item.unit in UNITS
        assert item.about.endswith((".", "]."))


def test_another_one_is_a_decorated_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abm.clinic.endpoints.ENDPOINTS", added := {})

    @endpoint("cells")
    def twice_killed(courses: Courses) -> float:
        """Twice the cells killed."""
        course = courses.get("kills_total")
        return math.nan if course is None else 2 * float(course[1][-1])

    assert added["twice_killed"].value(patient(kills_total=[*range(21)])) == 40


def test_endpoints_read_observables_that_exist() -> None:
    names = {item.name for item in catalogue((MARROW, CSF, PERIPHERY), with_body=True)}
    asked: set[str] = set()

    class Spy(Courses):
        def get(self, name: str) -> None:  # type: ignore[override]
            asked.add(name)

    spy = Spy(pd.DataFrame())
    for item in ENDPOINTS.values():
        item.value(spy)
    assert asked
    assert asked <= names
