# SPDX-License-Identifier: Apache-2.0
"""Geometry of the marrow: fat, trabecular bone and sinusoids on a lattice."""

from __future__ import annotations

import math
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from abm.errors import InputError, spelled
from abm.state.columns import Array
from abm.state.kinds import SOLID
from abm.state.lattice import MOST_SITES, Lattice, shape_text
from abm.streams import Draws, Stream
from abm.units import Parameters, located, quantity

MOST_FAT_CELLS = 1_000_000
MOST_SOLID = 0.9
"""Most fat and bone: both are placed at random, which takes ever longer the less room is left."""
MOST_TRABECULAE = 10_000
LEAST_OPEN = 0.02
"""Least share of sites that are open and connected."""
LOOK_AHEAD = 1024
"""Sites among which the next open one is looked for at a time."""


class MarrowParameters(Parameters):
    """The marrow block (or, without a body, any block of tissue)."""

    shape: tuple[int, int, int] = Field(default=(64, 64, 64), description="sites along x, y and z; z = 1 is two-dimensional")
    spacing: float = quantity(
        10, "µm", bounds=(5, 50), about="distance between sites",
        source="blast diameter 10-12 µm",
    )  # fmt: skip
    boundary: Literal["periodic", "walls"] = "periodic"
    """What lies beyond the edges: the block again, or walls."""
    fat: float = quantity(
        0.15, "1", bounds=(0, 0.8), plausible=(0.05, 0.45), about="volume taken by fat cells",
        source="cellularity of a child's marrow about 80 % (pathologyoutlines)",
    )  # fmt: skip
    fat_radius: float = quantity(
        25, "µm", bounds=(10, 200), about="radius of a fat cell",
        source="assumption: marrow adipocytes of about 50 µm",
    )  # fmt: skip
    bone: float = quantity(
        0.08, "1", bounds=(0, 0.8), plausible=(0.02, 0.2), about="volume taken by trabecular bone",
        source="assumption: small part of a block of haematopoietic marrow",
    )  # fmt: skip
    bone_radius: float = quantity(
        40, "µm", bounds=(5, 500), about="radius of a trabecula",
        source="assumption: trabeculae are of the order of 100 µm thick",
    )  # fmt: skip
    sinusoid_distance: float = quantity(
        80, "µm", bounds=(20, 1000), about="distance between sinusoids; none in a block narrower than that",
        source="assumption: no marrow cell is far from a vessel",
    )  # fmt: skip
    sinusoid_radius: float = quantity(
        8, "µm", bounds=(0, 100), about="radius of the lumen of a sinusoid",
        source="assumption",
    )  # fmt: skip
    voids: float = quantity(
        0.15, "1", bounds=(0, 0.95), plausible=(0.05, 0.3), about="open sites without a cell at normal cellularity",
        source="derived: 5-8e5 cells per mm³ of 1e6 sites",
    )  # fmt: skip
    cellularity: float = quantity(
        1, "1", bounds=(0, 1.15), plausible=(0.2, 1), about="cells relative to normal cellularity at the start",
        source="Grupp 2013 patient 2 (hypocellular marrow); pathologyoutlines",
    )  # fmt: skip

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        problems: list[tuple[tuple[int | str, ...], str]] = []
        if min(self.shape) < 1 or math.prod(self.shape) > MOST_SITES:
            message = f"must have at least one site along each axis, at most {MOST_SITES} in all, got {shape_text(self.shape)}"
            problems.append((("shape",), message))
        if self.fat + self.bone > MOST_SOLID:
            problems.append((("bone",), f"with fat must leave room for cells, {MOST_SOLID} at most, got {self.fat + self.bone:g}"))
        for name, taken in (("fat_radius", self.fat), ("bone_radius", self.bone)):
            radius = getattr(self, name)
            if taken > 0 and radius < self.spacing / 2:
                problems.append(((name,), f"must be at least half the spacing, {spelled(self.spacing / 2)} µm, got {spelled(radius)} µm"))
        if self.sinusoid_radius >= self.sinusoid_distance / 2:
            message = f"must be below half of sinusoid_distance, {spelled(self.sinusoid_distance / 2)} µm"
            problems.append((("sinusoid_radius",), f"{message}, got {spelled(self.sinusoid_radius)} µm"))
        if problems:
            raise located(problems)
        return self


def build_marrow(parameters: MarrowParameters, draws: Draws) -> Lattice:
    """Return a lattice with its solid sites and sinusoids laid out.

    Parameters
    ----------
    parameters : MarrowParameters
        Shape and volumes.
    draws : Draws
        The seed's draws; the stream ``GEOMETRY`` is used.

    Raises
    ------
    InputError
        Fat, bone and sinusoids leave next to no room that is connected.
    """
    periodic = parameters.boundary == "periodic"
    shape = parameters.shape
    lattice = Lattice(shape, parameters.spacing, (periodic, periodic, periodic))
    solid = np.zeros(shape, bool)
    _fill_bone(solid, parameters, draws)
    lumen = np.broadcast_to(_sinusoids(parameters), shape)
    lattice.bone = np.flatnonzero(solid & ~lumen).astype(np.int32)
    lattice.lumen = np.flatnonzero(lumen).astype(np.int32)
    _fill_fat(solid, parameters, draws)
    lattice.site_code[(solid | lumen).reshape(-1)] = SOLID
    # Cells walled in by fat or bone could be neither reached nor leave: a refuge that no marrow has.
    lattice.site_code[~_largest_component(lattice)] = SOLID
    if lattice.n_open < max(LEAST_OPEN * lattice.n_sites, 1):
        left = f"fat, bone and sinusoids leave {lattice.n_open} connected sites of {lattice.n_sites}"
        raise InputError(f"marrow: {left}, too few for cells: lower marrow.fat or marrow.bone, or take another seed")
    lattice.sinusoid = _lining(lattice, lattice.lumen)
    return lattice


