# SPDX-License-Identifier: Apache-2.0
"""Membership of a set of cells: adding, dropping, comparing and combining sets, by uid."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Self

import numpy as np

from abm.agents.cell import Cell
from abm.agents.column_access import InvalidArgumentError
from abm.agents.selection import EveryCell, Listed, Selection
from abm.errors import InputError
from abm.state.columns import Array


def listed(cells: Iterable[Any], model: Any) -> Listed:
    """List living cells of ``model``, each once, in the order given.

    Raises
    ------
    InvalidArgumentError
        Something that is no cell, or a cell of another model.
    """
    number = {id(table): index for index, table in enumerate(model.state.tables.values())}
    members: dict[int, tuple[int, int]] = {}
    for cell in cells:
        if not isinstance(cell, Cell):
            raise InvalidArgumentError(f"a set of cells holds cells only, got {cell!r}")
        if cell.model is not model:
            raise InvalidArgumentError(f"{cell!r} belongs to another model")
        if cell.alive:
            members[cell.unique_id] = (number[id(cell.table)], cell.row)
    return Listed(
        np.fromiter(members, dtype=np.int64, count=len(members)),
        np.array([home for home, _ in members.values()], dtype=np.uint8),
        np.array([row for _, row in members.values()], dtype=np.int32),
    )


class SetMembership:
    """Set algebra by uid; the order is that of the left operand, as in Mesa."""

    model: Any
    random: Any
    _selection: Selection

    def _with(self, selection: Selection) -> Self:
        raise NotImplementedError

    def _listed(self) -> Listed:
        """Return the members as a list of their own: that of the set itself if it is listed."""
        selection, tables = self._selection, self.model.state.tables
        if isinstance(selection, Listed):
            selection.refresh(tables)
            return selection
        return Listed.of_parts(selection.parts(tables), tables)

    def _own(self, change: str) -> Listed:
        if isinstance(self._selection, EveryCell):
            raise InputError(
                f"cannot {change}: this set is every cell of its kinds, live; change a copy (copy.copy(cells)), "
                "or call remove() on a cell to end it"
            )
        return self._listed()

    def _other(self, other: Iterable[Any]) -> Listed:
        if isinstance(other, SetMembership):
            if other.model is not self.model:
                raise InvalidArgumentError("the two sets belong to different models")
            return other._listed()
        return listed(other, self.model)

    def _keep(self, mine: Listed, theirs: Listed, shared: bool) -> Listed:
        return mine.take(np.isin(mine.uids, theirs.uids, invert=not shared))

    def add(self, agent: Cell) -> None:
        """Add a cell at the end of the set, unless it is a member.

        Raises
        ------
        InputError
            The set is every cell of its kinds.
        """
        mine = self._own("add a cell")
        self._selection = _joined(mine, self._keep(listed([agent], self.model), mine, shared=False))

    def discard(self, agent: Cell) -> None:
        """Drop a cell from the set, if it is a member; the cell lives on.

        Raises
        ------
        InputError
            The set is every cell of its kinds.
        """
        mine = self._own("drop a cell")
        if agent in self:
            self._selection = mine.take(mine.uids != agent.unique_id)

    def remove(self, agent: Cell) -> None:
        """Drop a cell from the set; the cell lives on.

        Raises
        ------
        KeyError
            The cell is no member.
        InputError
            The set is every cell of its kinds.
        """
        self._own("drop a cell")
        if agent not in self:
            raise KeyError(agent)
        self.discard(agent)

    def pop(self) -> Cell:
        """Drop the first cell from the set and return it.

        Raises
        ------
        KeyError
            The set is empty.
        """
        mine = self._own("drop a cell")
        if not len(mine.uids):
            raise KeyError("this set holds no cells")
        first: Cell = self[0]  # type: ignore[index]
        self._selection = mine.take(slice(1, None))
        return first

    def clear(self) -> None:
        """Drop all cells from the set; the cells live on."""
        self._selection = self._own("drop cells").take(slice(0, 0))

    def __contains__(self, agent: object) -> bool:
        if not isinstance(agent, Cell) or agent.model is not self.model or not agent.alive:
            return False
        if isinstance(self._selection, EveryCell):
            return self._selection.codes is None or agent.kind in self._selection.codes
        return bool(np.any(self._listed().uids == agent.unique_id))

    def __and__(self, other: Iterable[Any]) -> Self:
        return self._with(self._keep(self._listed(), self._other(other), shared=True))

    def __or__(self, other: Iterable[Any]) -> Self:
        mine, theirs = self._listed(), self._other(other)
        return self._with(_joined(mine, self._keep(theirs, mine, shared=False)))

    def __sub__(self, other: Iterable[Any]) -> Self:
        return self._with(self._keep(self._listed(), self._other(other), shared=False))

    def __xor__(self, other: Iterable[Any]) -> Self:
        mine, theirs = self._listed(), self._other(other)
        return self._with(_joined(self._keep(mine, theirs, shared=False), self._keep(theirs, mine, shared=False)))

    def __rand__(self, other: Iterable[Any]) -> Self:
        return self._with(self._other(other)) & self  # type: ignore[operator]

    def __ror__(self, other: Iterable[Any]) -> Self:
        return self._with(self._other(other)) | self  # type: ignore[operator]

    def __rsub__(self, other: Iterable[Any]) -> Self:
        return self._with(self._other(other)) - self  # type: ignore[operator]

    def __rxor__(self, other: Iterable[Any]) -> Self:
        return self._with(self._other(other)) ^ self  # type: ignore[operator]

    def __iand__(self, other: Iterable[Any]) -> Self:
        self._selection = self._keep(self._own("drop cells"), self._other(other), shared=True)
        return self

    def __ior__(self, other: Iterable[Any]) -> Self:
        mine = self._own("add cells")
        self._selection = _joined(mine, self._keep(self._other(other), mine, shared=False))
        return self

    def __isub__(self, other: Iterable[Any]) -> Self:
        self._selection = self._keep(self._own("drop cells"), self._other(other), shared=False)
        return self

    def __ixor__(self, other: Iterable[Any]) -> Self:
        self._own("change cells")
        self._selection = (self ^ other)._listed()
        return self

    def __le__(self, other: AbstractSet[Any]) -> bool:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        return bool(np.isin(self._listed().uids, self._uids_of(other)).all())

    def __ge__(self, other: AbstractSet[Any]) -> bool:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        uids = self._uids_of(other)
        return len(uids) == len(other) and bool(np.isin(uids, self._listed().uids).all())

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Return whether no cell is a member of both sets."""
        return not np.isin(self._listed().uids, self._uids_of(other)).any()

    def _uids_of(self, other: Iterable[Any]) -> Array:
        """Return the uids of the cells of this model in ``other``; anything else cannot be a member here."""
        if isinstance(other, SetMembership):
            return other._listed().uids if other.model is self.model else np.empty(0, np.int64)
        cells = (cell for cell in other if isinstance(cell, Cell) and cell.model is self.model and cell.alive)
        return np.fromiter((cell.unique_id for cell in cells), dtype=np.int64)


def _joined(first: Listed, second: Listed) -> Listed:
    return Listed(
        np.concatenate([first.uids, second.uids]),
        np.concatenate([first.home_codes, second.home_codes]),
        np.concatenate([first.rows, second.rows]),
    )
