# SPDX-License-Identifier: Apache-2.0
"""Adding, removing and compacting cells, and that the check finds each planted contradiction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from abm.celltypes import BACKGROUND, BLAST, CAR_T, MATURE_B, PRO_B
from abm.state.columns import GUEST, LOCKED
from abm.state.kinds import BOUND_BIT, GUESTS_BIT, SOLID
from abm.state.lattice import NO_OCCUPANT
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.state.state import InvariantError, State
from tests.contract.shuffling import shuffle
from tests.unit.state.building import add, add_full, lattice_of, make_state


def small() -> State:
    """Return a sound state with full cells, guests, light cells and cells without a site."""
    state = make_state(100)
    lattice_of(state).site_code[59] = SOLID
    add_full(state, BLAST.code, [0, 1, 2])  # sessile rows 0 to 2
    add(state, BLAST.code, [40, 100], sites=np.array([3, 1]))  # 3, 4
    add(state, MATURE_B.code, [100, 7], place=PERIPHERY)  # 5, 6
    add_full(state, CAR_T.code, [10, 11], product=1)  # motile 0, 1
    add(state, CAR_T.code, 5, sites=0, product=1)  # motile 2
    state.fill_light(BACKGROUND.code, MARROW, np.arange(20, 30), Entry.INITIAL)
    return state


class TestCells:
    def test_sound_state_passes(self) -> None:
        state = small()
        state.check()
        shuffle(state)
        state.check()

    def test_add_books_and_occupies(self) -> None:
        state = small()
        lattice = lattice_of(state)
        assert lattice.kinds()[[0, 1, 2, 3, 10]].tolist() == [6, 6, 6, 0, 9]
        assert lattice.occupant[[0, 1, 2, 3, 10, 11]].tolist() == [0, 1, 2, NO_OCCUPANT, 0, 1]
        assert state.stock()[BLAST.code].tolist() == [440, 0, 0]
        assert state.stock()[BACKGROUND.code].tolist() == [1000, 0, 0]
        assert state.stock()[MATURE_B.code].tolist() == [0, 0, 107]

    def test_uids_are_never_used_twice(self) -> None:
        state = small()
        uids = np.concatenate([table.array("uid") for table in state.tables.values()])
        assert sorted(uids.tolist()) == list(range(10))
        state.remove("sessile", np.array([6]))
        state.compact()
        assert state.take_uids(2).tolist() == [10, 11]

    def test_a_new_cell_keeps_the_mark_of_guests(self) -> None:
        state = small()
        lattice_of(state).site_code[3] |= GUESTS_BIT
        row = add_full(state, PRO_B.code, 3)
        assert lattice_of(state).site_code[3] == PRO_B.code | GUESTS_BIT
        state.remove("sessile", row, "died")
        assert lattice_of(state).site_code[3] == GUESTS_BIT
        state.check()

    @pytest.mark.parametrize("cause", ["died", "drug_killed", Entry.KILLED, "removed"])
    def test_remove_books_the_cause(self, cause: str | Entry) -> None:
        state = small()
        state.remove("sessile", np.array([0, 3, 5]), cause)
        entry = cause if isinstance(cause, Entry) else Entry[cause.upper()]
        assert state.ledger.book[BLAST.code, MARROW, entry] == 140
        assert state.ledger.book[MATURE_B.code, PERIPHERY, entry] == 100
        assert lattice_of(state).occupant[0] == NO_OCCUPANT
        assert lattice_of(state).kinds()[3] == 0
        assert (len(state.sessile), state.sessile.n_dead) == (4, 3)
        state.check()

    def test_removing_a_guest_leaves_the_full_cell_on_its_site(self) -> None:
        state = small()
        state.remove("sessile", np.array([4]))
        assert lattice_of(state).occupant[1] == 1
        state.check()

    def test_remove_one_by_number(self) -> None:
        state = small()
        state.remove("motile", 0)  # type: ignore[arg-type]
        assert len(state.motile) == 2
        state.check()

    def test_compaction_renews_the_occupants(self) -> None:
        state = small()
        shuffle(state, 3)
        state.remove("sessile", np.array([state.sessile.find(0), state.sessile.find(3)]))
        state.compact()
        state.check()
        lattice = lattice_of(state)
        assert state.sessile.array("uid")[lattice.occupant[[1, 2]]].tolist() == [1, 2]
        assert state.motile.array("site")[lattice.occupant[[10, 11]]].tolist() == [10, 11]

    def test_coordinates_need_a_lattice(self) -> None:
        state = small()
        assert state.coordinates(MARROW, np.array([13])).tolist() == [[1, 0, 1]]
        with pytest.raises(ValueError, match="periphery has no lattice"):
            state.coordinates(PERIPHERY, np.array([0]))


def set_column(table: str, column: str, row: int, value: int) -> Callable[[State], None]:
    def plant(state: State) -> None:
        state.tables[table].array(column)[row] = value

    return plant


def set_site(array: str, site: int, value: int) -> Callable[[State], None]:
    def plant(state: State) -> None:
        getattr(lattice_of(state), array)[site] = value

    return plant


def bury_without_clearing(state: State) -> None:
    state.sessile.array("kind")[2] = 0
    state.sessile.n_dead += 1
    state.ledger.add(BLAST.code, MARROW, Entry.DIED, 100)


def let_guest_occupy(state: State) -> None:
    """A guest of full weight holds site 1, whose full cell is elsewhere."""
    state.sessile.array("site")[1] = 5
    state.sessile.array("flags")[1] = GUEST
    lattice_of(state).occupant[1] = 4


def move_without_booking(state: State) -> None:
    state.sessile.array("compartment")[3] = CSF


def count_one_dead_too_many(state: State) -> None:
    state.sessile.n_dead += 1


VIOLATIONS: dict[str, tuple[Callable[[State], None], str]] = {
    "dead miscounted": (count_one_dead_too_many, "0 dead rows, 1 counted"),
    "uid twice": (set_column("sessile", "uid", 1, 0), "uids are not unique"),
    "uid of the future": (set_column("motile", "uid", 2, 10), "uids are not unique and below 10"),
    "kind of the other table": (set_column("sessile", "kind", 3, CAR_T.code), "sessile row 3: kind 9"),
    "unknown kind": (set_column("sessile", "kind", 3, 29), "kind 29 in compartment 0"),
    "unknown compartment": (set_column("sessile", "compartment", 3, 3), "kind 6 in compartment 3"),
    "no weight": (set_column("sessile", "weight", 3, 0), "weight 0 not 1 to 100 in marrow"),
    "too heavy": (set_column("sessile", "weight", 5, 101), "weight 101 not 1 to 100 in periphery"),
    "site without lattice": (set_column("sessile", "site", 5, 4), "well-mixed periphery has a site"),
    "guest without lattice": (set_column("sessile", "flags", 6, GUEST), "is a guest"),
    "site below the lattice": (set_column("sessile", "site", 3, -1), "stands outside the lattice"),
    "site beyond the lattice": (set_column("motile", "site", 2, 60), "stands outside the lattice"),
    "light but full": (set_column("sessile", "flags", 3, 0), "full, but weight 40 of 100"),
    "stands elsewhere": (set_column("sessile", "site", 0, 6), "not the occupant of its site in marrow"),
    "occupant of another": (set_site("occupant", 0, 1), "not the occupant of its site in marrow"),
    "code of another kind": (set_site("site_code", 0, PRO_B.code), "code differs from its cell's kind"),
    "locked, site free": (set_column("sessile", "flags", 0, LOCKED), "locked cells and bound sites differ"),
    "bound, cell free": (set_site("site_code", 0, BLAST.code | BOUND_BIT), "locked cells and bound sites differ"),
    "void with occupant": (set_site("occupant", 40, 2), "marrow site 40: code 0, occupant 2"),
    "code without occupant": (set_site("site_code", 40, BLAST.code), "marrow site 40: code 6, occupant -1"),
    "light cell bound": (set_site("site_code", 20, BACKGROUND.code | BOUND_BIT), "a site without a row is bound"),
    "dead occupant": (bury_without_clearing, "its blast is dead, a guest or elsewhere"),
    "guest as occupant": (let_guest_occupy, "its blast is dead, a guest or elsewhere"),
    "weight not booked": (set_column("sessile", "weight", 3, 41), "ledger of kind 6 in marrow: 440 booked, 441 present"),
    "light cell not booked": (set_site("site_code", 40, BACKGROUND.code), "ledger of kind 1 in marrow"),
    "crossing not booked": (move_without_booking, "ledger of kind 6 in marrow: 440 booked, 400 present"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_check_finds(name: str) -> None:
    plant, message = VIOLATIONS[name]
    state = small()
    state.check()
    plant(state)
    with pytest.raises(InvariantError, match=message):
        state.check()


def test_check_finds_an_occupant_without_row() -> None:
    state = small()
    lattice_of(state).site_code[40] = BLAST.code
    lattice_of(state).occupant[40] = 99
    with pytest.raises(InvariantError, match="an occupant of kind blast has no row"):
        state.check()
