# SPDX-License-Identifier: Apache-2.0
"""A new release of Mesa must not slip a method past us that works on agents we do not have.

Every attribute of Mesa's classes is either overridden here, or listed with the reason why the
inherited one is right.
"""

from __future__ import annotations

import inspect
from typing import Any

import mesa
import pytest
from mesa.agent import Agent, AgentSet, GroupBy

from abm.agents import Cell, CellGroups, CellSet, ColumnarAgents
from abm.state.columns import MotileColumns, SessileColumns, columns_of
from tests.contract.standin import StandinModel

REVIEWED: dict[type, dict[str, str]] = {
    AgentSet: {
        "__class_getitem__": "typing only",
        "__eq__": "collections.abc: equal length and <=",
        "__gt__": "collections.abc: length and >=",
        "__hash__": "None: sets change",
        "__subclasshook__": "of Sized and Iterable, for isinstance",
        "__lt__": "collections.abc: length and <=",
        "_from_iterable": "used by collections.abc operators only, all overridden",
        "_hash": "hashes the members",
        "_update": "used by Mesa methods only, all overridden",
    },
    GroupBy: {
        "__init__": "keeps the dictionary of groups",
        "__iter__": "over the dictionary of groups",
        "__len__": "of the dictionary of groups",
        "count": "len of each group",
        "do": "calls each group",
        "map": "calls each group",
    },
    Agent: {
        "_ids": "touched by Agent.__init__ only, which no cell calls",
        "advance": "does nothing; behaviour is in processes",
        "random": "that of the model",
        "rng": "that of the model",
        "step": "does nothing; behaviour is in processes",
    },
}
OURS = {AgentSet: CellSet, GroupBy: CellGroups, Agent: Cell}

OF_ANY_CLASS = {"__dict__", "__doc__", "__module__", "__weakref__", "__slots__", "__abstractmethods__", "_abc_impl"}


def definition(cls: type, name: str) -> Any:
    return inspect.getattr_static(cls, name)


def inherited(theirs: type) -> set[str]:
    """Attributes of a class of Mesa that ours takes over as they are."""
    return {
        name
        for name in set(dir(theirs)) - OF_ANY_CLASS
        if definition(OURS[theirs], name) is definition(theirs, name)
        and definition(theirs, name) is not inspect.getattr_static(object, name, None)
    }


@pytest.mark.parametrize("theirs", OURS, ids=lambda cls: cls.__name__)
def test_every_attribute_is_overridden_or_reviewed(theirs: type) -> None:
    unknown = inherited(theirs) - set(REVIEWED[theirs])
    assert not unknown, f"override or review in {OURS[theirs].__name__}: {sorted(unknown)}"


@pytest.mark.parametrize("theirs", OURS, ids=lambda cls: cls.__name__)
def test_the_review_is_up_to_date(theirs: type) -> None:
    assert set(REVIEWED[theirs]) <= inherited(theirs)


def test_no_inherited_method_of_the_set_touches_its_internals() -> None:
    for name in inherited(AgentSet) - {"_update"}:
        function = definition(AgentSet, name)
        if getattr(function, "__module__", None) == AgentSet.__module__:
            assert "_agents" not in inspect.getsource(function), name
            assert "_update(" not in inspect.getsource(function), name


def test_signatures_accept_what_mesa_accepts() -> None:
    for name, function in vars(AgentSet).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            theirs, ours = inspect.signature(function), inspect.signature(getattr(CellSet, name))
            assert list(ours.parameters)[: len(theirs.parameters)] == list(theirs.parameters), name


def test_the_model_overrides_all_that_handles_agents() -> None:
    names = {name for name in vars(mesa.Model) if "agent" in name}
    assert names == {
        "agents",
        "agent_types",
        "agents_by_type",
        "register_agent",
        "deregister_agent",
        "remove_all_agents",
    }
    assert all(name in vars(ColumnarAgents) for name in names)
    assert all(definition(StandinModel, name) is vars(ColumnarAgents)[name] for name in names)


def test_no_column_hides_behind_a_method() -> None:
    for name in columns_of(SessileColumns) | columns_of(MotileColumns):
        assert not hasattr(CellSet, name), f"CellSet.{name} would not give the column"
        assert not hasattr(Agent, name), f"the column {name} would hide Agent.{name}"
