# SPDX-License-Identifier: Apache-2.0
"""Which observable is drawn where: the panels of time courses shared by movies and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abm.clinic.courses import MRD_LIMIT
from abm.processes.toxicity import CRS_THRESHOLDS

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]

SIGNAL_COLOUR = "#1a1a1a"
IL6_COLOUR = "#97825c"
GRADE = "grade"
"""Unit of a panel that shows whole grades."""
RATIO_COLOUR = "#f98c24"
_WIDE = 3.4


@dataclass(frozen=True)
class Course:
    """One line of a panel.

    Parameters
    ----------
    label : str
    colour : str
        ``#rrggbb``.
    days, values : ndarray of float64, shape (n,)
        [d] and the panel's unit; without NaN.
    width : float
        Of the line [pt]; a sum is wider than its part that is drawn over it.
    style : str or tuple
        Dashes of the line, as matplotlib takes them.
    """

    label: str
    colour: str
    days: Values
    values: Values
    width: float = 1.8
    style: str | tuple[float, tuple[float, ...]] = "-"


@dataclass(frozen=True)
class Panel:
    """Time courses that share an axis.

    Parameters
    ----------
    title, unit : str
    courses : tuple of Course
    low, high : float
        Limits of the axis.
    log : bool
    rules : tuple of (float, str)
        Thresholds to mark, with their words.
    """

    title: str
    unit: str
    courses: tuple[Course, ...]
    low: float
    high: float
    log: bool = True
    rules: tuple[tuple[float, str], ...] = ()


def course_panels(observables: pd.DataFrame, kinds: Sequence[dict[str, Any]]) -> list[Panel]:
    """Lay out the time courses that a run recorded; what is missing is left out.

    Parameters
    ----------
    observables : pandas.DataFrame
        Index ``day`` [d], a column per observable.
    kinds : sequence of dict
        ``name``, ``label`` and ``colour`` of each kind, as in a trajectory's header.
    """
    table = _Table(observables, kinds)
    if "kills_total" in observables and "mrd" not in observables:
        panels = [_block_cells(table), _kills(table), _ratio(table)]
    else:
        panels = [_marrow(table), _blood(table), _csf(table), _cytokines(table)]
    return [panel for panel in panels if panel.courses]


def grade_panel(observables: pd.DataFrame) -> Panel | None:
    """Lay out the grade of cytokine release, which the movies show as its signal with thresholds."""
    if "crs_grade" not in observables:
        return None
    known = observables["crs_grade"].dropna()
    course = Course("CRS grade", SIGNAL_COLOUR, known.index.to_numpy(dtype=float), known.to_numpy(dtype=float))
    return Panel("Cytokine release", GRADE, (course,), -0.15, len(CRS_THRESHOLDS) + 0.3, log=False)


class _Table:
    """Columns of the observables as courses in the colours of their kinds."""

    def __init__(self, observables: pd.DataFrame, kinds: Sequence[dict[str, Any]]) -> None:
        self.observables = observables
        self.kinds = kinds
        self.colours = {str(kind["name"]): str(kind["colour"]) for kind in kinds}

    def colour(self, kind: str) -> str:
        return self.colours.get(kind, "#7f7f7f")

    def values(self, *names: str) -> Values | None:
        """Sum of those of the columns that exist [unit of the columns]; None if none does."""
        found = [self.observables[name].to_numpy(dtype=float) for name in names if name in self.observables]
        return np.sum(found, axis=0, dtype=float) if found else None

    def course(self, label: str, colour: str, values: Values | None, width: float = 1.8) -> list[Course]:
        """One course in a list, or an empty list if there is nothing finite and positive to draw."""
        if values is None:
            return []
        known = np.isfinite(values)
        if not (values[known] > 0).any():
            return []
        days = self.observables.index.to_numpy(dtype=float)
        return [Course(label, colour, days[known], values[known], width)]


def _marrow(table: _Table) -> Panel:
    total = None
    if "cells_background_marrow" in table.observables:
        total = table.values(*(f"cells_{kind['name']}_marrow" for kind in table.kinds))
    leukaemia = table.values("mrd")
    clone, blasts = table.values("cells_blast_cd19_negative_marrow"), table.values("cells_blast_marrow")
    negative = None
    if leukaemia is not None and clone is not None and blasts is not None:
        negative = leukaemia * clone / np.maximum(clone + blasts, 1)
    courses = table.course("leukaemia", table.colour("blast"), leukaemia, _WIDE)
    courses += table.course("CD19-negative", table.colour("blast_cd19_negative"), negative)
    if total is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            for label, colour, names in (
                ("CAR T", "car_t", ("cells_car_t_marrow",)),
                ("CD19+ B", "pre_b", ("cells_pre_b_marrow", "cells_mature_b_marrow")),
            ):
                cells = table.values(*names)
                share = None if cells is None else cells / total
                courses += table.course(label, table.colour(colour), share)
    rules = ((MRD_LIMIT, "MRD limit"),)
    return Panel("Marrow", "share of cells", tuple(courses), 1e-7, 1.6, rules=rules)


def _blood(table: _Table) -> Panel:
    courses = table.course("CAR T", table.colour("car_t"), table.values("car_t_blood"))
    courses += table.course("B cells", table.colour("mature_b"), table.values("b_cells_blood"))
    return Panel("Blood", "cells/µL", tuple(courses), *decades(courses, least=(0.1, 100.0), span=5))


def _csf(table: _Table) -> Panel:
    courses = table.course("blasts", table.colour("blast"), table.values("blasts_csf"))
    courses += table.course("CAR T", table.colour("car_t"), table.values("car_t_csf"))
    return Panel("CSF", "cells/µL", tuple(courses), *decades(courses, least=(0.1, 10.0), span=4))


def _cytokines(table: _Table) -> Panel:
    courses = table.course("IL-6", IL6_COLOUR, table.values("il6"), _WIDE)
    signal = table.course("CRS signal", SIGNAL_COLOUR, table.values("crs_signal"))
    rules = tuple((value, f"grade {grade}") for grade, value in enumerate(CRS_THRESHOLDS, start=1)) if signal else ()
    low, high = decades([*courses, *signal], least=(1.0, 2000.0), span=4)
    return Panel("Cytokine release", "pg/mL", tuple(courses + signal), low, high, rules=rules)


def _block_cells(table: _Table) -> Panel:
    courses: list[Course] = []
    for kind in table.kinds:
        if kind["name"] != "background":
            cells = table.values(f"cells_{kind['name']}_marrow")
            courses += table.course(str(kind["label"]), str(kind["colour"]), cells)
    return Panel("Cells", "cells", tuple(courses), *decades(courses, least=(0.8, 100.0), span=9))


def _kills(table: _Table) -> Panel:
    courses = table.course("targets killed", SIGNAL_COLOUR, table.values("kills_total"))
    high = max((float(course.values.max()) for course in courses), default=1.0)
    return Panel("Kills", "cells", tuple(courses), 0.0, 1.08 * high, log=False)


def _ratio(table: _Table) -> Panel:
    courses = table.course("effectors per target", RATIO_COLOUR, table.values("effector_target_ratio"))
    return Panel("E:T ratio", "1", tuple(courses), *decades(courses, least=(0.1, 10.0), span=6))


def decades(courses: Sequence[Course], *, least: tuple[float, float], span: int) -> tuple[float, float]:
    """Limits of a log axis: at least ``least``, up to the largest value, at most ``span`` decades."""
    positive = [course.values[course.values > 0] for course in courses]
    if not positive:
        return least
    high = max(least[1], 1.6 * max(float(values.max()) for values in positive))
    low = min(least[0], min(float(values.min()) for values in positive))
    return max(low, high / 10.0**span), high
