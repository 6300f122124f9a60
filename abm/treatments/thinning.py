# SPDX-License-Identifier: Apache-2.0
"""Death of a share of the cells, booked as killed by a drug."""

from __future__ import annotations

import numpy as np

from abm.state.columns import GUEST, NOWHERE, Array
from abm.state.ledger import Entry
from abm.state.state import State
from abm.state.weights_room import is_free
from abm.streams import Stream


def thin(state: State, table_name: str, rows: Array, survival: float, entry: Entry, draw: int, *, whole: bool = True) -> int:
    """Let every body cell among some agents survive with one probability.

    A full agent survives or dies as a whole, any other one loses a binomial share. Cells in a synapse
    are left alone.

    Parameters
    ----------
    state : State
        The state.
    table_name : str
        ``"sessile"`` or ``"motile"``.
    rows : (n,) array of int
        Rows of living cells.
    survival : float
        Probability.
    entry : Entry
        What to book.
    draw : int
        Draw number in the stream of treatments.
    whole : bool
        Whether agents of full weight in a well-mixed place die as a whole too: of many, most should not
        be left as slivers that fill no site.

    Returns
    -------
    int
        Body cells that died.
    """
    table = state.tables[table_name]
    rows = rows[is_free(state, table_name, rows)]
    names = ("uid", "flags", "site", "weight", "compartment")
    uids, flags, sites, weights, places = (table.array(name)[rows] for name in names)
    scales = np.zeros(256, np.int64)
    for code, place in state.places.items():
        scales[code] = place.scale
    entire = np.where(sites == NOWHERE, (weights == scales[places]) & whole, (flags & GUEST) == 0)
    lost = np.empty(len(rows), np.int64)
    dies = state.draws.uniform(Stream.TREATMENT, state.tick, uids[entire], draw) >= survival
    lost[entire] = np.where(dies, weights[entire], 0)
    lost[~entire] = state.draws.binomial(weights[~entire], 1.0 - survival, Stream.TREATMENT, state.tick, uids[~entire], draw)
    smaller = (lost > 0) & (lost < weights)
    table.array("weight")[rows[smaller]] -= lost[smaller]
    state.ledger.add_rows(table.array("kind")[rows[smaller]], places[smaller], entry, lost[smaller])
    state.remove(table_name, rows[lost == weights], entry)
    return int(lost.sum())
