# SPDX-License-Identifier: Apache-2.0
"""What makes a Mesa model show cells that live in columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, Protocol

import numpy as np

from abm.agents.cell import Cell, cell_classes, codes_of
from abm.agents.cellset import CellSet
from abm.agents.column_access import nearest
from abm.errors import InputError
from abm.state.columns import Array
from abm.state.table import CellTable


class ColumnarState(Protocol):
    """What cells and sets of cells need of the simulation state."""

    @property
    def tables(self) -> Mapping[str, CellTable]:
        """Tables by home: ``"sessile"`` and ``"motile"``; uids are unique across them."""

    def remove(self, table_name: str, rows: Array, cause: str) -> Any:
        """End cells: tombstone their rows, free their sites and partners, write the ledger."""

    def coordinates(self, compartment: int, sites: Array) -> Array:
        """Return lattice coordinates (x, y, z), shape ``(n, 3)``, of sites of one compartment."""


class CellsByType(Mapping[type[Cell], CellSet]):
    """Class of cells -> live set of its cells: ``model.agents_by_type[CarTCell]``.

    The keys are the classes of all known kinds, whether or not there are such cells now. Base
    classes such as ``MotileCell`` may be asked for too.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getitem__(self, agent_type: type[Cell]) -> CellSet:
        codes = codes_of(agent_type) if isinstance(agent_type, type) else ()
        if not codes:
            known = [cls.__name__ for cls in cell_classes().values()]
            name = getattr(agent_type, "__name__", str(agent_type))
            raise KeyError(f"{name} is no class of cells; nearest: {nearest(name, known)}")
        return CellSet.every(self._model, codes)

    def __contains__(self, agent_type: object) -> bool:
        return isinstance(agent_type, type) and bool(codes_of(agent_type))

    def __iter__(self) -> Iterator[type[Cell]]:
        return iter(cell_classes().values())

    def __len__(self) -> int:
        return len(cell_classes())

    def __repr__(self) -> str:
        return f"<cells by type: {', '.join(f'{len(cells):,} {cls.__name__}' for cls, cells in self.items())}>"


class ColumnarAgents:
    """Mixin for a ``mesa.Model`` whose agents are the cells in ``self.state``.

    ``class TherapyModel(ColumnarAgents, mesa.Model)``. ``DataCollector`` and ``batch_run`` then work.
    Mesa's own registers stay empty: a plain Mesa agent cannot be added.
    """

    state: ColumnarState

    @property
    def agents(self) -> CellSet:
        """Live set of all cells."""
        return CellSet.every(self)

    @agents.setter
    def agents(self, value: Any) -> NoReturn:
        raise AttributeError("model.agents cannot be set: it is the set of all cells; choose another name")

    @property
    def agent_types(self) -> list[type[Cell]]:
        """Classes of cells."""
        return list(cell_classes().values())

    @property
    def agents_by_type(self) -> CellsByType:
        """Class of cells -> live set of its cells."""
        return CellsByType(self)

    def register_agent(self, agent: Any) -> NoReturn:
        """Refuse a plain Mesa agent.

        Raises
        ------
        InputError
            Always: cells are rows of the state.
        """
        raise InputError(f"{type(agent).__name__} cannot join this model: its agents are the cells in model.state")

    def deregister_agent(self, agent: Cell) -> None:
        """End a cell, as ``cell.remove()`` does."""
        agent.remove()

    def remove_all_agents(self) -> None:
        """End all cells."""
        for home, table in self.state.tables.items():
            self.state.remove(home, np.asarray(table.alive()), "removed")
