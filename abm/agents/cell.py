# SPDX-License-Identifier: Apache-2.0
"""One cell as a Mesa agent: a view into a table, found by its uid, owning nothing.

A :class:`Cell` is a :class:`mesa.Agent` but never calls ``Agent.__init__``: that would register it
and give it an id from a class-level dictionary that keeps the model alive for ever (Mesa 3.3.1,
mesa issue 3179). Attributes in arrays behind an object are Mesa's own idea, see its
``PropertyDescriptor`` (property layers) and ``ContinuousSpaceAgent``; here every attribute is one.

In Mesa's ``discrete_space`` the word cell means a lattice position; ours are called sites.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import numpy as np
from mesa.agent import Agent

from abm.agents.column_access import UnknownColumnError, checked, nearest, refuse_read_only, unknown_column
from abm.celltypes import (
    BLAST,
    CAR_T,
    CD19_NEGATIVE_BLAST,
    HOST_T,
    MACROPHAGE,
    MATURE_B,
    PRE_B,
    PRO_B,
)
from abm.errors import AbmError, InputError
from abm.state.columns import CellColumns, Column, MotileColumns, SessileColumns, columns_of
from abm.state.kinds import KINDS, CellType
from abm.state.table import CellTable


class DeadCellError(AbmError):
    """A view was used after its cell had died or been removed."""


class Cell(CellColumns, Agent):  # type: ignore[misc]
    """A cell of the body, or many alike (``weight``), as a Mesa agent.

    Two views of one cell are equal. A view survives growth and compaction of the table; once the
    cell is dead every use but ``unique_id``, ``alive`` and ``remove`` raises. A view keeps the class
    of the kind that its cell had when the view was made; ``kind_name`` is always that of now.

    Parameters
    ----------
    model : mesa.Model
        The model, with ``state``.
    table : CellTable
        Table that holds the cell.
    uid : int
        Identity of the cell.
    row : int
        Where the cell probably stands; -1 if not known.
    """

    __slots__ = ("_row", "_uid", "model", "table")

    model: Any
    table: CellTable
    _uid: int
    _row: int

    cell_type: ClassVar[CellType]
    """What the engine knows of the kind; absent from classes that stand for several kinds."""
    home: ClassVar[str]
    """Name of the table that holds cells of this class."""
    _columns: ClassVar[dict[str, Column]] = columns_of(CellColumns)

    def __init_subclass__(cls, kind: CellType | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._columns = columns_of(cls)
        if kind is not None:
            _tie(cls, kind)

    def __init__(self, model: Any, table: CellTable, uid: int, row: int = -1) -> None:
        _put_model(self, model)
        _put_table(self, table)
        _put_uid(self, uid)
        _put_row(self, row)

    @property
    def row(self) -> int:
        """Row of the cell at this moment.

        Raises
        ------
        DeadCellError
            The cell is dead.
        """
        row = self._find()
        if row < 0:
            raise DeadCellError(f"{type(self).__name__} with uid {self._uid} is dead: it died or was removed")
        return row

    def _find(self) -> int:
        table, row = self.table, self._row
        if row >= 0 and table.holds(self._uid, row):
            return row
        row = table.find(self._uid)
        _put_row(self, row)
        return row

    @property
    def alive(self) -> bool:
        """Whether the cell lives."""
        return self._find() >= 0

    @property
    def unique_id(self) -> int:
        """The uid; known of a dead cell too."""
        return self._uid

    @property
    def kind_name(self) -> str:
        """Name of the cell's kind, such as ``"car_t"``."""
        return KINDS[self.kind].name

    @property
    def pos(self) -> tuple[int, int, int] | None:
        """Lattice coordinates (x, y, z) of the cell's site, or None in a well-mixed compartment."""
        site = self.site
        if site < 0:
            return None
        x, y, z = self.model.state.coordinates(self.compartment, np.array([site]))[0].tolist()
        return x, y, z

    def remove(self, cause: str = "removed") -> None:
        """End the cell; nothing happens if it is dead already, as with Mesa's agents.

        Parameters
        ----------
        cause : str
            Cause of death for the ledger.
        """
        row = self._find()
        if row >= 0:
            self.model.state.remove(self.home, np.array([row]), cause)

    @classmethod
    def create_agents(cls, model: Any, n: int, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a cell needs a site and a compartment.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(f"{cls.__name__}.create_agents: cells come from treatments and processes, not from Mesa")

    def __getattr__(self, name: str) -> Any:
        # Reached only by names that the class lacks.
        if name.startswith("_"):
            raise AttributeError(name)
        raise unknown_column(name, f"{type(self).__name__} {self._uid}", [self.home], self.model.state.tables)

    def __setattr__(self, name: str, value: Any) -> None:
        column = self._columns.get(name)
        if column is not None:
            refuse_read_only(name)
            column.__set__(self, checked(column, value))
        elif getattr(getattr(type(self), name, None), "fset", None) is not None:
            object.__setattr__(self, name, value)  # a property that a subclass defined
        elif hasattr(type(self), name):
            raise InputError(f"{type(self).__name__}.{name} cannot be written: it is no column")
        else:
            raise UnknownColumnError(
                f"{type(self).__name__} {self._uid} has no column {name!r} to write; "
                f"nearest: {nearest(name, self._columns)!r}"
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and other._uid == self._uid and other.model is self.model

    def __hash__(self) -> int:
        return hash(self._uid)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._uid}{'' if self.alive else ', dead'}>"

    def __getstate__(self) -> tuple[Any, CellTable, int, int]:
        # A pickle or deep copy takes the model with it, as that of any Mesa agent does.
        return self.model, self.table, self._uid, self._row

    def __setstate__(self, state: tuple[Any, CellTable, int, int]) -> None:
        self.__init__(*state)  # type: ignore[misc]


# The slots' own setters: past __setattr__, and twice as fast as object.__setattr__.
_Setter = Callable[[Cell, Any], None]
_put_model: _Setter = vars(Cell)["model"].__set__
_put_table: _Setter = vars(Cell)["table"].__set__
_put_uid: _Setter = vars(Cell)["_uid"].__set__
_put_row: _Setter = vars(Cell)["_row"].__set__

_CLASSES: dict[int, type[Cell]] = {}


def _tie(cls: type[Cell], kind: CellType) -> None:
    """Make ``cls`` the class of ``kind``; a re-run definition of the same class takes its place."""
    tied = _CLASSES.get(kind.code)
    if tied is not None and tied.cell_type == kind:
        same = (tied.__module__, tied.__qualname__) == (cls.__module__, cls.__qualname__)
        if not same:
            raise InputError(
                f"cell type {kind.name!r} already has the class {tied.__qualname__}, got {cls.__qualname__}"
            )
    if getattr(cls, "home", None) != kind.home:
        raise InputError(
            f"class {cls.__qualname__} must derive from {_base(kind).__name__}: {kind.name} is {kind.home}"
        )
    cls.cell_type = kind
    _CLASSES[kind.code] = cls


class SessileCell(Cell, SessileColumns):
    """A cell that sits: blasts, the B lineage, macrophages."""

    __slots__ = ()
    home = "sessile"


class MotileCell(Cell, MotileColumns):
    """A cell that walks: CAR T cells and host T cells."""

    __slots__ = ()
    home = "motile"


class Macrophage(SessileCell, kind=MACROPHAGE):
    """A macrophage, the source of IL-6."""

    __slots__ = ()


class ProBCell(SessileCell, kind=PRO_B):
    """A CD19-negative pro-B cell."""

    __slots__ = ()


class PreBCell(SessileCell, kind=PRE_B):
    """A pre-B cell (haematogone)."""

    __slots__ = ()


class MatureBCell(SessileCell, kind=MATURE_B):
    """A mature B cell."""

    __slots__ = ()


class Blast(SessileCell, kind=BLAST):
    """A CD19+ leukaemic blast."""

    __slots__ = ()


class Cd19NegativeBlast(SessileCell, kind=CD19_NEGATIVE_BLAST):
    """A leukaemic blast without CD19."""

    __slots__ = ()


class HostTCell(MotileCell, kind=HOST_T):
    """A T cell of the patient."""

    __slots__ = ()


class CarTCell(MotileCell, kind=CAR_T):
    """A CAR T cell."""

    __slots__ = ()


def _base(kind: CellType) -> type[Cell]:
    for base in (SessileCell, MotileCell):
        if base.home == kind.home:
            return base
    raise InputError(f"cell type {kind.name!r} is {kind.home}: its cells are codes on the lattice, not agents")


def cell_class(kind: CellType | str | int) -> type[Cell]:
    """Return the class of a kind's cells; one is made for a kind that has none.

    The way back is ``cls.cell_type``. A package that adds a kind may write the class itself:
    ``class NkCell(MotileCell, kind=NK): ...``.

    Parameters
    ----------
    kind : CellType, str or int
        The kind, its name or its code.

    Raises
    ------
    InputError
        The kind has no table.
    KeyError
        No such kind.
    """
    kind = kind if isinstance(kind, CellType) else KINDS[kind]
    found = _CLASSES.get(kind.code)
    if found is None or found.cell_type != kind:
        name = "".join(part.capitalize() for part in kind.name.split("_")) + "Cell"
        body = {"__slots__": (), "__doc__": f"A cell of the kind {kind.name}: {kind.label}.", "__module__": __name__}
        found = types.new_class(name, (_base(kind),), {"kind": kind}, lambda namespace: namespace.update(body))
    return found


def cell_classes() -> dict[int, type[Cell]]:
    """Return code -> class of all kinds that are agents, in the order of the codes."""
    return {kind.code: cell_class(kind) for kind in KINDS if kind.home != "light"}


def codes_of(agent_type: Any) -> tuple[int, ...]:
    """Return the codes of the kinds whose cells are instances of ``agent_type`` (a class or a tuple of classes)."""
    return tuple(code for code, cls in cell_classes().items() if issubclass(cls, agent_type))
