# SPDX-License-Identifier: Apache-2.0
"""Host T cells: logistic recovery after lymphodepletion, and the IL-15 that they consume."""

from __future__ import annotations

import math

import numpy as np

from abm.celltypes.car_t import CAR_T
from abm.celltypes.host_t import HOST_T, HostTParameters
from abm.processes.fates import Nursery
from abm.state.columns import Array
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY
from abm.state.state import State
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR

DRAW_TURNOVER = 20
"""Draw number, in the stream of fates."""


class HostTRecovery:
    """Homeostatic division, or death, of host T cells towards their normal number.

    Parameters
    ----------
    parameters : HostTParameters
        Normal number, rate, IL-15.
    marrow_cells : float
        Nucleated cells of the healthy marrow [cells of the body].
    period : int
        Ticks of one run.

    Notes
    -----
    With N host T cells and T = N + CAR T cells in the body and K host T cells in health, each host T
    cell divides at the rate r (1 − T/K), or dies at r (T/K − 1). IL-15, relative to health, is
    1/(f + (1 − f) T/K), with 1/f its maximum: a constant source, and T cells as its sink.
    """

    name = "host_t"

    def __init__(self, parameters: HostTParameters, *, marrow_cells: float, period: int = TICKS_PER_HOUR) -> None:
        self.parameters = parameters
        self.marrow_cells = marrow_cells
        self.period = period
        self.hours = period / TICKS_PER_HOUR
        self.nursery = Nursery()

    def normal(self, state: State) -> float:
        """Return the host T cells of a healthy body [cells]."""
        place = state.places[PERIPHERY]
        room = float(place.n_sites) * place.scale
        return self.parameters.periphery_fraction * room + self.parameters.marrow_fraction * self.marrow_cells

    def start(self, state: State) -> None:
        """Set IL-15 to what the T cells of the start leave of it."""
        self._set_il15(state, self._crowding(state))

    def run(self, state: State) -> None:
        """Divide or die, and set IL-15."""
        crowding = self._crowding(state)
        self._set_il15(state, crowding)
        rate = self.parameters.recovery * (1.0 - crowding)
        # Divisions in a step are one round, not a chain: exp(r t) - 1 of the cells divide.
        chance = math.expm1(rate * self.hours) if rate > 0 else -math.expm1(rate * self.hours)
        rows = self._drawn(state, min(chance, 1.0))
        if len(rows) == 0:
            return
        if rate < 0:
            state.remove("motile", rows, Entry.DIED)
            return
        places = state.motile.array("compartment")[rows]
        for code in (MARROW, PERIPHERY):
            if (places == code).any():
                self.nursery.divide(state, "motile", rows[places == code], state.places[code])

    def _crowding(self, state: State) -> float:
        """Return the T cells of the body, relative to the host T cells of health."""
        stock = state.ledger.balance()
        return float(stock[[HOST_T.code, CAR_T.code]].sum()) / max(self.normal(state), 1.0)

    def _set_il15(self, state: State, crowding: float) -> None:
        floor = 1.0 / self.parameters.il15_maximum
        state.body["il15"] = np.array([1.0 / (floor + (1.0 - floor) * crowding)])

    def _drawn(self, state: State, chance: float) -> Array:
        """Return rows of host T cells, each with a probability, in the order of uid."""
        rows = state.motile.by_uid(np.flatnonzero(state.motile.array("kind") == HOST_T.code))
        return rows[state.draws.successes(len(rows), chance, Stream.FATE, state.tick, DRAW_TURNOVER)]
