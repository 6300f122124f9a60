# SPDX-License-Identifier: Apache-2.0
"""Blocks of tissue for checks: a periodic cube, and cells on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from abm.celltypes.background import BACKGROUND
from abm.celltypes.car_t import Programme
from abm.processes.process import Process
from abm.schedule import Schedule
from abm.state.columns import Array
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_MINUTE

SPACING = 10.0
PERIOD = 10 * TICKS_PER_MINUTE
DENSE = 1e9
"""Antigen density at which every chance has its maximum."""
EFFECTOR = {"product": 1, "state": int(Programme.EFFECTOR), "subset": 8, "budget": 255}
"""Columns of a CAR T cell that is ready to kill."""


def cube(edge: int, seed: int, scale: int = 1) -> State:
    """Return an empty periodic cube of marrow."""
    lattice = Lattice((edge,) * 3, SPACING, (True,) * 3)
    return State(Draws(seed), [Place(MARROW, scale, lattice.n_sites, lattice)])


def lattice_of(state: State) -> Lattice:
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    return lattice


def shuffled_sites(state: State) -> Array:
    """Return the sites of the marrow in an order that the seed decides."""
    return np.random.default_rng(state.draws.seed).permutation(lattice_of(state).n_sites)


def put(state: State, kind: Any, sites: Array, /, **columns: Any) -> Array:
    """Put cells on sites; return their rows."""
    weight = columns.pop("weight", state.places[MARROW].scale)
    return state.add_cells(kind.code, MARROW, Entry.INITIAL, len(sites), site=sites, weight=weight, **columns)


def fill(state: State, sites: Array) -> None:
    """Put background marrow on sites."""
    state.fill_light(BACKGROUND.code, MARROW, sites, Entry.INITIAL)


def started(state: State, processes: Iterable[Process]) -> Schedule:
    """Return the schedule of some processes, with first fates drawn."""
    schedule = Schedule(list(processes))
    schedule.start(state)
    return schedule
