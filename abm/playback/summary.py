# SPDX-License-Identifier: Apache-2.0
"""What happened, as a clinician would tell it: remission, CAR T, aplasia, relapse, cytokine release, each with its day.

Everything is read from the recorded observables and events; what was not recorded is not mentioned.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import abm.celltypes  # noqa: F401  registers the kinds, for their labels
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
    recovery,
    stretches,
)
from abm.playback.findings import Finding
from abm.playback.marks import INFUSION, Treatment, spells, treatments_given
from abm.playback.phrases import NOT_ENDED, SO_FAR, SPANS, between, concentration, figure, on_day, one_in, share, spans_of
from abm.state.kinds import KINDS

if TYPE_CHECKING:
    import pandas as pd

_NEGATIVE = 0.5
"""CD19-negative share of leukaemic cells above which leukaemia is called CD19-negative."""
_FINDING_WIDTH = 58


@dataclass(frozen=True)
class Summary:
    """The story of a run, in sections of findings.

    Parameters
    ----------
    title : str
    sections : tuple of (str, tuple of Finding)
    """

    title: str
    sections: tuple[tuple[str, tuple[Finding, ...]], ...]

    def text(self) -> str:
        """Return an aligned plain-text table: what, value, day."""
        every = [finding for _, findings in self.sections for finding in findings]
        left = 2 + max((len(finding.what) for finding in every), default=0)
        middle = max((min(len(finding.value), _FINDING_WIDTH) for finding in every), default=0)
        lines = [self.title]
        if every:
            lines.append(f"{'':{left}}  {'':{middle}}  day")
        for heading, findings in self.sections:
            lines.append(heading)
            for finding in findings:
                first, *more = textwrap.wrap(finding.value, _FINDING_WIDTH) or [""]
                lines.append(f"{'  ' + finding.what:{left}}  {first:{middle}}  {finding.day}".rstrip())
                lines += [f"{'':{left}}  {part}" for part in more]
        return "\n".join(lines) + "\n"


def summarise(observables: pd.DataFrame, scenario: str, events: Iterable[Mapping[str, Any]] = ()) -> Summary:
    """Tell what happened in a run.

    Parameters
    ----------
    observables : pandas.DataFrame
        Index ``day`` [d], a column per observable; any may be missing or hold NaN.
    scenario : str
        Name of the scenario.
    events : iterable of mapping
        Events of the trajectory, of which the treatments are told.
    """
    courses, treatments = Courses(observables), treatments_given(events)
    is_given = any(treatment.name == INFUSION for treatment in treatments)
    days = observables.index.to_numpy(dtype=float)
    span = f"day {between(float(days[0]), float(days[-1]))}" if len(days) else "nothing recorded"
    sections: list[tuple[str, list[Finding]]] = [
        ("Leukaemia in the marrow", _leukaemia(courses) + _negative_clone(courses)),
        ("CAR T in blood", _car_t(courses, is_given)),
        ("B cells in blood", _b_cells(courses)),
        ("Cerebrospinal fluid", _csf(courses)),
        ("Cytokine release", _release(courses)),
        ("Neurotoxicity", _neurotoxicity(courses)),
    ]
    if courses.get("mrd") is None:
        sections.append(("Cells", _closed_block(courses)))
    sections.append(("Treatments given", _treatments(treatments)))
    told = tuple((heading, tuple(findings)) for heading, findings in sections if findings)
    return Summary(f"{scenario}: {span}", told)


def _leukaemia(courses: Courses) -> list[Finding]:
    course = courses.get("mrd")
    if course is None:
        return []
    days, values = course
    if values.max() <= 0:
        return [Finding("blasts", "none", between(days[0], days[-1]))]
    findings = [Finding("blasts at start", share(values[0]), on_day(days[0]))]
    response = courses.at("mrd", RESPONSE_DAY)
    if response is not None and days[-1] > RESPONSE_DAY:
        findings.append(Finding("blasts at day 28", share(response), on_day(RESPONSE_DAY)))
        findings.append(Finding("MRD at day 28", _mrd_words(courses, RESPONSE_DAY, response), on_day(RESPONSE_DAY)))
    lowest = int(values.argmin())
    if days[0] < days[lowest] < days[-1]:
        findings.append(Finding("fewest blasts", share(values[lowest]), on_day(days[lowest])))
    if len(days) > 1:
        findings.append(Finding("blasts at end", share(values[-1]), on_day(days[-1])))
        findings.append(Finding("MRD at end", _mrd_words(courses, days[-1], values[-1]), on_day(days[-1])))
    findings += _remission(courses, days, values)
    negative = fall(days, values, MRD_LIMIT)
    if negative is None:
        return [*findings, Finding("MRD-negative (below 0.01 %)", "never for a day", f"to {on_day(days[-1])}")]
    first, back = negative
    words = "from the start" if first == days[0] else "first"
    findings.append(Finding("MRD-negative (below 0.01 %)", words, on_day(first)))
    if back is not None:
        findings.append(Finding("MRD-positive again (relapse)", _relapse_words(courses, back), on_day(back)))
    else:
        findings.append(Finding("relapse", "none seen", f"to {on_day(days[-1])}"))
    return findings


def _remission(courses: Courses, days: Values, values: Values) -> list[Finding]:
    """Tell when blasts fell below what a microscope counts as remission, and when they were back."""
    below = fall(days, values, REMISSION)
    if below is None or values[0] < REMISSION:
        return []
    first, back = below
    findings = [Finding("blasts below 5 % (remission)", "first", on_day(first))]
    if back is not None:
        findings.append(Finding("blasts above 5 % again", _relapse_words(courses, back), on_day(back)))
    return findings


def _mrd_words(courses: Courses, day: float, leukaemia: float) -> str:
    """Tell whether residual disease is found, and what antigen is left to treat."""
    if leukaemia <= 0:
        return "negative, no blast left"
    words = "positive" if leukaemia >= MRD_LIMIT else "negative"
    antigen = _antigen(courses, day)
    return f"{words}; blasts left are {antigen}" if antigen else words


def _relapse_words(courses: Courses, day: float) -> str:
    antigen = _antigen(courses, day)
    return f"the leukaemia is back, {antigen}" if antigen else "the leukaemia is back"


def _antigen(courses: Courses, day: float) -> str:
    """Tell of which antigen the leukaemia of the marrow is on a day; nothing if that was not recorded."""
    negative, positive = (courses.at(f"cells_{kind}_marrow", day) for kind in ("blast_cd19_negative", "blast"))
    if negative is None or positive is None or negative + positive <= 0:
        return ""
    return "CD19-negative" if negative / (negative + positive) > _NEGATIVE else "CD19-positive"


def _negative_clone(courses: Courses) -> list[Finding]:
    fraction = courses.get("cd19_negative_fraction")
    findings: list[Finding] = []
    if fraction is not None:
        days, values = fraction
        if values.max() <= 0:
            return [Finding("CD19-negative clone", "none", f"to {on_day(days[-1])}")]
        ends = f"{_part(values[0])} -> {_part(values[-1])}"
        findings.append(Finding("CD19-negative, of the leukaemia", ends, between(days[0], days[-1])))
    places = [name for name in courses.names if name.startswith("cells_blast_cd19_negative_")]
    present = [courses.get(name) for name in places]
    known = [course for course in present if course is not None]
    if findings and known:
        start, end = (sum(float(values[at]) for _, values in known) for at in (0, -1))
        ends = f"{figure(start)} -> {figure(end)} cells"
        findings.append(Finding("CD19-negative blasts in the body", ends, findings[0].day))
    return findings


def _part(fraction: float) -> str:
    """Write a share short enough to stand beside another."""
    if 0 < fraction < 1e-4:
        return one_in(fraction)
    return share(fraction)


def _car_t(courses: Courses, is_given: bool) -> list[Finding]:
    findings: list[Finding] = []
    course = courses.get("car_t_blood")
    if course is not None:
        days, values = course
        if values.max() <= 0:
            return [Finding("CAR T cells", "none seen", f"to {on_day(days[-1])}")] if is_given else []
        top = int(values.argmax())
        so_far = SO_FAR if is_rising(values) else ""
        findings.append(Finding("peak", f"{concentration(values[top])} cells/µL{so_far}", on_day(days[top])))
        percent = courses.get("car_t_percent_cd3")
        if percent is not None:
            highest = int(percent[1].argmax())
            words = f"{figure(percent[1][highest])} % of CD3+{SO_FAR if is_rising(percent[1]) else ''}"
            findings.append(Finding("highest share of T cells", words, on_day(percent[0][highest])))
        seen = stretches(days, values >= CAR_T_SEEN)
        limit = f"{CAR_T_SEEN:g} cell/µL"
        if not seen:
            words = f"above {limit} for less than a day only" if values[top] >= CAR_T_SEEN else f"never above {limit}"
            findings.append(Finding("persistence", words, f"to {on_day(days[-1])}"))
        else:
            still = goes_on(days, values >= CAR_T_SEEN, seen)
            words = f"still above {limit} at the end" if still else f"above {limit}"
            findings.append(Finding("persistence", words, spans_of(seen)))
        findings.append(Finding("at end", f"{concentration(values[-1])} cells/µL", on_day(days[-1])))
    return findings


def _b_cells(courses: Courses) -> list[Finding]:
    course = courses.get("b_cells_blood")
    if course is None:
        return []
    days, values = course
    ends = f"{concentration(values[0])} -> {concentration(values[-1])} cells/µL"
    findings = [Finding("at start -> at end", ends, between(days[0], days[-1]))]
    limit = f"below {APLASIA:g} cells/µL"
    spans = stretches(days, values < APLASIA)
    if not spans:
        return [*findings, Finding("aplasia", f"none: never {limit} for a day", f"to {on_day(days[-1])}")]
    lasts = goes_on(days, values < APLASIA, spans)
    # of many the last is told in any case: it may not have ended
    for number, span in enumerate(spans if len(spans) <= SPANS else [*spans[: SPANS - 1], spans[-1]]):
        words = limit if number == 0 else "again"
        findings.append(Finding("aplasia", f"{words}{', lasts at the end' if lasts and span == spans[-1] else ''}", between(*span)))
    back = recovery(days, values, APLASIA)
    return findings if back is None else [*findings, Finding("recovery from aplasia", f"{APLASIA:g} cells/µL again", on_day(back))]


def _csf(courses: Courses) -> list[Finding]:
    findings: list[Finding] = []
    for what, name in (("blasts", "blasts_csf"), ("CAR T", "car_t_csf")):
        course = courses.get(name)
        if course is None:
            continue
        days, values = course
        if values.max() <= 0:
            findings.append(Finding(what, "none", f"to {on_day(days[-1])}"))
            continue
        top = int(values.argmax())
        ends = f"{concentration(values[0])} -> {concentration(values[-1])} cells/µL"
        findings.append(Finding(f"{what}, start -> end", ends, between(days[0], days[-1])))
        if 0 < top < len(days) - 1:
            findings.append(Finding(f"{what}, most", f"{concentration(values[top])} cells/µL", on_day(days[top])))
    return findings


def _release(courses: Courses) -> list[Finding]:
    findings: list[Finding] = []
    for what, name in (("highest IL-6", "il6"), ("highest CRS signal", "crs_signal")):
        course = courses.get(name)
        if course is not None:
            top = int(course[1].argmax())
            so_far = SO_FAR if is_rising(course[1]) else ""
            findings.append(Finding(what, f"{figure(course[1][top])} pg/mL{so_far}", on_day(course[0][top])))
    grades = courses.get("crs_grade")
    if grades is not None:
        days, values = grades
        highest = round(float(values.max()))
        if highest < 1:
            return [*findings, Finding("CRS", "none", f"to {on_day(days[-1])}")]
        for words, least in (("of any grade", 1), (f"of grade {highest}, the highest", highest)):
            if least == highest == 1 and words == "of any grade":
                continue
            holds = values >= least - 0.5
            spans = stretches(days, holds, lasting=0.0)
            findings.append(Finding("CRS", f"{words}{NOT_ENDED if goes_on(days, holds, spans) else ''}", spans_of(spans)))
    return findings


def _neurotoxicity(courses: Courses) -> list[Finding]:
    course = courses.get("neurotoxicity")
    if course is None:
        return []
    days, values = course
    spans = stretches(days, values > 0, lasting=0.0)
    if not spans:
        return [Finding("episodes", "none", f"to {on_day(days[-1])}")]
    lasts = NOT_ENDED if goes_on(days, values > 0, spans) else ""
    return [Finding("episodes", f"{figure(len(spans))}{lasts}", spans_of(spans))]


def _closed_block(courses: Courses) -> list[Finding]:
    findings: list[Finding] = []
    labels = {f"cells_{kind.name}_marrow": kind.label for kind in KINDS}
    for name in courses.names:
        course = courses.get(name)
        if course is None or not name.startswith("cells_") or course[1].max() <= 0:
            continue
        days, values = course
        low = int(values.argmin())
        words = f"{figure(values[0])} -> {figure(values[-1])} cells"
        if values[low] < min(values[0], values[-1]):
            words += f", fewest {figure(values[low])} on day {on_day(days[low])}"
        elif values[-1] == 0:
            words += f", none left from day {on_day(days[low])}"
        findings.append(Finding(labels.get(name, name.removeprefix("cells_").replace("_", " ")), words, between(days[0], days[-1])))
    kills = courses.get("kills_total")
    if kills is not None:
        killed = f"{figure(kills[1][-1] - kills[1][0])} cells"
        findings.append(Finding("targets killed", killed, between(kills[0][0], kills[0][-1])))
    ratio = courses.get("effector_target_ratio")
    if ratio is not None:
        ends = f"{figure(ratio[1][0])} -> {figure(ratio[1][-1])}"
        findings.append(Finding("effectors per target", ends, between(ratio[0][0], ratio[0][-1])))
    return findings


def _treatments(treatments: Sequence[Treatment]) -> list[Finding]:
    findings: list[Finding] = []
    for treatment in treatments:
        times = "once" if len(treatment.days) == 1 else f"{len(treatment.days)} times"
        findings.append(Finding(treatment.name, times, _spell_days(treatment.days)))
    return findings


def _spell_days(days: Sequence[float]) -> str:
    spans = spells(days)
    words = ", ".join(between(first, last) for first, last, _ in spans[:4])
    return words if len(spans) <= 4 else f"{words}, ... {between(*spans[-1][:2])}"
