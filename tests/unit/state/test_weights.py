# SPDX-License-Identifier: Apache-2.0
"""Dividing weighted agents, room on a lattice, lists of guests, and crossing between places."""

from __future__ import annotations

import numpy as np
import pytest

from abm.celltypes import BACKGROUND, BLAST, CAR_T, CD19_NEGATIVE_BLAST, PRE_B, PRO_B
from abm.errors import InputError
from abm.state.columns import GUEST, LOCKED, NEVER, NOWHERE
from abm.state.kinds import GUESTS_BIT, SOLID
from abm.state.lattice import NO_OCCUPANT
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.state.table import CrowdedError
from abm.state.weights import arrive, body_scale, cut, index_guests, leave_lattice, take_share
from abm.state.weights_room import promote
from tests.contract.shuffling import shuffle
from tests.unit.state.building import add, add_full, add_mixture, assert_same, lattice_of, make_state


def test_body_scale_of_a_cubic_millimetre_in_a_child() -> None:
    assert body_scale(10.4e9, 40, 832_000) == 500_000
    assert body_scale(10.4e9, 38.7, 799_999) == round(10.4e9 * 38.7 / 799_999)
    assert body_scale(1.0, 1.0, 1000) == 1


@pytest.mark.parametrize("bad", [(0, 40, 10), (1e9, -1, 10), (1e9, 40, 0), (float("nan"), 40, 10)])
def test_body_scale_refuses_what_is_not_positive(bad: tuple[float, float, int]) -> None:
    with pytest.raises(InputError, match=r"must be > 0 .*, got"):
        body_scale(*bad)


class TestShares:
    def test_copies_all_but_uid_and_weight(self) -> None:
        state = make_state()
        row = add(state, CAR_T.code, 700, sites=9, divisions=3, due=77, budget=12, state=2, subset=8, product=1, heading=4)
        (share,) = take_share(state, "motile", row, 255)
        table = state.motile
        for name in table.schema:
            if name not in ("uid", "weight"):
                assert table.array(name)[share] == table.array(name)[row[0]], name
        assert table.array("weight")[[row[0], share]].tolist() == [445, 255]
        assert table.array("uid")[[row[0], share]].tolist() == [0, 1]
        state.check()

    def test_full_agent_becomes_a_guest_and_clears_its_site(self) -> None:
        state = make_state()
        row = add_full(state, BLAST.code, 7)
        take_share(state, "sessile", row, 1)
        lattice = lattice_of(state)
        assert lattice.kinds()[7] == 0
        assert lattice.occupant[7] == NO_OCCUPANT
        assert (state.sessile.array("flags") & GUEST).tolist() == [1, 1]
        assert state.sessile.array("site").tolist() == [7, 7]
        state.check()

    def test_all_cells_are_the_agent_itself(self) -> None:
        state = make_state()
        row = add_full(state, BLAST.code, 7)
        assert take_share(state, "sessile", row, 1000).tolist() == row.tolist()
        assert len(state.sessile) == 1
        assert lattice_of(state).occupant[7] == row[0]
        state.check()

    def test_mixed_place_has_no_guests(self) -> None:
        state = make_state()
        row = add(state, CAR_T.code, 1000, place=PERIPHERY)
        take_share(state, "motile", row, 400)
        assert state.motile.array("flags").tolist() == [0, 0]
        assert state.motile.array("site").tolist() == [NOWHERE, NOWHERE]
        state.check()

    def test_uids_follow_those_of_the_mothers(self) -> None:
        state = make_state()
        rows = add(state, CAR_T.code, [500, 600, 700])
        shares = take_share(state, "motile", rows[[2, 0, 1]], np.array([7, 5, 6]))
        assert state.motile.array("uid")[shares].tolist() == [5, 3, 4]
        assert state.motile.array("weight")[shares].tolist() == [7, 5, 6]

    @pytest.mark.parametrize("count", [0, -1, 501])
    def test_refuses_an_impossible_count(self, count: int) -> None:
        state = make_state()
        row = add(state, CAR_T.code, 500)
        with pytest.raises(ValueError, match=f"1 to 500 cells, got {count}"):
            take_share(state, "motile", row, count)
        state.check()

    def test_refuses_the_bound_the_dead_and_the_twice_named(self) -> None:
        state = make_state()
        locked = add(state, BLAST.code, 500, flags=GUEST | LOCKED)
        killer = add(state, CAR_T.code, 500, kill_at=9)
        dead = add(state, CAR_T.code, 500)
        state.remove("motile", dead)
        for name, row in (("sessile", locked), ("motile", killer), ("motile", dead)):
            with pytest.raises(ValueError, match="dead or in a synapse"):
                take_share(state, name, row, 1)
        alive = add(state, CAR_T.code, 500)
        with pytest.raises(ValueError, match="named twice"):
            take_share(state, "motile", np.repeat(alive, 2), np.array([1, 1]))
        state.check()


