# SPDX-License-Identifier: Apache-2.0
"""One suite for Mesa's AgentSet over plain agents and for CellSet over columns: the same calls, the same answers.

Functions given to ``select``, ``sort`` and ``groupby`` are written so that they work for one agent
and for a whole set; where they cannot be, both must still agree.
"""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Iterable
from random import Random
from typing import Any

import mesa
import numpy as np
import pytest
from mesa.agent import Agent, AgentSet

from tests.contract.worlds import UIDS, ColumnWorld, MesaWorld, World


@pytest.fixture(params=[MesaWorld, ColumnWorld], ids=["mesa", "columns"])
def world(request: pytest.FixtureRequest) -> World:
    made: World = request.param()
    return made


def uids(agents: Iterable[Any]) -> list[int]:
    return [agent.unique_id for agent in agents]


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


class TestCalls:
    def test_do_function(self, world: World) -> None:
        seen: list[Any] = []
        agents = world.model.agents
        assert agents.do(lambda a, x, y: seen.append((a.unique_id, x, y)), 1, y=2) is agents
        assert seen == [(uid, 1, 2) for uid in UIDS]

    def test_do_method(self, world: World) -> None:
        world.model.agents.select(agent_type=world.car_t).do("remove")
        assert uids(world.model.agents) == [1, 2, 3, 4]

    def test_do_may_change_agents(self, world: World) -> None:
        def divide(agent: Any) -> None:
            agent.divisions += 1

        world.model.agents.do(divide)
        assert [agent.divisions for agent in world.model.agents] == [6, 4, 6, 2, 3, 1, 5]

    def test_do_leaves_out_those_that_die_on_the_way(self, world: World) -> None:
        seen: list[int] = []

        def kill_the_next(agent: Any) -> None:
            seen.append(agent.unique_id)
            for other in list(world.model.agents):
                if other.unique_id == agent.unique_id + 1:
                    other.remove()

        world.model.agents.do(kill_the_next)
        assert seen == [1, 3, 5, 7]

    def test_removing_twice_is_once(self, world: World) -> None:
        agent = world.model.agents[0]
        agent.remove()
        agent.remove()
        assert len(world.model.agents) == 6

    def test_shuffle_do_visits_each_once(self, world: World) -> None:
        seen: list[int] = []
        agents = world.model.agents
        assert agents.shuffle_do(lambda a: seen.append(a.unique_id)) is agents
        assert sorted(seen) == UIDS
        assert uids(agents) == UIDS

    def test_map(self, world: World) -> None:
        assert world.model.agents.map(lambda a, k: a.divisions * k, 2) == [10, 6, 10, 2, 4, 0, 8]
        assert world.model.agents.map("step") == [None] * 7


class TestAttributes:
    def test_get_one(self, world: World) -> None:
        assert list(world.model.agents.get("divisions")) == [5, 3, 5, 1, 2, 0, 4]
        assert list(world.model.agents.get("kind_name")) == ["blast"] * 4 + ["car_t"] * 3

    def test_get_several(self, world: World) -> None:
        pairs = world.model.agents.get(["unique_id", "divisions"])
        assert [list(pair) for pair in pairs][:3] == [[1, 5], [2, 3], [3, 5]]

    def test_get_what_some_lack(self, world: World) -> None:
        with pytest.raises(AttributeError):
            world.model.agents.get("clone")
        assert list(world.model.agents.get("clone", "default")) == [7] * 4 + [None] * 3
        assert list(world.model.agents.get("clone", handle_missing="default", default_value=-1)) == [7] * 4 + [-1] * 3

    def test_get_what_all_lack(self, world: World) -> None:
        with pytest.raises(AttributeError):
            world.model.agents.get("mystery")
        assert list(world.model.agents.get("mystery", "default", 3)) == [3] * 7

    def test_get_with_an_unknown_option(self, world: World) -> None:
        with pytest.raises(ValueError, match="handle_missing"):
            world.model.agents.get("divisions", "ignore")

    @pytest.mark.parametrize(("function", "value"), [(sum, 20), (min, 0), (max, 5), (len, 7), (np.mean, 20 / 7)])
    def test_agg(self, world: World, function: Any, value: float) -> None:
        assert world.model.agents.agg("divisions", function) == pytest.approx(value)

    def test_agg_with_several_functions(self, world: World) -> None:
        assert world.model.agents.agg("divisions", [min, max, sum]) == [0, 5, 20]

    def test_set(self, world: World) -> None:
        some = world.model.agents.select(lambda a: a.divisions > 3)
        assert some.set("due", 60) is some
        assert list(world.model.agents.get("due")) == [60, 0, 60, 0, 0, 0, 60]

    def test_sums_do_not_wrap(self, world: World) -> None:
        world.model.agents.set("divisions", 255)
        assert world.model.agents.agg("divisions", sum) == 7 * 255
        assert world.model.agents.agg("divisions", lambda values: sum(values)) == 7 * 255
        assert len(world.model.agents.select(lambda a: a.divisions + 1 > 255)) == 7
        assert world.model.agents[0].divisions + 1 == 256


