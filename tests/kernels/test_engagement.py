# SPDX-License-Identifier: Apache-2.0
"""Walks and contacts of CAR T cells: the twin, and what must not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm._kernels import _engagement
from abm.celltypes import BLAST, CAR_T, CD19_NEGATIVE_BLAST
from abm.processes import engagement as owner
from abm.state.columns import GUEST, NOWHERE
from abm.state.kinds import KIND_BITS, VOID
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY
from abm.state.state import State
from abm.state.weights import index_guests
from abm.units import TICKS_PER_MINUTE
from tests.kernels.scenes import (
    DENSE,
    EFFECTOR,
    add,
    crowd,
    empty_state,
    engagement,
    mixed_crowd,
    picture,
    run,
    shuffle_rows,
    sure,
    twin_of,
)

WRAPPED, WALLED = (True, True, True), (False, False, False)
LATTICES = [
    ((7, 6, 5), WALLED),
    ((6, 6, 6), WRAPPED),
    ((5, 7, 4), (True, False, True)),
    ((14, 13, 1), WRAPPED),
    ((1, 15, 14), WALLED),
    ((2, 2, 40), WRAPPED),
    ((1, 1, 90), WRAPPED),
]
MINUTES = 240


# --- the twin --------------------------------------------------------------------------------------


def compare(state: State, place_code: int, minutes: int, **options: bool) -> dict[str, int]:
    """Run kernel and twin side by side, compare after every call of 20 minutes, and return the counts."""
    process, place = engagement(minutes=20), state.places[place_code]
    twin = twin_of(state, place, process, **options)
    for _ in range(0, minutes, 20):
        process.run_place(state, place)
        twin.begin(state.tick, state.tick + process.period)
        for _ in range(20):
            twin.minute(state.tick)
            state.tick += TICKS_PER_MINUTE
        twin.assert_equals(state, place)
    for kind in (BLAST, CD19_NEGATIVE_BLAST):
        assert state.ledger.total(Entry.KILLED, kind.code) == twin.killed[kind.code]
    assert state.ledger.total(Entry.KILLED) == sum(twin.killed.values())
    for name in ("contacts", "activations"):
        assert state.body[f"{name}_{place.name}"] == twin.counts[name]
    assert state.sessile.n_dead == twin.counts["dead_rows"]
    state.check()
    return twin.counts


@pytest.mark.parametrize(("shape", "periodic"), LATTICES)
@pytest.mark.parametrize("scale", [1, 10])
def test_equals_the_twin_bit_for_bit(shape: tuple[int, int, int], periodic: tuple[bool, bool, bool], scale: int) -> None:
    counts = compare(crowd(shape, periodic, seed=len(LATTICES) * scale + shape[0], scale=scale), MARROW, MINUTES)
    assert min(counts[name] for name in ("contacts", "kill_contacts", "activations", "dead_rows", "steps")) > 0


@pytest.mark.parametrize(("scale", "n_virtual"), [(1, 400), (12, 400), (12, 150), (12, 17)])
def test_equals_the_twin_where_all_is_mixed(scale: int, n_virtual: int) -> None:
    counts = compare(mixed_crowd(seed=3, scale=scale, n_virtual=n_virtual, n_cells=40), PERIPHERY, MINUTES)
    assert counts["dead_rows"] > 0
    assert counts["steps"] == 0


@pytest.mark.parametrize("shape", [(6, 6, 6), (14, 13, 1)])
def test_weights_of_one_change_nothing(shape: tuple[int, int, int]) -> None:
    """S = 1: the kernel, which always asks for weights, equals a twin that has never heard of them."""
    compare(crowd(shape, WRAPPED, seed=5), MARROW, MINUTES, weighted=False)


def test_full_cells_of_any_weight_are_those_of_weight_one() -> None:
    pictures = []
    for scale in (1, 1000):
        state = crowd((6, 6, 6), WRAPPED, seed=6)
        state.places[MARROW].scale = scale
        for table in state.tables.values():
            table.array("weight")[:] = scale
        run(state, MINUTES, engagement())
        pictures.append(picture(state))
        assert np.count_nonzero(state.sessile.array("kind") == VOID) > 5
    one, many = ({name: held for name, held in found.items() if not name.endswith(("weight", "ledger", "kills"))} for found in pictures)
    assert one == many


# --- what must not matter --------------------------------------------------------------------------


@pytest.fixture
def always_parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abm.processes.process.WORTH_WAKING", 0)


@pytest.mark.usefixtures("always_parallel")
@pytest.mark.parametrize("scale", [1, 10])
def test_threads_do_not_matter(scale: int) -> None:
    pictures = []
    for n_threads in (1, 2, 8):
        state = crowd((40, 40, 20), WRAPPED, seed=7, scale=scale)
        run(state, 60, engagement(n_threads=n_threads))
        state.check()
        pictures.append(picture(state))
    assert pictures[0] == pictures[1] == pictures[2]


@pytest.mark.parametrize("scale", [1, 10])
@pytest.mark.parametrize("shape", [(16, 16, 16), (60, 60, 1)])
def test_the_order_of_rows_does_not_matter(shape: tuple[int, int, int], scale: int) -> None:
    pictures = []
    for order in (None, 1, 2):
        state = crowd(shape, WRAPPED, seed=8, scale=scale)
        if order is not None:
            shuffle_rows(state, order)
            state.check()
        run(state, MINUTES, engagement())
        state.check()
        pictures.append(picture(state))
    assert pictures[0] == pictures[1] == pictures[2]


def test_a_cell_that_leaves_under_a_contact_does_not_change_it() -> None:
    """Two products: the first changes places with what the second takes for a target, while the second meets its guests."""
    alike = {"kill_probability": 0.0, "contact_rate": 1.0}
    products = sure(speed=10.0, antigen="cd19", **alike) + sure(speed=0.0, antigen="cd22", **alike)
    process = engagement(products)
    outcomes = set()
    for seed in range(40):
        pictures = []
        for order in (None, 0, 1, 2, 3):  # both orders of the two cells are among them
            state = empty_state((3, 1, 1), WALLED, seed=seed, scale=8)
            add(state, CAR_T, [0], **{**EFFECTOR, "product": 2})
            add(state, CAR_T, [1], **EFFECTOR)
            add(state, CD19_NEGATIVE_BLAST, [2], cd22=DENSE)
            add(state, BLAST, [1], weight=8, flags=int(GUEST), cd22=DENSE)
            index_guests(state, state.places[MARROW])
            if order is not None:
                shuffle_rows(state, order)
            run(state, 1, process)
            pictures.append(picture(state))
        assert all(found == pictures[0] for found in pictures)
        outcomes.add((int(state.body["contacts_marrow"][0]), state.places[MARROW].lattice.site_code[1] & KIND_BITS))
    assert (1, CD19_NEGATIVE_BLAST.code) in outcomes  # both did happen in one minute


def test_the_order_of_rows_does_not_matter_where_all_is_mixed() -> None:
    pictures = []
    for order in (None, 1):
        state = mixed_crowd(seed=9, scale=12, n_virtual=3000, n_cells=500)
        if order is not None:
            shuffle_rows(state, order)
        run(state, MINUTES, engagement())
        pictures.append(picture(state))
    assert pictures[0] == pictures[1]


def test_steps_per_call_do_not_matter() -> None:
    pictures = []
    for minutes in (1, 10):
        state = crowd((10, 10, 10), WRAPPED, seed=10, scale=10)
        process = engagement(minutes=minutes)
        while state.tick < 60 * TICKS_PER_MINUTE:
            process.run(state)
            state.tick += minutes * TICKS_PER_MINUTE
        pictures.append(picture(state))
    assert pictures[0] == pictures[1]


def test_claims_carry_nothing_over() -> None:
    """A run that goes on with fresh claims, as after a restart, gives the same."""
    pictures = []
    for restart in (False, True):
        state = crowd((8, 8, 8), WRAPPED, seed=11)
        run(state, 30, engagement())
        if restart:
            lattice = state.places[MARROW].lattice
            lattice.claim[:] = 0
            lattice.claim_block[0] = owner.UNCLAIMED
        run(state, 30, engagement())
        pictures.append(picture(state))
    assert pictures[0] == pictures[1]


# --- edges and refusals ----------------------------------------------------------------------------


def test_nobody() -> None:
    state = empty_state((3, 3, 3), WALLED)
    assert [len(part) for part in engagement().run_place(state, state.places[MARROW], record=True)] == [0, 0]


@pytest.mark.parametrize("periodic", [WALLED, WRAPPED])
def test_one_cell_on_the_only_site(periodic: tuple[bool, bool, bool]) -> None:
    state = empty_state((1, 1, 1), periodic)
    add(state, CAR_T, [0], **EFFECTOR)
    run(state, 20, engagement())
    assert state.motile.array("site").tolist() == [0]
    state.check()


@pytest.mark.parametrize("shape", [(9, 1, 1), (1, 9, 1), (1, 1, 9), (3, 3, 1), (2, 2, 2)])
def test_a_lonely_cell_walks_within_its_walls(shape: tuple[int, int, int]) -> None:
    state = empty_state(shape, WALLED)
    add(state, CAR_T, [0], **EFFECTOR)
    seen = set()
    for _ in range(400):
        run(state, 1, engagement(sure(speed=10.0)))
        seen.add(int(state.motile.array("site")[0]))
        state.check()
    assert seen == set(range(int(np.prod(shape))))


def test_a_mixed_place_without_targets() -> None:
    state = mixed_crowd(seed=1, scale=1, n_virtual=10, n_cells=1)
    state.remove("sessile", np.arange(state.sessile.n_rows))
    run(state, 5, engagement())
    assert state.motile.array("site").tolist() == [NOWHERE] * 2


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the process hands to the kernel."""
    seen: dict[str, Any] = {}
    with monkeypatch.context() as patch:
        patch.setattr(_engagement, "run_steps", lambda **given: seen.update(given) or 0)
        state = crowd((4, 4, 4), WRAPPED, seed=1, scale=10)
        engagement().run_place(state, state.places[MARROW], record=True)
    return seen