class TestCut:
    def test_pieces_fit_and_sum_up(self) -> None:
        state = make_state()
        rows = add(state, CAR_T.code, [300, 301, 1, 900])
        pieces, origin = cut(state, "motile", rows, 300)
        weights = state.motile.array("weight")[pieces]
        assert weights.tolist() == [300, 1, 1, 300, 300, 300, 300]
        assert np.bincount(origin, weights).tolist() == [300, 301, 1, 900]
        state.check()

    def test_more_pieces_than_the_table_may_hold_are_refused_before_they_are_made(self) -> None:
        state = make_state(10**13)
        rows = add(state, CAR_T.code, [5, 10**12])
        state.motile.limit = 1000
        with pytest.raises(CrowdedError, match="at most 1000 rows, 1000000000005 wanted"):
            cut(state, "motile", rows, 1)
        assert state.motile.n_rows == 2
        state.check()

    def test_nothing_to_cut(self) -> None:
        state = make_state()
        pieces, origin = cut(state, "motile", np.empty(0, np.int64), 5)
        assert len(pieces) == len(origin) == 0
        with pytest.raises(ValueError, match="limit"):
            cut(state, "motile", pieces, 0)


class TestGuestIndex:
    @pytest.mark.parametrize("count", range(6))
    def test_sorted_by_site_then_uid(self, count: int) -> None:
        state = make_state()
        sites = [11, 3, 11, 3, 11][:count]
        if count:
            add(state, BLAST.code, np.full(count, 10), sites=np.array(sites))
        add_full(state, BLAST.code, 30)
        shuffle(state)
        place = state.places[MARROW]
        index_guests(state, place)
        uids = state.sessile.array("uid")[place.guest_row]
        assert list(zip(place.guest_site, uids, strict=True)) == sorted(zip(sites, range(count), strict=True))
        assert np.flatnonzero(lattice_of(state).site_code & GUESTS_BIT).tolist() == sorted(set(sites))
        state.check()

    def test_marks_are_exact_and_only_of_targets(self) -> None:
        state = make_state()
        lattice = lattice_of(state)
        state.fill_light(BACKGROUND.code, MARROW, np.array([5]), Entry.INITIAL)
        lattice.site_code[[1, 2]] |= GUESTS_BIT  # stale
        add(state, PRO_B.code, 10, sites=2)
        add(state, PRE_B.code, 10, sites=5)
        add(state, CD19_NEGATIVE_BLAST.code, 10, sites=6)
        add(state, CAR_T.code, 10, sites=8)
        add(state, BLAST.code, 10, place=CSF, sites=1)
        state.remove("sessile", add(state, BLAST.code, 10, sites=9))
        index_guests(state, state.places[MARROW])
        assert np.flatnonzero(lattice.site_code & GUESTS_BIT).tolist() == [5, 6]
        assert state.places[MARROW].guest_site.tolist() == [2, 5, 6]
        assert lattice.kinds()[5] == BACKGROUND.code
        state.check()

    def test_follows_compaction(self) -> None:
        state = make_state()
        rows = add(state, BLAST.code, [10, 20, 30, 40], sites=np.array([1, 2, 3, 4]))
        shuffle(state)
        place = state.places[MARROW]
        index_guests(state, place)
        gone = state.sessile.find(1)
        state.remove("sessile", np.array([gone]))
        state.compact()
        assert state.sessile.array("uid")[place.guest_row].tolist() == [0, 2, 3]
        assert place.guest_site.tolist() == [1, 3, 4]
        assert len(rows) == 4


