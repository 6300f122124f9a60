# SPDX-License-Identifier: Apache-2.0
"""Groups of cells, as ``CellSet.groupby`` returns them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import numpy as np
from mesa.agent import AgentSet, GroupBy

from abm.state.columns import Array


class CellGroups(GroupBy):  # type: ignore[misc]
    """Value -> set (or list) of cells, with Mesa's ``map``, ``do``, ``count`` and ``agg``."""

    def agg(self, attr_name: str, func: Callable[..., Any] | Iterable[Callable[..., Any]]) -> dict[Hashable, Any]:
        """Return value -> function (or list of functions) of a column of the group.

        Parameters
        ----------
        attr_name : str
            Column that all cells of every group have.
        func : callable or iterable of callable
            As for ``CellSet.agg``.
        """
        results: dict[Hashable, Any] = {}
        for value, group in self.groups.items():
            if isinstance(group, AgentSet):
                results[value] = group.agg(attr_name, func)
            else:
                values = [getattr(cell, attr_name) for cell in group]
                results[value] = func(values) if callable(func) else [one(values) for one in func]
        return results

    def get(self, attr_names: str | list[str], **missing: Any) -> dict[Hashable, Any]:
        """Return value -> attributes of the cells of the group, as ``CellSet.get`` does (groups that are sets)."""
        return {value: group.get(attr_names, **missing) for value, group in self.groups.items()}

    def __repr__(self) -> str:
        return f"<CellGroups: {self.count()}>"


def group_places(values: Array | list[Any]) -> dict[Hashable, Array]:
    """Return value -> places that hold it, values in the order of their first appearance."""
    if isinstance(values, list) or values.dtype == object:
        listed: dict[Hashable, list[int]] = {}
        for place, value in enumerate(values):
            listed.setdefault(value, []).append(place)
        return {value: np.array(places, dtype=np.int64) for value, places in listed.items()}
    distinct, first, which, counts = np.unique(values, return_index=True, return_inverse=True, return_counts=True)
    groups = np.split(np.argsort(which, kind="stable"), np.cumsum(counts)[:-1])
    names = distinct.tolist()
    return {names[index]: groups[index] for index in np.argsort(first)}
