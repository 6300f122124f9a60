# SPDX-License-Identifier: Apache-2.0
"""Where a run comes from, what of it can be trusted, and how it is made again."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from abm.branching import changes
from abm.errors import InputError
from abm.playback.phrases import figure, on_day, prose
from abm.report.document import Code, Heading, Note, Paragraph, Table
from abm.scenario import Scenario, scenario_from_text
from abm.settings import treatments_planned
from abm.study.factors import value_at
from abm.yamlfile import flow

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

NOT_CLINICAL = "A simulation, not a patient's record; not validated for any clinical use."
_WIDTHS = (1.0, 3.0)
_PLACES = {"csf": "CSF"}
_DIGEST = 16
"""Letters of a digest that stand in a sentence."""


def notes(trajectory: Trajectory) -> list[Note]:
    """Say what must be known before anything else: that a run is unfinished, or goes another way from some day on."""
    made = trajectory.provenance
    found = []
    if trajectory.status != "finished":
        why = f" ({trajectory.reason})" if trajectory.reason else ""
        end = f" of {on_day(float(made['until_days']))}" if "until_days" in made else ""
        remedy = (
            "It is still going on." if trajectory.status == "running" else f"abm resume {_name(trajectory)} goes on with it."
        )
        found.append(
            Note(
                f"This run is not finished: {trajectory.status}{why}. All that follows is told up to day "
                f"{on_day(trajectory.last_day)}{end}. {remedy}"
            )
        )
    ancestors = made.get("ancestors", [])
    following = [*ancestors[1:], {"scenario": trajectory.scenario_text}]
    for ancestor, after in zip(ancestors, following, strict=bool(ancestors)):
        digest = f" (digest {ancestor['digest'][:_DIGEST]})" if ancestor.get("digest") else ""
        told = _changes(ancestor["scenario"], after["scenario"])
        found.append(
            Note(
                f"A branch of {ancestor['file']}{digest}: up to day {on_day(float(ancestor['until_days']))} it is what that run recorded, "
                f"from then on it goes its own way. {told}"
            )
        )
    return found


def _changes(before: str, after: str) -> str:
    """Say in which values two scenarios differ."""
    try:
        old, new = (scenario_from_text(text, "scenario").scenario for text in (before, after))
    except InputError:
        return "What was changed cannot be told: this installation cannot read its scenario."
    told: dict[str, None] = {}
    for path in changes(old, new):
        if path.startswith("treatments"):
            number = int(path.partition("[")[2].partition("]")[0])
            told[f"treatments[{number}]: {_treatment(old, number)} became {_treatment(new, number)}"] = None
        else:
            told[f"{path}: {flow(value_at(old, path))} became {flow(value_at(new, path))}"] = None
    return f"Changed: {'; '.join(told)}." if told else "Nothing was changed."


def _treatment(scenario: Scenario, number: int) -> str:
    planned = treatments_planned(scenario)
    return ", ".join(planned[number]) if number < len(planned) else "none"


def methods(trajectory: Trajectory) -> list[Heading | Paragraph]:
    """Say in short what is simulated, and what the figures are not."""
    places = trajectory.header.compartments
    told = [
        f"{_PLACES.get(name, name)}, {' × '.join(map(str, place['shape']))} sites of {place['spacing_um']:g} µm, {_scale(place['scale'])}"
        for name, place in places.items()
        if place["shape"] is not None
    ]
    fewer = "Cells of which there are fewer are followed as such, down to a single one." if "periphery" in places else ""
    blocks: list[Heading | Paragraph] = [
        Heading("Methods and limits"),
        Paragraph(
            "Cells are simulated one by one on lattices: CAR T cells walk, touch, kill, divide, tire and die; blasts divide, move and lose "
            f"antigen; nothing of the course is scripted. Lattices: {'; '.join(told)}. {fewer}"
        ),
    ]
    if "periphery" in places:
        blocks += [
            Paragraph(
                "But for the table of laboratory reports, numbers are those of the simulated body: without sampling error, without "
                "dilution of the marrow by blood and without the limit of an assay; the limits in the figures are drawn for "
                "comparison. Blood counts take blood as a fixed share of "
                "the cells outside marrow and CSF. Cytokine release is graded by a signal of IL-6, not by fever, blood pressure and "
                "oxygen; neurotoxicity has no grades."
            ),
            Paragraph(
                "Days of remission, of MRD and of aplasia are the first from which it lasted for a day; recovery of B cells is the end "
                "of the last aplasia. A relapse is MRD above 0.01 % after it had been below. This is one run with one seed: another "
                "seed gives another course, and how far they differ "
                "is told by a study with replicates."
            ),
        ]
    else:
        blocks.append(
            Paragraph(
                "A closed block has no blood, no cytokines in serum and no treatments: it is told by its cells and kills alone. "
                "This is one run with one seed; another seed gives another course."
            )
        )
    blocks.append(
        Paragraph("What the model does and cannot do is said in docs/model.md, every parameter with its source in docs/odd.md.")
    )
    return blocks


def _scale(scale: float) -> str:
    return "every agent is one cell" if scale == 1 else f"a full site stands for {figure(scale)} cells of the body"


def provenance(trajectory: Trajectory) -> list[Heading | Table]:
    """Return how a run was made, with the digests by which it is known."""
    made = trajectory.provenance
    software = made.get("software", {})
    git = made.get("git") or {}
    revision = f"{git['revision']}{' with local changes' if git.get('changed') else ''}" if git.get("revision") else "not noted"
    rows = [
        ("file", trajectory.path.name),
        ("status", trajectory.status),
        ("recorded", prose(f"day {on_day(trajectory.first_day)} to {on_day(trajectory.last_day)}")),
        ("abm", str(software.get("abm", "not noted"))),
        ("code", revision),
        ("packages", ", ".join(f"{name} {number}" for name, number in software.items() if name != "abm") or "not noted"),
        (
            "machine",
            f"{made.get('platform', 'not noted')}"
            f", Python {made.get('python', 'not noted')}, threads: {made.get('threads', 'not noted')}",
        ),
        ("started", str(made.get("started", "not noted"))),
        *((f"resumed on day {on_day(float(one['day']))}", _command(one)) for one in made.get("resumed", [])),
        ("command", _command(made)),
        *((f"{one['what']} {one['name']}", f"{one['package']} {one['version']}") for one in made.get("extensions", [])),
        ("seed", str(made.get("seed", "not noted"))),
        ("scenario, sha256", hashlib.sha256(trajectory.scenario_text.encode()).hexdigest()),
        ("trajectory, digest", trajectory.noted_digest or "noted when the run is finished"),
    ]
    return [Heading("Provenance"), Table((), tuple(rows), _WIDTHS, mono=True)]


def _command(made: dict[str, Any]) -> str:
    """Return a command as it was typed, without where the program lies on that machine."""
    words = made.get("command")
    if not isinstance(words, list) or not words:
        return str(words or "not noted")
    first = PurePath(words[0]).name
    return shlex.join(["abm" if first in ("abm", "__main__.py") else first, *words[1:]])


def reproduction(trajectory: Trajectory) -> list[Heading | Paragraph | Code]:
    """Say what to type to make a run again, or why that cannot be."""
    made, name = trajectory.provenance, _name(trajectory)
    heading = Heading("How to reproduce")
    if made.get("begins_at_tick", 0) and "ancestors" not in made:
        return [
            heading,
            Paragraph("This file begins in the middle of a run that was carried on from Python; what led there is not in it."),
        ]
    lines = [] if trajectory.status == "finished" else [f"abm resume {name}"]
    lines += [f"abm rerun {name} -o again.h5", f"abm report {name} -o report.html"]
    chain = ", with all that it branched from," if "ancestors" in made else ""
    return [
        heading,
        Paragraph(
            f"The file holds all that is needed. abm rerun makes the run again from it{chain} and compares the digests; abm report makes "
            "this report again. The number of threads does not matter; another version of abm or NumPy, or another processor, may change "
            "the last bits of a sum, and with them the course."
        ),
        Code("\n".join(lines)),
    ]


def _name(trajectory: Trajectory) -> str:
    return shlex.quote(trajectory.path.name)
