# SPDX-License-Identifier: Apache-2.0
"""Mesa's AgentSet over plain agents and CellSet over columns, the same calls and answers: who is in a set, in which order.

Functions given to ``select`` and ``sort`` are written so that they work for one agent and for a
whole set; where they cannot be, both must still agree.
"""

from __future__ import annotations

import copy
import pickle
from random import Random
from typing import Any

import pytest
from mesa.agent import Agent, AgentSet

from tests.contract.worlds import UIDS, World, uids


class TestSequence:
    def test_is_what_mesa_says(self, world: World) -> None:
        agents = world.model.agents
        assert isinstance(agents, AgentSet)
        assert all(isinstance(agent, Agent) for agent in agents)
        assert all(agent.model is world.model for agent in agents)

    def test_length_and_order(self, world: World) -> None:
        assert len(world.model.agents) == 7
        assert uids(world.model.agents) == UIDS

    @pytest.mark.parametrize(("index", "uid"), [(0, 1), (4, 5), (-1, 7), (-7, 1)])
    def test_position(self, world: World, index: int, uid: int) -> None:
        assert world.model.agents[index].unique_id == uid

    @pytest.mark.parametrize("index", [7, -8])
    def test_position_out_of_range(self, world: World, index: int) -> None:
        with pytest.raises(IndexError):
            world.model.agents[index]

    @pytest.mark.parametrize("piece", [slice(2, 5), slice(None, None, -1), slice(-2, None), slice(9, 12)])
    def test_slice(self, world: World, piece: slice) -> None:
        assert uids(world.model.agents[piece]) == UIDS[piece]

    def test_reversed(self, world: World) -> None:
        assert uids(reversed(world.model.agents)) == UIDS[::-1]

    def test_index_and_count(self, world: World) -> None:
        agents = world.model.agents.select(lambda a: a.divisions > 1)
        assert agents.index(agents[2]) == 2
        assert agents.count(agents[2]) == 1
        other = world.model.agents[5]
        assert agents.count(other) == 0
        with pytest.raises(ValueError, match=r".*"):
            agents.index(other)
        with pytest.raises(ValueError, match=r".*"):
            agents.index(agents[2], 3)

    def test_contains(self, world: World) -> None:
        some = world.model.agents.select(lambda a: a.divisions > 4)
        assert world.model.agents[0] in some
        assert world.model.agents[1] not in some
        assert type(world)().model.agents[0] not in some


class TestSelect:
    def test_nothing_asked_is_a_copy(self, world: World) -> None:
        agents = world.model.agents
        chosen = agents.select()
        assert chosen is not agents
        assert uids(chosen) == UIDS

    def test_filter(self, world: World) -> None:
        assert uids(world.model.agents.select(lambda a: (a.divisions > 2) & (a.weight == 1))) == [1, 2, 3, 7]

    def test_filter_that_accepts_none(self, world: World) -> None:
        assert len(world.model.agents.select(lambda a: a.divisions > 9)) == 0

    def test_filter_of_an_empty_set(self, world: World) -> None:
        empty = world.model.agents.select(lambda a: a.divisions > 9)
        assert len(empty.select(lambda a: a.divisions > 0)) == 0

    def test_filter_with_one_answer_for_all(self, world: World) -> None:
        assert uids(world.model.agents.select(lambda a: True)) == UIDS
        assert len(world.model.agents.select(lambda a: False)) == 0

    def test_filter_with_truthy_numbers(self, world: World) -> None:
        assert uids(world.model.agents.select(lambda a: a.divisions & 1)) == [1, 2, 3, 4]

    def test_filter_by_class(self, world: World) -> None:
        assert uids(world.model.agents.select(lambda a: isinstance(a, world.car_t))) == [5, 6, 7]
        mixed = world.model.agents.select(lambda a: isinstance(a, world.car_t) or a.divisions > 4)
        assert uids(mixed) == [1, 3, 5, 6, 7]

    @pytest.mark.parametrize(
        ("at_most", "expected"), [(3, 3), (0, 0), (-2, 0), (0.5, 3), (1.0, 7), (1, 1), (2.5, 3), (100, 7)]
    )
    def test_at_most(self, world: World, at_most: float, expected: int) -> None:
        assert uids(world.model.agents.select(at_most=at_most)) == UIDS[:expected]

    def test_at_most_is_a_fraction_of_the_whole(self, world: World) -> None:
        assert uids(world.model.agents.select(lambda a: a.divisions > 1, at_most=0.3)) == [1, 2]

    def test_type(self, world: World) -> None:
        assert uids(world.model.agents.select(agent_type=world.car_t)) == [5, 6, 7]
        assert uids(world.model.agents.select(agent_type=Agent)) == UIDS
        assert uids(world.model.agents.select(lambda a: a.divisions > 1, agent_type=world.car_t)) == [5, 7]

    def test_inplace(self, world: World) -> None:
        agents = world.model.agents.select()
        assert agents.select(lambda a: a.divisions > 2, inplace=True) is agents
        assert uids(agents) == [1, 2, 3, 7]
        assert len(world.model.agents) == 7


