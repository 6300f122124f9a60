# SPDX-License-Identifier: Apache-2.0
"""The coarse mode: when it begins and ends, and that contacts end it."""

from __future__ import annotations

import numpy as np

from abm.processes.quiet import Quiet, QuietParameters
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_HOUR


def hours_held(state: State, quiet: Quiet, hours: int) -> list[bool]:
    held = []
    for _ in range(hours):
        held.append(quiet.holds(state))
        state.tick += TICKS_PER_HOUR
    return held


def test_begins_after_a_time_without_contact_and_ends_with_the_next() -> None:
    state = State(Draws(1), [Place(MARROW, 1, 10)])
    quiet = Quiet(QuietParameters(after=3))
    assert hours_held(state, quiet, 5) == [False, False, False, True, True]
    state.body["contacts_marrow"] = np.array([1.0])
    assert hours_held(state, quiet, 4) == [False, False, False, True]
    assert [(detail["on"], tick // TICKS_PER_HOUR) for tick, _, detail in state.events] == [(1, 3), (0, 5), (1, 8)]


def test_changes_only_with_the_hour() -> None:
    state = State(Draws(1), [Place(MARROW, 1, 10)])
    quiet = Quiet(QuietParameters(after=1))
    state.tick = TICKS_PER_HOUR
    assert quiet.holds(state)
    state.tick += 40
    state.body["contacts_marrow"] = np.array([1.0])
    assert quiet.holds(state)
    state.tick += TICKS_PER_HOUR - 40
    assert not quiet.holds(state)
