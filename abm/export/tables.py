# SPDX-License-Identifier: Apache-2.0
"""What tables of a trajectory hold: observables by day, or the cells of one frame after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError
from abm.export.selection import GUEST_ABOUT, GUEST_COLUMN, Compartments, Span, Stretch, by_time, cell_stretches, positions, values
from abm.trajectory import CellFrames, Header, Trajectory

if TYPE_CHECKING:
    from pandas import DataFrame

AXES = ("x", "y", "z")


class Column(NamedTuple):
    """A column of a table: its name, unit and meaning."""

    name: str
    unit: str
    about: str


DAY = Column("day", "d", "time since day 0")


def observable_columns(header: Header) -> list[Column]:
    """Return the columns of the table of observables, the day first."""
    return [DAY, *(Column(name, about["unit"], about["about"]) for name, about in header.observables.items())]


def observable_table(trajectory: Trajectory, span: Span) -> DataFrame:
    """Return the observables of a stretch of time: index ``day`` [d], one column each.

    Raises
    ------
    InputError
        None were recorded then.
    """
    table = trajectory.observables
    rows = span.among(table.index.to_numpy())
    if not len(table):
        raise InputError(f"{trajectory.path}: no observables were recorded; a scenario asks for them with record.observables")
    if not rows:
        reach = f"day {table.index[0]:.4g} to {table.index[-1]:.4g}"
        raise InputError(f"{trajectory.path}: no observables were recorded from {span}; there are some from {reach}")
    return table.iloc[rows.start : rows.stop]


def kind_names(header: Header, codes: NDArray[Any]) -> Any:
    """Return codes of kinds as a pandas categorical of their names."""
    import pandas

    place = np.full(256, -1)
    place[[kind["code"] for kind in header.kinds]] = np.arange(len(header.kinds))
    return pandas.Categorical.from_codes(place[codes], categories=[kind["name"] for kind in header.kinds])


class CellTables:
    """Tables of cells, one per frame and compartment, in the order of time.

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    compartment : str or sequence of str, optional
        Which; all that were recorded if not given.
    span : Span
        When.

    Raises
    ------
    InputError
        Nothing was recorded of what is asked for.
    """

    def __init__(self, trajectory: Trajectory, compartment: Compartments, span: Span) -> None:
        self._header = trajectory.header
        self._chosen: dict[str, Stretch[CellFrames]] = {
            one.compartment: one for one in cell_stretches(trajectory, compartment, span, lattices=False)
        }
        first = next(iter(self._chosen.values())).frames
        self._names = [name for name in first.columns if all(name in one.frames.columns for one in self._chosen.values())]

    @property
    def columns(self) -> list[Column]:
        """Day and compartment, then the position, then the recorded columns."""
        about = {**self._header.columns, GUEST_COLUMN: {"unit": "1", "about": GUEST_ABOUT}}
        recorded = [*self._names, *([GUEST_COLUMN] if "flags" in self._names else ())]
        return [
            DAY,
            Column("compartment", "", "name of the compartment"),
            *(Column(axis, "µm", f"middle of the cell's site along {axis}; none where cells are well mixed") for axis in AXES),
            *(Column(name, about[name]["unit"], about[name]["about"]) for name in recorded),
        ]

    def __iter__(self) -> Iterator[tuple[float, DataFrame]]:
        """Yield day [d] and table; kinds and compartments are categories, the same in each."""
        import pandas

        compartments = list(self._header.compartments)
        for day, name, number in by_time(self._chosen):
            frame = self._chosen[name].frames[number]
            codes = np.full(len(frame), compartments.index(name))
            table: dict[str, Any] = {"day": np.full(len(frame), day)}
            table["compartment"] = pandas.Categorical.from_codes(codes, categories=compartments)
            about = self._header.compartments[name]
            where = np.full((len(frame), len(AXES)), np.nan, np.float32)
            if about["shape"] is not None:
                where = positions(frame["site"], about)
            table |= {axis: where[:, at] for at, axis in enumerate(AXES)}
            table |= values(frame, self._names)
            table["kind"] = kind_names(self._header, frame["kind"])
            yield day, pandas.DataFrame(table)


def check_options(cells: bool, compartment: Compartments, day: float | None) -> None:
    """Refuse what only goes with cells.

    Raises
    ------
    InputError
        A compartment or a day is named, but the cells are not asked for.
    """
    given = "compartment" if compartment else "day" if day is not None else None
    if given and not cells:
        raise InputError(f"option {given!r} goes with a table of cells (cells, --cells); observables are of the whole body, for all days")
