# SPDX-License-Identifier: Apache-2.0
"""Flow of the CSF: stirring, adhesion to the meninges, and return to the blood."""

from __future__ import annotations

import math

import numpy as np

from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST
from abm.processes.body import CsfParameters
from abm.processes.placement import distinct
from abm.state.columns import GUEST, Array
from abm.state.kinds import GUESTS_BIT, KIND_BITS, VOID
from abm.state.lattice import Lattice
from abm.state.places import CSF, PERIPHERY
from abm.state.state import State
from abm.state.weights import arrive
from abm.state.weights_room import is_free
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE

DRAW_EXIT, DRAW_ADHERE = 0, 1
DRAW_STIR, DRAW_ATTACH, DRAW_DETACH = 4, 8, 12
"""Draw numbers; the last three stand for four each: three for full cells, one for guests."""
TABLES = ("sessile", "motile")


class CsfFlow:
    """Movements of cells within the CSF and out of it.

    In one run, cells in the fluid return to the blood, blasts attach to and detach from the meninges,
    and then every cell in the fluid comes to lie on a random free site of it.

    Parameters
    ----------
    parameters : CsfParameters
        Rates.
    period : int
        Ticks of one run.
    """

    name = "csf_flow"

    def __init__(self, parameters: CsfParameters, *, period: int = 10 * TICKS_PER_MINUTE) -> None:
        self.period = period
        hours = period / TICKS_PER_HOUR
        self.exit = {
            "sessile": -math.expm1(-parameters.blast_washout * hours),
            "motile": -math.expm1(-parameters.t_cell_exit * hours),
        }
        self.attach = -math.expm1(-parameters.adhesion * hours)
        self.detach = -math.expm1(-parameters.detachment * hours)

    def run(self, state: State) -> None:
        """Move the cells."""
        place = state.places.get(CSF)
        if place is None or place.lattice is None:
            return
        lattice = place.lattice
        cells = {name: _free_cells(state, name) for name in TABLES}
        for name, rows in cells.items():
            if len(rows):
                cells[name] = self._leave(state, lattice, name, rows)
        if lattice.adherent.any():
            self._adhere(state, lattice, cells["sessile"])
        swimming = {name: rows[~lattice.adherent[state.tables[name].array("site")[rows]]] for name, rows in cells.items()}
        _scatter(state, lattice, swimming, np.flatnonzero(~lattice.adherent), DRAW_STIR, within=True)

    def _leave(self, state: State, lattice: Lattice, name: str, rows: Array) -> Array:
        """Let cells in the fluid return to the blood; return the rows of those that stay."""
        table = state.tables[name]
        swims = ~lattice.adherent[table.array("site")[rows]]
        drawn = state.draws.uniform(Stream.CSF, state.tick, table.array("uid")[rows], DRAW_EXIT)
        leaves = swims & (drawn < self.exit[name])
        if leaves.any():
            arrive(state, name, rows[leaves], PERIPHERY)
        return rows[~leaves]

    def _adhere(self, state: State, lattice: Lattice, rows: Array) -> None:
        """Let blasts attach to the meninges, and others detach."""
        table = state.sessile
        rows = rows[np.isin(table.array("kind")[rows], (BLAST.code, CD19_NEGATIVE_BLAST.code))]
        if len(rows) == 0:
            return
        adherent = lattice.adherent[table.array("site")[rows]]
        drawn = state.draws.uniform(Stream.CSF, state.tick, table.array("uid")[rows], DRAW_ADHERE)
        for moves, region, draw in (
            (~adherent & (drawn < self.attach), lattice.adherent, DRAW_ATTACH),
            (adherent & (drawn < self.detach), ~lattice.adherent, DRAW_DETACH),
        ):
            if moves.any():
                _scatter(state, lattice, {"sessile": rows[moves]}, np.flatnonzero(region), draw, within=False)


def _free_cells(state: State, name: str) -> Array:
    """Return the rows of the cells of the CSF that no synapse holds, in the order of uid."""
    table = state.tables[name]
    rows = np.flatnonzero(table.array("compartment") == CSF)
    rows = rows[table.array("kind")[rows] != VOID]
    rows = rows[is_free(state, name, rows)]
    return table.by_uid(rows)


def _scatter(state: State, lattice: Lattice, cells: dict[str, Array], region: Array, draw: int, *, within: bool) -> None:
    """Put cells on random sites of a region: full ones on different voids, guests anywhere.

    Parameters
    ----------
    state, lattice : State, Lattice
        The state and its CSF lattice.
    cells : dict of str to array of int
        Rows by table, in the order of uid.
    region : (n,) array of int
        Sites to choose from.
    draw : int
        Draw number; the next two are used too.
    within : bool
        Whether the cells stand in the region, so that their own sites are free too. Otherwise those who
        find no room, in random order, stay where they are.
    """
    for name, rows in cells.items():
        table = state.tables[name]
        guests = rows[(table.array("flags")[rows] & GUEST) != 0]
        drawn = state.draws.integers(len(region), Stream.CSF, state.tick, table.array("uid")[guests], draw + 2)
        table.array("site")[guests] = region[drawn]
    full = [(name, rows[(state.tables[name].array("flags")[rows] & GUEST) == 0]) for name, rows in cells.items()]
    numbers = np.concatenate([np.full(len(rows), number) for number, (_, rows) in enumerate(full)])
    movers = np.concatenate([rows for _, rows in full])
    if len(movers) == 0:
        return
    uids = np.concatenate([state.tables[name].array("uid")[rows] for name, rows in full])
    order = np.argsort(uids, kind="stable")
    numbers, movers = numbers[order], movers[order]
    own = np.concatenate([state.tables[name].array("site")[rows] for name, rows in full])
    free = region[(lattice.site_code[region] & KIND_BITS) == VOID]
    if within:
        free = np.sort(np.concatenate([free, own]))
    else:
        turn = np.argsort(state.draws.word(Stream.CSF, state.tick, uids[order], draw + 3, 0), kind="stable")[: len(free)]
        movers, numbers = movers[turn], numbers[turn]
    sites = free[distinct(state, Stream.CSF, draw, len(free), len(movers))]
    for number, (name, _) in enumerate(full):
        state.vacate(name, movers[numbers == number])
    for number, (name, _) in enumerate(full):
        table, here = state.tables[name], numbers == number
        table.array("site")[movers[here]] = sites[here]
        codes = lattice.site_code[sites[here]] & np.uint8(GUESTS_BIT)
        lattice.site_code[sites[here]] = codes | table.array("kind")[movers[here]]
        lattice.occupant[sites[here]] = movers[here]
