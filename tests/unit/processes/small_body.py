# SPDX-License-Identifier: Apache-2.0
"""A body small enough to count: a block of marrow with a vessel, a periphery, and CSF."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import abm.celltypes  # noqa: F401  # registers the kinds
from abm.processes.body import BodyParameters, CsfParameters, build_csf, build_periphery
from abm.state.columns import GUEST
from abm.state.kinds import GUESTS_BIT, KINDS, SOLID, VOID
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.streams import Draws
from tests.contract.shuffling import shuffle

VESSEL = 4


def make_state(
    *,
    seed: int = 1,
    scale: int = 100,
    shape: tuple[int, int, int] = (16, 16, 16),
    periphery_sites: int = 2000,
    csf: CsfParameters | None = None,
    doors: bool = True,
) -> State:
    """Return a state with an empty marrow, periphery and, if asked for, CSF; without ``doors`` no site is a vessel's."""
    lattice = Lattice(shape, 10.0, (True, True, True))
    x, y, _ = np.indices(shape)
    lattice.site_code[((x == VESSEL) & (y == VESSEL)).reshape(-1)] = SOLID
    lining = (abs(x - VESSEL) + abs(y - VESSEL) == 1).reshape(-1)
    if doors:
        lattice.sinusoid = np.flatnonzero(lining).astype(np.int32)
    body = BodyParameters(weight=1, periphery_sites=periphery_sites * scale)
    places = [Place(MARROW, scale, lattice.n_sites, lattice), build_periphery(body, scale)]
    if csf is not None:
        places.append(build_csf(csf, body))
    state = State(Draws(seed), places)
    state.body["weight_kg"] = np.ones(1)
    return state


def marrow(state: State) -> Lattice:
    """Return the marrow's lattice."""
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    return lattice


def put(state: State, kind: int, place: int, count: int, /, weight: int | None = None, **columns: Any) -> Any:
    """Add cells; on a lattice they stand on void sites evenly spread, guests if they are light."""
    where = state.places[place]
    weight = where.scale if weight is None else weight
    if where.lattice is not None:
        voids = np.flatnonzero(where.lattice.kinds() == VOID)
        sites = voids[np.linspace(0, len(voids) - 1, count).astype(int)]
        columns.setdefault("site", sites)
        if weight < where.scale:
            columns.setdefault("flags", GUEST)
            if KINDS[kind].target:
                where.lattice.site_code[columns["site"]] |= GUESTS_BIT
    return state.add_cells(kind, place, Entry.INITIAL, count, weight=weight, **columns)


def by_uid(state: State, name: str) -> dict[str, Any]:
    """Return the columns of the living cells, in the order of uid."""
    return state.tables[name].to_arrays()


def assert_same_when_shuffled(build: Callable[[], State], run: Callable[[State], None], steps: int) -> None:
    """Run twice, once with shuffled rows, and compare cell by cell."""
    plain, mixed = build(), build()
    for step in range(steps):
        shuffle(mixed, step)
        for state in (plain, mixed):
            run(state)
            state.check()
    for name in plain.tables:
        ours, theirs = by_uid(plain, name), by_uid(mixed, name)
        for column in ours:
            np.testing.assert_array_equal(ours[column], theirs[column], err_msg=f"{name}.{column}")
    for code, place in plain.places.items():
        if place.lattice is not None:
            other = mixed.places[code].lattice
            assert other is not None
            np.testing.assert_array_equal(place.lattice.kinds(), other.kinds())
    np.testing.assert_array_equal(plain.ledger.book, mixed.ledger.book)
