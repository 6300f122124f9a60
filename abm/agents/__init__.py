# SPDX-License-Identifier: Apache-2.0
"""The cells as Mesa agents and agent sets, over columns: the shell that users of Mesa know."""

from abm.agents.cell import (
    Blast,
    CarTCell,
    Cd19NegativeBlast,
    Cell,
    DeadCellError,
    HostTCell,
    Macrophage,
    MatureBCell,
    MotileCell,
    PreBCell,
    ProBCell,
    SessileCell,
    cell_class,
)
from abm.agents.cellset import CellSet
from abm.agents.collector import CellCollector
from abm.agents.column_access import InvalidArgumentError, UnknownColumnError
from abm.agents.columnar_agents import CellsByType, ColumnarAgents, ColumnarState
from abm.agents.groups import CellGroups

__all__ = [
    "Blast",
    "CarTCell",
    "Cd19NegativeBlast",
    "Cell",
    "CellCollector",
    "CellGroups",
    "CellSet",
    "CellsByType",
    "ColumnarAgents",
    "ColumnarState",
    "DeadCellError",
    "HostTCell",
    "InvalidArgumentError",
    "Macrophage",
    "MatureBCell",
    "MotileCell",
    "PreBCell",
    "ProBCell",
    "SessileCell",
    "UnknownColumnError",
    "cell_class",
]
