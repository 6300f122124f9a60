# SPDX-License-Identifier: Apache-2.0
"""Small runs with hand-made courses, to be shown side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import abm.celltypes  # noqa: F401  (registers the kinds)
from abm.state.kinds import KINDS
from abm.trajectory import Header, TrajectoryWriter
from abm.units import TICKS_PER_DAY

UNITS = {"mrd": "1", "car_t_blood": "cells/µL", "b_cells_blood": "cells/µL", "il6": "pg/mL", "crs_signal": "pg/mL", "crs_grade": "1"}
REMISSION = {
    "mrd": [0.5, 0.5, 1e-5, 1e-5, 1e-5],
    "car_t_blood": [0.0, 5.0, 40.0, 2.0, 0.5],
    "b_cells_blood": [200.0, 20.0, 1.0, 1.0, 1.0],
    "il6": [3.0, 50.0, 100.0, 20.0, 3.0],
    "crs_signal": [3.0, 50.0, 100.0, 20.0, 3.0],
    "crs_grade": [0.0, 1.0, 2.0, 0.0, 0.0],
}
"""A course of five days."""


def write_run(
    path: Path,
    courses: Mapping[str, Sequence[float]],
    treatments: Sequence[tuple[str, float]] = (("CAR T infusion", 0.0),),
    *,
    finish: bool = True,
    body: bool = True,
    **provenance: Any,
) -> Path:
    """Write a run with daily values of some observables, from day 0 on, and its treatments."""
    kinds = [{"code": k.code, "name": k.name, "label": k.label, "colour": k.colour} for k in KINDS]
    compartments: dict[str, Any] = {"marrow": {"shape": [4, 4, 4], "spacing_um": 10.0, "scale": 1.0}}
    if body:
        compartments["periphery"] = {"shape": None, "spacing_um": 0.0, "scale": 1.0}
    observables = {name: {"unit": UNITS.get(name, "cells"), "about": name} for name in courses}
    writer = TrajectoryWriter(path, Header("", "", {"scenario": "a test", "seed": 1, **provenance}, kinds, compartments, observables, {}))
    for name, day in treatments:
        writer.event(round(day * TICKS_PER_DAY), "treatment", {"treatment": name})
    for day, row in enumerate(zip(*courses.values(), strict=True)):
        writer.observables(day * TICKS_PER_DAY, dict(zip(courses, row, strict=True)))
    if finish:
        writer.finish()
    else:
        writer.abort("stopped")
    return path
