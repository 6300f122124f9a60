# SPDX-License-Identifier: Apache-2.0
"""Mesa's data collector, with attribute reporters read column by column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesa.datacollection import DataCollector

from abm.agents.cellset import CellSet


class CellCollector(DataCollector):  # type: ignore[misc]
    """A ``mesa.DataCollector`` that records the same, sooner: attributes by name cost no view per cell.

    Mesa's own collector works too; it asks every cell for every attribute.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._by_name: dict[tuple[Any, str], str] = {}
        super().__init__(*args, **kwargs)

    def _new_agent_reporter(self, name: str, reporter: Any) -> None:
        self._remember(None, name, reporter)
        super()._new_agent_reporter(name, reporter)

    def _new_agenttype_reporter(self, agent_type: Any, name: str, reporter: Any) -> None:
        self._remember(agent_type, name, reporter)
        super()._new_agenttype_reporter(agent_type, name, reporter)

    def _remember(self, agent_type: Any, name: str, reporter: Any) -> None:
        if isinstance(reporter, str):
            self._by_name[agent_type, name] = reporter

    def _record_agents(self, model: Any) -> list[tuple[Any, ...]]:
        return self._records(model, model.agents, None, self.agent_reporters)

    def _record_agenttype(self, model: Any, agent_type: Any) -> list[tuple[Any, ...]]:
        cells = model.agents.select(agent_type=agent_type)
        return self._records(model, cells, agent_type, self.agenttype_reporters[agent_type])

    def _records(
        self, model: Any, cells: CellSet, agent_type: Any, reporters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Return (step, uid, value, ...) of each cell; None where a cell lacks the attribute."""
        columns: list[list[Any]] = [[model.steps] * len(cells), cells.unique_id.tolist()]
        for name, function in reporters.items():
            attribute = self._by_name.get((agent_type, name))
            if attribute is None:
                columns.append(cells.map(function))
            else:
                values = cells.get(attribute, "default")
                columns.append(values if isinstance(values, list) else values.tolist())
        return list(zip(*columns, strict=True))
