# SPDX-License-Identifier: Apache-2.0
"""States small enough to count, and the same with rows in another order."""

from __future__ import annotations

from typing import Any

import numpy as np

from abm.celltypes import BLAST, CAR_T
from abm.state.columns import GUEST, NOWHERE
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY, Place
from abm.state.state import State
from abm.streams import Draws

SHAPE = (5, 4, 3)
N_SITES = 60


def make_state(scale: int = 1000, *, csf_scale: int | None = None, periphery_scale: int | None = None, seed: int = 1) -> State:
    """Return a state with an empty marrow of 60 sites, CSF of 16 and a periphery."""
    csf = Lattice((4, 4, 1), 10.0, (True, True, True))
    marrow = Lattice(SHAPE, 10.0, (True, True, True))
    return State(
        Draws(seed),
        [
            Place(MARROW, scale, marrow.n_sites, marrow),
            Place(CSF, scale if csf_scale is None else csf_scale, csf.n_sites, csf),
            Place(PERIPHERY, scale if periphery_scale is None else periphery_scale, 500),
        ],
    )


def lattice_of(state: State, place: int = MARROW) -> Lattice:
    lattice = state.places[place].lattice
    assert lattice is not None
    return lattice


def add(state: State, kind: int, weights: Any, /, *, place: int = MARROW, sites: Any = 0, **columns: Any) -> Any:
    """Add guests (in the periphery: agents) of the given weights and return their rows."""
    values = np.atleast_1d(np.asarray(weights, np.int64))
    mixed = state.places[place].lattice is None
    columns.setdefault("flags", 0 if mixed else GUEST)
    site = NOWHERE if mixed else sites
    return state.add_cells(kind, place, Entry.INITIAL, len(values), weight=values, site=site, **columns)


def add_full(state: State, kind: int, sites: Any, /, *, place: int = MARROW, **columns: Any) -> Any:
    """Put full agents on sites and return their rows."""
    where = np.atleast_1d(np.asarray(sites))
    scale = state.places[place].scale
    return state.add_cells(kind, place, Entry.INITIAL, len(where), weight=scale, site=where, **columns)


def add_mixture(state: State, seed: int = 5, count: int = 300) -> None:
    """Fill the marrow and the periphery with blasts and CAR T cells of many weights and attributes."""
    rng = np.random.default_rng(seed)
    scale = state.places[MARROW].scale
    for place in (MARROW, PERIPHERY):
        add(
            state, BLAST.code, rng.integers(1, scale, count), place=place, sites=rng.integers(0, N_SITES, count),
            cd19=rng.lognormal(9, 0.5, count), clone=rng.integers(1, 4, count), divisions=rng.integers(0, 4, count),
            due=rng.integers(1, 999, count),
        )  # fmt: skip
        add(
            state, CAR_T.code, rng.integers(1, scale, count), place=place, sites=rng.integers(0, N_SITES, count),
            product=1, state=rng.integers(0, 5, count), divisions=rng.integers(0, 14, count), budget=13,
        )  # fmt: skip


def assert_same(one: State, other: State) -> None:
    """Compare two states by uid, site and book."""
    for name in one.tables:
        ours, theirs = one.tables[name].to_arrays(), other.tables[name].to_arrays()
        for column in ours:
            np.testing.assert_array_equal(ours[column], theirs[column], err_msg=f"{name}.{column}")
    for code, place in one.places.items():
        if place.lattice is not None:
            np.testing.assert_array_equal(place.lattice.site_code, lattice_of(other, code).site_code)
            np.testing.assert_array_equal(place.guest_site, other.places[code].guest_site)
            uids = one.sessile.array("uid")[place.guest_row]
            np.testing.assert_array_equal(uids, other.sessile.array("uid")[other.places[code].guest_row])
    np.testing.assert_array_equal(one.ledger.book, other.ledger.book)
