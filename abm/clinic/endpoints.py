# SPDX-License-Identifier: Apache-2.0
"""Endpoints: one number per run, as a trial would report it.

Each is a function of the recorded :class:`~abm.clinic.courses.Courses`. It is not a number where what it needs was not
recorded, or where what it asks for has not happened: a day of relapse without a relapse, a response of day 28 in a run of
20 days. A run need not be finished, so that all of them hold for what has been recorded so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.clinic.courses import APLASIA, CAR_T_SEEN, MRD_LIMIT, REMISSION, RESPONSE_DAY, Courses, Values, fall, recovery, stretches

SETTLED = 7.0
"""After the day of a relapse, until its antigen is asked for [d]: the first blasts of a relapse may be of either kind."""
NAN = math.nan


@dataclass(frozen=True)
class Endpoint:
    """A named number of a run.

    Parameters
    ----------
    name, unit, about : str
    value : callable
        From courses to the number.
    """

    name: str
    unit: str
    about: str
    value: Callable[[Courses], float]


ENDPOINTS: dict[str, Endpoint] = {}


def endpoint(unit: str) -> Callable[[Callable[[Courses], float]], Callable[[Courses], float]]:
    """Register a function of :class:`Courses` as an endpoint; its docstring says what it is.

    Parameters
    ----------
    unit : str
        Unit as in :mod:`abm.units`.
    """

    def register(function: Callable[[Courses], float]) -> Callable[[Courses], float]:
        ENDPOINTS[function.__name__] = Endpoint(function.__name__, unit, (function.__doc__ or "").strip(), function)
        return function

    return register


@endpoint("1")
def mrd_day28(courses: Courses) -> float:
    """Leukaemic share of marrow cells on day 28."""
    value = courses.at("mrd", RESPONSE_DAY)
    return NAN if value is None else value


@endpoint("1")
def remission_day28(courses: Courses) -> float:
    """1 if blasts are below 5 % of marrow cells on day 28, else 0."""
    return _is_below(mrd_day28(courses), REMISSION)


@endpoint("1")
def mrd_negative_day28(courses: Courses) -> float:
    """1 if blasts are below 0.01 % of marrow cells on day 28, else 0."""
    return _is_below(mrd_day28(courses), MRD_LIMIT)


@endpoint("1")
def fewest_blasts(courses: Courses) -> float:
    """Least leukaemic share of marrow cells."""
    course = courses.get("mrd")
    return NAN if course is None else float(course[1].min())


@endpoint("1")
def blasts_at_end(courses: Courses) -> float:
    """Leukaemic share of marrow cells at the end."""
    course = courses.get("mrd")
    return NAN if course is None else float(course[1][-1])


@endpoint("d")
def remission_day(courses: Courses) -> float:
    """Day from which blasts were below 5 % of marrow cells for a day."""
    return _fall(courses, REMISSION)[0]


@endpoint("d")
def mrd_negative_day(courses: Courses) -> float:
    """Day from which blasts were below 0.01 % of marrow cells for a day."""
    return _fall(courses, MRD_LIMIT)[0]


@endpoint("1")
def relapse(courses: Courses) -> float:
    """1 if blasts were above 0.01 % of marrow cells again after they had been below, 0 if not."""
    negative, back = _fall(courses, MRD_LIMIT)
    return NAN if math.isnan(negative) else float(not math.isnan(back))


@endpoint("d")
def relapse_day(courses: Courses) -> float:
    """Day from which blasts were above 0.01 % of marrow cells again."""
    return _fall(courses, MRD_LIMIT)[1]


@endpoint("1")
def relapse_cd19_negative(courses: Courses) -> float:
    """CD19-negative share of the marrow's blasts a week after its relapse (or at the end, if that comes first)."""
    day = relapse_day(courses)
    course = courses.get("mrd")
    if math.isnan(day) or course is None:
        return NAN
    day = float(course[0][min(int(np.searchsorted(course[0], day + SETTLED)), len(course[0]) - 1)])
    negative, positive = (courses.at(f"cells_{kind}_marrow", day) for kind in ("blast_cd19_negative", "blast"))
    if negative is None or positive is None or negative + positive <= 0:
        return NAN
    return negative / (negative + positive)


@endpoint("cells/µL")
def peak_car_t(courses: Courses) -> float:
    """Most CAR T cells in blood."""
    return _peak(courses, "car_t_blood")[1]


@endpoint("d")
def peak_car_t_day(courses: Courses) -> float:
    """Day of the most CAR T cells in blood."""
    return _peak(courses, "car_t_blood")[0]


@endpoint("1")
def car_t_exposure_day28(courses: Courses) -> float:
    """Area under the course of CAR T cells in blood from day 0 to day 28 [d · cells/µL]."""
    course = courses.get("car_t_blood")
    if course is None or course[0][-1] < RESPONSE_DAY:
        return NAN
    days, values = course
    span = (days >= 0) & (days <= RESPONSE_DAY)
    return float(np.trapezoid(values[span], days[span]))


@endpoint("d")
def car_t_persistence(courses: Courses) -> float:
    """Days with more than 1 CAR T cell/µL of blood."""
    return _lasted(courses, "car_t_blood", lambda values: values >= CAR_T_SEEN)


@endpoint("pg/mL")
def peak_il6(courses: Courses) -> float:
    """Highest serum IL-6."""
    return _peak(courses, "il6")[1]


@endpoint("pg/mL")
def peak_crs_signal(courses: Courses) -> float:
    """Highest signal of cytokine release."""
    return _peak(courses, "crs_signal")[1]


@endpoint("1")
def highest_crs_grade(courses: Courses) -> float:
    """Highest grade of cytokine release syndrome."""
    return _peak(courses, "crs_grade")[1]


@endpoint("d")
def crs_duration(courses: Courses) -> float:
    """Days with cytokine release syndrome of any grade."""
    return _lasted(courses, "crs_grade", lambda values: values >= 0.5, lasting=0.0)


@endpoint("d")
def aplasia_duration(courses: Courses) -> float:
    """Days with fewer than 10 B cells/µL of blood."""
    return _lasted(courses, "b_cells_blood", lambda values: values < APLASIA)


@endpoint("d")
def b_cell_recovery_day(courses: Courses) -> float:
    """Day on which the last aplasia ended: from then on there were 10 B cells/µL of blood again."""
    course = courses.get("b_cells_blood")
    day = None if course is None else recovery(*course, APLASIA)
    return NAN if day is None else day


@endpoint("cells")
def killed(courses: Courses) -> float:
    """Cells killed by CAR T cells."""
    course = courses.get("kills_total")
    return NAN if course is None else float(course[1][-1])


def _is_below(value: float, limit: float) -> float:
    return NAN if math.isnan(value) else float(value < limit)


def _fall(courses: Courses, limit: float) -> tuple[float, float]:
    """Return the days on which leukaemia of the marrow fell below a limit and was back, for one that began above."""
    course = courses.get("mrd")
    found = None if course is None or course[1][0] < limit else fall(*course, limit)
    if found is None:
        return NAN, NAN
    return found[0], NAN if found[1] is None else found[1]


def _peak(courses: Courses, name: str) -> tuple[float, float]:
    """Return day and value of the highest point."""
    course = courses.get(name)
    if course is None:
        return NAN, NAN
    top = int(course[1].argmax())
    return float(course[0][top]), float(course[1][top])


def _lasted(courses: Courses, name: str, holds: Callable[[Values], NDArray[np.bool_]], **options: float) -> float:
    course = courses.get(name)
    if course is None:
        return NAN
    return math.fsum(last - first for first, last in stretches(course[0], holds(course[1]), **options))
