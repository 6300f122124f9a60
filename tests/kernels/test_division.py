# SPDX-License-Identifier: Apache-2.0
"""Where daughters go: values by hand, the twin, and what must not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm._kernels import _division
from abm.celltypes import BACKGROUND, BLAST, CAR_T, HOST_T, MACROPHAGE, MATURE_B, PRE_B
from abm.processes.fates import Nursery
from abm.processes.lookup import NORMAL_LINEAGES, evictable, homes, movable
from abm.state.columns import GUEST, LOCKED, NOWHERE
from abm.state.kinds import BOUND_BIT, GUESTS_BIT, KINDS, SOLID, VOID
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY, Place
from abm.state.state import State
from abm.streams import Stream
from tests.kernels.scenes import add, crowd, empty_state, kinds, picture, shuffle_rows, strip
from tests.reference import division as twin
from tests.reference.board import Board, Cell, Site

WRAPPED, WALLED = (True, True, True), (False, False, False)
LATTICES = [
    ((7, 6, 5), WALLED),
    ((6, 8, 4), WRAPPED),
    ((3, 3, 3), WRAPPED),
    ((14, 13, 1), (True, False, True)),
    ((1, 2, 70), WRAPPED),
    ((2, 2, 2), WRAPPED),
]
MOBILE = frozenset(kind.code for kind in KINDS if kind.mobile)
NORMAL = frozenset(kind.code for kind in KINDS if kind.mobile and kind.lineage in NORMAL_LINEAGES)
ROUNDS = 25


def arguments(state: State, table_name: str, mothers: np.ndarray, *, eviction: float = 0.0, reach: int = 3) -> dict[str, Any]:
    lattice, table = state.places[MARROW].lattice, state.tables[table_name]
    assert lattice is not None
    n = len(mothers)
    return {
        "site_code": lattice.site_code, "occupant": lattice.occupant, "edge": lattice.edge, "step": lattice.step,
        "wrap": lattice.wrap, "direction": lattice.directions,
        "s_site": state.sessile.array("site"), "m_site": state.motile.array("site"),
        "movable": movable(), "evictable": evictable(), "home": homes(),
        "uid": table.array("uid")[mothers], "mother": mothers.astype(np.int32), "motile": table_name == "motile",
        "kind": table.array("kind")[mothers], "guest": (table.array("flags")[mothers] & GUEST).astype(np.uint8),
        "share": table.array("weight")[mothers] / state.places[MARROW].scale,
        "eviction": np.full(n, eviction), "reach": reach, "first_row": table.n_rows,
        "seed": state.draws.seed, "stream": Stream.DIVISION, "tick": state.tick,
        "site": np.empty(n, np.int32), "evicted_kind": np.empty(n, np.uint8), "evicted_row": np.empty(n, np.int32),
    }  # fmt: skip


def is_movable(site: Site) -> bool:
    return site.kind in MOBILE and not site.bound


def is_evictable(site: Site) -> bool:
    return site.kind in NORMAL and not site.bound


# --- by hand ---------------------------------------------------------------------------------------


def divide(state: State, table_name: str = "sessile", rows: Any = (0,), **options: Any) -> tuple[np.ndarray, np.ndarray]:
    reach = options.pop("reach", 3)
    return Nursery(reach).divide(state, table_name, np.asarray(rows), state.places[MARROW], **options)


def test_a_void_next_door_is_taken() -> None:
    state = strip(SOLID, BLAST, None, None)
    mothers, daughters = divide(state)
    assert (mothers.tolist(), daughters.tolist()) == ([0], [1])
    assert state.sessile.array("site").tolist() == [1, 2]
    assert state.sessile.array("divisions").tolist() == [1, 1]
    state.check()


@pytest.mark.parametrize("reach", [1, 2, 3])
@pytest.mark.parametrize("between", [1, 2, 3])
def test_a_chain_is_pushed_into_a_void_within_reach(between: int, reach: int) -> None:
    """Cells of all homes are pushed, each by one site; a void ``between + 1`` sites away is in reach or not."""
    chain = [HOST_T, BACKGROUND, PRE_B][:between]
    state = strip(SOLID, BLAST, *chain, None)
    before = kinds(state)
    mothers, _ = divide(state, reach=reach)
    if between < reach:
        assert kinds(state) == [SOLID, BLAST.code, BLAST.code, *(kind.code for kind in chain)]
        assert state.motile.array("site").tolist() == [3]
    else:
        assert len(mothers) == 0
        assert kinds(state) == before
        assert state.ledger.total(Entry.BLOCKED) == 1
    state.check()


@pytest.mark.parametrize("bar", [SOLID, CAR_T, MACROPHAGE])
def test_what_cannot_be_pushed_bars_the_way(bar: Any) -> None:
    state = strip(BLAST, bar, None)
    assert len(divide(state)[0]) == 0
    assert kinds(state)[1] == (SOLID if bar is SOLID else bar.code)


def test_a_bound_cell_bars_the_way() -> None:
    state = strip(BLAST, PRE_B, None)
    state.places[MARROW].lattice.site_code[1] |= BOUND_BIT
    state.sessile.array("flags")[1] = LOCKED
    assert len(divide(state, eviction=1.0)[0]) == 0
    state.check()


def test_a_bound_void_is_no_void() -> None:
    state = strip(BLAST, None)
    state.places[MARROW].lattice.site_code[1] = BOUND_BIT
    assert len(divide(state)[0]) == 0


def test_the_nearest_void_wins_whatever_the_direction() -> None:
    for tick in range(30):
        state = strip(None, PRE_B, BLAST, None)
        state.tick = tick
        divide(state, rows=[1])
        assert kinds(state) == [VOID, PRE_B.code, BLAST.code, BLAST.code]


def test_directions_are_tried_from_a_random_one() -> None:
    """z-test of 2,000 choices between two voids; false alarm 6e-5 (4 SE)."""
    up = 0
    for tick in range(2000):
        state = strip(None, BLAST, None)
        state.tick = tick
        divide(state)
        up += int(state.sessile.array("site")[1] == 2)
    assert abs(up - 1000) < 4 * np.sqrt(500)


def test_marks_of_guests_stay_with_their_sites() -> None:
    state = strip(BLAST, PRE_B, None)
    codes = state.places[MARROW].lattice.site_code
    codes[[1, 2]] |= GUESTS_BIT
    divide(state)
    assert codes.tolist() == [BLAST.code, BLAST.code | GUESTS_BIT, PRE_B.code | GUESTS_BIT]


@pytest.mark.parametrize("victim", [BACKGROUND, PRE_B, HOST_T])
def test_without_room_a_normal_neighbour_is_evicted(victim: Any) -> None:
    state = strip(BLAST, victim, SOLID)
    assert len(divide(state, eviction=0.0)[0]) == 0
    assert len(divide(state, eviction=1.0)[0]) == 1
    assert kinds(state) == [BLAST.code, BLAST.code, SOLID]
    assert state.ledger.total(Entry.DISPLACED, victim.code) == 1
    state.check()


@pytest.mark.parametrize("victim", [PRE_B, HOST_T])
def test_the_evicted_go_to_the_blood_where_there_is_one(victim: Any) -> None:
    state = strip(BLAST, victim, SOLID)
    state.places[PERIPHERY] = Place(PERIPHERY, 1, 100)
    divide(state, eviction=1.0)
    table = state.table_of(victim.code)
    row = int(np.flatnonzero(table.array("kind") == victim.code)[0])
    assert (table.array("compartment")[row], table.array("site")[row]) == (PERIPHERY, NOWHERE)
    assert state.ledger.book[victim.code, MARROW, Entry.DISPLACED] == 1
    assert state.ledger.book[victim.code, PERIPHERY, Entry.ARRIVED] == 1
    state.check()


def test_directions_are_equally_likely_whatever_bars_some() -> None:
    """Beside two barred neighbours, the four others get a quarter each (chi-square, false alarm 1e-4)."""
    found = np.zeros(6, int)
    for seed in range(4000):
        state = empty_state((3, 3, 3), WRAPPED, seed=seed)
        add(state, BLAST, [13])
        lattice = state.places[MARROW].lattice
        around = [lattice.neighbour(13, direction) for direction in range(6)]
        lattice.site_code[[around[0], around[1]]] = SOLID
        divide(state)
        found[around.index(int(state.sessile.array("site")[1]))] += 1
    assert found[:2].sum() == 0
    assert ((found[2:] - 1000.0) ** 2 / 1000).sum() < 21.1


def test_mothers_that_give_way_may_not_evict() -> None:
    with pytest.raises(ValueError, match="do not give way themselves"):
        divide(strip(PRE_B, PRE_B), eviction=1.0)


@pytest.mark.parametrize("neighbour", [BLAST, CAR_T, MACROPHAGE])
def test_some_neighbours_never_give_way(neighbour: Any) -> None:
    state = strip(BLAST, neighbour)
    assert len(divide(state, eviction=1.0)[0]) == 0
    state.check()


def test_eviction_is_a_chance() -> None:
    """z-test of 2,000 divisions; false alarm 6e-5 (4 SE)."""
    done = 0
    for tick in range(2000):
        state = strip(BLAST, BACKGROUND)
        state.tick = tick
        done += len(divide(state, eviction=0.3)[0])
    assert abs(done - 600) < 4 * np.sqrt(2000 * 0.3 * 0.7)


def test_a_guest_needs_the_void_takes_no_room_and_goes_there() -> None:
    state = empty_state((1, 1, 4), WALLED, scale=8)
    state.fill_light(BACKGROUND.code, MARROW, np.array([0, 1]), Entry.INITIAL)
    row = add(state, BLAST, [0], weight=3, flags=int(GUEST))
    divide(state, rows=row)
    assert kinds(state) == [BACKGROUND.code, BACKGROUND.code, VOID, VOID]
    assert state.sessile.array("site").tolist() == [0, 2]
    assert state.sessile.array("weight").tolist() == [3, 3]
    state.check()
    state = empty_state((1, 1, 2), WALLED, scale=8)
    state.fill_light(BACKGROUND.code, MARROW, np.array([0, 1]), Entry.INITIAL)
    row = add(state, BLAST, [0], weight=3, flags=int(GUEST))
    assert len(divide(state, rows=row)[0]) == 0


def test_a_guest_evicts_as_many_cells_as_are_born() -> None:
    """Of neighbours of S cells, as often as its weight is of S: 3/8 of 2,000, within four standard deviations."""
    displaced = 0
    for seed in range(2000):
        state = empty_state((1, 1, 2), WALLED, scale=8, seed=seed)
        state.fill_light(BACKGROUND.code, MARROW, np.array([0, 1]), Entry.INITIAL)
        row = add(state, BLAST, [0], weight=3, flags=int(GUEST))
        assert len(divide(state, rows=row, eviction=1.0)[0]) == 1
        assert state.sessile.array("site").tolist() == [0, 1]
        displaced += state.ledger.total(Entry.DISPLACED) // 8
    assert abs(displaced - 750) < 4 * np.sqrt(2000 * 3 / 8 * 5 / 8)


def test_a_newborn_is_pushed_by_the_next_mother() -> None:
    """The first daughter lies between the second mother and the voids: she moves before she has a row."""
    state = strip(SOLID, BLAST, BLAST, None, None)
    mothers, daughters = divide(state, rows=[1, 0])
    assert (mothers.tolist(), daughters.tolist()) == ([1, 0], [2, 3])
    # mother 1 puts daughter 2 next to her; mother 0 pushes both of them up
    assert state.places[MARROW].lattice.occupant.tolist() == [-1, 0, 3, 1, 2]
    state.check()


def test_a_daughter_whose_elder_sister_waits_takes_the_next_row() -> None:
    state = strip(BLAST, SOLID, BLAST, None)
    mothers, daughters = divide(state, rows=[0, 1])
    assert (mothers.tolist(), daughters.tolist()) == ([1], [2])
    assert state.places[MARROW].lattice.occupant.tolist() == [0, -1, 1, 2]
    state.check()


def test_a_chain_never_runs_into_its_own_mother() -> None:
    for length in (2, 3, 4):
        state = strip(*[BLAST] * length, periodic=True)
        assert len(divide(state)[0]) == 0
        state.check()


# --- the twin --------------------------------------------------------------------------------------


def serve(state: State, table_name: str, rows: np.ndarray, eviction: float, reach: int) -> int:
    """Serve mothers by kernel and twin from the same start; compare all that the kernel writes; keep its result."""
    lattice = state.places[MARROW].lattice
    cells = {
        name: [
            Cell(int(table.array("uid")[row]), int(row), int(table.array("kind")[row]), int(table.array("site")[row]))
            for row in table.alive()
        ]
        for name, table in state.tables.items()
    }
    guest = {name: {int(row) for row in table.alive() if table.array("flags")[row] & GUEST} for name, table in state.tables.items()}
    board = Board(lattice, [cell for name in cells for cell in cells[name] if cell.row not in guest[name]])
    by_row = {cell.row: cell for cell in cells[table_name]}
    shares = state.tables[table_name].array("weight") / state.places[MARROW].scale
    births = twin.divide(
        board, [(by_row[row], row in guest[table_name], shares[row]) for row in rows.tolist()], reach=reach, eviction=eviction,
        first_row=state.tables[table_name].n_rows, seed=state.draws.seed, tick=state.tick, movable=is_movable, evictable=is_evictable,
    )  # fmt: skip
    given = arguments(state, table_name, rows, eviction=eviction, reach=reach)
    for name in ("site_code", "occupant", "s_site", "m_site"):
        given[name] = given[name].copy()
    placed = _division.place_daughters(**given)
    np.testing.assert_array_equal(given["site_code"], board.codes())
    np.testing.assert_array_equal(given["occupant"], board.occupants())
    for name, short in (("sessile", "s_site"), ("motile", "m_site")):
        np.testing.assert_array_equal(given[short][[cell.row for cell in cells[name]]], [cell.site for cell in cells[name]])
    assert given["site"].tolist() == [birth.daughter.site if birth.daughter else -1 for birth in births]
    assert given["evicted_kind"].tolist() == [birth.evicted_kind for birth in births]
    assert given["evicted_row"].tolist() == [birth.evicted.row if birth.evicted else -1 for birth in births]
    assert placed == sum(birth.daughter is not None for birth in births)
    Nursery(reach).divide(state, table_name, rows, state.places[MARROW], eviction=eviction)
    state.check()
    return placed


@pytest.mark.parametrize(("shape", "periodic"), LATTICES)
@pytest.mark.parametrize("scale", [1, 10])
def test_equals_the_twin_bit_for_bit(shape: tuple[int, int, int], periodic: tuple[bool, bool, bool], scale: int) -> None:
    """Cells divide and die by turns, until the lattice is full of blasts; the other table's turn comes too."""
    rng = np.random.default_rng(scale)
    state = crowd(shape, periodic, seed=scale, scale=scale)
    lattice = state.places[MARROW].lattice
    placed = 0
    for tick in range(ROUNDS):
        state.tick = 40 * tick
        name, codes = ("motile", (CAR_T.code, HOST_T.code)) if tick % 5 == 4 else ("sessile", (BLAST.code, PRE_B.code, MATURE_B.code))
        table = state.tables[name]
        # a blast that evicts and a normal cell that could be evicted do not divide in the same call
        eviction = 0.5 if tick % 2 and name == "sessile" else 0.0
        mothers = table.alive()
        mothers = mothers[np.isin(table.array("kind")[mothers], codes[:1] if eviction else codes)]
        mothers = rng.permutation(mothers)[: max(lattice.n_sites // 8, 3)]
        if len(mothers):
            placed += serve(state, name, mothers, eviction, 1 + tick % 3)
        old = rng.permutation(state.sessile.alive())[: lattice.n_sites // 16]
        state.remove("sessile", old)
    assert placed > 0


# --- what must not matter --------------------------------------------------------------------------


def grow(state: State, order: int | None = None) -> None:
    """Let every blast divide at once, time and again, its rows shuffled in between."""
    for tick in range(6):
        state.tick = 40 * tick
        if order is not None:
            shuffle_rows(state, order + tick)
            state.check()
        rows = state.sessile.alive()
        rows = rows[state.sessile.array("kind")[rows] == BLAST.code]
        rows = rows[np.argsort(state.sessile.array("uid")[rows])]
        Nursery().divide(state, "sessile", rows, state.places[MARROW], eviction=0.3)
        state.check()


@pytest.mark.parametrize("scale", [1, 10])
def test_the_order_of_rows_does_not_matter(scale: int) -> None:
    pictures = []
    for order in (None, 1, 100):
        state = crowd((9, 9, 9), WRAPPED, seed=5, scale=scale)
        grow(state, order)
        pictures.append(picture(state))
    assert pictures[0] == pictures[1] == pictures[2]


def test_guests_about_change_nothing_for_full_cells() -> None:
    """S = 1 against the same full cells of S = 10 with guests about them: the same sites are filled."""
    codes = []
    for scale in (1, 10):
        state = crowd((8, 8, 8), WRAPPED, seed=4, scale=scale)
        blasts = state.sessile.alive()
        blasts = blasts[(state.sessile.array("kind")[blasts] == BLAST.code) & (state.sessile.array("flags")[blasts] == 0)]
        divide(state, rows=blasts, eviction=0.5)
        codes.append(state.places[MARROW].lattice.kinds().tolist())
    assert codes[0] == codes[1]


# --- edges and refusals ----------------------------------------------------------------------------


def test_nobody_and_one_site() -> None:
    state = empty_state((3, 3, 3), WRAPPED)
    assert _division.place_daughters(**arguments(state, "sessile", np.empty(0, np.int64))) == 0
    state = empty_state((1, 1, 1), WRAPPED)
    add(state, BLAST, [0])
    assert len(divide(state, eviction=1.0)[0]) == 0
    state.check()


@pytest.mark.parametrize("reach", [0, 4])
def test_reach_has_bounds(reach: int) -> None:
    state = strip(BLAST, None)
    with pytest.raises(ValueError, match=f"reach must be 1 to 3, got {reach}"):
        divide(state, reach=reach)


ARRAYS = [name for name, value in arguments(strip(BLAST, None), "sessile", np.array([0])).items() if isinstance(value, np.ndarray)]


@pytest.mark.parametrize("name", ARRAYS)
def test_a_wrong_array_is_refused(name: str) -> None:
    given = arguments(strip(BLAST, None, HOST_T), "sessile", np.array([0]))
    right = given[name]
    for wrong, what in (
        (right.astype(np.float32), "[Dd]type mismatch|does not match"),
        (np.zeros(8, right.dtype)[::2], "not C.contiguous"),
        (right[None], "wrong number of dimensions"),
    ):
        with pytest.raises(ValueError, match=what):
            _division.place_daughters(**{**given, name: wrong})
    with pytest.raises(TypeError):
        _division.place_daughters(**{**given, name: right.tolist()})
