# SPDX-License-Identifier: Apache-2.0
"""A recorded run moment by moment: everything that was recorded nearest to one time."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError
from abm.trajectory.frames import CellFrame
from abm.units import TICKS_PER_DAY

if TYPE_CHECKING:
    from abm.trajectory.reader import Trajectory


class Moment:
    """One time of a run; nothing is read before it is asked for.

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    day : float
        The time [d]; whatever was recorded nearest to it is meant.
    """

    def __init__(self, trajectory: Trajectory, day: float) -> None:
        self._trajectory = trajectory
        self.day = day

    def __repr__(self) -> str:
        return f"Moment(day {self.day:.4g} of {str(self._trajectory.path)!r})"

    @property
    def observables(self) -> dict[str, float]:
        """The observables nearest to this time, in the units of the header."""
        return self._trajectory.observables_at(self.day)

    def cells(self, compartment: str = "marrow", kind: str | int | None = None) -> CellFrame:
        """Return the cells of a compartment, or those of one kind."""
        return self._trajectory.cells(compartment, kind, day=self.day)

    def view(self, compartment: str = "marrow") -> NDArray[np.uint8]:
        """Return the site codes of a compartment's view."""
        return self._trajectory.views(compartment).at(day=self.day)

    def field(self, name: str, compartment: str = "marrow") -> NDArray[Any]:
        """Return a cytokine field [pg/mL].

        Raises
        ------
        InputError
            It was not recorded.
        """
        fields = self._trajectory.fields.get(compartment, {})
        if name not in fields:
            raise InputError(f"no field {name!r} of the {compartment} was recorded (record.fields)")
        return fields[name].at(day=self.day)


class Moments:
    """The moments at which cells, views or fields were recorded, in the order of time.

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    ticks : (n,) ndarray of int64
        Their times [15 s].
    """

    def __init__(self, trajectory: Trajectory, ticks: NDArray[np.int64]) -> None:
        self._trajectory = trajectory
        self.days: NDArray[np.float64] = ticks / TICKS_PER_DAY

    def __len__(self) -> int:
        return len(self.days)

    def __getitem__(self, index: int) -> Moment:
        return Moment(self._trajectory, float(self.days[operator.index(index)]))

    def __iter__(self) -> Iterator[Moment]:
        return (self[number] for number in range(len(self)))
