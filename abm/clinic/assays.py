# SPDX-License-Identifier: Apache-2.0
"""Assays: what a laboratory would have reported of a simulated patient, with chance and limits of detection.

An assay reads one observable on one day. What it reports is drawn with the seed of the run, so that a sample that is
looked at twice reports the same; the run itself knows nothing of it. What is not detected is reported as 0.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from abm.clinic.courses import Courses
from abm.streams import Draws, Stream

Measure = Callable[[float, Draws, int], float]
"""From the true value, the draws of the run and the identity of the sample to what is reported."""


@dataclass(frozen=True)
class Assay:
    """A measurement of a patient.

    Parameters
    ----------
    name, unit, about, source : str
    observable : str
        What it measures; in the unit of the assay.
    measure : callable
        From the true value to what is reported.
    """

    name: str
    unit: str
    about: str
    source: str
    observable: str
    measure: Measure

    def report(self, courses: Courses, day: float, seed: int) -> float:
        """Return what is reported of a sample.

        Parameters
        ----------
        courses : Courses
        day : float
            Of the sample [d].
        seed : int
            Of the run.

        Returns
        -------
        float
            [``unit``]; 0 if nothing is detected, NaN if nothing was recorded within half a day.
        """
        true = courses.at(self.observable, day)
        if true is None:
            return math.nan
        sample = int.from_bytes(hashlib.sha256(f"{self.name}\0{day!r}".encode()).digest()[:7])
        return self.measure(true, Draws(seed), sample)


def cells_among(events: int, least: int, whole: float = 1.0) -> Measure:
    """Count some cells among many; fewer than ``least`` are not called detected.

    Parameters
    ----------
    events : int
        Cells that are looked at.
    least : int
        Cells that make a finding.
    whole : float
        What all of them would be: 1, or 100 for per cent.
    """

    def measure(true: float, draws: Draws, sample: int) -> float:
        found = int(draws.binomial(events, min(1.0, max(0.0, true / whole)), Stream.ASSAY, 0, sample))
        return whole * found / events if found >= least else 0.0

    return measure


def cells_in(volume: float, least: int) -> Measure:
    """Count cells in a volume [µL]; fewer than ``least`` are not called detected."""

    def measure(true: float, draws: Draws, sample: int) -> float:
        found = int(draws.poisson(max(0.0, true) * volume, Stream.ASSAY, 0, sample))
        return found / volume if found >= least else 0.0

    return measure


def concentration(variation: float, limit: float) -> Measure:
    """Measure a concentration with a relative error; below its limit it is not detected."""

    def measure(true: float, draws: Draws, sample: int) -> float:
        spread = math.sqrt(math.log1p(variation**2))
        found = true * math.exp(spread * float(draws.normal(Stream.ASSAY, 0, sample)) - spread**2 / 2)
        return found if found >= limit else 0.0

    return measure


_SHARE = "share of leukaemic cells among the mononuclear cells of the marrow"
ASSAYS = {
    assay.name: assay
    for assay in (
        Assay(
            "morphology", "1", f"{_SHARE}, 200 of them under the microscope",
            "Lee et al. 2008, Int J Lab Hematol 30:349 (ICSH): a differential of bone marrow counts 500 cells; 200 are usual", "mrd",
            cells_among(200, 1),
        ),
        Assay(
            "mrd_flow", "1", f"{_SHARE}, by flow cytometry of 200,000 cells; 20 make a finding, 0.01 %",
            "Lee et al. 2015, Lancet 385:517 (MRD below 0.01 %); assumption: events, and 20 of them as the least cluster", "mrd",
            cells_among(200_000, 20),
        ),
        Assay(
            "mrd_igh", "1", f"{_SHARE}, by deep sequencing of IGH of a million cells; one makes a finding",
            "Grupp et al. 2013, N Engl J Med 368:1509 (sensitivity 1 in 1e6)", "mrd",
            cells_among(1_000_000, 1),
        ),
        Assay(
            "car_t_flow", "%", "CAR T cells among the CD3+ cells of the blood, by flow cytometry of 50,000; 20 make a finding",
            "assumption: events of a usual tube, and 20 of them as the least cluster", "car_t_percent_cd3",
            cells_among(50_000, 20, 100.0),
        ),
        Assay(
            "b_cells_flow", "cells/µL", "CD19+ cells in 50 µL of blood; 20 make a finding",
            "assumption: a usual tube for absolute counts, and 20 events as the least cluster", "b_cells_blood",
            cells_in(50.0, 20),
        ),
        Assay(
            "csf_cytology", "cells/µL", "leukaemic cells in 500 µL of CSF, spun on a slide; one makes a finding",
            "assumption: volume of a usual cytospin", "blasts_csf",
            cells_in(500.0, 1),
        ),
        Assay(
            "il6_serum", "pg/mL", "IL-6 in serum, error 10 %; not detected below 2 pg/mL",
            "assumption: error and limit of usual bead and plate assays", "il6",
            concentration(0.1, 2.0),
        ),
        Assay(
            "crp_serum", "mg/L", "C-reactive protein in serum, error 5 %; not detected below 0.3 mg/L",
            "assumption: error and limit of usual turbidimetry", "crp",
            concentration(0.05, 0.3),
        ),
    )
}  # fmt: skip
"""All assays by name."""
