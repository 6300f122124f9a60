# SPDX-License-Identifier: Apache-2.0
"""Leukaemic population: division, death, antigen drift and loss of CD19."""

from __future__ import annotations

import numpy as np

from abm.celltypes.blast import ANTIGEN_NEGATIVE, BLAST, CD19_NEGATIVE_BLAST, BlastParameters
from abm.processes.fates import REACH, Nursery, due_rows, waiting_ticks
from abm.state.columns import GUEST, NOWHERE, Array
from abm.state.kinds import GUESTS_BIT
from abm.state.lattice import NO_OCCUPANT
from abm.state.ledger import Entry
from abm.state.places import Place
from abm.state.state import State
from abm.streams import Stream

KINDS_HERE = (BLAST.code, CD19_NEGATIVE_BLAST.code)
DRAW_FATE, DRAW_WAIT, DRAW_FIRST_WAIT = 0, 1, 2
DRAW_CD19, DRAW_CD22, DRAW_LOSS = 3, 4, 5
CLONES_AT_START = 2
"""Clone 1 has CD19, clone 2 lacked it before the run."""
MOST_CLONES = 250
"""CD19-negative clones that arise after so many share the last number, since each is a class of weighted agents."""

MOST_MOLECULES = np.float32(1e12)
"""Where drift ends: thousands of divisions of a large drift would leave the range of the numbers."""


class Leukaemia:
    """Births and deaths of blasts in every place.

    Parameters
    ----------
    parameters : BlastParameters
        Rates and antigens.
    period : int
        Ticks of one run.
    """

    name = "leukaemia"

    def __init__(self, parameters: BlastParameters, *, period: int, reach: int = REACH) -> None:
        self.parameters = parameters
        self.period = period
        self.death = parameters.death
        self.birth = max(parameters.net_growth + parameters.death, 0.0)
        self.excess_death = max(-(parameters.net_growth + parameters.death), 0.0)
        self.upper = self.birth + self.death + self.excess_death
        self.nursery = Nursery(reach)

    def first_due(self, state: State, uids: Array) -> Array:
        """Return the ticks of the first candidate fates of new cells."""
        return waiting_ticks(state, uids, self.upper, DRAW_FIRST_WAIT)

    def start(self, state: State) -> None:
        """Draw when the first fates are due."""
        self.reschedule(state)

    def reschedule(self, state: State) -> None:
        """Draw anew when fates are due, at the rates that hold from now on."""
        table = state.sessile
        rows = np.flatnonzero(np.isin(table.array("kind"), KINDS_HERE))
        table.array("due")[rows] = self.first_due(state, table.array("uid")[rows])

    def run(self, state: State) -> None:
        """Serve the blasts that are due."""
        table = state.sessile
        rows = due_rows(table, KINDS_HERE, state.tick)
        if len(rows) == 0:
            return
        uids = table.array("uid")[rows]
        pick = state.draws.uniform(Stream.FATE, state.tick, uids, DRAW_FATE) * self.upper
        dies = pick < self.death + self.excess_death
        table.array("due")[rows] = waiting_ticks(state, uids, self.upper, DRAW_WAIT, table.array("due")[rows])
        state.remove("sessile", rows[dies], Entry.DIED)
        places = table.array("compartment")[rows]
        for place in state.places.values():
            here = (places == place.code) & ~dies
            # Where there are no sites to look for a void on, blasts are crowded by blasts alone.
            crowding = self.parameters.crowding if place.lattice is not None else 1.0
            room = 1.0 - crowding * self._occupancy(state, place)
            mothers = rows[here & (pick - self.death - self.excess_death < self.birth * room)]
            if len(mothers):
                self._divide(state, place, mothers)

    def _divide(self, state: State, place: Place, rows: Array) -> None:
        table = state.sessile
        _, daughters = self.nursery.divide(
            state, "sessile", rows, place, eviction=self.parameters.displacement if place.lattice else 0.0
        )
        uids = table.array("uid")[daughters]
        table.array("due")[daughters] = self.first_due(state, uids)
        table.array("flags")[daughters] &= GUEST
        if self.parameters.antigen_drift > 0:
            for name, draw in (("cd19", DRAW_CD19), ("cd22", DRAW_CD22)):
                drift = self.parameters.antigen_drift * state.draws.normal(Stream.ANTIGEN, state.tick, uids, draw)
                drifted = table.array(name)[daughters] * np.exp(drift).astype(np.float32)
                table.array(name)[daughters] = np.minimum(drifted, MOST_MOLECULES)
        if self.parameters.cd19_loss > 0:
            self._lose_cd19(state, place, daughters)

    def _lose_cd19(self, state: State, place: Place, daughters: Array) -> None:
        """Turn a binomial share of the newborn body cells into a new CD19-negative clone."""
        table = state.sessile
        positive = daughters[table.array("kind")[daughters] == BLAST.code]
        uids, weights = table.array("uid")[positive], table.array("weight")[positive]
        lost = state.draws.binomial(weights, self.parameters.cd19_loss, Stream.ANTIGEN, state.tick, uids, DRAW_LOSS)
        for row, count in zip(positive[lost > 0], lost[lost > 0], strict=True):
            self._found_clone(state, place, int(row), int(count))

    def _found_clone(self, state: State, place: Place, row: int, count: int) -> None:
        table = state.sessile
        site, weight = int(table.array("site")[row]), int(table.array("weight")[row])
        clone = min(int(state.body.setdefault("clones", np.full(1, float(CLONES_AT_START)))[0]) + 1, MOST_CLONES)
        state.body["clones"][0] = clone
        state.ledger.add(BLAST.code, place.code, Entry.ANTIGEN_OUT, count)
        if count == weight:
            table.array("kind")[row] = CD19_NEGATIVE_BLAST.code
            table.array("cd19")[row] = ANTIGEN_NEGATIVE
            table.array("clone")[row] = clone
            state.ledger.add(CD19_NEGATIVE_BLAST.code, place.code, Entry.ANTIGEN_IN, count)
            if place.lattice is not None and not table.array("flags")[row] & GUEST:
                marks = place.lattice.site_code[site] & GUESTS_BIT
                place.lattice.site_code[site] = marks | CD19_NEGATIVE_BLAST.code
            return
        if place.lattice is not None and not table.array("flags")[row] & GUEST:
            place.lattice.site_code[site] &= GUESTS_BIT
            place.lattice.occupant[site] = NO_OCCUPANT
            table.array("flags")[row] |= GUEST
        table.array("weight")[row] = weight - count
        copies = {name: table.array(name)[row] for name in ("due", "divisions", "cd22")}
        state.add_cells(
            CD19_NEGATIVE_BLAST.code, place.code, Entry.ANTIGEN_IN, 1, **copies,
            weight=count, site=site, cd19=ANTIGEN_NEGATIVE, clone=clone,
            flags=0 if site == NOWHERE else GUEST,
        )  # fmt: skip

    def _occupancy(self, state: State, place: Place) -> float:
        """Return the leukaemic share of the sites of a place."""
        balance = state.ledger.balance()
        cells = sum(int(balance[kind, place.code]) for kind in KINDS_HERE)
        room = place.lattice.n_open if place.lattice is not None else place.n_sites
        return min(cells / (room * place.scale), 1.0)
