# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the simulator, for tests of calibration: analytic functions, whose results go through the same folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from abm.model import Watcher
from abm.study import smc
from abm.study.calibration import read_calibration
from abm.study.calibration_folder import CalibrationFolder
from abm.study.folder import RESULT, Run, StudyFolder
from abm.study.posterior import Posterior, read_posterior
from abm.study.simulators import Here, Performer
from abm.study.work import Outcome

SCENARIO = """\
abm: 1
name: a patient
start: 0
duration: 8 h
body: {weight: 20 kg}
marrow: {shape: [12, 12, 12]}
csf: null
blasts: {marrow_fraction: 40 %}
products: [{costimulation: cd28}]
treatments: [{type: car_t_infusion, day: 0, dose: 1e6 cells/kg}]
record: {observables: 2 h, view: 0}
"""
CALIBRATION = """\
calibration: 1
name: growth
scenario: patient.yaml
parameters:
  - {path: blasts.net_growth, name: growth, range: [0, 0.25]}
  - {path: "treatments[0].dose", name: dose, range: [1e5, 1e8], scale: log}
targets:
  - {output: {observable: mrd, take: value, day: 0.25}, value: 15 %, sd: 1 %, source: made up}
  - {output: {observable: car_t_blood, take: max}, value: 1e7, sd: 0.2, log: true, source: made up, name: peak}
population_size: 24
generations: 4
seed: 3
"""
GROWTH, DOSE = 0.15, 1e7
"""Of which the targets are what :func:`growth_and_dose` gives."""

Outputs = Callable[[Mapping[str, float], np.random.Generator], Mapping[str, float | None]]


def growth_and_dose(values: Mapping[str, float], noise: np.random.Generator) -> dict[str, float | None]:
    """Give a model without cells: each output is a parameter with a little noise."""
    return {
        "mrd_day0.25": values["blasts.net_growth"] + 0.005 * noise.standard_normal(),
        "car_t_blood_max": values["treatments[0].dose"] * 10 ** (0.1 * noise.standard_normal()),
    }


def put(folder: StudyFolder, run: Run, outputs: Mapping[str, float | None] | None) -> Outcome:
    """Put a result into the folder as a run does; None is that of a run that failed."""
    result: dict[str, Any] = {"status": "finished", "outputs": dict(outputs or {}), "cost": {}, "settings": list(run.settings)}
    if outputs is None:
        result |= {"status": "failed", "error": "out of cells"}
    folder.place_of(run).mkdir(parents=True)
    (folder.place_of(run) / RESULT).write_text(json.dumps(result), encoding="utf-8")  # not through to the disk, which takes longer
    return Outcome(run.number, "failed" if outputs is None else "finished")


def values_of(run: Run) -> dict[str, float]:
    """Return the settings of a run that are bare numbers."""
    found = {}
    for setting in run.settings:
        path, _, text = setting.partition("=")
        if text.replace(".", "").replace("e", "").replace("-", "").replace("+", "").isdigit():
            found[path] = float(text)
    return found


class Instead:
    """Stands in for the simulator: an analytic function, through the same folder; counts what it did."""

    def __init__(self, outputs: Outputs, killed_after: int | None = None, end: Callable[[], None] | None = None) -> None:
        self.outputs = outputs
        self.killed_after = killed_after
        self.end = end
        self.done: list[Run] = []

    def __call__(self, folder: StudyFolder, run: Run, watch: Watcher | None) -> Outcome:
        if len(self.done) == self.killed_after and self.end is not None:
            self.end()
        self.done.append(run)
        values = values_of(run)
        return put(folder, run, self.outputs(values, np.random.default_rng(int(values["seed"]))))


def write(folder: Path, text: str = CALIBRATION, scenario: str = SCENARIO) -> Path:
    (folder / "patient.yaml").write_text(scenario, encoding="utf-8")
    (folder / "growth.yaml").write_text(text, encoding="utf-8")
    return folder / "growth.yaml"


def laid_out(folder: Path, text: str = CALIBRATION, name: str = "growth") -> CalibrationFolder:
    folder.mkdir(parents=True, exist_ok=True)
    return CalibrationFolder.lay_out(read_calibration(write(folder, text)), folder / name)


def calibrated(folder: CalibrationFolder, performer: Performer | None = None) -> Posterior:
    """Go on with a calibration in this process until it ends."""
    smc.search(folder, Here(folder.simulations, performer=performer or Instead(growth_and_dose)))
    return read_posterior(folder)


def same(one: Posterior, other: Posterior) -> bool:
    """Return whether two posteriors are the same to the last bit."""
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    pd.testing.assert_frame_equal(one.generations, other.generations, check_exact=True)
    return True
