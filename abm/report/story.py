# SPDX-License-Identifier: Apache-2.0
"""A run told in sentences.

Days and limits are those of the endpoints; what was not recorded is not mentioned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from abm.clinic.courses import (
    APLASIA,
    CAR_T_SEEN,
    MRD_LIMIT,
    REMISSION,
    RESPONSE_DAY,
    Courses,
    Values,
    fall,
    goes_on,
    is_rising,
    stretches,
)
from abm.clinic.endpoints import ENDPOINTS
from abm.playback.marks import INFUSION, Treatment, spells
from abm.playback.phrases import (
    SO_FAR,
    between,
    concentration,
    during,
    figure,
    on_day,
    one_in,
    prose,
    share,
)

_LEAST = 0.01
"""Cells that no count of CSF would find [cells/µL]."""
AGAINST_RELEASE = ("tocilizumab", "corticosteroid", "etanercept")
"""Treatments of cytokine release; others are told apart from it."""
NEGATIVE = 0.5
"""CD19-negative share of a relapse from which it is called so."""


def sentences(courses: Courses, treatments: Sequence[Treatment], *, is_whole: bool = True) -> list[str]:
    """Tell what happened, a paragraph for each system that was recorded.

    Parameters
    ----------
    courses : Courses
    treatments : sequence of Treatment
        What was given.
    is_whole : bool
        Whether the run went on for as long as its scenario says.
    """
    told = [
        _given([treatment for treatment in treatments if treatment.name not in AGAINST_RELEASE]),
        _leukaemia(courses, treatments, is_whole),
        _car_t(courses, treatments),
        _release(courses, treatments),
        _b_cells(courses),
        _csf(courses, treatments),
        _block(courses),
    ]
    return [prose(text) for text in told if text]


def endpoint_value(name: str, courses: Courses) -> float | None:
    """Return an endpoint, None where it is not a number."""
    value = ENDPOINTS[name].value(courses)
    return None if math.isnan(value) else value


def is_settled(courses: Courses, treatments: Sequence[Treatment], is_whole: bool) -> bool:
    """Tell whether a remission that has not come by the end is said not to come: the run is whole, and long enough."""
    course = courses.get("mrd")
    infused = [treatment.days[0] for treatment in treatments if treatment.name == INFUSION]
    return is_whole and course is not None and float(course[0][-1]) >= min(infused, default=0.0) + RESPONSE_DAY


def above_again(days: Values, values: Values, limit: float) -> float | None:
    """Return the day from which values that began below a limit were above it for a day."""
    return next((start for start, _ in stretches(days, values >= limit)), None)


def _leukaemia(courses: Courses, treatments: Sequence[Treatment], is_whole: bool) -> str:
    course = courses.get("mrd")
    if course is None:
        return ""
    days, values = course
    if values.max() <= 0:
        return f"There was no leukaemia in the marrow, from day {between(days[0], days[-1])}."
    told = [f"On day {on_day(days[0])}, {share(values[0])} of the marrow's cells were leukaemic."]
    remission, negative = endpoint_value("remission_day", courses), endpoint_value("mrd_negative_day", courses)
    if remission is not None:
        words = f"Blasts fell below 5 % of the marrow's cells on day {on_day(remission)}"
        if negative is not None:
            told.append(f"{words} (remission) and below 0.01 % on day {on_day(negative)} (MRD-negative).")
        else:
            told.append(f"{words} (remission), but never below 0.01 % for a day: MRD stayed positive.")
    elif negative is not None:
        told.append(f"They fell below 0.01 % on day {on_day(negative)} (MRD-negative).")
    elif values[0] >= REMISSION:
        yet = "" if is_settled(courses, treatments, is_whole) else f" yet, to day {on_day(days[-1])}"
        told.append(f"Blasts did not fall below 5 % for a day: there was no remission{yet}.")
    else:
        limit, words = (MRD_LIMIT, "0.01 %") if values[0] < MRD_LIMIT else (REMISSION, "5 %")
        above = above_again(days, values, limit)
        since = "to the end" if above is None else f"up to day {on_day(above)}"
        told.append(f"They were below {words} from the start {since}.")
    lowest = int(values.argmin())
    if days[0] < days[lowest] < days[-1] and values[lowest] < values[0] and (remission is not None or negative is not None):
        day = on_day(days[lowest])
        told.append(
            f"On day {day} no blast was left."
            if values[lowest] <= 0
            else f"The fewest, {one_in(float(values[lowest]))}, were there on day {day}."
        )
    told.append(_return(courses, days, values, negative))
    return " ".join(filter(None, told))


def _return(courses: Courses, days: Values, values: Values, negative: float | None) -> str:
    """Tell whether the leukaemia came back, and of which antigen."""
    day = endpoint_value("relapse_day", courses)
    if day is not None:
        return f"From day {on_day(day)} MRD was positive again{_phenotype(courses)}: a relapse."
    if negative is not None:
        return f"No relapse was seen up to day {on_day(days[-1])}."
    back = day_back(days, values)
    return "" if back is None else f"They were above 5 % again from day {on_day(back)}{_antigen_at(courses, back)}."


def day_back(days: Values, values: Values) -> float | None:
    """Return the day on which blasts were above 5 % again after a remission."""
    below = fall(days, values, REMISSION) if values[0] >= REMISSION else None
    return None if below is None else below[1]


def _phenotype(courses: Courses) -> str:
    part = endpoint_value("relapse_cd19_negative", courses)
    if part is None:
        return ""
    return (
        f", with {'CD19-negative' if part > NEGATIVE else 'CD19-positive'} blasts ({share(part)} CD19-negative a week later)"
    )


def _antigen_at(courses: Courses, day: float) -> str:
    part = courses.at("cd19_negative_fraction", day)
    return "" if part is None else f", with {'CD19-negative' if part > NEGATIVE else 'CD19-positive'} blasts"


def _is_infused(treatments: Sequence[Treatment]) -> bool:
    return any(treatment.name == INFUSION for treatment in treatments)


def _car_t(courses: Courses, treatments: Sequence[Treatment]) -> str:
    course = courses.get("car_t_blood")
    if course is None:
        return ""
    days, values = course
    if values.max() <= 0:
        return "No CAR T cells were seen in blood." if _is_infused(treatments) else ""
    top = int(values.argmax())
    most, day = f"{concentration(values[top])} cells/µL", on_day(days[top])
    told = f"CAR T cells in blood peaked at {most} on day {day} and"
    if is_rising(values):
        told = f"CAR T cells in blood were still rising (highest so far: {most} on day {day}) and"
    seen = stretches(days, values >= CAR_T_SEEN)
    limit = f"above {CAR_T_SEEN:g} cell/µL"
    if not seen:
        return f"{told} were {f'{limit} only for less than a day' if values[top] >= CAR_T_SEEN else f'never {limit}'}."
    if goes_on(days, values >= CAR_T_SEEN, seen):
        before = f", as they had been {during(seen[:-1])}" if len(seen) > 1 else ""
        since = f"still {limit} at the end ({concentration(values[-1])} cells/µL), from day {on_day(seen[-1][0])} on"
        return f"{told} were {since}{before}."
    return f"{told} {'stayed' if len(seen) == 1 else 'were'} {limit} {during(seen)}."


def _release(courses: Courses, treatments: Sequence[Treatment]) -> str:
    told = []
    grades = courses.get("crs_grade")
    if grades is not None:
        days, values = grades
        highest = round(float(values.max()))
        if highest < 1:
            told.append("There was no cytokine release syndrome.")
        else:
            of_any, of_highest = (_during(days, values >= least - 0.5) for least in (1, highest))
            told.append(f"Cytokine release syndrome of any grade lasted {of_any}; the highest grade, {highest}, {of_highest}.")
    il6 = courses.get("il6")
    if il6 is not None and il6[1].max() > 0:
        top = int(il6[1].argmax())
        so_far = SO_FAR if is_rising(il6[1]) else ""
        told.append(f"IL-6 in serum reached {figure(il6[1][top])} pg/mL on day {on_day(il6[0][top])}{so_far}.")
    against = [treatment for treatment in treatments if treatment.name in AGAINST_RELEASE]
    if against:
        told.append(_given(against, " against cytokine release"))
    toxic = courses.get("neurotoxicity")
    if toxic is not None:
        episodes = _during(toxic[0], toxic[1] > 0)
        told.append(f"Neurotoxicity lasted {episodes}." if episodes else "There was no neurotoxicity.")
    return " ".join(told)


def _during(days: Values, holds: NDArray[np.bool_]) -> str:
    """Say when something held, however shortly; nothing if it never did."""
    spans = stretches(days, holds, lasting=0.0)
    return during(spans, going_on=goes_on(days, holds, spans)) if spans else ""


def _given(treatments: Sequence[Treatment], why: str = "") -> str:
    """Tell what was given, and when."""
    if not treatments:
        return ""
    verb = "was" if len(treatments) == 1 else "were"
    return f"Given{why} {verb} {_listed([_with_days(treatment) for treatment in treatments])}."


def _with_days(treatment: Treatment) -> str:
    spans = spells(treatment.days)
    words = ", ".join(between(first, last) for first, last, _ in spans[:4])
    return f"{treatment.name} (day {words}{' and later' if len(spans) > 4 else ''})"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _b_cells(courses: Courses) -> str:
    course = courses.get("b_cells_blood")
    if course is None:
        return ""
    days, values = course
    spans = stretches(days, values < APLASIA)
    limit = f"{APLASIA:g} B cells/µL of blood"
    if not spans:
        return f"There was no B-cell aplasia: never fewer than {limit} for a day."
    lasts = goes_on(days, values < APLASIA, spans)
    told = f"B-cell aplasia (fewer than {limit}) lasted {during(spans, going_on=lasts)}"
    return f"{told}." if lasts else f"{told}; B cells were at {concentration(values[-1])}/µL at the end."


def _csf(courses: Courses, treatments: Sequence[Treatment]) -> str:
    told = []
    for what, name in (("blasts", "blasts_csf"), ("CAR T cells", "car_t_csf")):
        course = courses.get(name)
        if course is None:
            continue
        days, values = course
        if values.max() > 0:
            told.append(_course_of(what, days, values))
        elif name == "blasts_csf" or _is_infused(treatments):
            told.append(f"there were no {what}")
    return f"In the CSF {'; '.join(told)}." if told else ""


def _course_of(what: str, days: Values, values: Values) -> str:
    top = int(values.argmax())
    most, day, end = float(values[top]), on_day(days[top]), float(values[-1])
    if most < _LEAST:
        return f"{what} never came to {_LEAST:g}/µL"
    if is_rising(values):
        return f"{what} came to {figure(most)}/µL on day {day}{SO_FAR}"
    last = "none" if end <= 0 else f"less than {_LEAST:g}/µL" if end < _LEAST else f"{figure(end)}/µL"
    return f"{what} came to at most {figure(most)}/µL (day {day}), and to {last} at the end"


def _block(courses: Courses) -> str:
    if courses.get("mrd") is not None or courses.get("kills_total") is None:
        return ""
    days, kills = courses.get("kills_total") or (None, None)
    assert days is not None
    assert kills is not None
    told = f"From day {between(days[0], days[-1])} the CAR T cells killed {figure(kills[-1] - kills[0])} cells"
    ratio = courses.get("effector_target_ratio")
    if ratio is None:
        return f"{told}."
    end = f"{figure(ratio[1][-1])} on day {on_day(ratio[0][-1])}"
    return f"{told}; effectors per CD19+ target went from {figure(ratio[1][0])} to {end}, the last on which there was a target."
