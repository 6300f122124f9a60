# SPDX-License-Identifier: Apache-2.0
"""``trajectory.plot``: the figures of a run as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from abm.clinic.courses import Courses
from abm.plots import antigen, b_cells, block, car_t, clones, crs, csf, cytokines, leukaemia, marrow
from abm.state.places import PERIPHERY, PLACE_NAMES

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

_DRAWN = {
    "leukaemia": ("mrd",),
    "car_t": ("car_t_blood",),
    "crs": ("crs_grade",),
    "cytokines": ("il6", "ifn_gamma", "il2", "crs_signal"),
    "b_cells": ("b_cells_blood",),
    "csf": ("blasts_csf", "car_t_csf"),
    "clones": ("cells_blast",),
    "cells": ("cells_",),
    "kills": ("kills_total",),
    "ratio": ("effector_target_ratio",),
}
"""How the names of the observables of a figure begin."""
_OF_A_BLOCK = ("cells", "kills", "ratio")


class Plots:
    """The figures of a run.

    Each method draws on the axes it is given, or on those of a new figure, and returns them. What was not recorded is said
    in the place of the figure.

    Parameters
    ----------
    trajectory : Trajectory

    Examples
    --------
    >>> trajectory.plot.car_t()                                       # doctest: +SKIP
    >>> trajectory.plot.marrow(day=9, layer=4)                        # doctest: +SKIP
    """

    def __init__(self, trajectory: Trajectory) -> None:
        self._trajectory = trajectory

    def __repr__(self) -> str:
        return f"figures of {self._trajectory!r}: {', '.join(self.names())}"

    @classmethod
    def all_names(cls) -> list[str]:
        """Return the names of all figures, whatever a run recorded."""
        return [name for name in vars(cls) if not name.startswith("_") and not name.endswith("names")]

    def names(self) -> list[str]:
        """Return the names of the figures for which this run recorded something."""
        return [name for name in self.all_names() if self._is_recorded(name)]

    def _is_recorded(self, name: str) -> bool:
        trajectory = self._trajectory
        is_patient = PLACE_NAMES[PERIPHERY] in trajectory.header.compartments
        if name == "marrow":
            return len(trajectory.views("marrow")) > 0
        if name == "antigen":
            return is_patient and any(len(trajectory.cell_frames(place)) for place in trajectory.header.compartments)
        if is_patient is (name in _OF_A_BLOCK):
            return False
        courses = Courses(trajectory.observables)
        known = [course for start in _DRAWN[name] for each in courses.names if each.startswith(start) and (course := courses.get(each))]
        return any(name == "crs" or course[1].max() > 0 for course in known)

    def leukaemia(self, ax: Axes | None = None) -> Axes:
        """Draw the blasts of the marrow on a log axis, with the limits of microscope and flow cytometry."""
        return leukaemia.leukaemia(self._trajectory, ax)

    def car_t(self, ax: Axes | None = None) -> Axes:
        """Draw the CAR T cells per µL of blood."""
        return car_t.car_t(self._trajectory, ax)

    def crs(self, ax: Axes | None = None) -> Axes:
        """Draw the grade of cytokine release syndrome, with all treatments and neurotoxicity."""
        return crs.crs(self._trajectory, ax)

    def cytokines(self, ax: Axes | None = None) -> Axes:
        """Draw cytokines of the serum and the signal that decides the grade of their release."""
        return cytokines.cytokines(self._trajectory, ax)

    def b_cells(self, ax: Axes | None = None) -> Axes:
        """Draw the B cells per µL of blood, with the days of aplasia."""
        return b_cells.b_cells(self._trajectory, ax)

    def csf(self, ax: Axes | None = None) -> Axes:
        """Draw blasts and CAR T cells of the cerebrospinal fluid."""
        return csf.csf(self._trajectory, ax)

    def clones(self, ax: Axes | None = None) -> Axes:
        """Draw what the leukaemia is made of, as a fish plot."""
        return clones.clones(self._trajectory, ax)

    def antigen(self, ax: Axes | None = None, *, name: str = "cd19") -> Axes:
        """Draw the density of an antigen on the CD19+ blasts: median, and the bands of 50 and 90 % of them."""
        return antigen.antigen(self._trajectory, ax, name=name)

    def marrow(
        self,
        ax: Axes | None = None,
        *,
        day: float | None = None,
        layer: int | None = None,
        compartment: str = "marrow",
        legend: bool = True,
    ) -> Axes:
        """Draw one layer of the marrow, or of another compartment with a lattice, on a day."""
        return marrow.marrow(self._trajectory, ax, day=day, layer=layer, compartment=compartment, legend=legend)

    def cells(self, ax: Axes | None = None) -> Axes:
        """Draw the cells of a closed block of tissue by kind."""
        return block.cells(self._trajectory, ax)

    def kills(self, ax: Axes | None = None) -> Axes:
        """Draw the targets killed in a closed block of tissue."""
        return block.kills(self._trajectory, ax)

    def ratio(self, ax: Axes | None = None) -> Axes:
        """Draw the effectors per target of a closed block of tissue."""
        return block.ratio(self._trajectory, ax)
