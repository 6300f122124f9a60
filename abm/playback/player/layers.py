# SPDX-License-Identifier: Apache-2.0
"""Layers: what can be seen of a compartment, each as one byte per site of its recorded views.

=============  ===================  =======================================================================
layer          recorded with        levels
=============  ===================  =======================================================================
``codes``      views                site codes, as in the file
``state``      cells                1 + programme of a CAR T cell
``cd19``       cells                1 to 254: CD19 on a logarithmic scale
``clone``      cells                1 to 250: number of the clone, going round
``exhaustion`` cells                1 + divisions of a CAR T cell; 254 if it is exhausted
``field/...``  fields               1 to 254: concentration on a logarithmic scale
=============  ===================  =======================================================================

In layers of cells 0 is a site without a recorded cell and 255 a cell that does not have the property.
Of several cells on a site the full one is shown, of guests the heaviest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abm.celltypes.car_t import Programme
from abm.errors import InputError, nearest
from abm.playback.player.cuts import CODES, OTHER_CELL, Levels
from abm.state.columns import GUEST

if TYPE_CHECKING:
    from abm.trajectory import CellFrame, Trajectory

CELL_LAYERS = {"state": "state", "cd19": "cd19", "clone": "clone", "exhaustion": "state"}
"""Layers of cells, and the column without which there is none."""
FIELD = "field/"
CLONES = 250
EXHAUSTED = 254
MOST_DIVISIONS = 200
_STEPS = 253
_BEARERS = ("pre_b", "mature_b", "blast", "blast_cd19_negative")
"""Kinds of which CD19 is shown."""
_COUNTED = 12
"""Clones that are counted by name."""


@dataclass(frozen=True)
class Scale:
    """A logarithmic scale from values to levels 1 to 254; what is below it, zero too, is level 1.

    Parameters
    ----------
    low, high : float
        Values of levels 1 and 254.
    unit : str
    """

    low: float
    high: float
    unit: str

    def levels(self, values: NDArray[Any]) -> Levels:
        """Return the level of each value."""
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.log(np.asarray(values, dtype=np.float64) / self.low) / math.log(self.high / self.low)
        return np.asarray(1 + np.rint(_STEPS * np.clip(np.nan_to_num(parts, nan=0.0), 0.0, 1.0)), dtype=np.uint8)


CD19_SCALE = Scale(10.0, 1e5, "molecules")
FIELD_SCALE = Scale(1e-3, 1e5, "pg/mL")
PROGRAMMES = ("memory", "activated", "effector", "exhausted", "resident memory")
"""Words for the programmes of a CAR T cell, in the order of :class:`abm.celltypes.car_t.Programme`."""


@dataclass(frozen=True)
class Region:
    """Where the views of a compartment lie in its lattice.

    Parameters
    ----------
    lattice, view : (int, int, int)
        Sites of the lattice, and of a view; one of two dimensions has one layer.
    step : int
        Sites of the lattice per site of a view.
    origin : (int, int, int)
        Site of the lattice at which a view begins.
    spacing : float
        Between sites of the lattice [µm].
    """

    lattice: tuple[int, int, int]
    view: tuple[int, int, int]
    step: int
    origin: tuple[int, int, int]
    spacing: float

    @classmethod
    def of(cls, trajectory: Trajectory, place: str) -> Region:
        """Return the region that the views of a compartment show; its lattice, if it has no views."""
        about = trajectory.header.compartments[place]
        lattice = _three(tuple(about["shape"]))
        view = _three(tuple(trajectory.views(place).shape)) if len(trajectory.views(place)) else lattice
        step = max(1, round(max(lattice[:2]) / max(view[:2])))
        x, y, z = (max(0, (whole - step * part) // 2) for whole, part in zip(lattice, view, strict=True))
        return cls(lattice, view, step, (x, y, z), float(about["spacing_um"]))

    def scatter(self, sites: NDArray[Any], levels: Levels) -> Levels:
        """Return a volume with levels at sites of the lattice; of several at one site the last stays."""
        volume = np.zeros(self.view, dtype=np.uint8)
        inside = np.ones(len(sites), dtype=np.bool_)
        places = []
        for axis, where in enumerate(np.unravel_index(sites, self.lattice)):
            at = (where - self.origin[axis]) // self.step
            inside &= (at >= 0) & (at < self.view[axis])
            places.append(at)
        x, y, z = (at[inside] for at in places)
        volume[x, y, z] = levels[inside]
        return volume

    def sample(self, field: NDArray[Any]) -> NDArray[Any]:
        """Return a field, which may be coarser than the lattice, at the sites of a view."""
        field = field.reshape(_three(field.shape))
        grid = []
        for axis, coarse in enumerate(field.shape):
            sites = self.origin[axis] + self.step * np.arange(self.view[axis])
            grid.append(np.minimum(sites * coarse // self.lattice[axis], coarse - 1))
        return field[np.ix_(*grid)]


def layers_of(trajectory: Trajectory, place: str) -> list[str]:
    """Return the layers that were recorded of a compartment."""
    found = [CODES] if len(trajectory.views(place)) else []
    frames = trajectory.cell_frames(place)
    if len(frames):
        found += [layer for layer, column in CELL_LAYERS.items() if {column, "kind", "site"} <= set(frames.columns)]
    return found + [f"{FIELD}{name}" for name, fields in trajectory.fields.get(place, {}).items() if len(fields)]


def ticks_of(trajectory: Trajectory, place: str, layer: str) -> NDArray[np.int64]:
    """Return the ticks at which a layer was recorded."""
    if layer == CODES:
        return trajectory.views(place).ticks
    if layer in CELL_LAYERS:
        return trajectory.cell_frames(place).ticks
    fields = trajectory.fields.get(place, {})
    name = layer.removeprefix(FIELD)
    if layer == name or name not in fields:
        known = layers_of(trajectory, place)
        raise InputError(f"{place}: no layer {layer!r} was recorded; nearest: {nearest(layer, known)!r}")
    return fields[name].ticks


def volume_of(trajectory: Trajectory, place: str, layer: str, frame: int) -> tuple[Levels, dict[str, Any]]:
    """Read one frame of a layer.

    Parameters
    ----------
    trajectory : Trajectory
    place, layer : str
        A compartment with a lattice, and one of its layers.
    frame : int
        Its number among those of the layer.

    Returns
    -------
    ndarray of uint8, 3-D
        A level per site of a view.
    dict
        What is said of the whole frame, whatever part of it is shown: ``counts``, ``cells``.

    Raises
    ------
    InputError
        No such layer.
    RunError
        The frame is damaged.
    """
    ticks_of(trajectory, place, layer)
    if layer == CODES:
        codes = np.asarray(trajectory.views(place)[frame], dtype=np.uint8)
        numbers = np.bincount(codes.reshape(-1), minlength=256)
        return codes.reshape(_three(codes.shape)), {
            "counts": [[int(code), int(numbers[code])] for code in np.flatnonzero(numbers)]
        }
    region = Region.of(trajectory, place)
    if layer.startswith(FIELD):
        values = np.asarray(trajectory.fields[place][layer.removeprefix(FIELD)][frame], dtype=np.float64)
        known = values[np.isfinite(values)]
        span = [float(known.min()), float(known.max())] if known.size else [0.0, 0.0]
        return FIELD_SCALE.levels(region.sample(values)), {"range": span}
    cells = trajectory.cell_frames(place)[frame]
    levels, about = _cell_levels(cells, layer)
    guests = (cells["flags"] & GUEST) != 0 if "flags" in cells else np.zeros(len(cells), dtype=np.bool_)
    weights = cells["weight"] if "weight" in cells else np.ones(len(cells), dtype=np.int64)
    order = np.lexsort((weights, ~guests))  # what is written last is seen
    order = order[cells["site"][order] >= 0]
    return region.scatter(cells["site"][order], levels[order]), about


def _cell_levels(cells: CellFrame, layer: str) -> tuple[Levels, dict[str, Any]]:
    """Return the level of each cell, and the numbers of agents and of body cells that a legend tells."""
    kinds = cells["kind"]
    weights = cells["weight"] if "weight" in cells else np.ones(len(cells), dtype=np.int64)
    levels = np.full(len(cells), OTHER_CELL, dtype=np.uint8)
    if layer == "cd19":
        codes = [int(kind["code"]) for kind in cells.frames.header.kinds if kind["name"] in _BEARERS]
        bearers = np.isin(kinds, codes)
        values = np.asarray(cells["cd19"], dtype=np.float64)
        levels[bearers] = CD19_SCALE.levels(values[bearers])
        groups = [("with CD19", bearers & (values > 0)), ("blasts and B cells without", bearers & ~(values > 0))]
        median = _weighted_median(values[groups[0][1]], weights[groups[0][1]])
        return levels, {"cells": _numbers(groups, weights), "median": median}
    if layer == "clone":
        clones = np.asarray(cells["clone"], dtype=np.int64)
        marked = clones > 0
        levels[marked] = 1 + (clones[marked] - 1) % CLONES
        numbers, place = np.unique(clones[marked], return_inverse=True)
        agents, body = np.bincount(place, minlength=len(numbers)), np.bincount(place, weights[marked], minlength=len(numbers))
        largest = np.argsort(-body, kind="stable")[:_COUNTED]
        return levels, {
            "cells": [[int(numbers[one]), int(agents[one]), int(body[one])] for one in largest],
            "clones": len(numbers),
        }
    car_t = kinds == cells.frames.header.kind_code("car_t")
    states = cells["state"]
    if layer == "state":
        levels[car_t] = 1 + np.minimum(states[car_t], len(PROGRAMMES))
        groups = [(name, car_t & (states == number)) for number, name in enumerate(PROGRAMMES)]
    else:
        exhausted = states == Programme.EXHAUSTED
        divisions = np.minimum(cells["divisions"], MOST_DIVISIONS) if "divisions" in cells else np.zeros(len(cells), np.uint8)
        levels[car_t] = 1 + divisions[car_t]
        levels[car_t & exhausted] = EXHAUSTED
        groups = [("working", car_t & ~exhausted), ("exhausted", car_t & exhausted)]
    return levels, {"cells": _numbers(groups, weights)}


def _numbers(groups: list[tuple[str, NDArray[np.bool_]]], weights: NDArray[Any]) -> list[list[Any]]:
    """Return name, agents and body cells of some groups of cells."""
    return [[name, int(mask.sum()), int(weights[mask].sum())] for name, mask in groups]


def _weighted_median(values: NDArray[np.float64], weights: NDArray[Any]) -> float | None:
    if not len(values):
        return None
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z = (*shape, 1, 1)[:3]
    return x, y, z
