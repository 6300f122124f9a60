# SPDX-License-Identifier: Apache-2.0
"""A dense table of cells: one array per column, tombstones for the dead, stable compaction."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from abm.errors import RunError
from abm.state.columns import Array, Column, columns_of

MOST_ROWS = int(np.iinfo(np.int32).max)
GROWTH = 1.25
"""Capacity grows by this factor: memory beyond need stays below a quarter."""


class CrowdedError(RunError):
    """A table has come to its limit of rows."""


class CellTable:
    """Columns of equal length with room to grow.

    Rows are in the order of birth, so ``uid`` is sorted and a cell is found by bisection. A dead
    row keeps its place with ``kind == 0`` until :meth:`compact`.

    Parameters
    ----------
    schema : type
        A class whose attributes are :class:`~abm.state.columns.Column`.
    capacity : int
        Rows to allocate at first.

    Attributes
    ----------
    limit : int
        Most rows; whoever knows what a run may hold sets it.
    """

    def __init__(self, schema: type, capacity: int = 16) -> None:
        self.schema: dict[str, Column] = columns_of(schema)
        self.n_rows = 0
        self.n_dead = 0
        self.limit = MOST_ROWS
        self._capacity = max(int(capacity), 1)
        self._arrays: dict[str, Array] = {}
        for name, column in self.schema.items():
            self._arrays[name] = np.full(self._capacity, column.fill, dtype=column.dtype)

    def __len__(self) -> int:
        return self.n_rows - self.n_dead

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return sum(array.nbytes for array in self._arrays.values())

    def array(self, name: str) -> Array:
        """Return the column over all rows in use, dead ones included (a view, shape ``(n_rows,)``).

        Raises
        ------
        AttributeError
            No such column; the message names the nearest one.
        """
        try:
            return self._arrays[name][: self.n_rows]
        except KeyError:
            near = difflib.get_close_matches(name, self.schema, n=1, cutoff=0.0)[0]
            raise AttributeError(f"no column {name!r}; nearest: {near!r}") from None

    def arrays(self, *names: str) -> list[Array]:
        """Return several columns, as :meth:`array` does."""
        return [self.array(name) for name in names]

    def alive(self) -> Array:
        """Return the rows of living cells, in row order, as ``int64``."""
        return np.flatnonzero(self.array("kind"))

    def by_uid(self, rows: Array) -> Array:
        """Return rows in the order of uid, which is that of rows unless the table has been shuffled."""
        uids = self.array("uid")[rows]
        return np.asarray(rows[np.argsort(uids, kind="stable")]) if (uids[1:] < uids[:-1]).any() else rows

    def reserve(self, extra: int) -> None:
        """Make room for ``extra`` more rows; views taken before are stale afterwards.

        Raises
        ------
        CrowdedError
            There would be more than :attr:`limit`; nothing has changed.
        """
        needed = self.n_rows + extra
        if needed > self.limit:
            raise CrowdedError(f"a table holds at most {self.limit} rows, {needed} wanted")
        if needed <= self._capacity:
            return
        self._capacity = min(max(needed, int(self._capacity * GROWTH) + 16), self.limit)
        for name, old in self._arrays.items():
            grown = np.full(self._capacity, self.schema[name].fill, dtype=old.dtype)
            grown[: self.n_rows] = old[: self.n_rows]
            self._arrays[name] = grown

    def append(self, count: int, **values: Any) -> Array:
        """Add ``count`` rows and return their row numbers; columns not named take their fill value.

        Raises
        ------
        AttributeError
            A name that is no column.
        """
        self.reserve(count)
        start = self.n_rows
        self.n_rows += count
        for name in values:
            self.array(name)
        for name, column in self.schema.items():
            self._arrays[name][start : self.n_rows] = values.get(name, column.fill)
        return np.arange(start, self.n_rows)

    def find(self, uid: int) -> int:
        """Return the row of a living cell, or -1."""
        uids = self.array("uid")
        row = int(np.searchsorted(uids, uid))
        if row >= self.n_rows or uids[row] != uid:
            matches = np.flatnonzero(uids == uid)  # a shuffled table, until its next compaction
            row = int(matches[0]) if len(matches) else -1
        return row if row >= 0 and self.array("kind")[row] else -1

    def holds(self, uid: int, row: int) -> bool:
        """Return whether the living cell ``uid`` stands in ``row`` (any number of 0 or more)."""
        return row < self.n_rows and self._arrays["uid"].item(row) == uid and self._arrays["kind"].item(row) != 0

    def compact(self) -> Array | None:
        """Drop dead rows and restore the order of uid; return the rows kept, or None if nothing moved.

        The result depends on which cells live, never on the order in which rows stood.
        """
        uids = self.array("uid")
        ordered = bool(np.all(uids[1:] > uids[:-1]))
        if ordered and self.n_dead == 0:
            return None
        kept = self.alive()
        if not ordered:
            kept = kept[np.argsort(uids[kept])]
        for name, array in self._arrays.items():
            array[: len(kept)] = array[: self.n_rows][kept]
            array[len(kept) : self.n_rows] = self.schema[name].fill
        self.n_rows, self.n_dead = len(kept), 0
        return kept

    def to_arrays(self) -> dict[str, Array]:
        """Copy every column of the living cells, in the order of uid."""
        kept = self.alive()
        kept = kept[np.argsort(self.array("uid")[kept])]
        return {name: self.array(name)[kept] for name in self.schema}

    def load_arrays(self, columns: Mapping[str, Array]) -> None:
        """Replace all rows by ``columns`` (every column of the schema, equal lengths)."""
        self.n_rows = self.n_dead = 0
        self.append(len(columns["uid"]), **columns)
