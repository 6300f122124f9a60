# SPDX-License-Identifier: Apache-2.0
"""Motility of guests: as fast as full cells, within walls, and only of mobile kinds that no synapse holds."""

from __future__ import annotations

import numpy as np
import pytest

from abm.celltypes import BLAST, CAR_T, HOST_T, MACROPHAGE
from abm.processes.motility import Motility
from abm.state.columns import GUEST, LOCKED
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_MINUTE

PERIOD = 10 * TICKS_PER_MINUTE
SPACING = 10.0
DIFFUSIVITY = 60.0
"""µm²/h."""
MIDDLE = 30
WIDE = (2 * MIDDLE + 1,) * 3


def guests(kind: object, count: int, shape: tuple[int, int, int] = WIDE, **columns: object) -> State:
    """Return an empty lattice with walls and guests in its middle."""
    lattice = Lattice(shape, SPACING, (False, False, False))
    state = State(Draws(5), [Place(MARROW, 10, lattice.n_sites, lattice)])
    middle = np.ravel_multi_index(tuple(length // 2 for length in shape), shape)
    sites = np.full(count, middle)
    state.add_cells(kind.code, MARROW, Entry.INITIAL, count, site=sites, weight=3, **{"flags": GUEST, **columns})  # type: ignore[attr-defined]
    return state


def run(state: State, steps: int) -> None:
    process = Motility(DIFFUSIVITY, spacing=SPACING, period=PERIOD)
    for _ in range(steps):
        process.run(state)
        state.tick += PERIOD


@pytest.mark.parametrize("kind", [BLAST, HOST_T])
@pytest.mark.parametrize(("shape", "axes"), [(WIDE, 3), ((61, 61, 1), 2)])
def test_guests_spread_as_the_diffusivity_says(kind: object, shape: tuple[int, int, int], axes: int) -> None:
    """Squared displacement 2 D t an axis; of 4,000 walkers its standard error is below 2 %."""
    state = guests(kind, 4000, shape)
    run(state, 144)
    table = state.table_of(kind.code)  # type: ignore[attr-defined]
    away = state.coordinates(MARROW, table.array("site")) - np.array(shape) // 2
    squared = (SPACING**2 * away[:, :axes] ** 2).mean()
    assert squared == pytest.approx(2 * DIFFUSIVITY * 24, rel=0.07)


@pytest.mark.parametrize("kind", [CAR_T, MACROPHAGE])
def test_kinds_that_walk_otherwise_or_stay_are_left_alone(kind: object) -> None:
    state = guests(kind, 50)
    before = state.table_of(kind.code).array("site").copy()  # type: ignore[attr-defined]
    run(state, 20)
    np.testing.assert_array_equal(state.table_of(kind.code).array("site"), before)  # type: ignore[attr-defined]


def test_a_locked_guest_stays() -> None:
    state = guests(BLAST, 50, flags=GUEST | LOCKED)
    before = state.sessile.array("site").copy()
    run(state, 20)
    np.testing.assert_array_equal(state.sessile.array("site"), before)


def test_walls_hold() -> None:
    state = guests(BLAST, 200, (3, 2, 1))
    run(state, 50)
    assert set(state.sessile.array("site").tolist()) == set(range(6))
    state.check()
