# SPDX-License-Identifier: Apache-2.0
"""What a laboratory would have reported of a run on the days on which one asks, beside what was so."""

from __future__ import annotations

import math
from typing import Any

from abm.clinic import Courses
from abm.clinic.assays import ASSAYS, Assay
from abm.playback.phrases import figure, on_day, share
from abm.report.document import Block, Heading, Paragraph, Table

ASKED = (0.0, 7.0, 14.0, 28.0, 60.0, 90.0, 180.0, 360.0)
"""Days on which samples are taken, as far as the run reaches, beside its last [d]."""
MOST_DAYS = 5
_NAMES = {
    "morphology": "Blasts, microscope",
    "mrd_flow": "MRD, flow cytometry",
    "mrd_igh": "MRD, IGH sequencing",
    "car_t_flow": "CAR T of CD3+, blood",
    "b_cells_flow": "B cells, blood",
    "csf_cytology": "Blasts, CSF",
    "il6_serum": "IL-6, serum",
    "crp_serum": "CRP, serum",
}


def laboratory(courses: Courses, seed: Any) -> list[Block]:
    """Return a table of assays by day; nothing where nothing was recorded that they measure.

    Parameters
    ----------
    courses : Courses
    seed : int
        Of the run, as its provenance notes it; if it does not, nothing is told.
    """
    known = [assay for assay in ASSAYS.values() if courses.get(assay.observable) is not None]
    if not known or not isinstance(seed, int) or courses.get("mrd") is None:
        return []
    course = courses.get(known[0].observable)
    assert course is not None
    days = sampled(float(course[0][0]), float(course[0][-1]))
    rows = tuple(
        (_NAMES.get(assay.name, assay.name), *(_reported(assay, courses, day, seed) for day in days)) for assay in known
    )
    return [
        Heading("As a laboratory would have reported it", 2),
        Paragraph(
            "Samples of these days with the chance of counting, the error of measuring, and limits of detection: one draw each, which "
            "follows from the seed of the run. Everything else in this report is what was so in the simulated body."
        ),
        Table(("assay", *(f"day {on_day(day)}" for day in days)), rows, (1.6, *(1.0 for _ in days))),
    ]


def sampled(first: float, last: float) -> list[float]:
    """Return the days of the samples: round ones within the run, and its last [d]."""
    asked = [day for day in ASKED if first <= day < last]
    return [*asked[:2], *asked[2:][-(MOST_DAYS - 3) :], last] if len(asked) >= MOST_DAYS else [*asked, last]


def _reported(assay: Assay, courses: Courses, day: float, seed: int) -> str:
    value = assay.report(courses, day, seed)
    if math.isnan(value):
        return "not recorded"
    if value == 0:
        return "not detected"
    return share(value) if assay.unit == "1" else f"{figure(value)} {assay.unit}"
