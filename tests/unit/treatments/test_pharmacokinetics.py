# SPDX-License-Identifier: Apache-2.0
"""Closed forms of one compartment against fine integration of their equation."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from abm.treatments.pharmacokinetics import bolus, occupied, ramp_response, rate_of, step_response, tapered


def integrated(inflow: Callable[[float], float], rate: float, hours: float, steps: int = 40000) -> float:
    """Integrate dC/dt = inflow - rate C from 0 by the midpoint rule."""
    level, step = 0.0, hours / steps
    for i in range(steps):
        middle = level + 0.5 * step * (inflow(i * step) - rate * level)
        level += step * (inflow((i + 0.5) * step) - rate * middle)
    return level


def test_bolus_halves_with_its_half_life() -> None:
    assert bolus(8.0, rate_of(6.0), 0.0) == 8.0
    assert bolus(8.0, rate_of(6.0), 18.0) == pytest.approx(1.0)
    assert bolus(8.0, rate_of(6.0), -0.1) == 0.0


@pytest.mark.parametrize("hours", [1e-3, 1.0, 30.0])
def test_step_and_ramp(hours: float) -> None:
    rate = 0.3
    assert step_response(rate, hours) == pytest.approx(integrated(lambda _: rate, rate, hours), rel=1e-6)
    assert ramp_response(rate, hours) == pytest.approx(integrated(lambda t: rate * t, rate, hours), rel=1e-6)


def test_ramp_has_no_seam_where_its_series_takes_over() -> None:
    below, above = ramp_response(1.0, 1e-4 * (1 - 1e-9)), ramp_response(1.0, 1e-4 * (1 + 1e-9))
    assert below == pytest.approx(above, rel=1e-7)


@pytest.mark.parametrize(("hold", "end"), [(72.0, 168.0), (48.0, 48.0), (0.0, 96.0)])
@pytest.mark.parametrize("hours", [10.0, 72.0, 100.0, 200.0])
def test_taper(hold: float, end: float, hours: float) -> None:
    rate = rate_of(18.0)

    def dose(time: float) -> float:
        return rate if time < hold else rate * max(end - time, 0.0) / (end - hold) if end > hold else 0.0

    assert tapered(3.0, rate, hours, hold, end) == pytest.approx(3 * integrated(dose, rate, hours), rel=2e-4)


def test_nothing_before_the_start_and_nothing_negative_long_after() -> None:
    assert tapered(1.0, 0.1, 0.0, 5.0, 9.0) == 0.0
    assert 0.0 <= tapered(1.0, 0.1, 1e5, 5.0, 9.0) < 1e-9


def test_occupied() -> None:
    assert occupied(0.0, 2.0) == 0.0
    assert occupied(2.0, 2.0) == 0.5
    assert math.isclose(occupied(38.0, 2.0), 0.95)
