# SPDX-License-Identifier: Apache-2.0
"""A patient of five days with hand-made courses, cells and views, of which every figure can be reckoned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import abm.celltypes  # noqa: F401  (registers the kinds)
from abm.scenario import Scenario, resolved_text
from abm.state.kinds import KINDS
from abm.trajectory import Header, TrajectoryWriter
from abm.units import TICKS_PER_DAY

BLAST, NEGATIVE, CAR_T = (KINDS[name].code for name in ("blast", "blast_cd19_negative", "car_t"))
COURSES: dict[str, list[float]] = {
    "mrd": [0.5, 0.5, 1e-2, 1e-5, 1e-5],
    "cells_blast_marrow": [1e9, 1e9, 1e6, 0.0, 0.0],
    "cells_blast_periphery": [1e6, 1e6, 0.0, 0.0, 0.0],
    "cells_blast_cd19_negative_marrow": [0.0, 0.0, 1e6, 1e6, 1e6],
    "car_t_blood": [0.0, 5.0, 40.0, 2.0, 0.5],
    "b_cells_blood": [200.0, 20.0, 1.0, 1.0, 50.0],
    "blasts_csf": [1.0, 1.0, 0.1, 0.01, 0.0],
    "car_t_csf": [0.0, 0.0, 1.0, 1.0, 0.1],
    "neurotoxicity": [0.0, 0.0, 1.0, 1.0, 0.0],
    "il6": [3.0, 50.0, 200.0, 20.0, 3.0],
    "ifn_gamma": [0.0, 30.0, 100.0, 20.0, 3.0],
    "crs_signal": [3.0, 50.0, 100.0, 20.0, 3.0],
    "crs_grade": [0.0, 1.0, 2.0, 0.0, 0.0],
}
"""Days 0 to 4."""
UNITS = {"mrd": "1", "car_t_blood": "cells/µL", "b_cells_blood": "cells/µL", "il6": "pg/mL"}
BLOCK = {
    "kills_total": [0.0, 10.0, 20.0, 25.0, 25.0],
    "effector_target_ratio": [0.1, 0.2, 0.5, 1.0, 2.0],
    "cells_blast_marrow": [30.0, 20.0, 10.0, 5.0, 5.0],
    "cells_car_t_marrow": [3.0, 4.0, 5.0, 5.0, 10.0],
}
TREATMENTS = (("lymphodepletion", 0.0), ("car_t_infusion", 1.0), ("tocilizumab", 2.0), ("tocilizumab", 3.0))
SIDE = 6


def write_patient(
    path: Path,
    courses: Mapping[str, Sequence[float]] = COURSES,
    *,
    treatments: Sequence[tuple[str, float]] = TREATMENTS,
    body: bool = True,
    cells: bool = True,
    views: bool = True,
    finish: bool = True,
    scenario: Scenario | None = None,
    text: str = "",
    **provenance: Any,
) -> Path:
    """Write the trajectory of a patient, or of a closed block."""
    kinds = [{"code": k.code, "name": k.name, "label": k.label, "colour": k.colour} for k in KINDS]
    places: dict[str, Any] = {"marrow": {"shape": [SIDE] * 3, "spacing_um": 10.0, "scale": 1000 if body else 1}}
    if body:
        places["csf"] = {"shape": [4, 4, 2], "spacing_um": 10.0, "scale": 10}
        places["periphery"] = {"shape": None, "spacing_um": 0.0, "scale": 1000}
    observables = {name: {"unit": UNITS.get(name, "cells"), "about": name} for name in courses}
    columns = {name: {"unit": "1", "about": name} for name in ("uid", "kind", "weight", "site", "cd19")}
    text = text or resolved_text(scenario or Scenario(name="a test", body={"weight": 20.0} if body else None, csf={} if body else None))
    made = {"scenario": "a test", "seed": 1, "until_days": 4.0, **provenance}
    header = Header(text, text, made, kinds, places, observables, columns)
    writer = TrajectoryWriter(path, header)
    for name, day in treatments:
        writer.event(round(day * TICKS_PER_DAY), "infusion" if "infusion" in name else "treatment", {"treatment": name})
    for day in range(5):
        tick = day * TICKS_PER_DAY
        if courses:
            writer.observables(tick, {name: values[day] for name, values in courses.items()})
        if views:
            writer.view(tick, "marrow", marrow_view(day))
        if cells:
            for place in places:
                writer.cells(tick, place, cells_of(day if place == "marrow" else 4))
    if finish:
        writer.finish()
    else:
        writer.abort("stopped")
    return path


def marrow_view(day: int) -> np.ndarray:
    """Fill the marrow with blasts up to day 2, with CAR T cells after it; layer 0 is background."""
    view = np.full((SIDE,) * 3, BLAST if day <= 2 else CAR_T, np.uint8)
    view[0] = KINDS["background"].code
    return view


def cells_of(day: int) -> dict[str, np.ndarray]:
    """Return twelve blasts of the marrow on day 0, of 1000 to 12000 molecules of CD19, one less each day and none on day 4."""
    count = max(12 - day, 0) if day < 4 else 0
    return {
        "uid": np.arange(1, count + 1),
        "kind": np.full(count, BLAST, np.uint8),
        "weight": np.ones(count, np.int64),
        "site": np.arange(count, dtype=np.int32),
        "cd19": 1000.0 * np.arange(1, count + 1, dtype=np.float64),
    }