class TestOrder:
    def test_shuffle_keeps_the_members(self, world: World) -> None:
        shuffled = world.model.agents.shuffle()
        assert sorted(uids(shuffled)) == UIDS
        assert uids(world.model.agents) == UIDS

    def test_shuffle_is_reproducible(self, world: World) -> None:
        world.model.random.seed(5)
        first = uids(world.model.agents.shuffle())
        second = uids(world.model.agents.shuffle())
        world.model.random.seed(5)
        assert uids(world.model.agents.shuffle()) == first != second

    def test_shuffle_inplace(self, world: World) -> None:
        agents = world.model.agents.select()
        assert agents.shuffle(inplace=True) is agents
        assert sorted(uids(agents)) == UIDS

    def test_shuffle_mixes_kinds(self, world: World) -> None:
        firsts = {world.model.agents.shuffle()[0].kind_name for _ in range(40)}
        assert firsts == {"blast", "car_t"}

    def test_sort_is_descending_unless_asked(self, world: World) -> None:
        assert uids(world.model.agents.sort("divisions")) == [1, 3, 7, 2, 5, 4, 6]
        assert uids(world.model.agents.sort("divisions", ascending=True)) == [6, 4, 5, 2, 7, 1, 3]

    def test_sort_by_function(self, world: World) -> None:
        assert uids(world.model.agents.sort(lambda a: -a.divisions)) == [6, 4, 5, 2, 7, 1, 3]
        assert uids(world.model.agents.sort(lambda a: (a.divisions, a.unique_id))) == [3, 1, 7, 2, 5, 4, 6]
        by_name = world.model.agents.sort(lambda a: a.kind_name, ascending=True)
        assert uids(by_name) == UIDS

    def test_sort_inplace(self, world: World) -> None:
        agents = world.model.agents.select()
        assert agents.sort("unique_id", inplace=True) is agents
        assert uids(agents) == UIDS[::-1]


class TestMembership:
    def test_add_and_drop(self, world: World) -> None:
        some = world.model.agents.select(lambda a: a.divisions > 4)
        first, second = world.model.agents[0], world.model.agents[1]
        some.add(second)
        some.add(second)
        assert uids(some) == [1, 3, 2]
        some.remove(first)
        some.discard(first)
        assert uids(some) == [3, 2]
        with pytest.raises(KeyError):
            some.remove(first)
        assert len(world.model.agents) == 7

    def test_pop_and_clear(self, world: World) -> None:
        some = world.model.agents.select(at_most=3)
        assert some.pop().unique_id == 1
        assert uids(some) == [2, 3]
        some.clear()
        assert len(some) == 0
        with pytest.raises(KeyError):
            some.pop()

    def test_algebra(self, world: World) -> None:
        many = world.model.agents.select(lambda a: a.divisions > 1)  # 1 2 3 5 7
        cars = world.model.agents.select(agent_type=world.car_t)  # 5 6 7
        assert sorted(uids(many & cars)) == [5, 7]
        assert sorted(uids(many | cars)) == [1, 2, 3, 5, 6, 7]
        assert sorted(uids(many - cars)) == [1, 2, 3]
        assert sorted(uids(many ^ cars)) == [1, 2, 3, 6]
        assert sorted(uids(many & set(cars))) == [5, 7]
        assert sorted(uids(set(cars) - many)) == [6]
        assert sorted(uids(set(cars) | many)) == [1, 2, 3, 5, 6, 7]

    def test_algebra_inplace(self, world: World) -> None:
        cars = world.model.agents.select(agent_type=world.car_t)
        for change, expected in [
            (lambda s: s.__iand__(cars), [5, 7]),
            (lambda s: s.__ior__(cars), [1, 2, 3, 5, 6, 7]),
            (lambda s: s.__isub__(cars), [1, 2, 3]),
            (lambda s: s.__ixor__(cars), [1, 2, 3, 6]),
        ]:
            some = world.model.agents.select(lambda a: a.divisions > 1)
            assert change(some) is some
            assert sorted(uids(some)) == expected

    def test_comparison(self, world: World) -> None:
        many = world.model.agents.select(lambda a: a.divisions > 1)
        fewer = world.model.agents.select(lambda a: a.divisions > 4)
        cars = world.model.agents.select(agent_type=world.car_t)
        assert fewer <= many
        assert fewer < many
        assert many >= fewer
        assert many > fewer
        assert not many <= fewer
        assert many == many.shuffle()
        assert many != fewer
        assert fewer == set(fewer)
        assert fewer.isdisjoint(cars)
        assert not many.isdisjoint(list(cars))

    def test_made_from_agents(self, world: World) -> None:
        first, last = world.model.agents[0], world.model.agents[6]
        assert uids(world.set_of([last, first, last])) == [7, 1]
        assert len(world.set_of([])) == 0

    def test_copy(self, world: World) -> None:
        some = world.model.agents.select(at_most=3)
        twin = copy.copy(some)
        twin.discard(twin[0])
        assert len(some) == 3
        assert twin.random is some.random is world.model.random

    @pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
    def test_deep_copy_and_pickle_take_the_model_along(self, world: World, twin_of: Any) -> None:
        some = world.model.agents.select(lambda a: a.divisions > 2)
        twin = twin_of(some)
        assert uids(twin) == uids(some)
        assert twin[0].model is not world.model
        twin[0].divisions = 200
        assert some[0].divisions == 5

    def test_random_can_be_given(self, world: World) -> None:
        own = Random(3)
        some = type(world.model.agents)(list(world.model.agents), random=own)
        assert some.random is own
        assert some.select(at_most=2).random is own
