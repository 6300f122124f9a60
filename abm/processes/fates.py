# SPDX-License-Identifier: Apache-2.0
"""Fates that fall due, and the birth of daughters: shared by the populations of cells.

Each cell stores the tick of its next candidate fate, drawn at a constant upper rate; when it fires,
the fate is accepted with the ratio of the true rates to the upper one (thinning). A sweep over the
column costs 0.08 ns per cell-minute, and no rate needs to be known in advance.
"""

from __future__ import annotations

import numpy as np

from abm._kernels import _division
from abm.processes.lookup import evictable, homes, movable
from abm.state.columns import GUEST, LOCKED, NEVER, NOWHERE, Array
from abm.state.kinds import KINDS
from abm.state.ledger import Entry
from abm.state.places import PERIPHERY, Place
from abm.state.state import State
from abm.state.table import CellTable
from abm.state.weights import arrive
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR


def due_rows(table: CellTable, kinds: tuple[int, ...], tick: int, column: str = "due") -> Array:
    """Return the rows of living, unlocked cells of ``kinds`` that are due, in the order of uid."""
    rows = np.flatnonzero(table.array(column) <= tick)
    chosen = np.isin(table.array("kind")[rows], kinds) & ((table.array("flags")[rows] & LOCKED) == 0)
    return table.by_uid(rows[chosen])


def waiting_ticks(state: State, uids: Array, upper: float, draw: int, since: int | Array | None = None) -> Array:
    """Return the tick of each cell's next candidate fate at the rate ``upper`` [1/h].

    Waits count from ``since``, by default now. Give the tick at which the last fate fell due, not that
    at which it was served, or the rate falls by half a period in each wait.
    """
    if upper <= 0:
        return np.full(len(uids), NEVER, np.int32)
    start = np.asarray(state.tick if since is None else since, np.int64)
    waits = state.draws.exponential(Stream.FATE, state.tick, uids, draw) * (TICKS_PER_HOUR / upper)
    return np.minimum(start + np.rint(waits).astype(np.int64), NEVER - 1).astype(np.int32)


REACH = 3
"""Sites within which a dividing cell pushes a chain into a void (Drasdo & Hoehme 2005 cut off after a few cells)."""


class Nursery:
    """Places daughters and appends their rows.

    Parameters
    ----------
    reach : int
        Sites within which a void must lie, 1 (a neighbouring site) to 3.

    Notes
    -----
    Mothers are served in the order of their uids, whatever the order of rows, and newborns take
    their uids in that order.
    """

    def __init__(self, reach: int = REACH) -> None:
        self.reach = reach
        self.movable = movable()
        self.evictable = evictable()
        self.home = homes()

    def divide(
        self, state: State, table_name: str, rows: Array, place: Place, *, eviction: float = 0.0, crowded: bool = True
    ) -> tuple[Array, Array]:
        """Let mothers of one place divide.

        Parameters
        ----------
        state : State
            The state.
        table_name : str
            ``"sessile"`` or ``"motile"``.
        rows : (n,) array of int
            Mothers, in the order of uid.
        place : Place
            Where they are.
        eviction : float
            Chance that a mother without room evicts a normal neighbour.
        crowded : bool
            Whether guests need a void as full cells do (all but CAR T cells).

        Returns
        -------
        mothers, daughters : arrays of int64
            Rows of those that divided, and of the newborn, with all columns copied, weights kept,
            and both one division older.

        Raises
        ------
        ValueError
            Mothers that may evict are of a kind that itself gives way.
        """
        table = state.tables[table_name]
        table.reserve(len(rows))
        if eviction > 0 and self.evictable[table.array("kind")[rows]].any():
            raise ValueError("cells that evict others must be of kinds that do not give way themselves")
        evicted = np.empty(0, np.uint8), np.empty(0, np.int32)
        if place.lattice is None:
            sites = np.full(len(rows), NOWHERE)
            done = np.ones(len(rows), bool)
        else:
            sites, evicted = self._find_sites(state, table_name, rows, place, eviction, crowded)
            done = sites >= 0
        mothers, sites = rows[done], sites[done]
        kinds = table.array("kind")[mothers]
        state.ledger.add_rows(table.array("kind")[rows[~done]], place.code, Entry.BLOCKED, np.ones((~done).sum(), int))
        table.array("divisions")[mothers] = np.minimum(table.array("divisions")[mothers].astype(int) + 1, 255)
        copies = {name: table.array(name)[mothers] for name in table.schema}
        daughters = table.append(len(mothers), **{**copies, "uid": state.take_uids(len(mothers)), "site": sites})
        state.ledger.add_rows(kinds, place.code, Entry.BIRTH, copies["weight"])
        self._evict(state, place, *evicted)  # now that the daughters have their rows
        return mothers, daughters

    def _find_sites(
        self, state: State, table_name: str, rows: Array, place: Place, eviction: float, crowded: bool
    ) -> tuple[Array, tuple[Array, Array]]:
        """Return the site of each daughter, -1 where the division waits, and kinds and rows of the evicted."""
        table, lattice = state.tables[table_name], place.lattice
        assert lattice is not None
        guests = (table.array("flags")[rows] & GUEST) != 0
        sites = table.array("site")[rows].astype(np.int32)
        served = np.ones(len(rows), bool) if crowded else ~guests
        asking = rows[served]
        found = np.empty(len(asking), np.int32)
        evicted_kind, evicted_row = np.empty(len(asking), np.uint8), np.empty(len(asking), np.int32)
        _division.place_daughters(
            site_code=lattice.site_code,
            occupant=lattice.occupant,
            edge=lattice.edge,
            step=lattice.step,
            wrap=lattice.wrap,
            direction=lattice.directions,
            s_site=state.sessile.array("site"),
            m_site=state.motile.array("site"),
            movable=self.movable,
            evictable=self.evictable,
            home=self.home,
            uid=table.array("uid")[asking],
            mother=asking.astype(np.int32),
            motile=table_name == "motile",
            kind=table.array("kind")[asking],
            guest=guests[served].astype(np.uint8),
            eviction=np.full(len(asking), eviction),
            share=table.array("weight")[asking] / place.scale,
            reach=self.reach,
            first_row=table.n_rows,
            seed=state.draws.seed,
            stream=Stream.DIVISION,
            tick=state.tick,
            site=found,
            evicted_kind=evicted_kind,
            evicted_row=evicted_row,
        )
        sites[served] = found
        done = sites >= 0
        # The kernel numbers daughters by mother; only now is it known which of them take rows.
        order = np.cumsum(done) - 1
        full = served & done & ~guests
        lattice.occupant[sites[full]] = table.n_rows + order[full]
        return sites, (evicted_kind, evicted_row)

    def _evict(self, state: State, place: Place, kinds: Array, rows: Array) -> None:
        """Let the evicted go to the blood (cause: displaced); without one, or without a row, they are lost."""
        for kind in KINDS:
            if kind.home == "light":
                count = int(np.count_nonzero(kinds == kind.code))
                state.ledger.add(kind.code, place.code, Entry.DISPLACED, count * place.scale)
                continue
            gone = rows[kinds == kind.code]
            if len(gone):
                state.tables[kind.home].array("site")[gone] = NOWHERE  # their sites are taken already
                if PERIPHERY in state.places:
                    arrive(state, kind.home, gone, PERIPHERY, cause=Entry.DISPLACED)
                else:
                    state.remove(kind.home, gone, Entry.DISPLACED)
