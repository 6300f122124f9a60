# SPDX-License-Identifier: Apache-2.0
"""The columns of a cell, declared once.

A :class:`Column` is at once the declaration from which a :class:`~abm.state.table.CellTable`
allocates its array, and the descriptor through which a view (one cell or a set of cells) reads and
writes it: ``obj.row`` is an int for one cell and an index array or slice for a set, and NumPy does
the rest. The idea is that of Mesa's ``PropertyDescriptor`` and MDAnalysis' ``TopologyAttr``.

Two tables hold the cells, because the many that sit must not be dragged through the cache by the
few that walk: one wide table made the same step 3.6-4 ns per cell-minute instead of 1.0-1.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from abm.state.table import CellTable


class View(Protocol):
    """Anything that points into a table: one cell (``row`` an int) or many (a slice or index array)."""

    table: CellTable
    row: Any


class Column:
    """One attribute of every cell of a table.

    Parameters
    ----------
    dtype : str
        NumPy dtype of the array.
    unit : str
        Unit as spelt in :mod:`abm.units`, or "" for codes and identifiers.
    about : str
        What the column holds.
    fill : float
        Value of a new row that states nothing else.
    """

    def __init__(self, dtype: str, unit: str, about: str, fill: float = 0) -> None:
        self.dtype = np.dtype(dtype)
        self.unit = unit
        self.fill = fill
        self.about = about
        self.__doc__ = f"{about} [{unit}]" if unit else about
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, view: View | None, owner: type) -> Any:
        if view is None:
            return self
        values, row = view.table.array(self.name), view.row
        # A Python number for one cell: uint8 arithmetic would wrap (1 - 2 = 255) in user code.
        return values.item(row) if isinstance(row, int) else values[row]

    def __set__(self, view: View, value: Any) -> None:
        view.table.array(self.name)[view.row] = value


NOWHERE = -1
"""``site`` of a cell in a well-mixed compartment."""
NEVER = np.iinfo(np.int32).max
"""Tick of an event that is not scheduled."""

# Bits of the column ``flags``.
GUEST = np.uint8(1)
LOCKED = np.uint8(2)


class CellColumns:
    """Columns that every cell has."""

    uid = Column("i8", "", "identity; increases with birth, never re-used")
    weight = Column("i8", "cells", "body cells that this agent stands for", 1)
    site = Column("i4", "", "lattice site, or -1 in a well-mixed compartment", NOWHERE)
    due = Column("i4", "", "tick of the next candidate fate", NEVER)
    kind = Column("u1", "", "cell type code; 0 marks a dead row")
    compartment = Column("u1", "", "compartment code")
    flags = Column("u1", "", "bit 1 guest (takes no room), bit 2 locked in a synapse")
    divisions = Column("u1", "", "divisions since the founder")


class SessileColumns(CellColumns):
    """Columns of cells that sit: blasts, B lineage, macrophages."""

    cd19 = Column("f4", "molecules", "CD19 per cell")
    cd22 = Column("f4", "molecules", "CD22 per cell")
    clone = Column("u2", "", "clone identifier; 0 for normal cells")
    mood = Column("f4", "1", "responsiveness of a macrophage (1 naive, 0 desensitised)", 1)


class MotileColumns(CellColumns):
    """Columns of T cells: CAR T cells, which walk, and host T cells, which exchange places with neighbours."""

    state = Column("u1", "", "programme: memory, activated, effector, exhausted, resident memory")
    subset = Column("u1", "", "4 for CD4, 8 for CD8")
    product = Column("u1", "", "infused product; 0 for host cells")
    infusion = Column("u1", "", "part of an infusion whose early loss the cell still undergoes, numbered as given; 0 for none")
    heading = Column("u1", "", "direction of the persistent walk")
    budget = Column("u1", "", "divisions allowed before exhaustion")
    free_at = Column("i4", "", "tick from which the cell is free to test contacts")
    kill_at = Column("i4", "", "tick at which the bound target dies", NEVER)
    divide_at = Column("i4", "", "tick of the next division", NEVER)
    contact_site = Column("i4", "", "site of the bound target, or -1", NOWHERE)
    partner = Column("i8", "", "uid of the bound target, or -1", -1)
    engaged = Column("u2", "", "ticks spent in contact, or refractory after it, since cytokines were last secreted")


def columns_of(owner: type) -> dict[str, Column]:
    """Return name -> column of a class, base classes first."""
    found: dict[str, Column] = {}
    for base in reversed(owner.__mro__):
        found.update({name: item for name, item in vars(base).items() if isinstance(item, Column)})
    return found


Array = NDArray[Any]
