# SPDX-License-Identifier: Apache-2.0
"""A run told in sentences, and in the few numbers that are asked for first.

Days and limits are those of the endpoints; what was not recorded is not mentioned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from abm.clinic.courses import APLASIA, CAR_T_SEEN, MRD_LIMIT, REMISSION, Courses, Values, fall, stretches
from abm.clinic.endpoints import ENDPOINTS
from abm.playback.marks import Treatment, spells
from abm.playback.phrases import between, concentration, figure, on_day, one_in, share

Tile = tuple[str, str, str]
_LEAST = 0.01
"""Cells that no count of CSF would find [cells/µL]."""
_NEGATIVE = 0.5
"""CD19-negative share of a relapse from which it is called so."""


def sentences(courses: Courses, treatments: Sequence[Treatment]) -> list[str]:
    """Tell what happened, a paragraph for each system that was recorded.

    Parameters
    ----------
    courses : Courses
    treatments : sequence of Treatment
        What was given.
    """
    told = [
        _leukaemia(courses),
        _car_t(courses),
        _release(courses, treatments),
        _b_cells(courses),
        _csf(courses),
        _block(courses),
    ]
    return [text for text in told if text]


def tiles(courses: Courses) -> list[Tile]:
    """Return what is asked for first: what, how much, and when."""
    found = [
        _response_tile(courses),
        _relapse_tile(courses),
        _peak_tile(courses),
        _release_tile(courses),
        _aplasia_tile(courses),
    ]
    found += [_neurotoxicity_tile(courses), *_block_tiles(courses)]
    return [tile for tile in found if tile is not None]


def _value(name: str, courses: Courses) -> float | None:
    """Return an endpoint, None where it is not a number."""
    value = ENDPOINTS[name].value(courses)
    return None if math.isnan(value) else value


def _leukaemia(courses: Courses) -> str:
    course = courses.get("mrd")
    if course is None:
        return ""
    days, values = course
    if values.max() <= 0:
        return f"There was no leukaemia in the marrow, from day {between(days[0], days[-1])}."
    told = [f"On day {on_day(days[0])}, {share(values[0])} of the marrow's cells were leukaemic."]
    remission, negative = _value("remission_day", courses), _value("mrd_negative_day", courses)
    if remission is not None:
        words = f"Blasts fell below 5 % of the marrow's cells on day {on_day(remission)}"
        if negative is not None:
            told.append(f"{words} (remission) and below 0.01 % on day {on_day(negative)} (MRD-negative).")
        else:
            told.append(f"{words} (remission), but never below 0.01 % for a day: MRD stayed positive.")
    elif negative is not None:
        told.append(f"They fell below 0.01 % on day {on_day(negative)} (MRD-negative).")
    elif values[0] >= REMISSION:
        told.append("Blasts did not fall below 5 % for a day: there was no remission.")
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
    day = _value("relapse_day", courses)
    if day is not None:
        return f"From day {on_day(day)} MRD was positive again{_phenotype(courses)}: a relapse."
    if negative is not None:
        return f"No relapse was seen up to day {on_day(days[-1])}."
    back = _day_back(days, values)
    return "" if back is None else f"They were above 5 % again from day {on_day(back)}{_antigen_at(courses, back)}."


def _day_back(days: Values, values: Values) -> float | None:
    """Return the day on which blasts were above 5 % again after a remission."""
    below = fall(days, values, REMISSION) if values[0] >= REMISSION else None
    return None if below is None else below[1]


def _phenotype(courses: Courses) -> str:
    part = _value("relapse_cd19_negative", courses)
    if part is None:
        return ""
    return (
        f", with {'CD19-negative' if part > _NEGATIVE else 'CD19-positive'} blasts ({share(part)} CD19-negative a week later)"
    )


def _antigen_at(courses: Courses, day: float) -> str:
    part = courses.at("cd19_negative_fraction", day)
    return "" if part is None else f", with {'CD19-negative' if part > _NEGATIVE else 'CD19-positive'} blasts"


def _car_t(courses: Courses) -> str:
    course = courses.get("car_t_blood")
    if course is None:
        return ""
    days, values = course
    if values.max() <= 0:
        return "No CAR T cells were seen in blood."
    top = int(values.argmax())
    told = f"CAR T cells in blood peaked at {concentration(values[top])} cells/µL on day {on_day(days[top])}"
    seen = stretches(days, values >= CAR_T_SEEN)
    if not seen:
        return f"{told} and were never above {CAR_T_SEEN:g} cell/µL for a day."
    if values[-1] >= CAR_T_SEEN:
        return f"{told} and were still above {CAR_T_SEEN:g} cell/µL at the end ({concentration(values[-1])} cells/µL)."
    return f"{told} and stayed above {CAR_T_SEEN:g} cell/µL from day {between(seen[0][0], seen[-1][1])}."


def _release(courses: Courses, treatments: Sequence[Treatment]) -> str:
    told = []
    grades = courses.get("crs_grade")
    if grades is not None:
        days, values = grades
        highest = round(float(values.max()))
        if highest < 1:
            told.append("There was no cytokine release syndrome.")
        else:
            of_any = stretches(days, values >= 0.5, lasting=0.0)
            at_top = stretches(days, values >= highest - 0.5, lasting=0.0)
            told.append(
                f"Cytokine release syndrome of any grade lasted from day {_spans(of_any)}; the highest grade, {highest}, "
                f"from day {_spans(at_top)}."
            )
    il6 = courses.get("il6")
    if il6 is not None and il6[1].max() > 0:
        top = int(il6[1].argmax())
        told.append(f"IL-6 in serum reached {figure(il6[1][top])} pg/mL on day {on_day(il6[0][top])}.")
    if treatments:
        told.append(
            f"Given {'was' if len(treatments) == 1 else 'were'} {_listed([_given(treatment) for treatment in treatments])}."
        )
    toxic = courses.get("neurotoxicity")
    if toxic is not None:
        episodes = stretches(toxic[0], toxic[1] > 0, lasting=0.0)
        told.append(f"Neurotoxicity lasted from day {_spans(episodes)}." if episodes else "There was no neurotoxicity.")
    return " ".join(told)


def _given(treatment: Treatment) -> str:
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
    told = f"B-cell aplasia (fewer than {limit}) lasted from day {_spans(spans)}"
    return (
        f"{told}, and lasts at the end."
        if values[-1] < APLASIA
        else f"{told}; B cells were back at {concentration(values[-1])}/µL at the end."
    )


def _csf(courses: Courses) -> str:
    told = []
    for what, name in (("blasts", "blasts_csf"), ("CAR T cells", "car_t_csf")):
        course = courses.get(name)
        if course is None:
            continue
        days, values = course
        if values.max() <= 0:
            told.append(f"there were no {what}")
        else:
            top = int(values.argmax())
            told.append(_course_of(what, values[top], on_day(days[top]), values[-1]))
    return f"In the CSF {'; '.join(told)}." if told else ""


def _course_of(what: str, most: float, day: str, end: float) -> str:
    if most < _LEAST:
        return f"{what} never came to {_LEAST:g}/µL"
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


def _spans(spans: Sequence[tuple[float, float]]) -> str:
    words = " and ".join(between(*span) for span in spans[:3])
    return words if len(spans) <= 3 else f"{words} and {len(spans) - 3} times more"


def _response_tile(courses: Courses) -> Tile | None:
    course = courses.get("mrd")
    if course is None:
        return None
    if course[1].max() <= 0:
        return "Leukaemia", "none", "in the marrow"
    negative, remission = _value("mrd_negative_day", courses), _value("remission_day", courses)
    if negative is not None:
        return "Best response", "MRD-negative", f"from day {on_day(negative)}"
    if remission is not None:
        return "Best response", "remission, MRD+", f"below 5 % from day {on_day(remission)}"
    if course[1][0] < MRD_LIMIT:
        return "Leukaemia", "below MRD limit", "from the start"
    return "Best response", "no remission", f"to day {on_day(course[0][-1])}"


def _relapse_tile(courses: Courses) -> Tile | None:
    relapsed, day = _value("relapse", courses), _value("relapse_day", courses)
    end = courses.get("mrd")
    if end is None:
        return None
    if relapsed is None:
        back = _day_back(*end)
        return None if back is None else ("Relapse", f"day {on_day(back)}", "blasts above 5 % again")
    if day is None:
        return "Relapse", "none seen", f"to day {on_day(end[0][-1])}"
    part = _value("relapse_cd19_negative", courses)
    kind = "" if part is None else "CD19-negative, " if part > _NEGATIVE else "CD19-positive, "
    return "Relapse", f"day {on_day(day)}", f"{kind}MRD above 0.01 %"


def _peak_tile(courses: Courses) -> Tile | None:
    peak, day = _value("peak_car_t", courses), _value("peak_car_t_day", courses)
    return None if not peak or day is None else ("CAR T peak", f"{concentration(peak)}/µL", f"in blood, day {on_day(day)}")


def _release_tile(courses: Courses) -> Tile | None:
    highest, lasted = _value("highest_crs_grade", courses), _value("crs_duration", courses)
    if highest is None or lasted is None:
        return None
    return (
        ("CRS", f"grade {highest:.0f}", f"{on_day(lasted)} days of any grade")
        if highest
        else ("CRS", "none", "no grade reached")
    )


def _aplasia_tile(courses: Courses) -> Tile | None:
    lasted, back = _value("aplasia_duration", courses), _value("b_cell_recovery_day", courses)
    if lasted is None:
        return None
    if lasted == 0:
        return "B-cell aplasia", "none", f"never below {APLASIA:g}/µL"
    return (
        "B-cell aplasia",
        f"{on_day(lasted)} days",
        "lasts at the end" if back is None else f"recovered on day {on_day(back)}",
    )


def _neurotoxicity_tile(courses: Courses) -> Tile | None:
    course = courses.get("neurotoxicity")
    if course is None:
        return None
    spans = stretches(course[0], course[1] > 0, lasting=0.0)
    return (
        ("Neurotoxicity", "yes", f"day {_spans(spans)}")
        if spans
        else ("Neurotoxicity", "none", f"to day {on_day(course[0][-1])}")
    )


def _block_tiles(courses: Courses) -> list[Tile]:
    kills = courses.get("kills_total")
    if courses.get("mrd") is not None or kills is None:
        return []
    found = [("Targets killed", figure(kills[1][-1] - kills[1][0]), f"in {figure(kills[0][-1] - kills[0][0])} days")]
    for what, name in (("CD19+ blasts left", "blast"), ("CD19-negative left", "blast_cd19_negative")):
        course = courses.get(f"cells_{name}_marrow")
        if course is not None and course[1].max() > 0:
            found.append((what, figure(course[1][-1]), f"of {figure(course[1][0])} at the start"))
    return found
