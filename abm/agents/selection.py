# SPDX-License-Identifier: Apache-2.0
"""Which cells belong to a set: every cell of some kinds (live), or those listed by uid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from abm.state.columns import Array
from abm.state.kinds import KINDS
from abm.state.table import CellTable

Tables = Mapping[str, CellTable]


@dataclass(slots=True)
class Part:
    """The share of one table in a set; a view in the sense of :class:`abm.state.columns.View`.

    Parameters
    ----------
    home : str
        Name of the table.
    table : CellTable
        The table.
    row : slice (with start and stop) or array of int
        Rows of the living members.
    place : slice or array of int
        Where these members stand in the order of the set.
    """

    home: str
    table: CellTable
    row: slice | Array
    place: slice | Array

    @property
    def count(self) -> int:
        """Number of members."""
        return self.row.stop - self.row.start if isinstance(self.row, slice) else len(self.row)

    @property
    def rows(self) -> Array:
        """Rows of the members, as an array."""
        return np.arange(self.row.start, self.row.stop) if isinstance(self.row, slice) else self.row


@dataclass(frozen=True)
class EveryCell:
    """All living cells of some kinds, now and whenever it is asked, in the order of birth per table.

    Parameters
    ----------
    codes : tuple of int, or None
        Codes of the kinds; None for all.
    """

    codes: tuple[int, ...] | None = None

    def homes(self, tables: Tables) -> list[str]:
        """Return the tables that may hold members, whether or not they do at this moment."""
        if self.codes is None:
            return list(tables)
        return [home for home in tables if any(KINDS[code].home == home for code in self.codes)]

    def size(self, tables: Tables) -> int:
        """Return the number of members."""
        if self.codes is None:
            return sum(len(table) for table in tables.values())
        return sum(int(np.count_nonzero(self._among(tables[home]))) for home in self.homes(tables))

    def parts(self, tables: Tables) -> list[Part]:
        """Return the members, table by table; tables without members are left out."""
        found: list[Part] = []
        start = 0
        for home in self.homes(tables):
            table = tables[home]
            row: slice | Array
            if self.codes is None and table.n_dead == 0:
                row, count = slice(0, table.n_rows), table.n_rows
            else:
                row = table.alive() if self.codes is None else np.flatnonzero(self._among(table))
                count = len(row)
            if count:
                found.append(Part(home, table, row, slice(start, start + count)))
            start += count
        return found

    def _among(self, table: CellTable) -> Array:
        kinds = table.array("kind")
        codes = self.codes or ()
        return kinds == codes[0] if len(codes) == 1 else np.isin(kinds, codes)


@dataclass(frozen=True)
class Resolved:
    """The members of a set with their rows, good for as long as nothing is born, dies or moves.

    Parameters
    ----------
    found : tuple of Part
        The members, table by table.
    scope : tuple of str
        Tables that may hold members.
    """

    found: tuple[Part, ...]
    scope: tuple[str, ...]

    def homes(self, tables: Tables) -> list[str]:
        """Return the tables that may hold members."""
        return list(self.scope)

    def size(self, tables: Tables) -> int:
        """Return the number of members."""
        return sum(part.count for part in self.found)

    def parts(self, tables: Tables) -> list[Part]:
        """Return the members, table by table."""
        return list(self.found)


class Listed:
    """Cells listed by uid, in an order of their own; those that die leave the list.

    The uid itself proves that a remembered row is still the right one, so that births, growth,
    compaction and even a shuffled table need not be announced to a set.

    Parameters
    ----------
    uids : int64[n]
        The members, each once.
    homes : uint8[n]
        Table of each, as its place in the mapping of tables.
    rows : int32[n]
        Where each probably stands.
    """

    def __init__(self, uids: Array, homes: Array, rows: Array) -> None:
        self.uids = np.asarray(uids, dtype=np.int64)
        self.home_codes = np.asarray(homes, dtype=np.uint8)
        self.rows = np.asarray(rows, dtype=np.int32)

    @classmethod
    def of_parts(cls, parts: Iterable[Part], tables: Tables) -> Self:
        """List the cells that ``parts`` hold at this moment, in their order."""
        parts = list(parts)
        count = sum(part.count for part in parts)
        uids, homes, rows = np.empty(count, np.int64), np.empty(count, np.uint8), np.empty(count, np.int32)
        number = {home: index for index, home in enumerate(tables)}
        for part in parts:
            uids[part.place] = part.table.array("uid")[part.row]
            homes[part.place] = number[part.home]
            rows[part.place] = part.rows
        return cls(uids, homes, rows)

    def take(self, places: slice | Array) -> Listed:
        """Return the members at ``places`` (slice, positions or mask), in that order."""
        return Listed(self.uids[places], self.home_codes[places], self.rows[places])

    def homes(self, tables: Tables) -> list[str]:
        """Return the tables that hold members."""
        return [home for index, home in enumerate(tables) if np.any(self.home_codes == index)]

    def size(self, tables: Tables) -> int:
        """Return the number of living members."""
        self.refresh(tables)
        return len(self.uids)

    def parts(self, tables: Tables) -> list[Part]:
        """Return the living members, table by table; tables without members are left out."""
        self.refresh(tables)
        found: list[Part] = []
        for index, (home, table) in enumerate(tables.items()):
            place = np.flatnonzero(self.home_codes == index)
            if len(place) == len(self.uids) > 0:
                found.append(Part(home, table, self.rows, slice(0, len(place))))
            elif len(place):
                found.append(Part(home, table, self.rows[place], place))
        return found

    def refresh(self, tables: Tables) -> None:
        """Look up rows that moved and forget members that died."""
        rows = np.empty_like(self.rows)
        for index, table in enumerate(tables.values()):
            of_table = self.home_codes == index
            if of_table.all():
                rows = locate(table, self.uids, self.rows)
            elif of_table.any():
                rows[of_table] = locate(table, self.uids[of_table], self.rows[of_table])
        self.rows = rows
        living = rows >= 0
        if not living.all():
            self.uids, self.home_codes, self.rows = self.uids[living], self.home_codes[living], self.rows[living]


def locate(table: CellTable, uids: Array, guess: Array) -> Array:
    """Return the row of each cell, or -1 where it is dead.

    Parameters
    ----------
    table : CellTable
        Where to look.
    uids : int64[n]
        Cells to find.
    guess : int32[n]
        Where each stood when last seen; any number will do.
    """
    if table.n_rows == 0:
        return np.full(len(uids), -1, dtype=np.int32)
    known, kinds = table.arrays("uid", "kind")
    rows = np.clip(guess, 0, table.n_rows - 1)
    absent = known[rows] != uids
    if absent.any():
        moved = np.flatnonzero(absent)
        # Bisection needs order, which a shuffled table lacks until its next compaction.
        order = None if np.all(known[1:] > known[:-1]) else np.argsort(known)
        found = np.minimum(np.searchsorted(known, uids[moved], sorter=order), table.n_rows - 1)
        rows[moved] = found if order is None else order[found]
        absent = known[rows] != uids
    rows[absent | (kinds[rows] == 0)] = -1
    return rows


Selection = EveryCell | Listed | Resolved
