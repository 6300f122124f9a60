# SPDX-License-Identifier: Apache-2.0
"""Crowded little lattices in which everything happens at once, for the kernels and their twins."""

from __future__ import annotations

from typing import Any

import numpy as np
from abm._kernels._engagement import PARAMETERS

from abm.celltypes import BACKGROUND, BLAST, CAR_T, CD19_NEGATIVE_BLAST, HOST_T, MACROPHAGE, MATURE_B, PRE_B, PRO_B
from abm.celltypes.car_t import CarTParameters, Programme
from abm.processes.engagement import Engagement, targets_of
from abm.state.columns import GUEST, NEVER, NOWHERE
from abm.state.kinds import KINDS, SOLID, VOID
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY, Place
from abm.state.state import State
from abm.state.weights import index_guests
from abm.streams import Draws
from abm.units import TICKS_PER_MINUTE
from tests.reference.engagement import Block, Product

PROGRAMMES, HEADINGS, BUSY_AT_FIRST, COUNT_LIMIT = 5, 6, 40, 7
DENSITIES = {BLAST: (8000, 3500), CD19_NEGATIVE_BLAST: (0, 3500), PRE_B: (6000, 2000), MATURE_B: (9000, 0), PRO_B: (0, 0)}
MIX = {
    **{SOLID: 0.04, VOID: 0.16, BACKGROUND.code: 0.2, MACROPHAGE.code: 0.04, HOST_T.code: 0.06},
    **{PRO_B.code: 0.04, PRE_B.code: 0.06, MATURE_B.code: 0.05, BLAST.code: 0.18, CD19_NEGATIVE_BLAST.code: 0.07},
    CAR_T.code: 0.1,
}
PRODUCTS = [
    CarTParameters(
        costimulation="cd28", antigen=antigen, contact_rate=0.9, bind_probability=bind, kill_duration=(6, 25),
        unproductive_duration=(1, 8), refractory=10, activation_lag=1, cycle=4, kill_probability=0.5, exhaustion_per_kill=0.2,
    )
    for antigen, bind in (("cd19", 1.0), ("cd22", 0.8), ("either", 0.9))
]  # fmt: skip

DENSE = 1e9
"""Antigen density at which every chance has its maximum."""
SURE = {
    **{"costimulation": "cd28", "persistence": 0, "kill_probability": 1, "activation_probability": 1, "exhaustion_per_kill": 0},
    **{"kill_duration": (10, 10), "kill_point": 0.5, "refractory": 5, "unproductive_duration": (3, 3)},
    **{"activation_lag": 24, "cycle": 12},
}
EFFECTOR = {"product": 1, "state": int(Programme.EFFECTOR), "subset": 8, "budget": 255}


def engagement(products: list[CarTParameters] = PRODUCTS, *, minutes: int = 1, n_threads: int = 1) -> Engagement:
    return Engagement(products, spacing=10.0, open_fraction=0.6, period=minutes * TICKS_PER_MINUTE, n_threads=n_threads)


def twin_products(process: Engagement, products: list[CarTParameters] = PRODUCTS) -> list[Product | None]:
    """Return products for the twin: the numbers of the process, the kinds from their declarations."""
    found: list[Product | None] = [None]
    for product, row in zip(products, process.parameters[1:].tolist(), strict=True):
        targets = frozenset(kind.code for kind in targets_of(product))
        passable = frozenset(kind.code for kind in KINDS if kind.mobile) - targets | {VOID}
        found.append(Product(dict(zip(PARAMETERS, row, strict=True)), targets, passable))
    return found


def twin_of(state: State, place: Place, process: Engagement, products: list[CarTParameters] = PRODUCTS, **options: bool) -> Block:
    return Block.of(state, place, twin_products(process, products), CAR_T.code, **options)


def empty_state(shape: tuple[int, int, int], periodic: tuple[bool, bool, bool], *, seed: int = 1, scale: int = 1) -> State:
    lattice = Lattice(shape, 10.0, periodic)
    return State(Draws(seed), [Place(MARROW, scale, lattice.n_sites, lattice)])


def add(state: State, kind: Any, sites: Any, /, *, place: int = MARROW, **columns: Any) -> np.ndarray:
    """Add cells of S body cells, or guests of the weight given."""
    count = np.size(sites)
    weight = columns.pop("weight", state.places[place].scale)
    return state.add_cells(kind.code, place, Entry.INITIAL, count, site=np.asarray(sites), weight=weight, **columns)


def strip(*content: Any, periodic: bool = False) -> State:
    """A line of sites: cell types, None for a void, SOLID for bone."""
    state = empty_state((1, 1, len(content)), (False, False, periodic))
    lattice = state.places[MARROW].lattice
    for site, kind in enumerate(content):
        if kind is SOLID:
            lattice.site_code[site] = SOLID
        elif kind is BACKGROUND:
            state.fill_light(kind.code, MARROW, np.array([site]), Entry.INITIAL)
        elif kind is not None:
            add(state, kind, [site])
    return state


def kinds(state: State) -> list[int]:
    """Return the kind on each site of the marrow."""
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    return lattice.kinds().tolist()


def run(state: State, minutes: int, process: Engagement) -> None:
    """Advance every place by minutes, a minute at a time, as a model does with a period of one minute."""
    for _ in range(minutes):
        process.run(state)
        state.tick += TICKS_PER_MINUTE


