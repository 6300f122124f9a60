# SPDX-License-Identifier: Apache-2.0
"""The pace at which CAR T cells divide: slowed by drugs, quickened by IL-15."""

from __future__ import annotations

import math

from abm.processes.relaxation import read
from abm.state.state import State

SLOWEST = 1e-9
"""Pace that stands for none: no division falls due in any run."""


def division_pace(state: State, il15_sensitivity: float) -> float:
    """Return the speed of division relative to that without drugs at normal IL-15 [1].

    Parameters
    ----------
    state : State
        For its body variables ``effect_division`` and ``il15``.
    il15_sensitivity : float
        Exponent with which relative IL-15 acts.
    """
    quickened = math.pow(read(state, "il15", 1.0), il15_sensitivity)
    return max(read(state, "effect_division", 1.0) * quickened, SLOWEST)
