# SPDX-License-Identifier: Apache-2.0
"""One cell: what stands on a site, and what became of it over the recorded frames of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from abm.playback.player.layers import PROGRAMMES, Region
from abm.state.columns import GUEST, LOCKED

if TYPE_CHECKING:
    from abm.trajectory import CellFrame, Trajectory

MOST_HERE = 6
"""Cells of a site that are told of."""
MOST_ROWS = 8_000_000
"""Rows of cells that are looked through for one history; of longer runs frames are left out, evenly."""
_TOLD = ("divisions", "clone", "cd19", "cd22")


def cells_at(trajectory: Trajectory, place: str, frame: int, site: tuple[int, int, int]) -> dict[str, Any]:
    """Return the cells that stand on a site of a view in a frame of cells.

    Parameters
    ----------
    trajectory : Trajectory
    place : str
    frame : int
        Number of the frame of cells.
    site : (int, int, int)
        In the view.

    Returns
    -------
    dict
        ``tick`` of the frame, ``cells`` (full one first, then the heaviest guests), ``number`` of cells there.
    """
    region = Region.of(trajectory, place)
    cells = trajectory.cell_frames(place)[frame]
    low = [region.origin[axis] + region.step * site[axis] for axis in range(3)]
    block = [np.arange(start, min(start + region.step, size)) for start, size in zip(low, region.lattice, strict=True)]
    wanted = np.ravel_multi_index(np.ix_(*block), region.lattice).reshape(-1)
    found = np.flatnonzero(np.isin(cells["site"], wanted))
    guests = (_column(cells, "flags", found, 0) & GUEST) != 0
    order = np.lexsort((-_column(cells, "weight", found, 1), guests))
    rows = found[order]
    return {"tick": cells.tick, "number": len(found), "cells": [_tell(cells, int(row), region) for row in rows[:MOST_HERE]]}


def history_of(trajectory: Trajectory, uid: int) -> dict[str, Any]:
    """Return what was recorded of a cell, in whichever compartment it was.

    Parameters
    ----------
    trajectory : Trajectory
    uid : int

    Returns
    -------
    dict
        ``history`` in the order of time, ``looked`` of ``frames`` frames.
    """
    history: list[dict[str, Any]] = []
    looked = total = 0
    places = [place for place in trajectory.header.compartments if "uid" in trajectory.cell_frames(place).columns]
    rows = sum(int(trajectory.cell_frames(place).counts.sum()) for place in places)
    stride = max(1, -(-rows // MOST_ROWS))
    for place in places:
        frames = trajectory.cell_frames(place)
        has_lattice = trajectory.header.compartments[place]["shape"] is not None
        region = Region.of(trajectory, place) if has_lattice else None
        total = max(total, len(frames))
        chosen = range(0, len(frames), stride)
        looked = max(looked, len(chosen))
        for number in chosen:
            cells = frames[number]
            row = int(np.searchsorted(cells["uid"], uid))  # frames are in the order of uid
            if row < len(cells) and cells["uid"][row] == uid:
                history.append({"tick": cells.tick, "place": place, **_tell(cells, row, region)})
    history.sort(key=lambda line: int(line["tick"]))
    return {"uid": uid, "history": history, "looked": looked, "frames": total}


def _tell(cells: CellFrame, row: int, region: Region | None) -> dict[str, Any]:
    """Tell of one cell in words and units."""
    names = {int(kind["code"]): kind for kind in cells.frames.header.kinds}
    kind = int(cells["kind"][row])
    named = names.get(kind, {"name": "", "label": f"kind {kind}"})
    flags = int(_column(cells, "flags", row, 0))
    told: dict[str, Any] = {
        "uid": int(_column(cells, "uid", row, -1)),
        "kind": kind,
        "label": named["label"],
        "weight": int(_column(cells, "weight", row, 1)),
        "guest": bool(flags & GUEST),
        "bound": bool(flags & LOCKED),
    }
    site = int(_column(cells, "site", row, -1))
    if region is not None and site >= 0:
        where = np.unravel_index(site, region.lattice)
        told["position"] = [round((float(at) + 0.5) * region.spacing, 1) for at in where]
    if named["name"] == "car_t" and "state" in cells:
        programme = int(cells["state"][row])
        told["programme"] = PROGRAMMES[programme] if programme < len(PROGRAMMES) else str(programme)
    for name in _TOLD:
        if name in cells:
            told[name] = round(float(cells[name][row]), 1)
    return told


def _column(cells: CellFrame, name: str, rows: Any, otherwise: int) -> Any:
    """Return a column at some rows, or what stands for it where it was not recorded."""
    return cells[name][rows] if name in cells else np.full(np.shape(rows), otherwise, dtype=np.int64)
