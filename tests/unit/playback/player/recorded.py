# SPDX-License-Identifier: Apache-2.0
"""A small recorded run of which every site, cell and concentration is known, for the player."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import abm.celltypes  # noqa: F401  (registers the kinds)
from abm.celltypes.car_t import Programme
from abm.state.columns import GUEST, LOCKED
from abm.state.kinds import BOUND_BIT, KINDS, SOLID, VIEW_BONE_BIT, VIEW_CAR_T_BIT
from abm.trajectory import Header, TrajectoryWriter
from abm.units import TICKS_PER_DAY

MARROW = (12, 10, 8)
CSF = (16, 6, 1)
DAYS = 7
CELL_DAYS = (0, 3, 6)
TRACKED = 77
"""A CAR T cell that is in every frame of cells, at :func:`tracked_site`."""
GUEST_SITE = (2, 3, 4)
"""Where two guests stand; the heavier one has clone 9."""
CAR_T, BLAST, NEGATIVE = (KINDS[name].code for name in ("car_t", "blast", "blast_cd19_negative"))
COLUMNS = {
    "uid": "1", "kind": "1", "weight": "cells", "site": "1", "flags": "1", "state": "1", "divisions": "1", "clone": "1",
    "cd19": "molecules", "cd22": "molecules",
}  # fmt: skip
OBSERVABLES = {
    "mrd": "1", "car_t_blood": "cells/µL", "b_cells_blood": "cells/µL", "il6": "pg/mL", "ifn_gamma": "pg/mL", "crs_signal": "pg/mL",
    "ferritin": "1", "cells_background_marrow": "cells", "cells_car_t_marrow": "cells", "cells_blast_marrow": "cells",
}  # fmt: skip


def tracked_site(day: int) -> tuple[int, int, int]:
    """Return where the tracked cell stands."""
    return 1 + day, 4, 4


def marrow_view(day: int) -> np.ndarray:
    """Blasts that recede by a row a day, a bone, and the tracked CAR T cell, bound on even days."""
    view = np.full(MARROW, KINDS["background"].code, dtype=np.uint8)
    view[:, : max(0, 6 - day), :] = BLAST
    view[0, 9, :] = SOLID | VIEW_BONE_BIT
    view[9, 9, day % 8] = NEGATIVE
    view[GUEST_SITE] |= VIEW_CAR_T_BIT
    view[tracked_site(day)] = CAR_T | (BOUND_BIT if day % 2 == 0 else 0)
    return view


def csf_view(day: int) -> np.ndarray:
    """Fluid without cells but for one CAR T cell that drifts."""
    view = np.zeros(CSF, dtype=np.uint8)
    view[day, 2, 0] = CAR_T
    return view


def cells(day: int) -> dict[str, np.ndarray]:
    """Return the tracked cell, two guests on one site, and a blast without CD19, in the order of uid."""
    sites = [GUEST_SITE, GUEST_SITE, tracked_site(day), (9, 9, day % 8)]
    return {
        "uid": np.array([5, 6, TRACKED, 90], np.int64),
        "kind": np.array([BLAST, BLAST, CAR_T, NEGATIVE], np.uint8),
        "weight": np.array([10, 30, 1000, 1000], np.int64),
        "site": np.array([np.ravel_multi_index(site, MARROW) for site in sites], np.int32),
        "flags": np.array([GUEST, GUEST, LOCKED if day % 2 == 0 else 0, 0], np.uint8),
        "state": np.array([0, 0, Programme.EXHAUSTED if day == 6 else Programme.EFFECTOR, 0], np.uint8),
        "divisions": np.array([0, 0, 2 + day, 0], np.uint8),
        "clone": np.array([1, 9, 0, 1], np.uint16),
        "cd19": np.array([8000.0, 1000.0, 0.0, 0.0], np.float16),
        "cd22": np.array([300.0, 300.0, 0.0, 300.0], np.float16),
    }


def field(day: int) -> np.ndarray:
    """Return a concentration on a grid half as fine as the lattice [pg/mL]."""
    values = np.full((6, 5, 4), 0.1, dtype=np.float32)
    values[0, 0, 0] = 50.0 + day
    return values


def header(**changes: Any) -> Header:
    """Return the header of the run."""
    kinds = [{"code": k.code, "name": k.name, "label": k.label, "colour": k.colour} for k in KINDS]
    places: dict[str, dict[str, Any]] = {
        "marrow": {"shape": list(MARROW), "spacing_um": 10.0, "scale": 1000.0},
        "csf": {"shape": list(CSF), "spacing_um": 10.0, "scale": 10.0},
        "periphery": {"shape": None, "spacing_um": 0.0, "scale": 1000.0},
    }
    units = ({name: {"unit": unit, "about": name} for name, unit in table.items()} for table in (OBSERVABLES, COLUMNS))
    whole = Header("", "", {"scenario": "a known run", "seed": 4}, kinds, places, *units)
    return whole.but(**changes) if changes else whole


def write_day(writer: TrajectoryWriter, day: int, *, everything: bool = True) -> None:
    """Write what is recorded on a day."""
    tick = day * TICKS_PER_DAY
    if day == 0:
        writer.event(0, "infusion", {"treatment": "car_t_infusion"})
    if day == 2:
        writer.event(tick, "crs_grade", {"grade": 1, "before": 0})
    writer.observables(tick, dict.fromkeys(OBSERVABLES, 0.5 * 10.0 ** (-day)))
    writer.view(tick, "marrow", marrow_view(day))
    writer.view(tick, "csf", csf_view(day))
    if everything and day in CELL_DAYS:
        writer.cells(tick, "marrow", cells(day))
        writer.field(tick, "marrow", "ifn_gamma", field(day))


def write_run(path: Path, *, days: int = DAYS, everything: bool = True, **changes: Any) -> Path:
    """Write the run, or its first days, or only its views."""
    with TrajectoryWriter(path, header(**changes)) as writer:
        for day in range(days):
            write_day(writer, day, everything=everything)
    return path