class TestGroups:
    def test_by_attribute(self, world: World) -> None:
        groups = world.model.agents.groupby("kind_name")
        assert isinstance(groups, mesa.agent.GroupBy)
        assert groups.count() == {"blast": 4, "car_t": 3}
        assert len(groups) == 2
        assert [(name, uids(group)) for name, group in groups] == [("blast", [1, 2, 3, 4]), ("car_t", [5, 6, 7])]

    def test_in_the_order_of_appearance(self, world: World) -> None:
        assert list(world.model.agents.groupby("divisions").groups) == [5, 3, 1, 2, 0, 4]

    def test_by_function(self, world: World) -> None:
        assert world.model.agents.groupby(lambda a: a.divisions > 2).count() == {True: 4, False: 3}
        pairs = world.model.agents.groupby(lambda a: (a.divisions > 2, a.weight)).count()
        assert pairs == {(True, 1): 4, (False, 1): 3}
        assert world.model.agents.groupby(type).count() == {world.blast: 4, world.car_t: 3}

    def test_agg_map_do(self, world: World) -> None:
        groups = world.model.agents.groupby("kind_name")
        assert groups.agg("divisions", max) == {"blast": 5, "car_t": 4}
        assert groups.map(len) == {"blast": 4, "car_t": 3}
        assert groups.map("agg", "divisions", min) == {"blast": 1, "car_t": 0}
        assert groups.do("set", "due", 9) is groups
        assert list(world.model.agents.get("due")) == [9] * 7

    def test_as_lists(self, world: World) -> None:
        groups = world.model.agents.groupby("kind_name", result_type="list")
        assert all(isinstance(group, list) for _, group in groups)
        assert groups.count() == {"blast": 4, "car_t": 3}
        assert groups.agg("divisions", max) == {"blast": 5, "car_t": 4}

    def test_of_no_agents(self, world: World) -> None:
        empty = world.model.agents.select(lambda a: a.divisions > 9)
        assert empty.groupby("divisions").count() == {}
        assert empty.groupby(lambda a: a.divisions).count() == {}


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


class TestModel:
    def test_sets_of_the_model_are_live(self, world: World) -> None:
        agents, cars = world.model.agents, world.model.agents_by_type[world.car_t]
        world.birth(9)
        assert len(agents) == 8
        assert list(cars.get("divisions")) == [2, 0, 4, 9]

    def test_the_dead_leave_every_set(self, world: World) -> None:
        some = world.model.agents.select(lambda a: a.divisions > 2)
        world.model.agents[1].remove()
        gc.collect()
        assert uids(some) == [1, 3, 7]
        assert list(some.get("divisions")) == [5, 5, 4]
        assert uids(world.model.agents_by_type[world.blast]) == [1, 3, 4]

    def test_types(self, world: World) -> None:
        assert {world.blast, world.car_t} <= set(world.model.agent_types)
        assert set(world.model.agents_by_type) == set(world.model.agent_types)
        assert world.car_t in world.model.agents_by_type
        with pytest.raises(KeyError):
            world.model.agents_by_type[int]

    def test_remove_all(self, world: World) -> None:
        world.model.remove_all_agents()
        assert len(world.model.agents) == 0

    def test_agents_cannot_be_set(self, world: World) -> None:
        with pytest.raises(AttributeError):
            world.model.agents = []
