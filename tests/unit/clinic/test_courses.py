# SPDX-License-Identifier: Apache-2.0
"""Days on which something held: flickers dropped, pauses bridged."""

from __future__ import annotations

import numpy as np

from abm.clinic.courses import fall, goes_on, is_rising, recovery, stretches


def test_stretches_bridge_pauses_and_drop_flickers() -> None:
    days = np.arange(0, 10, 0.5)
    holds = (days < 2) | ((days > 2) & (days <= 4)) | (days == 7)
    assert stretches(days, holds) == [(0.0, 4.5)]
    assert stretches(days, holds, lasting=0.0) == [(0.0, 4.5), (7.0, 7.5)]


def test_a_fall_and_a_return_last_a_day_each() -> None:
    days = np.arange(0.0, 10.0, 0.5)
    values = np.where((days >= 2) & (days < 6), 1.0, 10.0)
    assert fall(days, values, 5.0) == (2.0, 6.0)
    assert fall(days[days < 6], values[days < 6], 5.0) == (2.0, None)
    assert fall(days, values, 0.5) is None
    flicker = values.copy()
    flicker[days == 4] = 10.0
    assert fall(days, flicker, 5.0) == (2.0, 6.0)


def test_recovery_is_the_end_of_the_last_stretch() -> None:
    days = np.arange(0.0, 20.0, 0.5)
    low = ((days >= 2) & (days < 6)) | ((days >= 10) & (days < 14))
    assert recovery(days, np.where(low, 1.0, 10.0), 5.0) == 14.0
    assert recovery(days, np.where(low | (days >= 14.5), 1.0, 10.0), 5.0) is None  # a pause of half a day is bridged
    assert recovery(days, np.full(days.shape, 10.0), 5.0) is None
    ends = days >= 10
    ends[-1] = False
    assert recovery(days, np.where(ends, 1.0, 10.0), 5.0) == days[-1]
    assert not goes_on(days, ends, stretches(days, ends))


def test_only_a_last_value_above_all_others_is_rising() -> None:
    assert is_rising(np.array([1.0, 3.0, 2.0, 4.0]))
    assert not is_rising(np.array([1.0, 4.0, 4.0]))
    assert not is_rising(np.array([4.0]))
