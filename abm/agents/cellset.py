# SPDX-License-Identifier: Apache-2.0
"""Sets of cells as Mesa agent sets, evaluated column by column.

A :class:`CellSet` offers all that :class:`mesa.agent.AgentSet` does, with these differences:

- Column attributes give arrays: ``cells.divisions``, ``cells.get("divisions")``.
- Functions given to ``select``, ``sort`` and ``groupby`` are called once, with the whole set
  (:mod:`abm.agents.vectorised`); those given to ``do``, ``shuffle_do`` and ``map`` are called with
  one cell after the other, since they may change it.
- ``len`` counts agents; an agent stands for ``weight`` body cells, of which there are
  ``cells.agg("weight", sum)``.
- A slice, a mask or an array of positions gives a set, where Mesa's slice gives a list.
- ``model.agents`` and ``model.agents_by_type[...]`` are live: they hold whatever cells there are
  when asked. All that is derived from them lists its members by uid; a cell that dies leaves it.

User code that shuffles draws from ``random`` (``model.random``), as in Mesa. The engine never
does: its draws are keyed by seed, stream, cell and tick, so observing or shuffling a set does not
change a run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, Self

import numpy as np
from mesa.agent import Agent, AgentSet

from abm.agents.cell import Cell, cell_classes, codes_of
from abm.agents.column_access import InvalidArgumentError
from abm.agents.groups import CellGroups, group_places
from abm.agents.membership import SetMembership, listed
from abm.agents.selection import EveryCell, Listed, Resolved, Selection
from abm.agents.set_columns import SetColumns
from abm.agents.vectorised import evaluate, stable_order
from abm.state.columns import Array

_CHUNK = 4096
"""Cells whose numbers are turned into Python objects at a time."""


class CellSet(SetColumns, SetMembership, AgentSet):  # type: ignore[misc]
    """An ordered set of cells of one model.

    Parameters
    ----------
    agents : iterable of Cell
        The members, as for Mesa's ``AgentSet``; the dead are left out.
    random : random.Random
        Source of shuffles; that of the model if not given.
    model : mesa.Model
        The model; needed if ``agents`` may be empty.

    Raises
    ------
    InvalidArgumentError
        No model to be found, something that is no cell, or cells of several models.
    """

    def __init__(self, agents: Iterable[Cell], random: Random | None = None, *, model: Any = None) -> None:
        cells = list(agents)
        if model is None and not (cells and isinstance(cells[0], Cell)):
            raise InvalidArgumentError("CellSet: the first item must be a cell; an empty set needs model=")
        self.model = cells[0].model if model is None else model
        self._selection = listed(cells, self.model)
        self.random = self.model.random if random is None else random

    @classmethod
    def every(cls, model: Any, codes: tuple[int, ...] | None = None) -> Self:
        """Return the live set of all cells of a model, or of some kinds.

        Parameters
        ----------
        model : mesa.Model
            The model, with ``state``.
        codes : tuple of int
            Codes of the kinds; all if not given.
        """
        return cls._made(model, EveryCell(codes), model.random)

    @classmethod
    def _made(cls, model: Any, selection: Selection, random: Random) -> Self:
        cells = cls.__new__(cls)
        cells.model, cells._selection, cells.random = model, selection, random
        return cells

    def _with(self, selection: Selection) -> Self:
        return self._made(self.model, selection, self.random)

    def _now(self) -> Self:
        """Return the same cells with their rows looked up once, to read several columns of one moment."""
        tables = self.model.state.tables
        return self._with(Resolved(tuple(self._parts()), tuple(self._selection.homes(tables))))

    def _become(self, selection: Listed, inplace: bool) -> Self:
        if not inplace:
            return self._with(selection)
        self._selection = selection
        return self

    def __len__(self) -> int:
        return self._selection.size(self.model.state.tables)

    def __iter__(self) -> Iterator[Cell]:
        """Return the cells one by one, leaving out those that die on the way."""
        return self._views(self._listed())

    def _views(self, members: Listed) -> Iterator[Cell]:
        classes, model = cell_classes(), self.model
        tables = list(model.state.tables.values())
        # The arrays of this moment: the caller may change the set, and cells may die, on the way.
        uids, homes, rows = members.uids, members.home_codes, members.rows
        for start in range(0, len(uids), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            for uid, home, row in zip(uids[chunk].tolist(), homes[chunk].tolist(), rows[chunk].tolist(), strict=True):
                table = tables[home]
                if not table.holds(uid, row):
                    row = table.find(uid)
                if row >= 0:
                    yield classes[table.array("kind").item(row)](model, table, uid, row)

    def __reversed__(self) -> Iterator[Cell]:
        return self._views(self._listed().take(slice(None, None, -1)))

    def __getitem__(self, item: Any) -> Any:
        """Return one cell by position, or a set by slice, mask or array of positions."""
        members = self._listed()
        if isinstance(item, (int, np.integer)):
            if not -len(members.uids) <= item < len(members.uids):
                raise IndexError(f"position {item} in a set of {len(members.uids)} cells")
            place = int(item) % len(members.uids)
            return next(self._views(members.take(slice(place, place + 1))))
        if isinstance(item, slice):
            return self._with(members.take(item))
        chosen = members.take(np.asarray(item))
        if len(np.unique(chosen.uids)) < len(chosen.uids):
            raise InvalidArgumentError("positions in a set must be distinct: a set holds each cell once")
        return self._with(chosen)

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Return the position of a cell.

        Raises
        ------
        ValueError
            The cell is no member, or not between ``start`` and ``stop``.
        """
        uids = self._listed().uids
        places = np.flatnonzero(uids == value.unique_id) if value in self else np.empty(0, dtype=np.int64)
        first, last, _ = slice(start, stop).indices(len(uids))
        if not len(places) or not first <= places[0] < last:
            raise InvalidArgumentError(f"{value!r} is not in this set")
        return int(places[0])

    def count(self, value: Any) -> int:
        """Return 1 if the cell is a member, else 0."""
        return int(value in self)

    def select(
        self,
        filter_func: Callable[[Any], Any] | None = None,
        at_most: int | float = float("inf"),
        inplace: bool = False,
        agent_type: type[Agent] | tuple[type[Agent], ...] | None = None,
    ) -> Self:
        """Return the cells that a filter accepts.

        Parameters
        ----------
        filter_func : callable
            Called once with the set: ``lambda c: (c.divisions > 2) & (c.state == 3)``; see
            :mod:`abm.agents.vectorised` for filters that only work cell by cell.
        at_most : int or float
            Number of cells at most, or with a float up to 1 the fraction of this set; the first ones are taken.
        inplace : bool
            Change this set and return it.
        agent_type : type
            Cells of this class; applied before the filter, which may then use the columns of that class.

        Raises
        ------
        InvalidArgumentError
            The filter cannot work on arrays; the message says how to write it.
        """
        cells = self._now()
        limit = int(len(cells) * at_most) if isinstance(at_most, float) and at_most <= 1.0 else at_most
        members = cells._listed().take(slice(None))
        if agent_type is not None:
            members = members.take(np.isin(cells.kind, codes_of(agent_type)))
            cells = self._with(members)._now()
        if filter_func is not None and len(cells):
            members = members.take(np.asarray(evaluate(filter_func, cells), dtype=bool))
        if limit < len(members.uids):
            members = members.take(slice(max(int(np.ceil(limit)), 0)))
        return self._become(members, inplace)

    def shuffle(self, inplace: bool = False) -> Self:
        """Return the cells in random order, drawn from ``random`` with one call."""
        draws = np.random.Generator(np.random.PCG64(self.random.getrandbits(128)))
        members = self._listed()
        return self._become(members.take(draws.permutation(len(members.uids))), inplace)

    def sort(self, key: Callable[[Any], Any] | str, ascending: bool = False, inplace: bool = False) -> Self:
        """Return the cells sorted; equal cells keep their order.

        Parameters
        ----------
        key : str or callable
            Attribute, or a function evaluated once for the set; it may return a tuple of columns.
        ascending : bool
            Smallest first; as in Mesa, the default is largest first.
        inplace : bool
            Change this set and return it.
        """
        cells = self._now()
        return self._become(cells._listed().take(stable_order(cells._values(key), ascending)), inplace)

    def _values(self, by: Callable[[Any], Any] | str) -> Array | list[Any]:
        if isinstance(by, str):
            return self.get(by)
        return evaluate(by, self) if len(self) else []

    def do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Call a method or function on one cell after the other; ``do("remove")`` ends all at once."""
        if method == "remove" and self._removes_alike():
            self._remove_cells(*args, **kwargs)
        else:
            for cell in self:
                _call(cell, method, args, kwargs)
        return self

    def _removes_alike(self) -> bool:
        return all(cls.remove is Cell.remove for cls in cell_classes().values())

    def _remove_cells(self, cause: str = "removed") -> None:
        for part in self._parts():
            self.model.state.remove(part.home, part.rows, cause)

    def shuffle_do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> Self:
        """Call a method or function on the cells in random order; the order of the set stays."""
        self.shuffle().do(method, *args, **kwargs)
        return self

    def map(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Return what a method or function returns for each cell."""
        return [_call(cell, method, args, kwargs) for cell in self]

    def to_list(self) -> list[Cell]:
        """Return the cells as a list of views."""
        return list(self)

    def groupby(self, by: Callable[[Any], Any] | str, result_type: str = "agentset") -> CellGroups:
        """Return the cells grouped by a value.

        Parameters
        ----------
        by : str or callable
            Attribute, or a function evaluated once for the set; it may return a tuple of columns.
        result_type : {"agentset", "list"}
            What each group is.

        Raises
        ------
        InvalidArgumentError
            Unknown ``result_type``.
        """
        if result_type not in ("agentset", "list"):
            raise InvalidArgumentError(f"result_type: must be 'agentset' or 'list', got {result_type!r}")
        cells = self._now()
        members = cells._listed()
        places = group_places(cells._values(by))
        groups = {value: self._with(members.take(place)) for value, place in places.items()}
        if result_type == "list":
            return CellGroups({value: group.to_list() for value, group in groups.items()})
        return CellGroups(groups)

    def __copy__(self) -> Self:
        members = self._listed()
        return self._with(members.take(slice(None)))

    def __getstate__(self) -> dict[str, Any]:
        # A pickle or deep copy lists the cells of this moment and takes the model with it.
        return {"model": self.model, "random": self.random, "selection": copy.copy(self)._selection}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.model, self.random, self._selection = state["model"], state["random"], state["selection"]

    def _counts(self) -> list[tuple[str, int, int]]:
        """Return (label, agents, body cells) per kind, in the order of the codes."""
        cells = self._now()
        kinds, weights = cells.kind, cells.weight
        present = ((cls, kinds == code) for code, cls in cell_classes().items())
        return [(cls.cell_type.label, int(of.sum()), int(weights[of].sum())) for cls, of in present if of.any()]

    def __repr__(self) -> str:
        counts = "".join(f", {number:,} {label}" for label, number, _ in self._counts())
        return f"<CellSet of {len(self):,}{counts}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{label}</td><td>{number:,}</td><td>{cells:,}</td></tr>" for label, number, cells in self._counts()
        )
        return f"<table><tr><th>kind</th><th>agents</th><th>body cells</th></tr>{rows}</table>"


def _call(cell: Cell, method: str | Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return getattr(cell, method)(*args, **kwargs) if isinstance(method, str) else method(cell, *args, **kwargs)
