# SPDX-License-Identifier: Apache-2.0
"""Courses of observables that may have gaps, and the days on which something held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]

MRD_LIMIT = 1e-4
"""Fraction of marrow mononuclear cells below which flow cytometry finds no minimal residual disease."""
RESPONSE_DAY = 28.0
"""Day on which response is assessed [d]."""
REMISSION = 0.05
"""Blasts in the marrow below which there is remission under the microscope [1]."""
CAR_T_SEEN = 1.0
"""CAR T in blood above which they are said to persist [cells/µL]."""
APLASIA = 10.0
"""B cells in blood below which there is aplasia [cells/µL]."""
LASTING = 1.0
"""Least duration of a state that is reported [d]: a shorter one is a flicker about the threshold."""


class Courses:
    """Observables of a run as days and values, without NaN.

    Parameters
    ----------
    observables : pandas.DataFrame
        Index ``day`` [d], a column per observable; any may be missing or hold NaN.
    """

    def __init__(self, observables: pd.DataFrame) -> None:
        self._observables = observables
        self.names = list(observables.columns)

    def get(self, name: str) -> tuple[Values, Values] | None:
        """Return days and values, or None if it was not recorded."""
        if name not in self._observables:
            return None
        column = self._observables[name].astype(float)
        known = column[np.isfinite(column)]
        if known.empty:
            return None
        return known.index.to_numpy(dtype=float), known.to_numpy(dtype=float)

    def at(self, name: str, day: float) -> float | None:
        """Return the value recorded nearest to a day, if there is one within half a day of it."""
        course = self.get(name)
        if course is None:
            return None
        nearest = int(np.abs(course[0] - day).argmin())
        return float(course[1][nearest]) if abs(course[0][nearest] - day) <= 0.5 else None


def stretches(days: Values, holds: NDArray[np.bool_], *, lasting: float = LASTING) -> list[tuple[float, float]]:
    """Find the stretches of time over which something held; pauses shorter than :data:`LASTING` are bridged.

    Parameters
    ----------
    days : ndarray of float64, shape (n,)
        Ascending [d].
    holds : ndarray of bool, shape (n,)
    lasting : float
        Shorter stretches are left out [d].

    Returns
    -------
    list of (float, float)
        First and last day of each; the last is that on which it was first seen not to hold, or the end.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]]).astype(np.int8)))
    joined: list[tuple[float, float]] = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        first, last = float(days[start]), float(days[min(int(stop), len(days) - 1)])
        if joined and first - joined[-1][1] < LASTING:
            first = joined.pop()[0]
        joined.append((first, last))
    return [(first, last) for first, last in joined if last - first >= lasting]


def goes_on(days: Values, holds: NDArray[np.bool_], spans: list[tuple[float, float]]) -> bool:
    """Tell whether the last of the stretches had not ended when the course did.

    Parameters
    ----------
    days : ndarray of float64, shape (n,)
        Ascending [d].
    holds : ndarray of bool, shape (n,)
    spans : list of (float, float)
        As :func:`stretches` found them.
    """
    return bool(spans) and bool(holds[-1]) and spans[-1][1] == float(days[-1])


def recovery(days: Values, values: Values, limit: float) -> float | None:
    """Return the day on which the last stretch below a limit ended; None where there was none, or it had not ended.

    Parameters
    ----------
    days, values : ndarray of float64, shape (n,)
        [d] and any unit.
    limit : float
        In the unit of the values.
    """
    below = values < limit
    spans = stretches(days, below)
    return None if not spans or goes_on(days, below, spans) else spans[-1][1]


def is_rising(values: Values) -> bool:
    """Tell whether the last value is higher than all before it: what may come is no peak yet.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    """
    return len(values) > 1 and int(values.argmax()) == len(values) - 1


def fall(days: Values, values: Values, limit: float) -> tuple[float, float | None] | None:
    """Return the day on which values first fell below a limit for a day, and that on which they were first back for one.

    Parameters
    ----------
    days, values : ndarray of float64, shape (n,)
        [d] and any unit.
    limit : float
        In the unit of the values.

    Returns
    -------
    (float, float or None), or None
        None where they never fell; None as the second day where they were not back.
    """
    below = stretches(days, values < limit)
    if not below:
        return None
    first = below[0][0]
    return first, next((start for start, _ in stretches(days, values >= limit) if start > first), None)
