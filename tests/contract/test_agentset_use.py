# SPDX-License-Identifier: Apache-2.0
"""Mesa's AgentSet over plain agents and CellSet over columns, the same calls and answers: what is done with a set.

Calls, attributes, groups, and the sets that the model keeps. Functions given to ``groupby`` are
written so that they work for one agent and for a whole set; where they cannot be, both must still agree.
"""

from __future__ import annotations

import gc
from typing import Any

import mesa
import numpy as np
import pytest

from tests.contract.worlds import UIDS, World, uids


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
