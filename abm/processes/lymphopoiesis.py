# SPDX-License-Identifier: Apache-2.0
"""Lymphopoiesis: influx of pro-B cells, their passage to pre-B cells, mature B cells and death."""

from __future__ import annotations

import numpy as np

from abm.celltypes.b_lineage import MATURE_B, PRE_B, PRO_B, STAGES, BLineageParameters, endow
from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST
from abm.processes.fates import due_rows
from abm.processes.placement import probe_voids
from abm.state.columns import GUEST, NOWHERE, Array
from abm.state.kinds import GUESTS_BIT
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY
from abm.state.state import State
from abm.state.weights import arrive
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE

DRAW_INFLUX, DRAW_SITES, DRAW_MATURES = 1, 2, 3
"""Draw numbers, beside that of the stay in a stage."""


class Lymphopoiesis:
    """The normal B lineage.

    Parameters
    ----------
    parameters : BLineageParameters
        Influx, stays, antigens.
    marrow_cells : float
        Nucleated cells of the healthy marrow [cells of the body].
    period : int
        Ticks of one run.

    Notes
    -----
    Full pro-B agents enter at the rate λ (1 − L/K) e with λ that of health, L the blasts in the marrow,
    K the cells of a healthy one and e the effect of drugs. Each takes a random void; where there is
    none it is lost (booked as blocked). Stays are exponential, stored as ``due``.
    """

    name = "lymphopoiesis"

    def __init__(self, parameters: BLineageParameters, *, marrow_cells: float, period: int = 10 * TICKS_PER_MINUTE) -> None:
        self.parameters = parameters
        self.marrow_cells = marrow_cells
        self.period = period

    def run(self, state: State) -> None:
        """Serve the cells that are due, then let pro-B cells enter."""
        rows = due_rows(state.sessile, STAGES, state.tick)
        if len(rows):
            kinds = state.sessile.array("kind")[rows]
            self._become_pre_b(state, rows[kinds == PRO_B.code])
            self._leave_marrow(state, rows[kinds == PRE_B.code])
            state.remove("sessile", rows[kinds == MATURE_B.code], Entry.DIED)
        self._enter(state)

    def _become_pre_b(self, state: State, rows: Array) -> None:
        table = state.sessile
        _change_kind(state, rows, PRE_B.code)
        lattice = state.places[MARROW].lattice
        assert lattice is not None
        on_lattice = rows[table.array("site")[rows] != NOWHERE]  # the others were displaced to the blood
        sites, flags = table.array("site")[on_lattice], table.array("flags")[on_lattice]
        full = (flags & GUEST) == 0
        lattice.site_code[sites[full]] = (lattice.site_code[sites[full]] & np.uint8(GUESTS_BIT)) | np.uint8(PRE_B.code)
        lattice.site_code[sites[~full]] |= GUESTS_BIT
        endow(state, rows, self.parameters, since=table.array("due")[rows])

    def _leave_marrow(self, state: State, rows: Array) -> None:
        """Send some to the periphery, where they mature; the others die."""
        table = state.sessile
        lucky = state.draws.uniform(Stream.LYMPHOPOIESIS, state.tick, table.array("uid")[rows], DRAW_MATURES)
        matures = lucky < self.parameters.maturation
        state.remove("sessile", rows[~matures], Entry.DIED)
        rows = rows[matures]
        if len(rows) == 0:
            return
        since = table.array("due")[rows].copy()
        arrive(state, "sessile", rows[table.array("compartment")[rows] != PERIPHERY], PERIPHERY)
        _change_kind(state, rows, MATURE_B.code)
        endow(state, rows, self.parameters, since=since)

    def _enter(self, state: State) -> None:
        place = state.places[MARROW]
        if place.lattice is None:
            return
        stock = state.ledger.balance()
        leukaemia = float(stock[[BLAST.code, CD19_NEGATIVE_BLAST.code], MARROW].sum())
        room = max(1.0 - leukaemia / self.marrow_cells, 0.0)
        effect = float(state.body["effect_pro_b"][0]) if "effect_pro_b" in state.body else 1.0
        hours = self.period / TICKS_PER_HOUR
        mean = self.parameters.influx * hours * self.marrow_cells / place.scale * room * effect
        count = state.draws.poisson(mean, Stream.LYMPHOPOIESIS, state.tick, 0, DRAW_INFLUX)
        sites = probe_voids(state, place.lattice, Stream.LYMPHOPOIESIS, DRAW_SITES, count)
        state.ledger.add(PRO_B.code, MARROW, Entry.BLOCKED, count - len(sites))
        if len(sites):
            rows = state.add_cells(PRO_B.code, MARROW, Entry.BIRTH, len(sites), site=sites, weight=place.scale)
            # They came at any time of the period, on average half of it ago.
            endow(state, rows, self.parameters, since=state.tick - self.period // 2)


def _change_kind(state: State, rows: Array, kind: int) -> None:
    """Turn cells into another kind, and book them."""
    table = state.sessile
    kinds, places, weights = (table.array(name)[rows] for name in ("kind", "compartment", "weight"))
    state.ledger.add_rows(kinds, places, Entry.MATURED_OUT, weights)
    state.ledger.add_rows(np.full(len(rows), kind), places, Entry.MATURED_IN, weights)
    table.array("kind")[rows] = kind
