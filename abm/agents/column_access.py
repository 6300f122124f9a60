# SPDX-License-Identifier: Apache-2.0
"""What may be read from and written to a cell by name, and how a wrong name or value is refused."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from abm.errors import InputError
from abm.state.columns import Column
from abm.state.kinds import KINDS
from abm.state.table import CellTable


class UnknownColumnError(InputError, AttributeError):
    """A name that is no column of the cell or set; an ``AttributeError``, so ``getattr`` defaults work."""


class InvalidArgumentError(InputError, ValueError):
    """An argument that cannot be used; a ``ValueError``, as Mesa raises in its place."""


READ_ONLY: Mapping[str, str] = {
    "uid": "a cell keeps the uid it was born with",
    "kind": "processes change the kind together with the site codes of the lattice; call remove() to end a cell",
    "site": "processes move cells, and keep table and lattice in step; call remove() to take a cell off the lattice",
    "compartment": "processes move cells between compartments; call remove() to take a cell out",
    "weight": "abm.state.weights splits and merges agents, which keeps the number of body cells; "
    "call remove() to end the whole agent",
}
"""Columns that a view does not write, because the lattice or a ledger must change with them; and what to do instead."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the valid name closest to ``name``."""
    return _nearest(name, tuple(names))


@functools.lru_cache(maxsize=256)
def _nearest(name: str, names: tuple[str, ...]) -> str:
    # Cached, because a collector may ask every cell for the same attribute that it lacks.
    return difflib.get_close_matches(name, names, n=1, cutoff=0.0)[0]


def unknown_column(
    name: str, owner: str, lacking: Iterable[str], tables: Mapping[str, CellTable]
) -> UnknownColumnError:
    """Return the error for a name that not all tables in question have.

    Parameters
    ----------
    name : str
        The name asked for.
    owner : str
        What was asked: words for a cell or a set.
    lacking : iterable of str
        Tables in question that lack the column.
    tables : mapping of str to CellTable
        All tables.
    """
    having = [home for home, table in tables.items() if name in table.schema]
    if not having:
        shared = dict.fromkeys(key for table in tables.values() for key in table.schema)
        return UnknownColumnError(f"{owner} has no attribute {name!r}; nearest column: {nearest(name, shared)!r}")
    return UnknownColumnError(
        f"{owner} has no column {name!r}: only {_kinds_in(having)} have it, {_kinds_in(lacking)} have not; "
        "select cells of these kinds first, as in model.agents.select(agent_type=...)"
    )


def _kinds_in(homes: Iterable[str]) -> str:
    wanted = set(homes)
    return ", ".join(kind.name for kind in KINDS if kind.home in wanted)


def refuse_read_only(name: str) -> None:
    """Raise if ``name`` is a column that a view does not write.

    Raises
    ------
    InputError
        The column is read-only; the message says what to do instead.
    """
    if name in READ_ONLY:
        raise InputError(f"{name} cannot be written through a cell or a set: {READ_ONLY[name]}")


def checked(column: Column, value: Any) -> Any:
    """Return ``value`` in the column's dtype, having made sure that nothing is lost.

    NumPy would wrap 300 to 44 in a ``uint8`` column and cut 2.5 to 2 without a word.

    Parameters
    ----------
    column : Column
        Where the value is going.
    value : float or array
        Number, or one number per cell.

    Raises
    ------
    InvalidArgumentError
        Not a number, not finite, not whole in an integer column, or out of range.
    """
    lowest, highest = _bounds(column.dtype)
    if type(value) is int and lowest <= value <= highest:
        return value
    given = np.asarray(value)
    whole = column.dtype.kind in "iu"
    allowed = f"a {'whole' if whole else 'finite'} number from {lowest:g} to {highest:g}"
    if given.dtype.kind not in "biuf":
        raise InvalidArgumentError(f"{column.name}: must be {allowed}, got {value!r}")
    wrong = ~((given >= lowest) & (given <= highest))
    if whole and given.dtype.kind == "f":
        wrong |= given != np.floor(given)
    if np.any(wrong):
        raise InvalidArgumentError(f"{column.name}: must be {allowed}, got {given[wrong].flat[0]}")
    return given.astype(column.dtype)


@functools.cache
def _bounds(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return float(np.finfo(dtype).min), float(np.finfo(dtype).max)


def wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which a set shows a column: 64 bits, so that sums and differences do not wrap."""
    return np.dtype(np.int64) if dtype.kind in "iu" else np.dtype(np.float64)
