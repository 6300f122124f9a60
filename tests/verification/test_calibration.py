# SPDX-License-Identifier: Apache-2.0
"""Calibration finds the parameters with which the simulator itself made the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from abm.study import Study, StudyFolder, drive, read_study
from abm.study.calibrating import calibrate
from abm.study.calibration import read_calibration
from abm.study.calibration_folder import CalibrationFolder
from tests.verification.plotting import SERIES, THEORY
from tests.verification.reporting import Report, verifies

PATIENT = """\
abm: 1
name: a small patient
start: 0
duration: 4 d
body: {weight: 20 kg}
marrow: {shape: [12, 12, 12]}
csf: null
blasts: {marrow_fraction: 20 %}
products: [{costimulation: cd28}]
treatments: [{type: car_t_infusion, day: 0, dose: 1e7 cells/kg}]
record: {observables: 12 h, view: 0}
"""
TRUE = {"blasts.net_growth": 0.15, "products[0].cycle": 10.0}
INERT = "blasts.cd22_median"
RANGES = {"blasts.net_growth": (0.0, 0.27), "products[0].cycle": (8.0, 16.0), INERT: (100.0, 10000.0)}
"""The plausible ranges of the declarations, growth without the part below zero."""
OUTPUTS = {
    "mrd_day2": "{observable: mrd, take: value, day: 2}",
    "mrd_day4": "{observable: mrd, take: value, day: 4}",
    "car_t_total_day2": "{observable: car_t_total, take: value, day: 2}",
    "car_t_total_day4": "{observable: car_t_total, take: value, day: 4}",
}
RATIOS = ("car_t_total_day2", "car_t_total_day4")
LEAST_SPREAD = 0.1
"""Standard deviation of CAR T cells in powers of ten, as of an assay; that between runs, a third, would make growth count for little."""
REPLICATES, WORKERS, WIDEST = 16, 2, 0.75
POPULATION, GENERATIONS = 40, 5


def data(folder: Path) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of each output over runs with the true parameters, of ratios those of decimal logarithms."""
    settings = ", ".join(f'"{path}": {value}' for path, value in TRUE.items())
    lines = ["study: 1", "name: data", "scenario: patient.yaml", f"set: {{{settings}}}", f"replicates: {REPLICATES}", "seed: 1001"]
    lines += ["keep: nothing", "outputs:", *(f"  - {output}" for output in OUTPUTS.values())]
    (folder / "data.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = StudyFolder.lay_out(read_study(folder / "data.yaml"), folder / "data")
    drive(made, workers=WORKERS, quiet=True)
    table = Study(made).table()
    values = {name: np.log10(table[name]) if name in RATIOS else table[name] for name in OUTPUTS}
    return {name: (float(value.mean()), float(value.std(ddof=1))) for name, value in values.items()}


@verifies(
    "Recovery of parameters from synthetic data",
    law="A calibration to data that the simulator made has the parameters of these data within its 90 % intervals, and a parameter "
    "on which the data do not depend keeps the width of its prior.",
    source="the definition of a posterior; ABC-SMC as in Toni et al. 2009, J R Soc Interface 6:187.",
    test="12³ sites for 4 days; growth of blasts and CAR T cycle are unknown, as is the CD22 of blasts, which a CD19 product does "
    f"not see. Data: means of {REPLICATES} runs of MRD and of CAR T cells in the body on days 2 and 4, with the standard deviation "
    f"between runs, of CAR T cells at least {LEAST_SPREAD:g} decades. {GENERATIONS} generations of {POPULATION} particles, one run each. "
    f"Intervals of the first two must be less than {WIDEST:g} of the prior's.",
    false_alarm="below 1e-3: the data, means of 16 runs, are off by at most a quarter of the scatter that an interval spans 1.6 times "
    "to either side.",
    limits="two parameters, four numbers, a small lattice: that the search works, not that clinical data tell these parameters.",
)
def test_recovery(report: Report, tmp_path: Path) -> None:
    (tmp_path / "patient.yaml").write_text(PATIENT, encoding="utf-8")
    found = data(tmp_path)
    lines = ["calibration: 1", "name: recovery", "scenario: patient.yaml", "parameters:"]
    lines += [f'  - {{path: "{path}", range: [{low}, {high}]}}' for path, (low, high) in RANGES.items()]
    lines += ["targets:"]
    for name, output in OUTPUTS.items():
        mean, spread = found[name]
        log = name in RATIOS
        value, sd = (10**mean, max(spread, LEAST_SPREAD)) if log else (mean, spread)
        lines.append(f"  - {{output: {output}, value: {value!r}, sd: {sd!r}, log: {str(log).lower()}, source: simulated}}")
    lines += [f"population_size: {POPULATION}", f"generations: {GENERATIONS}", "seed: 7"]
    (tmp_path / "recovery.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    folder = CalibrationFolder.lay_out(read_calibration(tmp_path / "recovery.yaml"), tmp_path / "recovery")
    posterior = calibrate(folder, workers=WORKERS, quiet=True)
    factors = {factor.name: factor for factor in posterior.factors}
    for path, factor in factors.items():
        low, median, high = posterior.interval(path)
        unit = "" if factor.unit == "1" else factor.unit
        known = path in TRUE
        report.add(f"{path}: median", median, expected=TRUE.get(path, "the prior"), unit=unit)
        report.add(f"{path}: 5 % quantile", low, unit=unit, allowed="below the true one" if known else "reported")
        report.add(f"{path}: 95 % quantile", high, unit=unit, allowed="above the true one" if known else "reported")
        report.add(f"{path}: width, to the prior's", posterior.narrowed(factor), allowed=f"below {WIDEST:g}" if known else "reported")
    report.note(
        f"{int(posterior.generations['tried'].sum())} particles were tried; the last generation lies within "
        f"{posterior.generations['epsilon'].iloc[-1]:.2f} standard deviations of the data."
    )

    def draw(axes: Sequence[Any]) -> None:
        for panel, path, colour in zip(axes, factors, SERIES, strict=False):
            factor = factors[path]
            edges = np.linspace(factor.low, factor.high, 28)
            values, weights = posterior.table[path], posterior.table["weight"]
            panel.hist(values, edges, weights=weights, density=True, color=colour, alpha=0.6, label="posterior")
            panel.axhline(1 / (factor.high - factor.low), color="0.5", lw=1.0, label="prior")
            if path in TRUE:
                panel.axvline(TRUE[path], label="true", **THEORY)
            panel.set(xlabel=factor.label, yticks=[])
        axes[0].set_ylabel("density")
        axes[0].legend()

    report.plot("Posterior of each parameter; CD22 has no bearing on the data.", draw, 3)
    for path, true in TRUE.items():
        low, _, high = posterior.interval(path)
        assert low < true < high, path
        assert posterior.narrowed(factors[path]) < WIDEST, path
