# SPDX-License-Identifier: Apache-2.0
"""What the page is told of a run before its first frame: kinds, places, times, courses, treatments, events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abm.clinic.courses import APLASIA, CAR_T_SEEN
from abm.playback.courses import Course, Panel, course_panels
from abm.playback.guests import marks
from abm.playback.marks import treatments_given
from abm.playback.palette import FAT_COLOUR, TISSUES, VOID_COLOUR
from abm.playback.player.cuts import CODES, MOST_IN_3D, ranks, reduction
from abm.playback.player.layers import CD19_SCALE, FIELD_SCALE, PROGRAMMES, Region, layers_of, ticks_of
from abm.playback.sections import thin_axis
from abm.units import TICKS_PER_DAY

if TYPE_CHECKING:
    import pandas as pd

    from abm.trajectory import Trajectory

MOST_WHOLE = 300_000
"""Sites of a view up to which the page is sent whole views, and cuts them itself."""
MOST_POINTS = 1500
"""Points of the line of a course that are sent, beside those of the moments that are shown."""
_TITLES = {"marrow": "Marrow", "csf": "CSF"}
_FURTHER = (("ifn_gamma", "IFN-γ", "#0f8a6a"), ("il2", "IL-2", "#4aa3e2"))
"""Cytokines drawn beside IL-6: observable, label, colour."""
_ACUTE = (("ferritin", "ferritin", "#b4552d"), ("ldh", "LDH", "#6b7f99"))
"""Acute phase, in multiples of its normal value."""
_EVENT_WORDS = {"crs_grade": "CRS", "neurotoxicity": "neurotoxicity", "coarse mode": "coarse mode"}


def describe_run(trajectory: Trajectory, label: str) -> dict[str, Any]:
    """Describe a run as JSON values.

    Parameters
    ----------
    trajectory : Trajectory
    label : str
        What the run is called beside another.
    """
    header = trajectory.header
    provenance = header.provenance
    moments = _moments(trajectory)
    return {
        "label": label,
        "name": str(provenance.get("scenario") or Path(trajectory.path).stem),
        "file": Path(trajectory.path).name,
        "seed": provenance.get("seed"),
        "status": trajectory.status,
        "reason": trajectory.reason,
        "until": provenance.get("until_days"),
        "ticksPerDay": TICKS_PER_DAY,
        "first": round(trajectory.first_day * TICKS_PER_DAY),
        "last": round(trajectory.last_day * TICKS_PER_DAY),
        "kinds": [{key: kind[key] for key in ("code", "name", "label", "colour")} for kind in header.kinds],
        "tissues": [{"label": words, "code": code, "colour": colour} for words, code, colour in TISSUES],
        "colours": {"void": VOID_COLOUR, "fat": FAT_COLOUR},
        "guests": [
            {
                "label": mark.label,
                "colour": mark.colour,
                "bit": mark.bit,
                "full": list(mark.full),
                "upperRight": mark.upper_right,
            }
            for mark in marks(header.kinds)
        ],
        "ranks": ranks(header.kinds).tolist(),
        "programmes": list(PROGRAMMES),
        "columns": header.columns,
        "scales": {
            "cd19": {"low": CD19_SCALE.low, "high": CD19_SCALE.high, "unit": CD19_SCALE.unit},
            "field": {"low": FIELD_SCALE.low, "high": FIELD_SCALE.high, "unit": FIELD_SCALE.unit},
        },
        "places": [_place(trajectory, name) for name, about in header.compartments.items() if about["shape"] is not None],
        "panels": [_panel(panel, moments) for panel in panels_shown(trajectory.observables, header.kinds)],
        "treatments": [{"name": given.name, "days": list(given.days)} for given in treatments_given(trajectory.events)],
        "events": [_event(event) for event in trajectory.events if "treatment" not in event["detail"]],
        "branches": [float(line["until_days"]) for line in provenance.get("ancestors", [])],
    }


def panels_shown(observables: pd.DataFrame, kinds: Sequence[dict[str, Any]]) -> list[Panel]:
    """Return the courses of movies and figures, with the limits of blood counts, further cytokines and the acute phase."""
    panels = []
    for panel in course_panels(observables, kinds):
        if panel.title == "Blood":
            panel = replace(panel, rules=((APLASIA, "B-cell aplasia"), (CAR_T_SEEN, "CAR T seen")))
        if panel.title == "Cytokine release":
            panel = replace(panel, courses=panel.courses + _courses(observables, _FURTHER))
            panel = replace(panel, high=max(panel.high, *(1.6 * float(course.values.max()) for course in panel.courses)))
        panels.append(panel)
    acute = _courses(observables, _ACUTE)
    if acute:
        high = 1.3 * max(float(course.values.max()) for course in acute)
        panels.append(Panel("Acute phase", "× normal", acute, 0.5, max(high, 10.0), rules=((1.0, "normal"),)))
    return panels


def _courses(observables: pd.DataFrame, wanted: Sequence[tuple[str, str, str]]) -> tuple[Course, ...]:
    found = []
    for name, label, colour in wanted:
        if name in observables:
            known = observables[name].dropna()
            if (known > 0).any():
                found.append(Course(label, colour, known.index.to_numpy(dtype=float), known.to_numpy(dtype=float)))
    return tuple(found)


def _place(trajectory: Trajectory, name: str) -> dict[str, Any]:
    region = Region.of(trajectory, name)
    layers = layers_of(trajectory, name)
    sites = int(np.prod(region.view))
    return {
        "name": name,
        "title": _TITLES.get(name, name),
        "shape": list(region.view),
        "lattice": list(region.lattice),
        "origin": list(region.origin),
        "step": region.step,
        "spacing": region.spacing,
        "scale": float(trajectory.header.compartments[name]["scale"]),
        "axis": thin_axis(region.view),
        "whole": sites <= MOST_WHOLE,
        "block": reduction(region.view) if sites > MOST_IN_3D else 1,
        "layers": {layer: ticks_of(trajectory, name, layer).tolist() for layer in layers},
        "hasViews": CODES in layers,
    }


def _moments(trajectory: Trajectory) -> NDArray[np.int64]:
    """Return the ticks at which the player can stand still: those of the views."""
    ticks = [trajectory.views(name).ticks for name, about in trajectory.header.compartments.items() if about["shape"] is not None]
    return np.unique(np.concatenate(ticks)) if ticks else np.empty(0, dtype=np.int64)


def _panel(panel: Panel, shown: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "title": panel.title,
        "unit": panel.unit,
        "low": panel.low,
        "high": panel.high,
        "log": panel.log,
        "rules": [{"value": value, "label": words} for value, words in panel.rules],
        "courses": [_course(course, shown) for course in panel.courses],
    }


def _course(course: Course, shown: NDArray[np.int64]) -> dict[str, Any]:
    """Describe a course by ticks, which are whole numbers: a rounded day would be before or after its own moment."""
    ticks = np.rint(course.days * TICKS_PER_DAY).astype(np.int64)
    step = -(-len(course.days) // MOST_POINTS)
    # of each stretch its highest value, so that no peak is lost by leaving points out, and the last point
    starts = np.arange(0, len(course.days), max(step, 1))
    chosen = [int(start + np.argmax(course.values[start : start + step])) for start in starts]
    # and the last sample up to each moment, which is the value that stands beside its picture
    before = np.searchsorted(ticks, shown, side="right") - 1
    chosen = sorted({0, *chosen, len(ticks) - 1, *before[before >= 0].tolist()})
    return {
        "label": course.label,
        "colour": course.colour,
        "ticks": ticks[chosen].tolist(),
        "values": [float(f"{value:.4g}") for value in course.values[chosen]],
    }


def _event(event: dict[str, Any]) -> dict[str, Any]:
    kind, detail = str(event["kind"]), event["detail"]
    words = _EVENT_WORDS.get(kind, kind.replace("_", " "))
    if kind == "crs_grade":
        words = f"CRS grade {detail.get('grade')}, before {detail.get('before')}"
    elif kind == "coarse mode":
        words = "no contact for a day: steps of an hour" if detail.get("on") else "contact: steps of ten minutes"
    elif "change" in detail:
        words = f"{words}: {detail['change']}"
    return {"day": float(event["day"]), "kind": kind, "text": words}
