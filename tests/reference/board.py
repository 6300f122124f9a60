# SPDX-License-Identifier: Apache-2.0
"""A lattice as a list of site objects, for the twins of the kernels that move cells about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from abm.state.lattice import Lattice

VOID = 0


@dataclass(eq=False)
class Cell:
    """A cell with a row; ``site`` is where it stands."""

    uid: int
    row: int
    kind: int
    site: int


@dataclass(eq=False)
class Site:
    """What stands on a site; the mark of guests belongs to the site, the rest to its content."""

    kind: int
    bound: bool
    guests: bool
    occupant: Cell | None = None

    @property
    def is_void(self) -> bool:
        return self.kind == VOID and not self.bound

    def clear(self) -> None:
        self.kind, self.bound, self.occupant = VOID, False, None


class Board:
    """Sites ``(x, y, z)``, the last axis running fastest, with walls or wrapped round.

    Parameters
    ----------
    lattice : Lattice
        Its ``site_code`` is copied.
    full : iterable of Cell
        The cells that fill a site.
    """

    def __init__(self, lattice: Lattice, full: Iterable[Cell]) -> None:
        self.shape, self.periodic = lattice.shape, lattice.periodic
        self.sites = [Site(code & 0x1F, bool(code & 0x20), bool(code & 0x40)) for code in lattice.site_code.tolist()]
        for cell in full:
            self.sites[cell.site].occupant = cell
        # Two directions for each axis along which there is somewhere to go: down, then up.
        self.directions = [(axis, way) for axis in range(3) if self.shape[axis] > 1 for way in (-1, 1)]

    def number(self, x: int, y: int, z: int) -> int:
        return (x * self.shape[1] + y) * self.shape[2] + z

    def coordinates(self, site: int) -> list[int]:
        rest, z = divmod(site, self.shape[2])
        return [*divmod(rest, self.shape[1]), z]

    def neighbour(self, site: int, axis: int, way: int) -> int | None:
        """Return the neighbouring site, None behind a wall or where an axis has one site."""
        at, length = self.coordinates(site), self.shape[axis]
        at[axis] += way
        if length == 1 or (not self.periodic[axis] and not 0 <= at[axis] < length):
            return None
        at[axis] %= length
        return self.number(*at)

    def exchange(self, a: int, b: int) -> None:
        """Let the contents of two sites change places."""
        here, there = self.sites[a], self.sites[b]
        here.kind, there.kind = there.kind, here.kind
        here.bound, there.bound = there.bound, here.bound
        here.occupant, there.occupant = there.occupant, here.occupant
        for site in (a, b):
            cell = self.sites[site].occupant
            if cell is not None:
                cell.site = site

    def codes(self) -> np.ndarray:
        """Return the site codes as the kernels keep them."""
        return np.array([site.kind | site.bound << 5 | site.guests << 6 for site in self.sites], np.uint8)

    def occupants(self) -> np.ndarray:
        """Return the row on each site, or -1."""
        return np.array([-1 if site.occupant is None else site.occupant.row for site in self.sites], np.int32)
