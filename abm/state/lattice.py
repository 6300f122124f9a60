# SPDX-License-Identifier: Apache-2.0
"""A lattice of sites: neighbours, what stands on each site, and the claims of one minute."""

from __future__ import annotations

import numpy as np

from abm.errors import shown
from abm.state.columns import Array
from abm.state.kinds import KIND_BITS, SOLID

AXES = 3
NO_OCCUPANT = -1
UNCLAIMED = -1
"""``claim_block`` of claims that hold for no step."""
MOST_SITES = int(np.iinfo(np.int32).max)


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape as in a scenario, such as ``[64, 64, 64]``."""
    return f"[{', '.join(map(shown, shape))}]"


class Lattice:
    """Sites on a cubic grid, at most one full cell each.

    Site ``(x, y, z)`` has the number ``(x * ny + y) * nz + z``. Direction ``2 a`` steps down along
    axis ``a``, ``2 a + 1`` up; a lattice one site thick along an axis has no steps there, so that
    two dimensions are three with ``nz = 1``.

    Parameters
    ----------
    shape : (int, int, int)
        Sites along each axis.
    spacing : float
        Distance between sites [µm].
    periodic : (bool, bool, bool)
        Whether an axis wraps round; otherwise it ends in walls.

    Attributes
    ----------
    bone, lumen : (n,) array of int32
        Solid sites that are bone, and those inside a sinusoid; for views alone.
    sinusoid : (n,) array of int32
        Open sites that line a vessel, where cells enter and leave; empty if there is none.
    adherent : (n_sites,) array of bool
        Sites where cells adhere (the leptomeninges of the CSF); empty if there is none.
    """

    def __init__(self, shape: tuple[int, int, int], spacing: float, periodic: tuple[bool, bool, bool]) -> None:
        self.shape = shape
        self.spacing = spacing
        self.periodic = periodic
        self.n_sites = int(np.prod(shape, dtype=np.int64))
        if self.n_sites > MOST_SITES:
            raise OverflowError(f"a lattice holds at most {MOST_SITES} sites, {self.n_sites} wanted")
        self.strides = np.array([shape[1] * shape[2], shape[2], 1], np.int32)
        self.directions = np.array([d for d in range(2 * AXES) if shape[d // 2] > 1], np.uint8)
        # Step of each direction, and the step that replaces it across a periodic boundary (0 at a wall).
        self.step = np.array([(1 if d % 2 else -1) * self.strides[d // 2] for d in range(2 * AXES)], np.int32)
        self.wrap = np.array(
            [-s * (shape[d // 2] - 1) if periodic[d // 2] else 0 for d, s in enumerate(self.step)], np.int32
        )
        self.edge = self._edges()
        self.site_code = np.zeros(self.n_sites, np.uint8)
        self.occupant = np.full(self.n_sites, NO_OCCUPANT, np.int32)
        self.claim = np.empty(self.n_sites, np.uint32)
        self.claim_block = np.array([UNCLAIMED])
        self.bone = np.empty(0, np.int32)
        self.lumen = np.empty(0, np.int32)
        self.sinusoid = np.empty(0, np.int32)
        self.adherent = np.empty(0, np.bool_)

    def _edges(self) -> Array:
        """Return per site a bit mask of the directions that leave the lattice."""
        edge = np.zeros(self.shape, np.uint8)
        for axis in range(AXES):
            first = [slice(None)] * AXES
            last = [slice(None)] * AXES
            first[axis], last[axis] = slice(0, 1), slice(-1, None)
            edge[tuple(first)] |= 1 << (2 * axis)
            edge[tuple(last)] |= 1 << (2 * axis + 1)
        return edge.reshape(-1)

    def neighbour(self, site: int, direction: int) -> int:
        """Return the neighbouring site, or -1 behind a wall."""
        if not (int(self.edge[site]) >> direction) & 1:
            return site + int(self.step[direction])
        return site + int(self.wrap[direction]) if self.wrap[direction] else -1

    def coordinates(self, sites: Array) -> Array:
        """Return the integer coordinates of sites, shape ``(n, 3)``."""
        return np.stack(np.unravel_index(np.asarray(sites), self.shape), axis=-1)

    def kinds(self) -> Array:
        """Return the kind on each site, shape ``(n_sites,)``."""
        return self.site_code & np.uint8(KIND_BITS)

    @property
    def n_open(self) -> int:
        """Number of sites that a cell can enter."""
        return int(np.count_nonzero(self.kinds() != SOLID))

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        sites = (self.bone, self.lumen, self.sinusoid, self.adherent)
        return sum(array.nbytes for array in (self.edge, self.site_code, self.occupant, self.claim, *sites))