class TestPromotion:
    def test_a_guest_of_full_weight_takes_the_void(self) -> None:
        state = make_state()
        add(state, BLAST.code, 999, sites=4)
        add(state, CAR_T.code, 1000, sites=4)
        shuffle(state)
        promote(state)
        lattice = lattice_of(state)
        assert lattice.kinds()[4] == CAR_T.code
        assert state.motile.array("flags").tolist() == [0]
        assert (state.sessile.array("flags") & GUEST).tolist() == [1]
        state.check()

    def test_of_several_one_takes_it_by_lot(self) -> None:
        state = make_state()
        sites = np.arange(1, 28)
        rows = add(state, BLAST.code, np.full(len(sites), 1000), sites=sites)
        older = state.sessile.array("uid")[rows].copy()
        add(state, CAR_T.code, np.full(len(sites), 1000), sites=sites)
        add(state, BLAST.code, np.full(len(sites), 1000), sites=sites)
        shuffle(state)
        promote(state)
        lattice = lattice_of(state)
        kinds = lattice.kinds()[sites]
        blasts = sites[kinds == BLAST.code]
        winners = state.sessile.array("uid")[lattice.occupant[blasts]]
        # each of three should take 9 of 27 sites; fewer than 2 has probability 2.5e-4 for one of them
        assert 2 <= np.isin(winners, older).sum() <= 20
        assert 2 <= np.isin(winners, older, invert=True).sum() <= 20
        assert 2 <= (kinds == CAR_T.code).sum() <= 20
        state.check()

    def test_no_void_no_promotion(self) -> None:
        state = make_state()
        state.fill_light(BACKGROUND.code, MARROW, np.array([5]), Entry.INITIAL)
        add_full(state, PRO_B.code, 6)
        rows = add(state, BLAST.code, [1000, 1000], sites=np.array([5, 6]))
        promote(state)
        assert (state.sessile.array("flags")[rows] & GUEST).all()
        state.check()

    def test_synapses_stay_as_they_are(self) -> None:
        state = make_state()
        target = add(state, BLAST.code, 1000, sites=3, flags=GUEST | LOCKED)
        killer = add(state, CAR_T.code, 1000, sites=2, kill_at=50)
        promote(state)
        assert state.sessile.array("flags")[target] == GUEST | LOCKED
        assert state.motile.array("flags")[killer] == GUEST
        state.check()


