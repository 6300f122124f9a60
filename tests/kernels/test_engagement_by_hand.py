# SPDX-License-Identifier: Apache-2.0
"""Walks and contacts of CAR T cells: values by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm.celltypes import BACKGROUND, BLAST, CAR_T, CD19_NEGATIVE_BLAST, HOST_T
from abm.celltypes.car_t import Programme
from abm.processes.engagement import Engagement
from abm.state.columns import GUEST, LOCKED, NEVER
from abm.state.kinds import BOUND_BIT, GUESTS_BIT, VOID
from abm.state.ledger import Entry
from abm.state.places import MARROW
from abm.state.state import State
from abm.state.weights import index_guests
from abm.units import TICKS_PER_MINUTE
from tests.kernels.scenes import DENSE, EFFECTOR, add, empty_state, engagement, run, sure

WALLED = (False, False, False)


def pair(process: Engagement, **target: Any) -> State:
    """A CAR T cell and a target side by side between walls, after one minute."""
    state = empty_state((2, 1, 1), WALLED)
    add(state, CAR_T, [0], **EFFECTOR)
    add(state, BLAST, [1], cd19=DENSE, **target)
    for _ in range(50):  # one of the two directions leads into the wall
        run(state, 1, process)
        if state.motile.array("free_at")[0]:
            return state
    raise AssertionError("no contact in 50 minutes")


def test_a_kill_binds_locks_kills_and_leaves_refractory() -> None:
    process = engagement(sure())
    state = pair(process)
    place = state.places[MARROW]
    met = state.tick - TICKS_PER_MINUTE
    killer = {name: int(values[0]) for name, values in state.motile.to_arrays().items()}
    assert killer["kill_at"] == met + 5 * TICKS_PER_MINUTE
    assert killer["free_at"] == met + (10 + 5) * TICKS_PER_MINUTE
    assert (killer["contact_site"], killer["partner"]) == (1, 1)
    assert (killer["state"], killer["divide_at"]) == (Programme.ACTIVATED, met + 12 * 60 * TICKS_PER_MINUTE)
    assert state.sessile.array("flags")[0] == LOCKED
    assert place.lattice.site_code[1] == BLAST.code | BOUND_BIT
    state.check()
    run(state, 4, process)
    assert state.sessile.array("kind")[0] == BLAST.code
    run(state, 1, process)
    assert state.sessile.array("kind")[0] == VOID
    assert (place.lattice.site_code[1], place.lattice.occupant[1]) == (VOID, -1)
    killer = {name: int(values[0]) for name, values in state.motile.to_arrays().items()}
    assert (killer["kill_at"], killer["contact_site"], killer["partner"]) == (NEVER, -1, -1)
    assert killer["site"] == 0  # refractory: it stays
    assert state.ledger.total(Entry.KILLED) == 1
    state.check()


def test_a_contact_without_kill_is_short() -> None:
    state = pair(engagement(sure(kill_probability=0.0)))
    assert state.motile.array("free_at")[0] == state.tick - TICKS_PER_MINUTE + 3 * TICKS_PER_MINUTE
    assert state.motile.array("kill_at")[0] == NEVER
    assert state.sessile.array("flags")[0] == 0
    assert state.body["contacts_marrow"] == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Programme.MEMORY, (Programme.ACTIVATED, 24)),
        (Programme.EFFECTOR, (Programme.ACTIVATED, 12)),
        (Programme.ACTIVATED, (Programme.ACTIVATED, None)),
        (Programme.EXHAUSTED, (Programme.EXHAUSTED, None)),
        (Programme.RESIDENT, (Programme.RESIDENT, 12)),
    ],
)
@pytest.mark.parametrize("subset", [4, 8])
def test_activation_of_each_state(before: Programme, after: tuple[Programme, int | None], subset: int) -> None:
    process = engagement(sure(kill_probability=0.0))
    state = empty_state((2, 1, 1), WALLED)
    add(state, CAR_T, [0], **{**EFFECTOR, "state": int(before), "subset": subset})
    add(state, BLAST, [1], cd19=DENSE)
    while not state.motile.array("free_at")[0]:
        run(state, 1, process)
    met = state.tick - TICKS_PER_MINUTE
    expected_state, hours = after
    factor = 1.2 if subset == 4 and before != Programme.MEMORY else 1.0
    due = NEVER if hours is None else met + round(hours * factor * 60 * TICKS_PER_MINUTE)
    assert (state.motile.array("state")[0], state.motile.array("divide_at")[0]) == (expected_state, due)


def test_at_the_budget_activation_exhausts() -> None:
    state = empty_state((2, 1, 1), WALLED)
    add(state, CAR_T, [0], **{**EFFECTOR, "budget": 4, "divisions": 4})
    add(state, BLAST, [1], cd19=DENSE)
    run(state, 50, engagement(sure(kill_probability=0.0)))
    assert state.motile.array("state")[0] == Programme.EXHAUSTED
    assert state.motile.array("divide_at")[0] == NEVER


def test_every_kill_can_exhaust_but_a_resident_cell() -> None:
    process = engagement(sure(exhaustion_per_kill=1.0, activation_probability=0.0))
    for programme, after in ((Programme.EFFECTOR, Programme.EXHAUSTED), (Programme.RESIDENT, Programme.RESIDENT)):
        state = empty_state((2, 1, 1), WALLED)
        add(state, CAR_T, [0], **{**EFFECTOR, "state": int(programme)})
        add(state, BLAST, [1], cd19=DENSE)
        run(state, 50, process)
        assert state.motile.array("state")[0] == after


@pytest.mark.parametrize(
    ("antigen", "kind", "cd19", "cd22", "found"),
    [
        ("cd19", BLAST, DENSE, 0, True),
        ("cd19", BLAST, 0, DENSE, False),
        ("cd19", CD19_NEGATIVE_BLAST, 0, DENSE, None),
        ("cd22", CD19_NEGATIVE_BLAST, 0, DENSE, True),
        ("cd22", BLAST, DENSE, 0, False),
        ("either", BLAST, 0, DENSE, True),
        ("either", BLAST, DENSE, 0, True),
        ("either", CD19_NEGATIVE_BLAST, 0, 0, False),
        ("cd19", BACKGROUND, 0, 0, None),
    ],
)
def test_a_car_finds_its_antigen(antigen: str, kind: Any, cd19: float, cd22: float, found: bool | None) -> None:
    """Kills (True), touches in vain (False), or does not touch at all (None)."""
    process = engagement(sure(antigen=antigen, speed=0.0, contact_rate=1.0))
    state = empty_state((2, 1, 1), WALLED)
    add(state, CAR_T, [0], **EFFECTOR)
    if kind is BACKGROUND:
        state.fill_light(kind.code, MARROW, np.array([1]), Entry.INITIAL)
    else:
        add(state, kind, [1], cd19=cd19, cd22=cd22)
    run(state, 100, process)
    assert state.ledger.total(Entry.KILLED) == (found is True)
    assert (state.body["contacts_marrow"][0] > 0) == (found is not None)


def test_a_cell_steps_into_voids_and_changes_places_with_what_is_no_target() -> None:
    process = engagement(sure(speed=10.0, contact_rate=0.0))
    state = empty_state((2, 1, 1), WALLED)
    add(state, CAR_T, [0], **EFFECTOR)
    lattice = state.places[MARROW].lattice
    lattice.site_code[1] = GUESTS_BIT  # the mark of guests stays with its site
    moved = set()
    for _ in range(40):
        run(state, 1, process)
        moved.add(int(state.motile.array("site")[0]))
        assert (lattice.site_code[0] & GUESTS_BIT, lattice.site_code[1] & GUESTS_BIT) == (0, GUESTS_BIT)
    assert moved == {0, 1}
    state = empty_state((2, 1, 1), WALLED)
    walker, host = add(state, CAR_T, [0], **EFFECTOR)[0], add(state, HOST_T, [1])[0]
    while state.motile.array("site")[walker] == 0:
        run(state, 1, process)
    assert state.motile.array("site").tolist() == [1, 0]
    assert state.places[MARROW].lattice.occupant.tolist() == [host, walker]
    state.check()


def test_a_target_is_no_way_through() -> None:
    state = empty_state((2, 1, 1), WALLED)
    add(state, CAR_T, [0], **EFFECTOR)
    add(state, BLAST, [1])
    run(state, 100, engagement(sure(speed=10.0, contact_rate=0.0)))
    assert state.motile.array("site")[0] == 0


@pytest.mark.parametrize(("weight", "killed"), [(8, 8), (3, 3)])
def test_both_sides_of_a_full_cell_and_a_guest(weight: int, killed: int) -> None:
    """A full CAR T cell kills a guest surely, and as many body cells as that stands for."""
    state = empty_state((2, 1, 1), WALLED, scale=8)
    add(state, CAR_T, [0], **EFFECTOR)
    add(state, BLAST, [1], weight=weight, flags=int(GUEST), cd19=DENSE)
    index_guests(state, state.places[MARROW])
    run(state, 400, engagement(sure(speed=0.0, contact_rate=1.0)))
    assert state.ledger.total(Entry.KILLED) == killed
    state.check()


def test_a_ghost_synapse_spares_the_target() -> None:
    """S = 1e15: a CAR T cell of one body cell takes part surely, its full target practically never."""
    state = empty_state((2, 1, 1), WALLED, scale=10**15)
    add(state, CAR_T, [0], weight=1, flags=int(GUEST), **EFFECTOR)
    add(state, BLAST, [1], cd19=DENSE)
    process = engagement(sure(speed=0.0, contact_rate=1.0))
    while not state.motile.array("free_at")[0]:
        run(state, 1, process)
    assert state.motile.array("free_at")[0] == state.tick + (10 + 5 - 1) * TICKS_PER_MINUTE
    assert state.motile.array("kill_at")[0] == NEVER
    assert (state.sessile.array("kind")[0], state.sessile.array("flags")[0]) == (BLAST.code, 0)
    assert state.motile.array("state")[0] == Programme.ACTIVATED


def test_a_target_side_alone_dies_at_once_and_leaves_the_killer_free() -> None:
    """S = 1e15: a target of one body cell dies of a full CAR T cell, which notices nothing."""
    state = empty_state((2, 1, 1), WALLED, scale=10**15)
    add(state, CAR_T, [0], **EFFECTOR)
    add(state, BLAST, [1], weight=1, flags=int(GUEST), cd19=DENSE)
    index_guests(state, state.places[MARROW])
    run(state, 50, engagement(sure(speed=0.0, contact_rate=1.0)))
    assert state.ledger.total(Entry.KILLED) == 1
    assert state.motile.array("free_at")[0] == 0
    assert state.motile.array("state")[0] == Programme.EFFECTOR


def test_one_of_several_gets_the_target() -> None:
    """Six cells round one target: one contact a minute, the others wait."""
    process = engagement(sure(kill_probability=0.0, speed=0.0, contact_rate=1.0, unproductive_duration=(1, 1)))
    state = empty_state((3, 3, 3), WALLED)
    add(state, CAR_T, [4, 10, 12, 14, 16, 22], **EFFECTOR)
    add(state, BLAST, [13], cd19=DENSE)
    before = 0
    chosen = set()
    for _ in range(200):
        state.motile.array("free_at")[:] = 0
        run(state, 1, process)
        now = int(state.body["contacts_marrow"][0])
        assert now - before in (0, 1)
        chosen |= set(np.flatnonzero(state.motile.array("free_at")).tolist())
        before = now
    assert chosen == set(range(6))  # the ticket changes with the tick


def test_killers_and_their_sites_are_recorded() -> None:
    process = engagement(sure(speed=0.0, contact_rate=1.0))
    state = pair(process)
    for _ in range(5):
        killer, sites = process.run_place(state, state.places[MARROW], record=True)
        state.tick += TICKS_PER_MINUTE
    assert (killer.tolist(), sites.tolist()) == ([0], [1])
    assert state.places[MARROW].lattice.site_code[1] == BOUND_BIT
    assert process.run_place(state, state.places[MARROW], record=True)[0].tolist() == []
