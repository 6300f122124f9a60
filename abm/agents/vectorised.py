# SPDX-License-Identifier: Apache-2.0
"""Filters, sort keys and group keys: functions of one agent in Mesa, evaluated once for a whole set here.

``lambda c: (c.divisions > 2) & (c.state == 3)`` means the same for one cell and for a million,
so it is called once, with an object whose attributes are arrays. A function that asks what only a
single cell can answer (``isinstance``, a method or property of the cell's class), or that returns
one value for the whole set, is called for each cell instead: right, but some microseconds per cell.
Asking for ``type(c)`` cannot be noticed; use ``agent_type=``. A function that treats an array as one
truth value (``and``, ``or``, ``not``, ``if``, ``in``) is refused with advice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.agents.column_access import InvalidArgumentError, UnknownColumnError
from abm.state.columns import Array

if TYPE_CHECKING:
    from abm.agents.cellset import CellSet

_SCALAR_ONLY = ("truth value of an", "can be converted to Python scalars", "only length-1 arrays")
"""What NumPy says when an array is used where one number is wanted."""

ADVICE = (
    "it was written for one cell and is evaluated for all cells at once: write & for and, | for or, ~ for not "
    "(each comparison in parentheses), (a < x) & (x < b) for a < x < b, np.where for if, np.isin for in, "
    "NumPy's functions for those of math"
)


class OneByOneError(Exception):
    """Signal: the function asked for something that only a single cell can answer."""


class WholeSet:
    """What a vectorised function is called with: the columns and the reading methods of a set."""

    __slots__ = ("_cells",)

    def __init__(self, cells: CellSet) -> None:
        self._cells = cells

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self._cells, name)
        except UnknownColumnError:
            if self._cells.classes_define(name):
                raise OneByOneError from None
            raise

    def __len__(self) -> int:
        return len(self._cells)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        # isinstance(c, CarTCell) asks here. Answering would be wrong for every set of mixed kinds,
        # and silently so in "isinstance(c, CarTCell) or c.divisions > 2".
        raise OneByOneError


def evaluate(function: Callable[..., Any], cells: CellSet) -> Array | list[Any]:
    """Return the value of ``function`` for each cell: an array, or a list if it is no plain column.

    Parameters
    ----------
    function : callable
        Function of a cell.
    cells : CellSet
        Set of one or more cells.

    Raises
    ------
    InvalidArgumentError
        The function cannot work on arrays, or returned arrays of another length.
    """
    try:
        result = function(WholeSet(cells))
    except OneByOneError:
        return [function(cell) for cell in cells]
    except (TypeError, ValueError) as error:
        if any(words in str(error) for words in _SCALAR_ONLY):
            raise InvalidArgumentError(f"cannot use {_name(function)}: {ADVICE}") from error
        raise
    columns = [np.asarray(item) for item in (result if isinstance(result, tuple) else (result,))]
    if not columns or any(column.ndim == 0 for column in columns):
        return [function(cell) for cell in cells]
    for column in columns:
        if column.shape != (len(cells),):
            raise InvalidArgumentError(
                f"{_name(function)} must return one value per cell, an array of shape ({len(cells)},), "
                f"got {column.shape}"
            )
    if isinstance(result, tuple):
        return list(zip(*(column.tolist() for column in columns), strict=True))
    return columns[0]


def stable_order(values: Array | list[Any], ascending: bool) -> Array:
    """Return the places that sort ``values``; equal values keep their order both ways."""
    if isinstance(values, list):
        places = sorted(range(len(values)), key=values.__getitem__, reverse=not ascending)
        return np.array(places, dtype=np.int64)
    if ascending:
        return np.argsort(values, kind="stable")
    return len(values) - 1 - np.argsort(values[::-1], kind="stable")[::-1]


def _name(function: Callable[..., Any]) -> str:
    return f"the function {getattr(function, '__qualname__', repr(function))}"
