# SPDX-License-Identifier: Apache-2.0
"""Days on which something held: flickers dropped, pauses bridged."""

from __future__ import annotations

import numpy as np

from abm.clinic.courses import fall, stretches


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
