# SPDX-License-Identifier: Apache-2.0
"""Choice of sites for cells that arrive: random, distinct, and independent of the order of rows."""

from __future__ import annotations

import numpy as np

from abm.state.columns import Array
from abm.state.kinds import KIND_BITS, VOID
from abm.state.lattice import Lattice
from abm.state.state import State

PROBES = 64
"""Sites that an arriving cell tries: at 5 % voids all but 4 % find one, in a packed marrow few do."""
SPARE = 16


def distinct(state: State, stream: int, draw: int, n: int, count: int) -> Array:
    """Return ``count`` different numbers below ``n``, in random order.

    Draws are keyed by their position; a repeated number is passed over, which is sampling without
    replacement. Where more than half of all are wanted, all are shuffled instead.

    Parameters
    ----------
    state : State
        For its draws and its tick.
    stream, draw : int
        Random stream; ``draw`` and ``draw + 1`` are used.
    n : int
        Numbers to choose from, at least ``count``.
    count : int
        How many.
    """
    if count == 0:
        return np.empty(0, np.int64)
    if 2 * count <= n:
        values = state.draws.integers(n, stream, state.tick, np.arange(3 * count + SPARE), draw)
        _, first = np.unique(values, return_index=True)
        if len(first) >= count:
            return np.asarray(values[np.sort(first)[:count]])
    tickets = state.draws.word(stream, state.tick, np.arange(n), draw + 1, 0)
    return np.asarray(np.argsort(tickets, kind="stable")[:count])


def probe_voids(state: State, lattice: Lattice, stream: int, draw: int, count: int) -> Array:
    """Return different void sites for up to ``count`` newcomers; those who find none get no entry.

    Each newcomer tries :data:`PROBES` random sites, which costs the same however large the lattice is.
    """
    if count == 0:
        return np.empty(0, np.int64)
    tried = state.draws.integers(lattice.n_sites, stream, state.tick, np.arange(count * PROBES), draw)
    tried = tried.reshape(count, PROBES)
    free = (lattice.site_code[tried] & KIND_BITS) == VOID
    found = free.any(axis=1)
    sites = tried[found, free[found].argmax(axis=1)]
    _, first = np.unique(sites, return_index=True)
    return np.asarray(sites[np.sort(first)])
