# SPDX-License-Identifier: Apache-2.0
"""First-order relaxation of a body variable over one period, exact for a constant target."""

from __future__ import annotations

import math

import numpy as np

from abm.state.state import State


def relax(value: float, target: float, rate: float, hours: float) -> tuple[float, float]:
    """Return a variable that moves towards a target: its value at the end, and its mean on the way.

    The mean is what a variable downstream should see: a chain of such steps then has an error of second
    order in their length.

    Parameters
    ----------
    value, target : float
        In the same unit.
    rate : float
        [1/h], more than 0.
    hours : float
        Length of the period [h], more than 0.
    """
    gone = -math.expm1(-rate * hours)
    return value + (target - value) * gone, target + (value - target) * gone / (rate * hours)


def read(state: State, name: str, default: float = 0.0) -> float:
    """Return a scalar body variable, or what it is where nothing has set it."""
    return float(state.body[name][0]) if name in state.body else default


def write(state: State, name: str, value: float) -> None:
    """Set a scalar body variable."""
    state.body[name] = np.array([value], np.float64)
