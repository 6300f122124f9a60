# SPDX-License-Identifier: Apache-2.0
"""The few numbers of a run that are asked for first."""

from __future__ import annotations

from collections.abc import Sequence

from abm.clinic.courses import APLASIA, MRD_LIMIT, REMISSION, Courses, goes_on, is_rising, stretches
from abm.playback.marks import Treatment
from abm.playback.phrases import NOT_ENDED, SO_FAR, concentration, figure, on_day, prose, spans_of
from abm.report.story import NEGATIVE, above_again, day_back, endpoint_value, is_settled

Tile = tuple[str, str, str]


def tiles(courses: Courses, treatments: Sequence[Treatment] = (), *, is_whole: bool = True) -> list[Tile]:
    """Return what is asked for first: what, how much, and when.

    Parameters
    ----------
    courses, treatments, is_whole
        As for :func:`abm.report.story.sentences`.
    """
    found = [
        _response_tile(courses, treatments, is_whole),
        _relapse_tile(courses),
        _peak_tile(courses),
        _release_tile(courses),
        _aplasia_tile(courses),
    ]
    found += [_neurotoxicity_tile(courses), *_block_tiles(courses)]
    return [(what, prose(value), prose(when)) for what, value, when in filter(None, found)]


def _response_tile(courses: Courses, treatments: Sequence[Treatment], is_whole: bool) -> Tile | None:
    course = courses.get("mrd")
    if course is None:
        return None
    days, values = course
    if values.max() <= 0:
        return "Leukaemia", "none", "in the marrow"
    negative, remission = endpoint_value("mrd_negative_day", courses), endpoint_value("remission_day", courses)
    if negative is not None:
        return "Best response", "MRD-negative", f"from day {on_day(negative)}"
    if remission is not None:
        return "Best response", "remission, MRD+", f"below 5 % from day {on_day(remission)}"
    if values[0] < REMISSION:
        limit, words = (MRD_LIMIT, "below MRD limit") if values[0] < MRD_LIMIT else (REMISSION, "below 5 %")
        above = above_again(days, values, limit)
        return "Leukaemia", words, "from the start" if above is None else f"from the start to day {on_day(above)}"
    yet = "" if is_settled(courses, treatments, is_whole) else " yet"
    return "Best response", f"no remission{yet}", f"to day {on_day(days[-1])}"


def _relapse_tile(courses: Courses) -> Tile | None:
    relapsed, day = endpoint_value("relapse", courses), endpoint_value("relapse_day", courses)
    end = courses.get("mrd")
    if end is None:
        return None
    if relapsed is None:
        back = day_back(*end)
        return None if back is None else ("Relapse", f"day {on_day(back)}", "blasts above 5 % again")
    if day is None:
        return "Relapse", "none seen", f"to day {on_day(end[0][-1])}"
    part = endpoint_value("relapse_cd19_negative", courses)
    kind = "" if part is None else "CD19-negative, " if part > NEGATIVE else "CD19-positive, "
    return "Relapse", f"day {on_day(day)}", f"{kind}MRD above 0.01 %"


def _peak_tile(courses: Courses) -> Tile | None:
    peak, day = endpoint_value("peak_car_t", courses), endpoint_value("peak_car_t_day", courses)
    course = courses.get("car_t_blood")
    if not peak or day is None or course is None:
        return None
    so_far = SO_FAR if is_rising(course[1]) else ""
    return "CAR T peak", f"{concentration(peak)}/µL", f"in blood, day {on_day(day)}{so_far}"


def _release_tile(courses: Courses) -> Tile | None:
    highest, lasted = endpoint_value("highest_crs_grade", courses), endpoint_value("crs_duration", courses)
    course = courses.get("crs_grade")
    if highest is None or lasted is None or course is None:
        return None
    if not highest:
        return "CRS", "none", "no grade reached"
    days, values = course
    holds = values >= 0.5
    end = NOT_ENDED if goes_on(days, holds, stretches(days, holds, lasting=0.0)) else ""
    return "CRS", f"grade {highest:.0f}", f"{on_day(lasted)} days of any grade{end}"


def _aplasia_tile(courses: Courses) -> Tile | None:
    lasted, back = endpoint_value("aplasia_duration", courses), endpoint_value("b_cell_recovery_day", courses)
    if lasted is None:
        return None
    if lasted == 0:
        return "B-cell aplasia", "none", f"never below {APLASIA:g}/µL"
    return (
        "B-cell aplasia",
        f"{on_day(lasted)} days",
        "not ended" if back is None else f"recovered on day {on_day(back)}",
    )


def _neurotoxicity_tile(courses: Courses) -> Tile | None:
    course = courses.get("neurotoxicity")
    if course is None:
        return None
    days, values = course
    spans = stretches(days, values > 0, lasting=0.0)
    if not spans:
        return "Neurotoxicity", "none", f"to day {on_day(days[-1])}"
    return "Neurotoxicity", "yes", f"day {spans_of(spans)}{NOT_ENDED if goes_on(days, values > 0, spans) else ''}"


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
