# SPDX-License-Identifier: Apache-2.0
"""What a summary is made of: findings with their day, read from courses of observables that may have gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.playback.phrases import Values

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Finding:
    """One line of a summary.

    Parameters
    ----------
    what, value, day : str
        What is said, how much or what of it, and when [d].
    """

    what: str
    value: str
    day: str = ""


class Courses:
    """Observables of a run as days and values, without NaN."""

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
