# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind, and when: observables, views, cells, events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from abm.celltypes import CAR_T
from abm.observables import available, observe_all
from abm.state.columns import GUEST, Array, MotileColumns, SessileColumns, columns_of
from abm.state.kinds import VIEW_BONE_BIT, VIEW_CAR_T_BIT, VIEW_LUMEN_BIT, VOID
from abm.state.places import Place
from abm.state.state import State
from abm.trajectory import TrajectoryWriter
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE, Parameters, quantity

STRIDE = 10 * TICKS_PER_MINUTE
"""Recording times are multiples of ten minutes."""
CELL_COLUMNS = ("uid", "kind", "weight", "site", "flags", "state", "divisions", "clone", "cd19", "cd22")


class RecordParameters(Parameters):
    """What is recorded when, and which states are kept; 0 switches a series off."""

    observables: float = quantity(
        1, "h", bounds=(0, 240), about="time between two rows of observables",
        source="choice: hourly course of cytokines",
    )  # fmt: skip
    also: tuple[str, ...] = Field((), description="observables of other packages that are recorded beside those of abm")
    view: float = quantity(
        2, "h", bounds=(0, 8760), about="time between two views, the frames of movies",
        source="choice: about a thousand frames in three months",
    )  # fmt: skip
    view_depth: int = Field(16, ge=1, le=100_000, description="layers of a lattice kept in a view, around the middle")
    cells: float = quantity(
        1, "d", bounds=(0, 365), about="time between two full records of the cells",
        source="choice",
    )  # fmt: skip
    fields: float = quantity(
        0, "d", bounds=(0, 365), about="time between two records of the cytokine fields",
        source="choice: off, they are large",
    )  # fmt: skip
    checkpoints: float = quantity(
        0, "d", bounds=(0, 365), about="time between two states kept in the file, from which a branch starts at once",
        source="choice: only the last one, from which a run can be carried on",
    )  # fmt: skip
    last_state: bool = Field(True, description="whether the file keeps the state at the end, so that the run can be carried on")


class Recorder:
    """Writes a state to a trajectory as its scenario asks.

    Parameters
    ----------
    writer : TrajectoryWriter
        Where to.
    parameters : RecordParameters
        When.
    day_zero : int
        Tick of day 0; recorded ticks count from it.
    """

    def __init__(self, writer: TrajectoryWriter, parameters: RecordParameters, day_zero: int) -> None:
        self.writer = writer
        self.day_zero = day_zero
        self.depth = parameters.view_depth
        self.also = parameters.also
        self.periods = {
            name: STRIDE * max(round(hours * TICKS_PER_HOUR / STRIDE), 1) if (hours := getattr(parameters, name)) else 0
            for name in ("observables", "view", "cells", "fields")
        }
        self.stride = math.gcd(TICKS_PER_HOUR, *self.periods.values())

    def record(self, state: State, *, last: bool = False) -> None:
        """Write what is due at this tick; everything that is recorded at all, if it is the last."""
        tick = state.tick - self.day_zero
        for when, kind, detail in state.events:
            self.writer.event(when - self.day_zero, kind, detail)
        state.events.clear()
        due = {name for name, period in self.periods.items() if period and (last or state.tick % period == 0)}
        if last:
            self.writer.close_with(tick)
        if "observables" in due:
            self.writer.observables(tick, observe_all(state, self.also))
        for place in state.places.values():
            if place.lattice is not None and "view" in due:
                self.writer.view(tick, place.name, view_of(state, place, self.depth))
            if "cells" in due:
                self.writer.cells(tick, place.name, cells_of(state, place))
        if "fields" in due:
            for (code, name), values in sorted(state.fields.items()):
                self.writer.field(tick, state.places[code].name, name, values)


def view_of(state: State, place: Place, depth: int) -> Array:
    """Return the site codes of the middle ``depth`` layers of a lattice.

    Beside what the lattice knows they tell where CAR T guests stand, and bone and sinusoids from fat.
    """
    lattice = place.lattice
    assert lattice is not None
    codes = lattice.site_code.copy()
    codes[lattice.bone] |= VIEW_BONE_BIT
    codes[lattice.lumen] |= VIEW_LUMEN_BIT
    kinds, places, flags, sites = state.motile.arrays("kind", "compartment", "flags", "site")
    codes[sites[(kinds == CAR_T.code) & (places == place.code) & ((flags & GUEST) != 0)]] |= VIEW_CAR_T_BIT
    layers = lattice.shape[2]
    kept = min(depth, layers)
    first = (layers - kept) // 2
    return np.ascontiguousarray(codes.reshape(lattice.shape)[:, :, first : first + kept])


def cells_of(state: State, place: Place) -> dict[str, Array]:
    """Return the recorded columns of the living cells of a place, in the order of uid."""
    schema = {**columns_of(SessileColumns), **columns_of(MotileColumns)}
    tables = list(state.tables.values())
    chosen = [np.flatnonzero((table.array("compartment") == place.code) & (table.array("kind") != VOID)) for table in tables]
    uids = np.concatenate([table.array("uid")[rows] for table, rows in zip(tables, chosen, strict=True)])
    ranks = np.empty(len(uids), np.int64)
    ranks[np.argsort(uids, kind="stable")] = np.arange(len(uids))
    targets = np.split(ranks, np.cumsum([len(rows) for rows in chosen])[:-1])
    cells = {name: np.zeros(len(uids), schema[name].dtype) for name in CELL_COLUMNS}
    for table, rows, target in zip(tables, chosen, targets, strict=True):
        for name in CELL_COLUMNS:
            if name in table.schema:
                cells[name][target] = table.array(name)[rows]
    return cells


def header_parts(state: State, depth: int, also: Sequence[str] = ()) -> dict[str, Any]:
    """Return the parts of a trajectory's header that the state and the declarations determine."""
    schema = {**columns_of(SessileColumns), **columns_of(MotileColumns)}
    compartments = {}
    for place in state.places.values():
        lattice = place.lattice
        compartments[place.name] = {
            "shape": None if lattice is None else list(lattice.shape),
            "view_shape": None if lattice is None else [*lattice.shape[:2], min(depth, lattice.shape[2])],
            "spacing_um": 0.0 if lattice is None else lattice.spacing,
            "scale": place.scale,
        }
    return {
        "kinds": [{"code": k.code, "name": k.name, "label": k.label, "colour": k.colour} for k in state.kinds],
        "compartments": compartments,
        "observables": {item.name: {"unit": item.unit, "about": item.about} for item in available(state, also)},
        "columns": {name: {"unit": schema[name].unit or "1", "about": schema[name].about} for name in CELL_COLUMNS},
    }
