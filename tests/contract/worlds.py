# SPDX-License-Identifier: Apache-2.0
"""The same seven agents twice: as plain Mesa agents, and as rows of two tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mesa
from mesa.agent import Agent, AgentSet

from abm.agents import Blast, CarTCell, CellSet
from tests.contract.standin import StandinModel

DIVISIONS = {"blast": [5, 3, 5, 1], "car_t": [2, 0, 4]}
UIDS = [1, 2, 3, 4, 5, 6, 7]


class PlainAgent(Agent):
    def __init__(self, model: mesa.Model, divisions: int) -> None:
        super().__init__(model)
        self.divisions = divisions
        self.weight = 1
        self.due = 0


class PlainBlast(PlainAgent):
    def __init__(self, model: mesa.Model, divisions: int) -> None:
        super().__init__(model, divisions)
        self.clone = 7
        self.kind_name = "blast"


class PlainCarT(PlainAgent):
    kind_name = "car_t"


class MesaWorld:
    """Seven plain Mesa agents."""

    blast: type[Agent] = PlainBlast
    car_t: type[Agent] = PlainCarT

    def __init__(self) -> None:
        self.model: Any = mesa.Model(seed=1)
        for divisions in DIVISIONS["blast"]:
            PlainBlast(self.model, divisions)
        for divisions in DIVISIONS["car_t"]:
            self.birth(divisions)

    def birth(self, divisions: int) -> None:
        PlainCarT(self.model, divisions)

    def set_of(self, agents: Iterable[Any]) -> Any:
        return AgentSet(agents, random=self.model.random)


class ColumnWorld:
    """The same seven as rows of two tables."""

    blast: type[Agent] = Blast
    car_t: type[Agent] = CarTCell

    def __init__(self) -> None:
        self.model: Any = StandinModel(blasts=0, car_t=0)
        del self.model.datacollector  # its closures cannot be pickled
        self.model.state.add("blast", 4, divisions=DIVISIONS["blast"], clone=7, due=0)
        self.model.state.add("car_t", 3, divisions=DIVISIONS["car_t"], due=0)

    def birth(self, divisions: int) -> None:
        self.model.state.add("car_t", divisions=divisions)

    def set_of(self, agents: Iterable[Any]) -> Any:
        return CellSet(agents, model=self.model)


World = MesaWorld | ColumnWorld


def uids(agents: Iterable[Any]) -> list[int]:
    """Return the uids in the order of the set."""
    return [agent.unique_id for agent in agents]
