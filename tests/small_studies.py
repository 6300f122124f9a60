# SPDX-License-Identifier: Apache-2.0
"""Studies of runs that take a tenth of a second: 12 sites to a side, a third of a day, one infusion."""

from __future__ import annotations

from pathlib import Path

from abm.study import StudyFolder, read_study
from tests.small_scenarios import ROOT

BASE = ROOT / "scenarios" / "quickstart.yaml"
SMALL = """\
study: 1
name: small
description: runs of a tenth of a second
scenario: {scenario}
set:
  marrow.shape: [12, 12, 12]
  csf: null
  start: 0
  treatments: [{{type: car_t_infusion, day: 0, dose: 1e6}}]
until: 0.3 d
"""
DOSES = """\
parameters:
  - {path: "treatments[0].dose", name: dose, values: [1e5, 1e6 cells/kg, 1e7]}
outputs: [peak_car_t, {observable: il6, take: max}]
"""


def text_of(rest: str = DOSES, scenario: str | Path = BASE) -> str:
    """Return a study file: what all have, and the rest."""
    return SMALL.format(scenario=scenario) + rest


def written(folder: Path, rest: str = DOSES) -> Path:
    """Write a study file, and return its name."""
    path = folder / "study.yaml"
    path.write_text(text_of(rest), encoding="utf-8")
    return path


def laid_out(folder: Path, rest: str = DOSES, name: str = "made") -> StudyFolder:
    """Write a study file and lay out its folder."""
    return StudyFolder.lay_out(read_study(written(folder, rest)), folder / name)