def _largest_component(lattice: Lattice) -> Array:
    """Return per site whether it belongs to the largest connected set of open sites."""
    unseen = lattice.kinds() != SOLID
    left = int(np.count_nonzero(unseen))
    best = np.empty(0, np.int64)
    begin = 0
    # No look at all sites for each set: marrow full of fat has very many small ones.
    while left > len(best):
        begin += int(np.argmax(unseen[begin : begin + LOOK_AHEAD]))
        if not unseen[begin]:
            begin += LOOK_AHEAD
            continue
        front = np.array([begin])
        unseen[front] = False
        parts = []
        while len(front):
            parts.append(front)
            around = np.concatenate([_step(lattice, front, direction) for direction in lattice.directions] or [front[:0]])
            front = np.unique(around[unseen[around]])
            unseen[front] = False
        reached = np.concatenate(parts)
        left -= len(reached)
        if len(reached) > len(best):
            best = reached
    inside = np.zeros(lattice.n_sites, np.bool_)
    inside[best] = True
    return inside


def _step(lattice: Lattice, sites: Array, direction: int) -> Array:
    """Return the neighbours of sites in one direction; those behind a wall are left out."""
    leaves = ((lattice.edge[sites] >> direction) & 1) != 0
    there = sites + np.where(leaves, lattice.wrap[direction], lattice.step[direction])
    return np.asarray(there[~leaves | (lattice.wrap[direction] != 0)])


def _offsets(centre: float, length: int) -> Array:
    """Return the squared distance of every site along a periodic axis to a centre, shape ``(length,)`` [sites²]."""
    step = np.abs(np.arange(length) - centre)
    return np.asarray(np.minimum(step, length - step) ** 2)


def _fill_bone(solid: Array, parameters: MarrowParameters, draws: Draws) -> None:
    """Rods along random axes until the volume is bone."""
    shape, radius = parameters.shape, parameters.bone_radius / parameters.spacing
    missing = parameters.bone * solid.size
    for rod in range(MOST_TRABECULAE):
        axis = draws.integers(3, Stream.GEOMETRY, 0, rod, 0)
        centre = [draws.uniform(Stream.GEOMETRY, 0, rod, 1 + a) * shape[a] for a in range(3)]
        one, other = (_offsets(centre[a], shape[a]) for a in range(3) if a != axis)
        # Only the columns of sites within the rod are looked at.
        columns = np.moveaxis(solid, axis, 2)
        within = np.nonzero(one[:, None] + other[None, :] < radius**2)
        new = int(np.count_nonzero(~columns[within]))
        if missing < new / 2 or not new:
            return
        columns[within] = True
        missing -= new


def _fill_fat(solid: Array, parameters: MarrowParameters, draws: Draws) -> None:
    """Spheres at random until the volume is fat; only the sites around a centre are looked at."""
    shape, radius = np.array(parameters.shape), parameters.fat_radius / parameters.spacing
    missing = parameters.fat * solid.size
    left = int(np.count_nonzero(~solid))
    reach = [min(int(np.ceil(radius)) + 1, (length - 1) // 2) for length in parameters.shape]
    window = np.stack(np.meshgrid(*[np.arange(-r, r + 1) for r in reach], indexing="ij"), axis=-1).reshape(-1, 3)
    for cell in range(MOST_FAT_CELLS):
        centre = np.array([draws.uniform(Stream.GEOMETRY, 1, cell, axis) * shape[axis] for axis in range(3)])
        sites = np.floor(centre).astype(np.int64) + window
        flat = np.ravel_multi_index(tuple((sites[((sites - centre) ** 2).sum(axis=1) < radius**2] % shape).T), shape)
        free = flat[~solid.reshape(-1)[flat]]
        if missing < max(len(free) / 2, 1) or not left:
            return
        solid.reshape(-1)[free] = True
        missing -= len(free)
        left -= len(free)


def _sinusoids(parameters: MarrowParameters) -> Array:
    """Return the sites in straight tubes along the last axis, in a square array, shape ``(nx, ny, 1)``."""
    shape = parameters.shape
    distance, radius = (length / parameters.spacing for length in (parameters.sinusoid_distance, parameters.sinusoid_radius))
    nearest = []
    for length in shape[:2]:
        count = int(length // distance)
        offsets = [_offsets((i + 0.5) * length / count, length) for i in range(count)]
        nearest.append(np.minimum.reduce(offsets) if offsets else np.full(length, np.inf))
    return np.asarray(nearest[0][:, None, None] + nearest[1][None, :, None] < radius**2)


def _lining(lattice: Lattice, lumen: Array) -> Array:
    """Return the open sites that touch those of a lumen: where cells enter and leave."""
    touches = np.zeros(lattice.n_sites, bool)
    for direction in lattice.directions:
        touches[_step(lattice, lumen, direction)] = True
    return np.flatnonzero(touches & (lattice.kinds() != SOLID)).astype(np.int32)
