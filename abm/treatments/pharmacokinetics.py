# SPDX-License-Identifier: Apache-2.0
"""One compartment with first-order elimination, in closed form.

A level is a function of the time since the drug was given, so that no error builds up and the length
of a time step does not matter. Levels are in units of dose over volume; times in h, rates in 1/h.
"""

from __future__ import annotations

import math


def rate_of(half_life: float) -> float:
    """Return the elimination rate [1/h] of a half-life [h]."""
    return math.log(2.0) / half_life


def bolus(level: float, rate: float, hours: float) -> float:
    """Return what is left of a level some time after it was reached at once.

    Parameters
    ----------
    level : float
        Level directly after the dose.
    rate : float
        Elimination rate [1/h].
    hours : float
        Time since the dose [h]; the level is 0 before.
    """
    return level * math.exp(-rate * hours) if hours >= 0 else 0.0


def step_response(rate: float, hours: float) -> float:
    """Return the part of its plateau that a level reached under a constant input, 1 − exp(−k t); 0 before."""
    return -math.expm1(-rate * hours) if hours > 0 else 0.0


def ramp_response(rate: float, hours: float) -> float:
    """Return the level over its rate under an input that grows by 1 per hour, t − (1 − exp(−k t))/k [h]; 0 before.

    Notes
    -----
    Close to zero the two terms cancel; below k t = 1e-4 the first two terms of the series are exact to 1e-9.
    """
    if hours <= 0:
        return 0.0
    x = rate * hours
    return hours * (x / 2 - x * x / 6) if x < 1e-4 else hours - step_response(rate, hours) / rate


def tapered(plateau: float, rate: float, hours: float, hold: float, end: float) -> float:
    """Return the level that follows an input held for a while and then tapered to nothing.

    Parameters
    ----------
    plateau : float
        Level under the full input for ever.
    rate : float
        Rate at which the level follows the input [1/h].
    hours : float
        Time since the start [h].
    hold, end : float
        Times since the start at which the taper begins and the input is zero [h], ``hold <= end``.
    """
    level = step_response(rate, hours)
    if end > hold:
        level -= (ramp_response(rate, hours - hold) - ramp_response(rate, hours - end)) / (end - hold)
    else:
        level -= step_response(rate, hours - hold)
    return plateau * max(level, 0.0)


def occupied(level: float, half: float) -> float:
    """Return the share of a target bound at a level, with half of it at ``half``."""
    return level / (level + half)