ARRAYS = (
    *("site_code", "occupant", "claim", "claim_block", "edge", "step", "wrap", "direction"),
    *("slot_row", "guest_site", "guest_row", "walkers"),
    *owner._MOTILE,
    *(f"s_{name}" for name in owner._SESSILE),
    *("parameters", "is_target", "is_passable", "home", "lined_up", "losers", "bucket", "counts", "killer", "killed_site"),
)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_wrong_array_is_refused(arguments: dict[str, Any], name: str) -> None:
    right = arguments[name]
    other = np.float32 if right.dtype != np.float32 else np.float64
    with pytest.raises(ValueError, match=r"[Dd]type mismatch|does not match"):
        _engagement.run_steps(**{**arguments, name: right.astype(other)})
    with pytest.raises(ValueError, match=r"not C.contiguous"):
        _engagement.run_steps(**{**arguments, name: np.zeros((*right.shape[:-1], 8), right.dtype)[..., ::2]})
    with pytest.raises(ValueError, match="wrong number of dimensions"):
        _engagement.run_steps(**{**arguments, name: right[None]})
    with pytest.raises(TypeError):
        _engagement.run_steps(**{**arguments, name: right.tolist()})


def test_the_arguments_as_they_are_go_through(arguments: dict[str, Any]) -> None:
    assert _engagement.run_steps(**arguments) == 0


def test_without_walkers_nothing_happens(arguments: dict[str, Any]) -> None:
    assert _engagement.run_steps(**{**arguments, "walkers": arguments["walkers"][:0]}) == 0
    assert not arguments["counts"].any()


@pytest.mark.parametrize("name", ["site_code", "s_kind", "free_at", "counts"])
def test_what_is_written_cannot_be_read_only(arguments: dict[str, Any], name: str) -> None:
    held = arguments[name].copy()
    held.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _engagement.run_steps(**{**arguments, name: held})
