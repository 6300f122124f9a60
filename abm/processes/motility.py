# SPDX-License-Identifier: Apache-2.0
"""Motility of the cells that sit: exchanges of places between neighbours, and the walk of guests."""

from __future__ import annotations

import math

import numpy as np

from abm._kernels import _exchange
from abm.processes.lookup import exchangeable, homes
from abm.processes.process import threads_for
from abm.state.columns import LOCKED, Array
from abm.state.kinds import KINDS
from abm.state.places import Place
from abm.state.state import State
from abm.state.weights import index_guests
from abm.state.weights_room import guests_of
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR

DRAW_AXIS, DRAW_OFFSET = 2**32, 2**32 + 1
"""Draw numbers of a sweep, far from those of its pairs."""
SITE_NANOSECONDS = 2
"""Cost of a site and sweep."""
DIMENSIONLESS_WALK = 6
"""A walk that moves by h with chance p every t along random axes has D = p h^2 / (6 t)."""


class Motility:
    """Exchanges between neighbouring sites.

    Parameters
    ----------
    diffusivity : float
        Random-walk coefficient [µm²/h].
    spacing : float
        Lattice spacing [µm].
    period : int
        Ticks of one run.
    n_threads : int
        Threads; the result does not depend on it.
    """

    name = "motility"

    def __init__(self, diffusivity: float, *, spacing: float, period: int, n_threads: int = 1) -> None:
        self.period = period
        self.n_threads = n_threads
        chance = DIMENSIONLESS_WALK * diffusivity * (period / TICKS_PER_HOUR) / spacing**2
        self.n_sweeps = max(1, math.ceil(chance))
        self.chance = chance / self.n_sweeps
        self.mobile = exchangeable()
        self.walking = [kind.code for kind in KINDS if kind.mobile]
        self.home = homes()

    def run(self, state: State) -> None:
        """Exchange neighbours once per sweep, in every lattice of tissue.

        Fluid is left alone: there cells drift, and adhere, as the process of that place says; exchanges
        would carry blasts off the meninges.
        """
        if self.chance == 0:
            return
        for place in state.places.values():
            if place.lattice is not None and len(place.lattice.directions) and not place.lattice.adherent.any():
                for sweep in range(self.n_sweeps):
                    self._sweep(state, place, sweep)
                self._walk_guests(state, place)

    def _sweep(self, state: State, place: Place, sweep: int) -> None:
        lattice = place.lattice
        assert lattice is not None
        axes = [axis for axis in range(3) if lattice.shape[axis] > 1]
        ident = place.code * self.n_sweeps + sweep
        axis = axes[state.draws.integers(len(axes), Stream.SWAP, state.tick, ident, draw=DRAW_AXIS)]
        length, periodic = lattice.shape[axis], lattice.periodic[axis]
        starts = length if periodic and length % 2 else 2
        offset = state.draws.integers(starts, Stream.SWAP, state.tick, ident, draw=DRAW_OFFSET)
        # On an axis drawn among fewer than three, a site moves more often than in three dimensions.
        chance = self.chance * len(axes) / 3
        _exchange.sweep(
            site_code=lattice.site_code,
            occupant=lattice.occupant,
            s_site=state.sessile.array("site"),
            m_site=state.motile.array("site"),
            mobile=self.mobile,
            home=self.home,
            length=length,
            stride=int(lattice.strides[axis]),
            periodic=periodic,
            offset=offset,
            threshold=round(chance * 2**16),
            seed=state.draws.seed,
            stream=Stream.SWAP,
            tick=state.tick + sweep * 2**40 + place.code * 2**56,
            n_threads=threads_for(lattice.n_sites, SITE_NANOSECONDS, self.n_threads),
        )

    def _walk_guests(self, state: State, place: Place) -> None:
        """Let guests of mobile kinds step where a full cell could have changed places."""
        for name, table in state.tables.items():
            rows = guests_of(state, name, place)
            kinds, flags = table.array("kind")[rows], table.array("flags")[rows]
            rows = rows[np.isin(kinds, self.walking) & ((flags & LOCKED) == 0)]
            if len(rows):
                table.array("site")[rows] = self._walked(state, place, table.array("uid")[rows], table.array("site")[rows])
        index_guests(state, place)

    def _walked(self, state: State, place: Place, uids: Array, sites: Array) -> Array:
        """Return where guests stand after the sweeps."""
        lattice = place.lattice
        assert lattice is not None
        for sweep in range(self.n_sweeps):
            chance = self.chance * sum(length > 1 for length in lattice.shape) / 3  # as in a sweep
            steps = state.draws.uniform(Stream.GUEST_WALK, state.tick, uids, 2 * sweep) < chance
            choice = state.draws.integers(
                len(lattice.directions), Stream.GUEST_WALK, state.tick, uids, 2 * sweep + 1
            )
            direction = lattice.directions[choice]
            leaves = ((lattice.edge[sites] >> direction) & 1) != 0
            there = np.where(leaves, sites + lattice.wrap[direction], sites + lattice.step[direction])
            walled = leaves & (lattice.wrap[direction] == 0)
            there = np.where(walled, sites, there)
            sites = np.where(steps & ((self.mobile[lattice.site_code[there]] & 1) != 0), there, sites)
        return sites