def sure(**changes: Any) -> list[CarTParameters]:
    return [CarTParameters(**{**SURE, **changes})]


def car_t_columns(rng: np.random.Generator, n: int, n_products: int) -> dict[str, np.ndarray]:
    """Draw CAR T cells in every state of their programme, some of them busy."""
    state = rng.integers(PROGRAMMES, size=n)
    return {
        "state": state,
        "subset": rng.choice([4, 8], n),
        "product": rng.integers(1, n_products + 1, n),
        "heading": rng.integers(HEADINGS, size=n),
        "divisions": rng.integers(COUNT_LIMIT, size=n),
        "budget": rng.integers(COUNT_LIMIT, size=n),
        "free_at": rng.integers(BUSY_AT_FIRST, size=n),
        "divide_at": np.where(state == 1, 500, NEVER),
    }


def sitting_columns(rng: np.random.Generator, kind: Any, n: int) -> dict[str, np.ndarray]:
    cd19, cd22 = DENSITIES.get(kind, (0, 0))
    return {"cd19": cd19 * rng.lognormal(0, 0.7, n), "cd22": cd22 * rng.lognormal(0, 0.7, n)}


def columns(rng: np.random.Generator, kind: Any, n: int, n_products: int) -> dict[str, np.ndarray]:
    if kind is CAR_T:
        return car_t_columns(rng, n, n_products)
    return {} if kind is HOST_T else sitting_columns(rng, kind, n)


def crowd(
    shape: tuple[int, int, int], periodic: tuple[bool, bool, bool], *, seed: int, scale: int = 1, n_products: int = len(PRODUCTS)
) -> State:
    """Return a lattice with cells of all kinds and, for S above 1, guests of 1, S/4 and S on some of its sites."""
    rng = np.random.default_rng(seed)
    state = empty_state(shape, periodic, seed=seed, scale=scale)
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    code = rng.choice(list(MIX), lattice.n_sites, p=list(MIX.values()))
    lattice.site_code[code == SOLID] = SOLID
    state.fill_light(BACKGROUND.code, MARROW, np.flatnonzero(code == BACKGROUND.code), Entry.INITIAL)
    for kind in KINDS:
        sites = np.flatnonzero(code == kind.code)
        if kind is not BACKGROUND and len(sites):
            add(state, kind, sites, **columns(rng, kind, len(sites), n_products))
    if scale > 1:
        # few sites, so that several guests share one
        shared = rng.choice(np.flatnonzero(code != SOLID), max(lattice.n_sites // 8, 1))
        for kind, share in ((BLAST, 8), (CD19_NEGATIVE_BLAST, 12), (PRO_B, 20), (CAR_T, 12)):
            n = lattice.n_sites // share + 1
            weight = rng.choice([1, scale // 4, scale], n)
            drawn = columns(rng, kind, n, n_products)
            add(state, kind, rng.choice(shared, n), weight=weight, flags=int(GUEST), **drawn)
        index_guests(state, state.places[MARROW])
    state.check()
    return state


def mixed_crowd(*, seed: int, scale: int, n_virtual: int, n_cells: int) -> State:
    """Return a well-mixed place with targets of all kinds and weights."""
    rng = np.random.default_rng(seed)
    state = State(Draws(seed), [Place(PERIPHERY, scale, n_virtual)])
    for kind in (BLAST, CD19_NEGATIVE_BLAST, PRE_B, MATURE_B, PRO_B, HOST_T, CAR_T):
        weight = rng.choice([1, max(scale // 4, 1), scale], n_cells)
        add(state, kind, np.full(n_cells, NOWHERE), place=PERIPHERY, weight=weight, **columns(rng, kind, n_cells, len(PRODUCTS)))
    state.check()
    return state


def shuffle_rows(state: State, seed: int) -> None:
    """Put the rows of both tables in another order; lattices and lists of guests follow."""
    rng = np.random.default_rng(seed)
    for name, table in state.tables.items():
        order = rng.permutation(table.n_rows)
        new_row = np.argsort(order).astype(np.int32)
        for column in table.schema:
            table.array(column)[:] = table.array(column)[order]
        kinds = [kind.code for kind in KINDS if kind.home == name]
        for place in state.places.values():
            if name == "sessile":
                place.guest_row = new_row[place.guest_row]
            if place.lattice is not None:
                here = np.isin(place.lattice.kinds(), kinds)
                place.lattice.occupant[here] = new_row[place.lattice.occupant[here]]


def picture(state: State) -> dict[str, bytes]:
    """Return all that a state holds, by uid instead of by row."""
    found = {}
    for name, table in state.tables.items():
        for column, values in table.to_arrays().items():
            found[f"{name}.{column}"] = values.tobytes()
    for place in state.places.values():
        if place.lattice is not None:
            found[f"{place.name}.site_code"] = place.lattice.site_code.tobytes()
            found[f"{place.name}.occupant"] = _occupant_uids(state, place.lattice).tobytes()
    found["ledger"] = state.ledger.book.tobytes()
    found.update({f"body.{name}": values.tobytes() for name, values in state.body.items()})
    return found


def _occupant_uids(state: State, lattice: Lattice) -> np.ndarray:
    uids = np.full(lattice.n_sites, -1, np.int64)
    for name, table in state.tables.items():
        here = np.isin(lattice.kinds(), [kind.code for kind in KINDS if kind.home == name])
        uids[here] = table.array("uid")[lattice.occupant[here]]
    return uids
