# SPDX-License-Identifier: Apache-2.0
"""Background marrow: light cells refill voids, and thin out where the marrow is too dense."""

from __future__ import annotations

import math

import numpy as np

from abm.celltypes.background import BACKGROUND, BackgroundParameters
from abm.state.columns import Array
from abm.state.kinds import GUESTS_BIT, SOLID, VOID
from abm.state.ledger import Entry
from abm.state.places import MARROW
from abm.state.state import State
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR


class Background:
    """Logistic return of the background to the packing of a healthy marrow.

    Parameters
    ----------
    parameters : BackgroundParameters
        Rate and reserve.
    voids : float
        Open sites without a cell in a healthy marrow, as a share of the open sites.
    period : int
        Ticks of one run.

    Notes
    -----
    With B background cells, and the share C of the open sites that any cell fills, against C* in
    health, dB/dt = r max(B, reserve) (1 − C/C*). The number follows the mean field; the sites are drawn
    at random, each by a draw of its own.
    """

    name = "background"

    def __init__(self, parameters: BackgroundParameters, *, voids: float, period: int = TICKS_PER_HOUR) -> None:
        self.period = period
        self.parameters = parameters
        self.filled = 1.0 - voids
        self.hours = period / TICKS_PER_HOUR

    def run(self, state: State) -> None:
        """Fill some voids, or let some background cells die."""
        lattice = state.places[MARROW].lattice
        if lattice is None or self.filled <= 0:
            return
        kinds = lattice.kinds()
        voids = np.flatnonzero(kinds == VOID)
        n_open = lattice.n_sites - int(np.count_nonzero(kinds == SOLID))
        if n_open == 0:
            return
        scale = state.places[MARROW].scale
        present = int(state.ledger.balance()[BACKGROUND.code, MARROW]) // scale
        normal = self.filled * n_open
        growing = max(present, self.parameters.reserve * normal)
        excess = (n_open - len(voids)) / normal - 1.0
        change = -self.parameters.recovery * self.hours * growing * excess
        if change > 0 and len(voids):
            sites = self._chosen(state, voids, change / len(voids))
            state.fill_light(BACKGROUND.code, MARROW, sites, Entry.BIRTH)
        elif change < 0 and present:
            sites = self._chosen(state, np.flatnonzero(kinds == BACKGROUND.code), -change / present)
            lattice.site_code[sites] &= np.uint8(GUESTS_BIT)
            state.ledger.add(BACKGROUND.code, MARROW, Entry.DIED, len(sites) * scale)

    def _chosen(self, state: State, sites: Array, chance: float) -> Array:
        """Return each site with a probability, by its own draw."""
        return sites[state.draws.uniform(Stream.BACKGROUND, state.tick, sites) < -math.expm1(-chance)]
