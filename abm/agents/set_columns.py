# SPDX-License-Identifier: Apache-2.0
"""The columns of a set of cells: attributes in Mesa's sense, read and written as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Self

import numpy as np

from abm.agents.cell import cell_classes
from abm.agents.column_access import (
    InvalidArgumentError,
    UnknownColumnError,
    checked,
    refuse_read_only,
    unknown_column,
    wide,
)
from abm.agents.selection import Part, Selection
from abm.state.columns import Array
from abm.state.kinds import KINDS, MAX_KIND
from abm.state.table import CellTable

_FOR_ARRAYS: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = ((sum, np.sum), (min, np.min), (max, np.max))
"""Built-in functions and NumPy's equivalents, fifty times faster on an array."""


class SetColumns:
    """Reading and writing of columns for all members of a set at once.

    Integers are shown as ``int64`` and reals as ``float64``, always in a fresh array, so that
    arithmetic does not wrap and a result does not change under the reader when the model goes on.
    """

    model: Any
    random: Any
    _selection: Selection

    @property
    def _tables(self) -> Mapping[str, CellTable]:
        tables: Mapping[str, CellTable] = self.model.state.tables
        return tables

    def _parts(self) -> list[Part]:
        return self._selection.parts(self._tables)

    def _gather(self, dtype: np.dtype[Any], of_part: Callable[[Part], Any]) -> Array:
        parts = self._parts()
        values = np.empty(sum(part.count for part in parts), dtype=dtype)
        for part in parts:
            values[part.place] = of_part(part)
        return values

    @property
    def unique_id(self) -> Array:
        """The uid of each cell (``int64[n]``)."""
        return self._column("uid")

    @property
    def kind_name(self) -> Array:
        """Name of each cell's kind (array of str)."""
        names = np.full(MAX_KIND + 1, "", dtype=object)
        for code, cls in cell_classes().items():
            names[code] = cls.cell_type.name
        return names[self._column("kind")]

    @property
    def pos(self) -> Array:
        """Lattice coordinates (x, y, z) of each cell, or None in a well-mixed compartment (array of objects)."""
        sites, compartments = self._column("site"), self._column("compartment")
        positions = np.full(len(sites), None, dtype=object)
        for compartment in np.unique(compartments).tolist():
            here = np.flatnonzero((compartments == compartment) & (sites >= 0))
            if len(here):
                coordinates = self.model.state.coordinates(compartment, sites[here]).tolist()
                for place, coordinate in zip(here.tolist(), coordinates, strict=True):
                    positions[place] = tuple(coordinate)
        return positions

    def _column(self, name: str) -> Array:
        """Return a column of all members, or say who lacks it."""
        tables = self._tables
        having = {home: table.schema[name] for home, table in tables.items() if name in table.schema}
        lacking = [home for home in self._selection.homes(tables) if home not in having]
        if lacking or not having:
            raise unknown_column(name, f"this set of {self._kinds_in_words()}", lacking, tables)
        dtype = np.result_type(*(wide(column.dtype) for column in having.values()))
        return self._gather(dtype, lambda part: having[part.home].__get__(part, type(part)))

    def _column_or(self, name: str, default: Any) -> Array:
        """Return a column of all members, with ``default`` for those that lack it."""
        number = isinstance(default, (int, float))
        dtypes = [wide(table.schema[name].dtype) for table in self._tables.values() if name in table.schema]
        dtype = np.result_type(type(default), *dtypes) if number else np.dtype(object)
        filler = np.empty(1, dtype=dtype)
        filler[0] = default

        def of_part(part: Part) -> Array:
            column = part.table.schema.get(name)
            return filler if column is None else np.asarray(column.__get__(part, type(part)))

        return self._gather(dtype, of_part)

    def _kinds_in_words(self) -> str:
        names = sorted({KINDS[code].name for part in self._parts() for code in np.unique(_kinds(part)).tolist()})
        return ", ".join(names) or "no cells"

    def classes_define(self, name: str) -> bool:
        """Return whether the class of every cell in the set has the attribute ``name``."""
        classes = cell_classes()
        codes = {code for part in self._parts() for code in np.unique(_kinds(part)).tolist()}
        return bool(codes) and all(hasattr(classes[code], name) for code in codes)

    def __getattr__(self, name: str) -> Any:
        # Reached only by names that the class lacks: columns, whose arrays depend on the tables.
        if name.startswith("_"):
            raise AttributeError(name)
        return self._column(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("model", "random", "_selection"):
            object.__setattr__(self, name, value)
        else:
            self.set(name, value)

    def get(
        self,
        attr_names: str | Iterable[str],
        handle_missing: Literal["error", "default"] = "error",
        default_value: Any = None,
    ) -> Array | list[Any]:
        """Return attributes of all cells.

        Parameters
        ----------
        attr_names : str or iterable of str
            Columns, ``unique_id``, ``kind_name``, ``pos``, or attributes that the cells' classes define.
        handle_missing : {"error", "default"}
            What to do for cells that lack an attribute.
        default_value : Any
            Value for these cells, with ``"default"``.

        Returns
        -------
        array or list
            Shape ``(n,)`` for one name, ``(n, number of names)`` for several. An attribute that is
            no column is asked of each cell, and comes as a list.

        Raises
        ------
        UnknownColumnError
            Some cells lack the attribute; the message says which kinds have it.
        InvalidArgumentError
            Unknown ``handle_missing``.
        """
        if handle_missing not in ("error", "default"):
            raise InvalidArgumentError(f"handle_missing: must be 'error' or 'default', got {handle_missing!r}")
        if not isinstance(attr_names, str):
            columns = [self.get(name, handle_missing, default_value) for name in attr_names]
            if any(isinstance(column, list) for column in columns):
                return [list(values) for values in zip(*columns, strict=True)]
            return np.stack(columns, axis=1)
        try:
            return np.asarray(getattr(self, attr_names)) if attr_names in _DERIVED else self._column(attr_names)
        except UnknownColumnError:
            if self.classes_define(attr_names):
                return [getattr(cell, attr_names) for cell in self]  # type: ignore[attr-defined]
            if handle_missing == "error":
                raise
            return self._column_or(attr_names, default_value)

    def set(self, attr_name: str, value: Any) -> Self:
        """Write a column.

        Parameters
        ----------
        attr_name : str
            Column that all cells of the set have.
        value : float or array
            One number for all, or one per cell in the order of the set.

        Raises
        ------
        UnknownColumnError
            No such column for some of the cells.
        InvalidArgumentError
            Wrong length, or numbers that the column cannot hold.
        InputError
            The column is read-only.
        """
        refuse_read_only(attr_name)
        tables = self._tables
        lacking = [home for home in self._selection.homes(tables) if attr_name not in tables[home].schema]
        if lacking or not any(attr_name in table.schema for table in tables.values()):
            raise unknown_column(attr_name, f"this set of {self._kinds_in_words()}", lacking, tables)
        parts = self._parts()
        count = sum(part.count for part in parts)
        values = np.asarray(value)
        if values.shape not in ((), (count,)):
            raise InvalidArgumentError(
                f"{attr_name}: must be one number or an array of shape ({count},), got {values.shape}"
            )
        columns = [part.table.schema[attr_name] for part in parts]
        fitted = [checked(column, values) for column in columns]  # all of them first: all is written, or nothing
        for part, column, fit in zip(parts, columns, fitted, strict=True):
            column.__set__(part, fit if values.ndim == 0 else fit[part.place])
        return self

    def agg(self, attribute: str, func: Callable[..., Any] | Iterable[Callable[..., Any]]) -> Any:
        """Return the value of one or several functions of a column.

        Parameters
        ----------
        attribute : str
            Name as for :meth:`get`.
        func : callable or iterable of callable
            Function of the array of values; the built-in sum, min and max are run as NumPy's.
        """
        values = self.get(attribute)
        if callable(func):
            return _apply(func, values)
        return [_apply(one, values) for one in func]


_DERIVED = tuple(name for name, item in vars(SetColumns).items() if isinstance(item, property) and name[0] != "_")


def _apply(function: Callable[..., Any], values: Array | list[Any]) -> Any:
    if isinstance(values, np.ndarray):
        function = next((fast for builtin, fast in _FOR_ARRAYS if function is builtin), function)
    result = function(values)
    return result.item() if isinstance(result, np.generic) else result


def _kinds(part: Part) -> Array:
    return part.table.array("kind")[part.row]
