# SPDX-License-Identifier: Apache-2.0
"""Exchanges of places between neighbours: values by hand, the twin, and what must not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm._kernels import _exchange
from abm.celltypes import BACKGROUND, BLAST, CAR_T, HOST_T, MACROPHAGE
from abm.processes.lookup import exchangeable, homes
from abm.state.columns import GUEST
from abm.state.kinds import BOUND_BIT, GUESTS_BIT, KINDS, SOLID, VOID
from abm.state.places import MARROW
from abm.state.state import State
from abm.streams import Stream
from tests.kernels.scenes import add, crowd, empty_state, kinds, picture, shuffle_rows, strip
from tests.reference import exchange as twin
from tests.reference.board import Board, Cell, Site

WRAPPED, WALLED = (True, True, True), (False, False, False)
LATTICES = [
    ((7, 6, 5), WALLED),
    ((6, 8, 4), WRAPPED),
    ((5, 7, 3), WRAPPED),
    ((14, 13, 1), (True, False, True)),
    ((1, 2, 70), WRAPPED),
    ((2, 2, 2), WRAPPED),
    ((3, 40, 3), WALLED),
]
ALWAYS, HALF = 2**16, 2**15
MOBILE = frozenset(kind.code for kind in KINDS if kind.mobile) | {VOID}
LIGHT = frozenset(kind.code for kind in KINDS if kind.home == "light") | {VOID}
SWEEPS = 300


def arguments(state: State, axis: int, offset: int, threshold: int, tick: int = 0, n_threads: int = 1) -> dict[str, Any]:
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    return {
        "site_code": lattice.site_code, "occupant": lattice.occupant,
        "s_site": state.sessile.array("site"), "m_site": state.motile.array("site"),
        "mobile": exchangeable(), "home": homes(),
        "length": lattice.shape[axis], "stride": int(lattice.strides[axis]), "periodic": lattice.periodic[axis],
        "offset": offset, "threshold": threshold,
        "seed": state.draws.seed, "stream": Stream.SWAP, "tick": tick, "n_threads": n_threads,
    }  # fmt: skip


def sweep(state: State, axis: int, offset: int, threshold: int, tick: int = 0, n_threads: int = 1) -> None:
    _exchange.sweep(**arguments(state, axis, offset, threshold, tick, n_threads))


def full_cells(state: State) -> dict[str, list[Cell]]:
    """Return the living full cells of each table."""
    found: dict[str, list[Cell]] = {}
    for name, table in state.tables.items():
        rows = [int(row) for row in table.alive() if not table.array("flags")[row] & GUEST]
        uids, kinds_held, sites = (table.array(column).tolist() for column in ("uid", "kind", "site"))
        found[name] = [Cell(uids[row], row, kinds_held[row], sites[row]) for row in rows]
    return found


def may_move(site: Site) -> bool:
    return site.kind in MOBILE and not site.bound


# --- by hand ---------------------------------------------------------------------------------------


def test_even_pairs_and_odd_pairs() -> None:
    state = strip(BLAST, None, BACKGROUND, HOST_T, None)
    sweep(state, 2, 0, ALWAYS)
    assert kinds(state) == [VOID, BLAST.code, HOST_T.code, BACKGROUND.code, VOID]
    assert (state.sessile.array("site").tolist(), state.motile.array("site").tolist()) == ([1], [2])
    sweep(state, 2, 1, ALWAYS)
    assert kinds(state) == [VOID, HOST_T.code, BLAST.code, VOID, BACKGROUND.code]
    assert state.places[MARROW].lattice.occupant.tolist() == [-1, 0, 0, -1, -1]
    state.check()


def test_two_cells_with_rows_change_places_even_if_alike() -> None:
    state = strip(BLAST, BLAST)
    sweep(state, 2, 0, ALWAYS)
    assert state.sessile.array("site").tolist() == [1, 0]
    assert state.places[MARROW].lattice.occupant.tolist() == [1, 0]


@pytest.mark.parametrize("fixed", [CAR_T, MACROPHAGE, SOLID])
def test_what_does_not_move_stays(fixed: Any) -> None:
    state = strip(fixed, BLAST, None, fixed)
    before = kinds(state)
    sweep(state, 2, 0, ALWAYS)
    assert kinds(state) == before


def test_a_bound_target_stays() -> None:
    state = strip(BLAST, None)
    state.places[MARROW].lattice.site_code[0] |= BOUND_BIT
    sweep(state, 2, 0, ALWAYS)
    assert kinds(state) == [BLAST.code, VOID]


def test_marks_of_guests_stay_with_their_site() -> None:
    state = strip(BLAST, None, None, BACKGROUND)
    codes = state.places[MARROW].lattice.site_code
    codes[[0, 3]] |= GUESTS_BIT
    sweep(state, 2, 0, ALWAYS)
    assert codes.tolist() == [GUESTS_BIT, BLAST.code, BACKGROUND.code, GUESTS_BIT]


@pytest.mark.parametrize("periodic", [True, False])
def test_the_ends_of_a_line(periodic: bool) -> None:
    """Even length: the odd pairs include the last and the first site where the axis wraps round."""
    state = strip(BLAST, None, None, HOST_T, periodic=periodic)
    sweep(state, 2, 1, ALWAYS)
    assert kinds(state) == ([HOST_T.code, VOID, VOID, BLAST.code] if periodic else [BLAST.code, VOID, VOID, HOST_T.code])
    state.check()


def test_an_axis_of_odd_length_has_one_site_over_and_no_seam() -> None:
    cases = (
        (0, [VOID, BLAST.code, HOST_T.code]),
        (1, [BLAST.code, HOST_T.code, VOID]),
        (2, [HOST_T.code, VOID, BLAST.code]),
    )
    for offset, moved in cases:
        state = strip(BLAST, None, HOST_T, periodic=True)
        sweep(state, 2, offset, ALWAYS)
        assert kinds(state) == moved


def test_chance_never_always_and_half() -> None:
    """Half: z-test of the number of exchanges among 40,000 pairs; false alarm below 1e-4 at 4 SE."""
    state = empty_state((100, 100, 8), WALLED)
    add(state, BLAST, np.arange(0, 80_000, 2))
    for threshold, least, most in ((0, 0, 0), (HALF, 20_000 - 400, 20_000 + 400), (ALWAYS, 40_000, 40_000)):
        before = state.sessile.array("site").copy()
        sweep(state, 2, 0, threshold, tick=threshold)
        assert least <= np.count_nonzero(state.sessile.array("site") != before) <= most
    state.check()


# --- the twin --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "periodic"), LATTICES)
@pytest.mark.parametrize("scale", [1, 10])
def test_equals_the_twin_bit_for_bit(shape: tuple[int, int, int], periodic: tuple[bool, bool, bool], scale: int) -> None:
    state = crowd(shape, periodic, seed=scale, scale=scale)
    bound = [cell.site for cell in full_cells(state)["sessile"]][::7]
    lattice = state.places[MARROW].lattice
    lattice.site_code[bound] |= BOUND_BIT
    cells = full_cells(state)
    board = Board(lattice, [*cells["sessile"], *cells["motile"]])
    axes = [axis for axis in range(3) if shape[axis] > 1]
    done = 0
    for tick in range(SWEEPS):
        axis, threshold = axes[tick % len(axes)], (HALF, 1000, ALWAYS)[tick % 5 % 3]
        starts = shape[axis] if periodic[axis] and shape[axis] % 2 else 2
        offset = tick // len(axes) % starts
        sweep(state, axis, offset, threshold, tick)
        done += twin.sweep(
            board, axis, offset, threshold, seed=state.draws.seed, tick=tick,
            may_move=may_move, is_light=lambda site: site.kind in LIGHT,
        )  # fmt: skip
        if tick % 20 == 0 or tick == SWEEPS - 1:
            np.testing.assert_array_equal(lattice.site_code, board.codes())
            np.testing.assert_array_equal(lattice.occupant, board.occupants())
            for name, held in cells.items():
                sites = state.tables[name].array("site")[[cell.row for cell in held]]
                np.testing.assert_array_equal(sites, [cell.site for cell in held])
    assert done > 0


# --- what must not matter --------------------------------------------------------------------------


def sweep_all(state: State, n_threads: int = 1) -> None:
    for tick in range(60):
        sweep(state, tick % 3, tick // 3 % 2, HALF, tick, n_threads)


def test_threads_do_not_matter() -> None:
    pictures = []
    for n_threads in (1, 2, 8):
        state = crowd((20, 18, 16), WRAPPED, seed=2, scale=10)
        sweep_all(state, n_threads)
        state.check()
        pictures.append(picture(state))
    assert pictures[0] == pictures[1] == pictures[2]


def test_the_order_of_rows_does_not_matter() -> None:
    pictures = []
    for order in (None, 1, 2):
        state = crowd((10, 10, 10), WRAPPED, seed=3, scale=10)
        if order is not None:
            shuffle_rows(state, order)
        sweep_all(state)
        state.check()
        pictures.append(picture(state))
    assert pictures[0] == pictures[1] == pictures[2]


def test_guests_and_scale_change_nothing_for_full_cells() -> None:
    """S = 1 against the same full cells with guests about them."""
    plain, weighted = (crowd((8, 8, 8), WRAPPED, seed=4, scale=scale) for scale in (1, 10))
    for state in (plain, weighted):
        sweep_all(state)
    for name, cells in full_cells(plain).items():
        others = full_cells(weighted)[name]
        assert [(cell.uid, cell.kind, cell.site) for cell in cells] == [(cell.uid, cell.kind, cell.site) for cell in others]


# --- edges and refusals ----------------------------------------------------------------------------


def test_an_empty_lattice_and_one_cell() -> None:
    state = empty_state((4, 4, 4), WRAPPED)
    sweep_all(state)
    assert not state.places[MARROW].lattice.site_code.any()
    add(state, BLAST, [5])
    sweep_all(state)
    state.check()


def test_a_line_of_one_site() -> None:
    state = empty_state((1, 1, 1), WRAPPED)
    add(state, BLAST, [0])
    for offset in (0, 1):
        sweep(state, 2, offset, ALWAYS)
    state.check()


@pytest.mark.parametrize("name", ["site_code", "occupant", "s_site", "m_site", "mobile", "home"])
def test_a_wrong_array_is_refused(name: str) -> None:
    given = arguments(crowd((4, 4, 4), WRAPPED, seed=1), 2, 0, HALF)
    right = given[name]
    for wrong, what in (
        (right.astype(np.float64), "[Dd]type mismatch|does not match"),
        (np.zeros(2 * len(right), right.dtype)[::2], "not C.contiguous"),
        (right[None], "wrong number of dimensions"),
    ):
        with pytest.raises(ValueError, match=what):
            _exchange.sweep(**{**given, name: wrong})
    with pytest.raises(TypeError):
        _exchange.sweep(**{**given, name: right.tolist()})
