# SPDX-License-Identifier: Apache-2.0
"""The pace at which CAR T cells divide: slowed by drugs, quickened by IL-15.

A cell on its way to a division has a tick at which it is due, and no clock of its own. So when the pace changes what is left
of each wait is stretched or cut: a drug given for two days delays a division by two days at most, and one that is
given while a cell is on its way delays that as well.
"""

from __future__ import annotations

import math

import numpy as np

from abm.celltypes import CAR_T
from abm.processes.relaxation import read, write
from abm.state.columns import NEVER
from abm.state.state import State

SLOWEST = 1e-3
"""Pace that stands for none: a wait of hours becomes one of months, and still fits into a tick."""
TOLERANCE = 0.01
"""Change of the pace that waits are not stretched for [1]: it changes a little all the time."""
PACE = "division_pace"
"""Body variable: the pace with which all waits are written."""


def division_pace(state: State) -> float:
    """Return the speed of division relative to that without drugs at normal IL-15 [1]."""
    return read(state, PACE, 1.0)


def keep_pace(state: State, il15_sensitivity: float) -> None:
    """Stretch what is left of all waits if the pace has changed.

    Parameters
    ----------
    state : State
        For its body variables ``effect_division`` and ``il15``, and the CAR T cells.
    il15_sensitivity : float
        Exponent with which relative IL-15 acts.
    """
    before = division_pace(state)
    quickened = math.pow(read(state, "il15", 1.0), il15_sensitivity)
    pace = max(read(state, "effect_division", 1.0) * quickened, SLOWEST)
    if abs(pace / before - 1.0) <= TOLERANCE:
        return
    write(state, PACE, pace)
    table = state.motile
    due = table.array("divide_at")
    rows = np.flatnonzero((table.array("kind") == CAR_T.code) & (due != NEVER) & (due > state.tick))
    left = np.round((due[rows].astype(np.int64) - state.tick) * (before / pace))
    due[rows] = np.minimum(state.tick + np.maximum(left, 1).astype(np.int64), NEVER - 1)
