# SPDX-License-Identifier: Apache-2.0
"""The shipped scenarios on small lattices for a short time, and one with everything switched on."""

from __future__ import annotations

from pathlib import Path

from abm.scenario import ScenarioFile, read_scenario

ROOT = Path(__file__).parents[1]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))
SPARSE = ("record.observables=6 h", "record.view=12 h", "record.cells=1 d")
EVERYTHING = """\
abm: 1
name: everything
seed: 5
start: -1 d
duration: 1 d
body: {weight: 20 kg}
marrow: {shape: [16, 16, 16], sinusoid_distance: 40 µm}
csf: {shape: [16, 8, 4], blasts: 2e5}
blasts:
  marrow_fraction: 30 %
  net_growth: 0.5 1/d
  cd19_negative_fraction: 0.02
  cd19_loss: 1e-8
products:
  - {costimulation: cd28, cycle: 8 h, activation_lag: 6 h}
  - {costimulation: 4-1bb, antigen: cd22, memory_fraction: 0}
  - {antigen: either, memory_fraction: 0.5}
trafficking: {car_t_csf_entry: 0.5 1/d, blast_csf_entry: 1e-2 1/d, exit: 3 1/d}
treatments:
  - {type: lymphodepletion, day: -1, duration: 12 h, t_survival: 0.2}
  - {type: car_t_infusion, day: 0, dose: 3e8 cells/kg, early_loss: 0.2}
  - {type: car_t_infusion, day: 0.1, dose: 1e9 cells/kg, product: 2, shares: [0.5, 0.5], share_days: [0, 0.2]}
  - {type: car_t_infusion, when: cells_car_t_marrow > 0 for 1 h, dose: 1e9 cells/kg, product: 3}
  - {type: tocilizumab, day: 0.3}
  - {type: etanercept, when: kills_total > 0}
  - {type: corticosteroid, day: 0.6, half_life: 2 h}
record: {observables: 2 h, view: 6 h, cells: 6 h, fields: 12 h}
"""
"""Three products, all treatments, blasts and guests in the CSF, loss of CD19."""


def small(path: Path, *overrides: str) -> ScenarioFile:
    """Return a shipped scenario with 12 sites to a side, a CSF of 512, and what comes before day 0 within a day."""
    settings = ["marrow.shape=[12, 12, 12]", *SPARSE, *overrides]
    shipped = read_scenario(path).scenario
    if shipped.csf is not None:
        settings.append("csf.shape=[16, 8, 4]")
    if shipped.start < -24:
        early = [index for index, treatment in enumerate(shipped.treatments) if (treatment.day or 0) < -24]
        settings += ["start=-1 d", *(f"treatments[{index}].day=-1 d" for index in early)]
    return read_scenario(path, settings)


def everything(folder: Path, *overrides: str) -> ScenarioFile:
    """Write the scenario with everything switched on into a folder, and return it."""
    path = folder / "everything.yaml"
    path.write_text(EVERYTHING, encoding="utf-8")
    return read_scenario(path, overrides)
