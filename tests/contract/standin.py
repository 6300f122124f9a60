# SPDX-License-Identifier: Apache-2.0
"""The least state and model that cells and sets of cells can live in; no lattice, no processes."""

from __future__ import annotations

from typing import Any

import mesa
import numpy as np

from abm.agents import Cell, ColumnarAgents, cell_class
from abm.state.columns import Array, MotileColumns, SessileColumns
from abm.state.kinds import KINDS
from abm.state.table import CellTable
from abm.streams import Draws

SIDE = 1000


class StandinState:
    """Two tables; sites are numbers on a flat lattice of 1000 x 1000."""

    def __init__(self, seed: int = 1) -> None:
        self.tables = {"sessile": CellTable(SessileColumns), "motile": CellTable(MotileColumns)}
        self.tick = 0
        self.draws = Draws(seed)
        self.deaths: list[tuple[str, str, list[int]]] = []
        self._next_uid = 1

    def add(self, kind: str, count: int = 1, **columns: Any) -> Array:
        """Append cells and return their uids."""
        table = self.tables[KINDS[kind].home]
        uids = np.arange(self._next_uid, self._next_uid + count)
        self._next_uid += count
        table.append(count, uid=uids, kind=KINDS[kind].code, **columns)
        return uids

    def remove(self, table_name: str, rows: Array, cause: str) -> None:
        """Tombstone rows."""
        table = self.tables[table_name]
        self.deaths.append((table_name, cause, table.array("uid")[rows].tolist()))
        table.array("kind")[rows] = 0
        table.n_dead += len(rows)

    def coordinates(self, compartment: int, sites: Array) -> Array:
        """Return (x, y, 0) of each site."""
        return np.stack([sites % SIDE, sites // SIDE, np.zeros_like(sites)], axis=1)

    def compact(self) -> None:
        """Drop the dead rows of all tables."""
        for table in self.tables.values():
            table.compact()


class StandinModel(ColumnarAgents, mesa.Model):
    """A model whose step gives every CAR T cell a division and kills the oldest blast."""

    collector: type[mesa.DataCollector] = mesa.DataCollector

    def __init__(self, blasts: int = 4, car_t: int = 3, seed: int = 1) -> None:
        super().__init__(seed=seed)
        self.state = StandinState(seed)
        self.state.add("blast", blasts, site=np.arange(blasts), cd19=1000.0 * np.arange(blasts))
        self.state.add("car_t", car_t, divisions=np.arange(car_t), state=2)
        self.datacollector = self.collector(
            model_reporters={"n_blasts": "n_blasts"},
            agent_reporters={"kind": "kind_name", "divisions": "divisions", "kill_at": "kill_at"},
            agenttype_reporters={cell_class("car_t"): {"state": "state"}, Cell: {"weight": "weight"}},
        )
        self.datacollector.collect(self)

    @property
    def n_blasts(self) -> int:
        """Number of blasts."""
        return len(self.agents_by_type[cell_class("blast")])

    def step(self) -> None:
        """Advance the toy by one step."""
        self.state.tick += 240
        car_t = self.agents_by_type[cell_class("car_t")]
        car_t.set("divisions", car_t.divisions + 1)
        self.agents_by_type[cell_class("blast")][:1].do("remove")
        self.datacollector.collect(self)
