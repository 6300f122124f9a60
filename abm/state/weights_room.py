# SPDX-License-Identifier: Apache-2.0
"""Room on a lattice: which weighted agents are guests, and when one takes a site to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm._kernels import _census
from abm.state.columns import GUEST, LOCKED, NEVER, Array
from abm.state.kinds import GUESTS_BIT, KIND_BITS, VOID
from abm.streams import Stream

if TYPE_CHECKING:
    from abm.state.places import Place
    from abm.state.state import State


def is_free(state: State, table_name: str, rows: Array) -> Array:
    """Return which agents are in no synapse, neither as target nor as killer."""
    table = state.tables[table_name]
    free = (table.array("flags")[rows] & LOCKED) == 0
    if table_name == "motile":
        free &= table.array("kill_at")[rows] == NEVER
    return np.asarray(free)


def guests_of(state: State, table_name: str, place: Place) -> Array:
    """Return the rows of the living guests of a place, in row order."""
    table = state.tables[table_name]
    rows = np.empty(table.n_rows, np.int32)
    flags, kinds, places = table.arrays("flags", "kind", "compartment")
    return rows[: _census.list_guests(flags=flags, kind=kinds, compartment=places, place=place.code, rows=rows)].copy()


def take_voids(state: State, place: Place, agents: dict[str, Array]) -> None:
    """Make full agents of the guests of weight S that stand on a void; where there are several, one by lot.

    Parameters
    ----------
    state : State
        The state.
    place : Place
        A place with a lattice.
    agents : dict of str to array of int
        Rows of guests there, by table.
    """
    lattice = place.lattice
    assert lattice is not None
    found = []
    for number, (name, rows) in enumerate(agents.items()):
        table = state.tables[name]
        rows = rows[(table.array("weight")[rows] == place.scale) & is_free(state, name, rows)]
        rows = rows[(lattice.site_code[table.array("site")[rows]] & KIND_BITS) == VOID]
        uids, sites, kinds = (table.array(column)[rows].astype(np.int64) for column in ("uid", "site", "kind"))
        found.append(np.stack([sites, uids, np.full(len(rows), number), rows, kinds]))
    ordered = np.concatenate(found, axis=1)
    if ordered.shape[1] == 0:
        return
    lots = state.draws.uniform(Stream.ROOM, state.tick, ordered[1])
    ordered = ordered[:, np.lexsort((lots, ordered[0]))]
    sites, first = np.unique(ordered[0], return_index=True)
    _, _, numbers, rows, kinds = ordered[:, first]
    lattice.site_code[sites] = (lattice.site_code[sites] & GUESTS_BIT) | kinds.astype(np.uint8)
    lattice.occupant[sites] = rows
    for number, name in enumerate(agents):
        state.tables[name].array("flags")[rows[numbers == number]] &= ~GUEST


def promote(state: State) -> None:
    """Make full agents of the guests of weight S that stand on a void, in every lattice."""
    for place in state.places.values():
        if place.lattice is not None:
            guests = {name: guests_of(state, name, place) for name in state.tables}
            if any(len(rows) for rows in guests.values()):
                take_voids(state, place, guests)
