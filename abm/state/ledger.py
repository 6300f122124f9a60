# SPDX-License-Identifier: Apache-2.0
"""Exact integer books: every body cell that comes or goes, by kind, compartment and cause."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from abm.state.columns import Array
from abm.state.kinds import MAX_KIND


class Entry(IntEnum):
    """A column of the books; those above the line add to the stock, those below take from it."""

    INITIAL = 0
    BIRTH = 1
    MATURED_IN = 2
    INFUSED = 3
    ARRIVED = 4
    ANTIGEN_IN = 5
    # ------------------------------ below: losses
    DIED = 6
    KILLED = 7
    DRUG_KILLED = 8
    DISPLACED = 9
    MATURED_OUT = 10
    DEPARTED = 11
    ANTIGEN_OUT = 12
    REMOVED = 13
    # ------------------------------ below: events that move no stock
    SPLIT = 14
    MERGED = 15
    REMAINDER = 16
    BLOCKED = 17


SIGNS = np.array([1] * 6 + [-1] * 8 + [0] * 4, np.int64)
"""+1 for a gain, -1 for a loss, 0 for an event that moves no stock."""


class Ledger:
    """Cumulative counts in body cells, ``(kind, compartment, entry)``, int64."""

    def __init__(self, n_places: int = 3) -> None:
        self.book = np.zeros((MAX_KIND + 1, n_places, len(Entry)), np.int64)

    def add(self, kind: int, place: int, entry: Entry, count: int) -> None:
        """Book ``count`` body cells (or events)."""
        self.book[kind, place, entry] += count

    def add_rows(self, kinds: Array, place: int | Array, entry: Entry, weights: int | Array) -> None:
        """Book one entry for many cells, of one compartment or each of its own, each with its weight."""
        where: Any = (kinds, place, int(entry))
        np.add.at(self.book, where, weights)

    def balance(self) -> Array:
        """Return what must be in stock, ``(kind, compartment)``."""
        return self.book @ SIGNS

    def total(self, entry: Entry, kind: int | None = None) -> int:
        """Return the sum of an entry over compartments, for one kind or all."""
        book = self.book if kind is None else self.book[kind]
        return int(book[..., entry].sum())