class TestCrossing:
    def test_books_departure_and_arrival(self) -> None:
        state = make_state()
        rows = add(state, CAR_T.code, [10, 20], sites=3)
        arrive(state, "motile", rows, PERIPHERY)
        book = state.ledger.book[CAR_T.code]
        assert book[MARROW, Entry.DEPARTED] == book[PERIPHERY, Entry.ARRIVED] == 30
        assert state.motile.array("flags").tolist() == [0, 0]
        assert state.motile.array("site").tolist() == [NOWHERE, NOWHERE]
        state.check()

    def test_full_agent_leaves_a_void_and_keeps_its_attributes(self) -> None:
        state = make_state()
        row = add_full(state, BLAST.code, 8, divisions=6, cd19=1234, clone=3, due=55)
        before = state.sessile.to_arrays()
        assert arrive(state, "sessile", row, PERIPHERY).tolist() == row.tolist()
        assert lattice_of(state).kinds()[8] == 0
        after = state.sessile.to_arrays()
        for name in set(before) - {"site", "compartment"}:
            np.testing.assert_array_equal(before[name], after[name], err_msg=name)
        state.check()

    def test_takes_a_void_by_uid_or_stays_a_guest(self) -> None:
        state = make_state()
        state.fill_light(BACKGROUND.code, MARROW, np.array([1]), Entry.INITIAL)
        rows = add(state, CAR_T.code, [1000, 1000, 1000, 999], place=PERIPHERY)
        arrive(state, "motile", rows[::-1], MARROW, np.array([3, 1, 2, 2]))
        table = state.motile
        assert table.array("site").tolist() == [2, 2, 1, 3]
        assert (table.array("flags") & GUEST).tolist() == [0, 1, 1, 1]
        assert lattice_of(state).occupant[2] == rows[0]
        state.check()

    def test_finer_place_gets_pieces(self) -> None:
        state = make_state(csf_scale=300)
        row = add(state, CAR_T.code, 1000, place=PERIPHERY, divisions=5)
        rows = arrive(state, "motile", row, CSF, 6)
        table = state.motile
        assert sorted(table.array("weight")[rows].tolist()) == [100, 300, 300, 300]
        assert np.unique(table.array("divisions")[rows]).tolist() == [5]
        assert np.count_nonzero((table.array("flags")[rows] & GUEST) == 0) == 1
        assert state.ledger.book[CAR_T.code, CSF, Entry.ARRIVED] == 1000
        state.check()

    def test_pieces_on_sites_of_their_own(self) -> None:
        state = make_state(csf_scale=300)
        row = add(state, CAR_T.code, 900, place=PERIPHERY)
        pieces, _ = cut(state, "motile", take_share(state, "motile", row, 600), 300)
        arrive(state, "motile", pieces, CSF, np.array([4, 5]))
        assert np.flatnonzero(lattice_of(state, CSF).kinds()).tolist() == [4, 5]
        assert state.stock()[CAR_T.code].tolist() == [0, 600, 300]
        state.check()

    def test_at_one_cell_per_agent(self) -> None:
        state = make_state(1)
        row = add(state, CAR_T.code, 1, place=PERIPHERY)
        arrive(state, "motile", row, MARROW, 3)
        assert lattice_of(state).occupant[3] == row[0]
        state.check()

    def test_leaving_clears_the_site(self) -> None:
        state = make_state()
        row = add_full(state, CAR_T.code, 3)
        leave_lattice(state, "motile", row)
        assert lattice_of(state).occupant[3] == NO_OCCUPANT
        assert state.motile.array("site")[row] == NOWHERE

    def test_nobody_arrives(self) -> None:
        state = make_state()
        assert len(arrive(state, "motile", np.empty(0, np.int64), MARROW, np.empty(0, np.int64))) == 0
        state.check()

    def test_refusals_change_nothing(self) -> None:
        state = make_state()
        lattice_of(state).site_code[7] = SOLID
        row = add(state, CAR_T.code, 10, place=PERIPHERY)
        bound = add(state, CAR_T.code, 10, sites=2, kill_at=NEVER - 1)
        cases = [
            (row, MARROW, None, "each agent needs one"),
            (row, MARROW, 60, "must be 0 to 59 in the marrow, got 60"),
            (row, MARROW, -1, "must be 0 to 59 in the marrow, got -1"),
            (row, MARROW, 7, "site 7 of the marrow is solid"),
            (row, MARROW, np.array([1, 2]), "1 agents need as many, got 2"),
            (row, PERIPHERY, 3, "well-mixed periphery has none"),
            (row, 9, 3, r"must be one of \[0, 1, 2\], got 9"),
            (bound, PERIPHERY, None, "in a synapse"),
        ]
        before = state.motile.to_arrays()
        for rows, place, sites, message in cases:
            with pytest.raises(ValueError, match=message):
                arrive(state, "motile", rows, place, sites)
        after = state.motile.to_arrays()
        assert all(np.array_equal(before[name], after[name]) for name in before)
        state.check()

    def test_order_of_rows_does_not_matter(self) -> None:
        plain, mixed = (make_state(1000, csf_scale=70) for _ in range(2))
        for state in (plain, mixed):
            add_mixture(state)
        shuffle(mixed)
        for state in (plain, mixed):
            table = state.motile
            rows = np.flatnonzero(table.array("compartment") == PERIPHERY)
            rows = take_share(state, "motile", rows, (table.array("weight")[rows] + 1) // 2)
            arrive(state, "motile", rows, CSF, table.array("uid")[rows] % 16)
            rows = np.flatnonzero(table.array("compartment") == MARROW)
            arrive(state, "motile", rows, PERIPHERY)
            index_guests(state, state.places[MARROW])
            index_guests(state, state.places[CSF])
            state.check()
        assert_same(plain, mixed)
