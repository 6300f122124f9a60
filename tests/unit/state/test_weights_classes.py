# SPDX-License-Identifier: Apache-2.0
"""Splits of rare classes and merges of abundant ones, alone and in the process that runs them."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from abm.celltypes import BLAST, CAR_T, CD19_NEGATIVE_BLAST, MACROPHAGE, MATURE_B, PRE_B, PRO_B
from abm.processes.weighting import Weighting, WeightingParameters
from abm.state.columns import GUEST, LOCKED
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.state.state import State
from abm.state.weights_classes import Census, merge, pairs, rebalance, split
from tests.contract.shuffling import shuffle
from tests.unit.state.building import N_SITES, add, add_full, add_mixture, assert_same, lattice_of, make_state

BOUNDS = [(50, 200), (100, 400), (400, 1600)]


def sessile_weights(state: State, kind: int = BLAST.code) -> list[int]:
    table = state.sessile
    return sorted(table.array("weight")[table.array("kind") == kind].tolist())


class TestSplit:
    def test_halves_with_everything_copied(self) -> None:
        state = make_state()
        rows = add(state, BLAST.code, [7, 4], sites=12, due=np.array([31, 32]), cd19=800, clone=2, divisions=9)
        born = split(state, "sessile", rows)
        table = state.sessile
        assert table.array("weight").tolist() == [4, 2, 3, 2]
        for name in ("due", "cd19", "clone", "divisions", "site", "flags", "kind"):
            np.testing.assert_array_equal(table.array(name)[born], table.array(name)[rows], err_msg=name)
        assert state.ledger.total(Entry.SPLIT) == 2
        state.check()

    def test_full_agent_vacates_its_site(self) -> None:
        state = make_state(777)
        add_full(state, BLAST.code, 12)
        rebalance(state, "sessile", 100, 400)
        assert sessile_weights(state) == [388, 389]
        assert lattice_of(state).kinds()[12] == 0
        assert (state.sessile.array("flags") & GUEST).all()
        state.check()

    def test_at_most_doubles_at_a_time(self) -> None:
        state = make_state(10**6)
        add_full(state, BLAST.code, np.arange(3))
        for expected in (6, 12, 24, 48, 96, 192, 192):
            rebalance(state, "sessile", 100, 400)
            assert len(state.sessile) == expected
            state.check()

    def test_single_cells_stay_and_die_out(self) -> None:
        state = make_state()
        rows = add(state, BLAST.code, [1, 1, 2])
        rebalance(state, "sessile", 100, 400)
        assert sessile_weights(state) == [1, 1, 1, 1]
        rebalance(state, "sessile", 100, 400)
        assert len(state.sessile) == 4
        state.remove("sessile", state.sessile.alive(), Entry.DIED)
        assert state.stock()[BLAST.code].sum() == 0
        rebalance(state, "sessile", 100, 400)
        assert len(state.sessile) == 0
        assert len(rows) == 3
        state.check()

    def test_synapses_are_left_alone(self) -> None:
        state = make_state()
        target = add(state, BLAST.code, 500, sites=1, flags=GUEST | LOCKED)
        killer = add(state, CAR_T.code, 500, sites=2, kill_at=40, product=1)
        full = add_full(state, BLAST.code, 20, flags=LOCKED)
        lattice_of(state).site_code[20] |= 0x20
        Weighting(WeightingParameters()).run(state)
        assert state.sessile.array("weight")[target] == state.motile.array("weight")[killer] == 500
        assert state.sessile.array("weight")[full] == 1000
        assert (len(state.sessile), len(state.motile)) == (2, 1)
        state.check()

    def test_mixed_place(self) -> None:
        state = make_state()
        add(state, MATURE_B.code, [1000, 999], place=PERIPHERY)
        rebalance(state, "sessile", 100, 400)
        assert sessile_weights(state, MATURE_B.code) == [499, 500, 500, 500]
        assert not state.sessile.array("flags").any()
        state.check()


class TestClasses:
    """Which agents count together: 60 each, with bounds of 100, so that one class is small and two are not."""

    def doubled(self, first: dict[str, int], second: dict[str, int], table: str = "sessile") -> bool:
        state = make_state()
        for columns in (first, second):
            given = dict(columns)
            kind, place = given.pop("kind"), given.pop("place", MARROW)
            add(state, kind, np.full(60, 8), place=place, **given)
        rebalance(state, table, 100, 400)
        assert len(state.tables[table]) in (120, 240)
        state.check()
        return len(state.tables[table]) == 240

    def test_clone_divides(self) -> None:
        assert self.doubled({"kind": BLAST.code, "clone": 1}, {"kind": BLAST.code, "clone": 2})
        assert not self.doubled({"kind": BLAST.code, "clone": 1}, {"kind": BLAST.code, "clone": 1})

    def test_clones_beyond_the_first_room(self) -> None:
        assert self.doubled({"kind": BLAST.code, "clone": 9}, {"kind": BLAST.code, "clone": 65535})
        assert not self.doubled({"kind": BLAST.code, "clone": 999}, {"kind": CD19_NEGATIVE_BLAST.code, "clone": 999})

    def test_place_divides(self) -> None:
        assert self.doubled({"kind": BLAST.code}, {"kind": BLAST.code, "place": CSF})

    def test_lineage_divides_but_not_its_kinds(self) -> None:
        assert not self.doubled({"kind": PRO_B.code}, {"kind": PRE_B.code})
        assert self.doubled({"kind": PRO_B.code}, {"kind": MACROPHAGE.code})

    def test_product_divides_but_not_the_programme(self) -> None:
        assert self.doubled({"kind": CAR_T.code, "product": 1}, {"kind": CAR_T.code, "product": 2}, "motile")
        memory, resident = ({"kind": CAR_T.code, "product": 1, "state": state} for state in (0, 4))
        assert not self.doubled(memory, resident, "motile")

    def test_full_agents_count(self) -> None:
        state = make_state()
        add_full(state, BLAST.code, np.arange(60))
        add(state, BLAST.code, np.full(40, 8))
        rebalance(state, "sessile", 100, 400)
        assert len(state.sessile) == 100
        rebalance(state, "sessile", 101, 404)
        assert len(state.sessile) == 200


class TestMerge:
    def test_only_the_alike(self) -> None:
        state = make_state()
        base = {"kind": BLAST.code, "weight": 20, "clone": 1, "divisions": 3, "place": MARROW}
        for change in (
            {}, {"kind": CD19_NEGATIVE_BLAST.code}, {"weight": 40}, {"clone": 2}, {"divisions": 5}, {"place": PERIPHERY},
        ):  # fmt: skip
            columns = base | change
            kind, weight, place = columns.pop("kind"), columns.pop("weight"), columns.pop("place")
            add(state, kind, weight, place=place, **columns)
        rows = state.sessile.alive()
        assert len(pairs(state, "sessile", rows)[0]) == 0
        add(state, BLAST.code, 31, clone=1, divisions=4)
        first, second = pairs(state, "sessile", state.sessile.alive())
        assert sorted((*first, *second)) == [0, 6]

    def test_programmes_apart(self) -> None:
        state = make_state()
        rows = add(state, CAR_T.code, np.full(5, 9), product=1, state=np.array([0, 1, 2, 3, 4]))
        assert len(pairs(state, "motile", rows)[0]) == 0

    def test_runs_of_division_counts_pair_neighbours(self) -> None:
        state = make_state()
        rows = add(state, BLAST.code, np.full(7, 9), divisions=np.array([1, 2, 3, 5, 6, 9, 9]))
        first, second = pairs(state, "sessile", rows)
        found = [sorted(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)]
        assert found == [[0, 1], [3, 4], [5, 6]]

    def test_nearest_densities_go_together(self) -> None:
        state = make_state()
        rows = add(state, BLAST.code, np.full(6, 9), cd19=np.array([50, 9000, 52, 400, 9100, 410]))
        found = {frozenset(pair) for pair in zip(*(side.tolist() for side in pairs(state, "sessile", rows)), strict=True)}
        assert found == {frozenset((0, 2)), frozenset((3, 5)), frozenset((1, 4))}

    def test_ties_are_drawn_anew_each_time(self) -> None:
        state = make_state()
        rows = add(state, BLAST.code, np.full(20, 9))
        found = set()
        for tick in range(5):
            state.tick = tick
            sides = pairs(state, "sessile", rows)
            found.add(frozenset(frozenset(pair) for pair in zip(*(side.tolist() for side in sides), strict=True)))
        assert len(found) == 5

    def test_survivor_carries_the_sum(self) -> None:
        state = make_state()
        rows = add(state, BLAST.code, [400, 500])
        merge(state, "sessile", rows)
        assert sessile_weights(state) == [900]
        assert state.sessile.n_dead == 1
        assert (state.ledger.total(Entry.MERGED), state.ledger.total(Entry.REMAINDER)) == (1, 0)
        state.check()

    @pytest.mark.parametrize(("weights", "after"), [([600, 700], [300, 1000]), ([999, 999], [998, 1000])])
    def test_what_one_site_cannot_hold_is_left_over(self, weights: list[int], after: list[int]) -> None:
        state = make_state()
        rows = add(state, BLAST.code, weights)
        merge(state, "sessile", rows)
        assert sessile_weights(state) == after
        assert (state.ledger.total(Entry.MERGED), state.ledger.total(Entry.REMAINDER)) == (0, 1)
        state.check()

    def test_powers_of_two_are_apart(self) -> None:
        state = make_state()
        merge(state, "sessile", add(state, BLAST.code, [511, 512]))
        assert sessile_weights(state) == [511, 512]

    def test_full_agents_and_synapses_are_left_alone(self) -> None:
        state = make_state()
        add_full(state, BLAST.code, np.arange(30))
        add(state, BLAST.code, np.full(6, 9), flags=GUEST | LOCKED)
        add(state, CAR_T.code, np.full(40, 9), product=1, kill_at=30)
        for table in ("sessile", "motile"):
            rebalance(state, table, 5, 20)
        assert (len(state.sessile), len(state.motile)) == (36, 40)
        assert state.ledger.total(Entry.MERGED) == 0
        state.check()

    def test_whole_agents_of_a_mixed_place_stay(self) -> None:
        state = make_state()
        add(state, BLAST.code, [1000] * 30 + [3, 3], place=PERIPHERY)
        rebalance(state, "sessile", 5, 20)
        assert sessile_weights(state) == [6] + [1000] * 30
        state.check()


class TestProcess:
    @pytest.mark.parametrize(("lower", "upper"), BOUNDS)
    @pytest.mark.parametrize("scale", [1000, 64, 3])
    def test_keeps_every_cell_and_reaches_the_bounds(self, lower: int, upper: int, scale: int) -> None:
        state = make_state(scale)
        add_mixture(state)
        add_full(state, BLAST.code, np.arange(40), clone=4)
        before = state.stock()
        process = Weighting(WeightingParameters(lower=lower, upper=upper))
        for _ in range(8):
            process.run(state)
            state.check()
            np.testing.assert_array_equal(state.stock(), before)
            state.tick += process.period
        for name in state.tables:
            census = Census(state, name)
            assert len(census.splittable(lower)) == 0
            small = (census.sizes > 0) & (census.sizes < lower)
            rows = state.tables[name].alive()
            assert (state.tables[name].array("weight")[rows[small[census.classes(rows)]]] == 1).all()

    @pytest.mark.parametrize(("lower", "upper"), BOUNDS)
    def test_order_of_rows_does_not_matter(self, lower: int, upper: int) -> None:
        plain, mixed = make_state(777), make_state(777)
        process = Weighting(WeightingParameters(lower=lower, upper=upper))
        for state in (plain, mixed):
            add_mixture(state)
            add_full(state, BLAST.code, np.arange(40), clone=5)
        for step in range(4):
            shuffle(mixed, step)
            for state in (plain, mixed):
                process.run(state)
                state.check()
                state.tick += process.period
            assert_same(plain, mixed)
            mixed.compact()

    def test_one_cell_an_agent_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        state, other = make_state(1), make_state(1)
        for one in (state, other):
            add_full(one, BLAST.code, np.arange(30))
            add_full(one, CAR_T.code, np.arange(30, N_SITES), product=1)
            add(one, MATURE_B.code, np.ones(700), place=PERIPHERY)
        drawn = []
        monkeypatch.setattr(type(state.draws), "_fill", lambda *_, **__: drawn.append(1))
        Weighting(WeightingParameters()).run(state)
        assert drawn == []
        assert_same(state, other)

    def test_one_cell_beside_a_coarse_place(self) -> None:
        state = make_state(1000, csf_scale=1)
        add_full(state, BLAST.code, np.arange(10), place=CSF)
        Weighting(WeightingParameters()).run(state)
        assert sessile_weights(state) == [1] * 10
        assert len(np.flatnonzero(lattice_of(state, CSF).kinds())) == 10
        state.check()

    def test_merged_to_the_full_weight_takes_the_void_below(self) -> None:
        state = make_state(16)
        add(state, BLAST.code, np.full(40, 8), sites=np.arange(40))
        Weighting(WeightingParameters(lower=4, upper=16)).run(state)
        assert np.count_nonzero(lattice_of(state).kinds()) == 20
        assert len(state.places[MARROW].guest_row) == 0
        state.check()

    def test_neither_bound_flickers(self) -> None:
        state = make_state(10**6)
        add(state, BLAST.code, np.full(401, 10**4))
        process = Weighting(WeightingParameters())
        sizes = []
        for _ in range(6):
            process.run(state)
            sizes.append(len(state.sessile))
            state.tick += process.period
        assert sizes == [201] * 6

    def test_lists_the_guests_it_makes(self) -> None:
        state = make_state()
        add_full(state, BLAST.code, 12)
        Weighting(WeightingParameters()).run(state)
        assert state.places[MARROW].guest_site.tolist() == [12, 12]
        assert lattice_of(state).site_code[12] == 0x40


def test_bounds_must_lie_apart() -> None:
    WeightingParameters(lower=50, upper=200)
    with pytest.raises(ValidationError, match=r"at least 4 times lower \(400\).*got 399"):
        WeightingParameters(upper=399)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        WeightingParameters(lower=0)
