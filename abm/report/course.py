# SPDX-License-Identifier: Apache-2.0
"""The report of one run."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from abm.clinic import ENDPOINTS, Courses
from abm.errors import InputError, spelled
from abm.playback.marks import treatments_given
from abm.playback.phrases import figure, on_day, prose
from abm.playback.summary import summarise
from abm.report.document import Block, Document, Fold, Heading, Paragraph, Table, Tiles
from abm.report.figures import pictures
from abm.report.laboratory import laboratory
from abm.report.origin import NOT_CLINICAL, methods, notes, provenance, reproduction
from abm.report.story import sentences
from abm.report.tiles import tiles
from abm.scenario import Scenario, scenario_from_text
from abm.settings import key_settings, treatments_planned
from abm.units import from_base

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

_SETTINGS = (1.0, 2.2)
_TREATMENTS = (1.0, 1.1, 2.2)
_FINDINGS = (1.5, 2.2, 0.8)
_ENDPOINTS = (2.6, 1.0)
_CLOSE = 1e-3
"""Within which a run has come to the end of its scenario [d]."""
_ASKED = re.compile(r"1 if (.*?), (?:else 0|0 if not)\.")


def run_document(trajectory: Trajectory) -> Document:
    """Write the report of a run.

    Parameters
    ----------
    trajectory : Trajectory
        Finished, interrupted or still going on.
    """
    made = trajectory.provenance
    name = str(made.get("scenario", trajectory.path.stem))
    scenario = _scenario(trajectory)
    planned = None if isinstance(scenario, str) else from_base(scenario.duration, "d")
    is_whole = trajectory.status == "finished" and (planned is None or trajectory.last_day >= planned - _CLOSE)
    span = f"day {on_day(trajectory.first_day)} to {on_day(trajectory.last_day)}"
    if planned is not None and not is_whole:
        span = f"from day {on_day(trajectory.first_day)}, told to {_told_to(trajectory.last_day, planned)}"
    version = made.get("software", {}).get("abm", "of an unknown version")
    document = Document(
        name,
        f"Report of a simulated course, {prose(span)} · abm {version} · seed {made.get('seed', 'unknown')}",
        NOT_CLINICAL,
        f"{name} · {trajectory.path.name} · {NOT_CLINICAL}",
    )
    treatments = treatments_given(trajectory.events)
    asked = tuple(tiles(Courses(trajectory.observables), treatments, is_whole=is_whole))
    document.add(*notes(trajectory), *([Tiles(asked)] if asked else []))
    document.add(Heading("Patient and question"), *_question(scenario, trajectory.last_day))
    document.add(Heading("What happened"), *_happened(trajectory, name, is_whole))
    drawn = pictures(trajectory)
    if drawn:
        document.add(Heading("Course in figures"), *drawn)
    document.add(*methods(trajectory), *provenance(trajectory), *reproduction(trajectory))
    document.add(Fold("The scenario in full (YAML)", trajectory.scenario_text))
    return document


def _scenario(trajectory: Trajectory) -> Scenario | str:
    """Return the scenario of a run, or why it cannot be read."""
    try:
        return scenario_from_text(trajectory.scenario_text, "scenario").scenario
    except InputError as error:
        return str(error).partition("\n")[0]


def _told_to(last: float, planned: float) -> str:
    """Say how far a run went, of the days that its scenario asks for."""
    return f"day {spelled(float(f'{last:.3g}'))} of {spelled(float(f'{planned:.3g}'))}"


def _question(scenario: Scenario | str, last: float) -> list[Block]:
    """Say what was simulated."""
    if isinstance(scenario, str):
        why = f"This installation cannot read the scenario, which is at the end of this report as it was: {scenario}"
        return [Paragraph(why)]
    blocks: list[Block] = [Paragraph(scenario.description)] if scenario.description else []
    if scenario.source:
        blocks.append(Paragraph(f"Source: {scenario.source}"))
    rows = [(name, prose(value)) for name, value in key_settings(scenario)]
    planned = from_base(scenario.duration, "d")
    if last < planned - _CLOSE:
        rows.append(("told", f"to {_told_to(last, planned)}"))
    return [*blocks, Heading("Key settings", 2), Table((), tuple(rows), _SETTINGS), *_planned(scenario)]


def _planned(scenario: Scenario) -> list[Block]:
    planned = tuple((what, prose(when), prose(how)) for what, when, how in treatments_planned(scenario))
    if not planned:
        return [] if scenario.body is None else [Paragraph("No treatment was planned.")]
    return [Heading("Treatments planned", 2), Table(("what", "when", "settings"), planned, _TREATMENTS)]


def _happened(trajectory: Trajectory, name: str, is_whole: bool) -> list[Block]:
    """Tell the course in sentences, as the clinician's summary, and by its endpoints."""
    observables, events = trajectory.observables, trajectory.events
    courses, treatments = Courses(observables), treatments_given(events)
    blocks: list[Block] = [Paragraph(text) for text in sentences(courses, treatments, is_whole=is_whole)]
    rows: list[tuple[str, ...]] = []
    for heading, findings in summarise(observables, name, events).sections:
        rows.append((heading,))
        rows += [(_arrows(finding.what), _arrows(finding.value), prose(finding.day)) for finding in findings]
    if rows:
        blocks += [Heading("Findings", 2), Table(("finding", "", "day"), tuple(rows), _FINDINGS)]
    blocks += laboratory(courses, trajectory.provenance.get("seed"))
    numbers = tuple(_endpoints(courses))
    if numbers:
        blocks += [Heading("Endpoints", 2), Table(("endpoint", "value"), numbers, _ENDPOINTS)]
    return blocks or [Paragraph("This run recorded no observables from which its course could be told.")]


def _endpoints(courses: Courses) -> list[tuple[str, str]]:
    """Return all endpoints that are a number in this run."""
    rows = []
    for name, item in ENDPOINTS.items():
        value = item.value(courses)
        if name.removeprefix("peak_").startswith("car_t") and not ENDPOINTS["peak_car_t"].value(courses) > 0:
            continue  # nothing is told of cells that there were not
        if not math.isnan(value):
            rows.append(_yes_or_no(item.about, value) or (item.about.rstrip("."), _number(value, item.unit)))
    return rows


def _yes_or_no(about: str, value: float) -> tuple[str, str] | None:
    """Return an endpoint that is 1 or 0 as what is asked and its answer."""
    asked = _ASKED.match(about)
    return None if asked is None else (f"{asked[1][:1].upper()}{asked[1][1:]}", "yes" if value else "no")


def _number(value: float, unit: str) -> str:
    if unit == "d":
        return f"{prose(on_day(value))} d"
    return figure(value) if unit == "1" else f"{figure(value)} {unit}"


def _arrows(text: str) -> str:
    return prose(text.replace("->", "→"))
