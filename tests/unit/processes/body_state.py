# SPDX-License-Identifier: Apache-2.0
"""A small marrow with CAR T cells and macrophages, with or without a body around it."""

from __future__ import annotations

import numpy as np

from abm.celltypes import CAR_T, MACROPHAGE
from abm.celltypes.car_t import Programme
from abm.state.columns import GUEST, NOWHERE
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_DAY

ENGAGED = 10**6
"""A ``free_at`` far ahead."""
KILOGRAMS = 30.0


def body_state(*, scale: int = 1, side: int = 20, thickness: int | None = None, body: bool = True) -> State:
    shape = (side, side, side if thickness is None else thickness)
    lattice = Lattice(shape, 10.0, (True, True, True))
    state = State(
        Draws(1),
        [Place(MARROW, scale, lattice.n_sites, lattice), Place(PERIPHERY, scale, 10**6)],
    )
    if body:
        state.body["weight_kg"] = np.array([KILOGRAMS])
    return state


def add_car_t(
    state: State,
    sites: list[int],
    *,
    product: int = 1,
    weight: int | None = None,
    free_at: int = ENGAGED,
    programme: Programme = Programme.EFFECTOR,
    place: int = MARROW,
) -> np.ndarray:
    scale = state.places[place].scale
    weights = scale if weight is None else weight
    guest = place == MARROW and weights < scale
    return state.add_cells(
        CAR_T.code,
        place,
        Entry.INFUSED,
        len(sites),
        site=np.array(sites) if place == MARROW else NOWHERE,
        weight=weights,
        product=product,
        free_at=free_at,
        state=int(programme),
        flags=int(GUEST) if guest else 0,
    )


def add_macrophages(state: State, sites: list[int]) -> np.ndarray:
    scale = state.places[MARROW].scale
    return state.add_cells(MACROPHAGE.code, MARROW, Entry.INITIAL, len(sites), site=np.array(sites), weight=scale, mood=1.0)


def engage(state: State, ticks: int) -> None:
    """Count the contacts of the next ticks, as engagement does."""
    engaged, free_at = state.motile.arrays("engaged", "free_at")
    engaged[:] = np.clip(free_at - state.tick, 0, ticks)


def advance(state: State, days: float, *processes: object) -> None:
    """Run processes of one period, in order, for some days."""
    period = processes[0].period  # type: ignore[attr-defined]
    end = state.tick + round(days * TICKS_PER_DAY)
    while state.tick < end:
        engage(state, period)
        for process in processes:
            process.run(state)  # type: ignore[attr-defined]
        state.tick += period
