# SPDX-License-Identifier: Apache-2.0
"""The time step: order, periods, preparation, checks."""

from __future__ import annotations

import pytest

from abm.celltypes import BLAST
from abm.schedule import Schedule
from abm.state.ledger import Entry
from abm.state.places import PERIPHERY, Place
from abm.state.state import InvariantError, State
from abm.streams import Draws


class Scribe:
    """A process that writes down when it ran."""

    def __init__(self, name: str, period: int, diary: list[tuple[int, str]]) -> None:
        self.name, self.period, self.diary = name, period, diary

    def run(self, state: State) -> None:
        self.diary.append((state.tick, self.name))


class Prepared(Scribe):
    def start(self, state: State) -> None:
        self.diary.append((-1, self.name))


class Thief(Scribe):
    """A process that takes cells without booking them."""

    def run(self, state: State) -> None:
        super().run(state)
        state.sessile.array("weight")[:] -= 1


@pytest.fixture
def state() -> State:
    return State(Draws(1), [Place(PERIPHERY, 10, 100)])


def test_processes_act_in_their_order_whenever_their_period_begins(state: State) -> None:
    diary: list[tuple[int, str]] = []
    schedule = Schedule([Scribe("slow", 120, diary), Scribe("fast", 40, diary), Scribe("other", 80, diary)])
    assert schedule.stride == 40
    schedule.advance(state, 160)
    assert state.tick == 160
    assert diary == [
        (0, "slow"), (0, "fast"), (0, "other"), (40, "fast"), (80, "fast"), (80, "other"), (120, "slow"), (120, "fast"),
    ]  # fmt: skip


def test_while_it_is_quiet_the_coarse_list_runs(state: State) -> None:
    diary: list[tuple[int, str]] = []
    fine, coarse = Scribe("fine", 40, diary), Scribe("coarse", 120, diary)
    schedule = Schedule([fine], coarse=[coarse], is_quiet=lambda state: 120 <= state.tick < 360)
    schedule.advance(state, 440)
    assert diary == [
        (0, "fine"), (40, "fine"), (80, "fine"), (120, "coarse"), (240, "coarse"), (360, "fine"), (400, "fine"),
    ]  # fmt: skip


def test_periods_without_a_common_shortest_meet_at_their_divisor(state: State) -> None:
    diary: list[tuple[int, str]] = []
    schedule = Schedule([Scribe("a", 60, diary), Scribe("b", 40, diary)])
    assert schedule.stride == 20
    schedule.advance(state, 130)
    assert state.tick == 140
    assert [tick for tick, name in diary if name == "a"] == [0, 60, 120]
    assert [tick for tick, name in diary if name == "b"] == [0, 40, 80, 120]


def test_pieces_are_as_good_as_the_whole(state: State) -> None:
    diary: list[tuple[int, str]] = []
    schedule = Schedule([Scribe("a", 40, diary)])
    for ticks in (1, 40, 0, 79):
        schedule.advance(state, ticks)
    assert state.tick == 160
    assert [tick for tick, _ in diary] == [0, 40, 80, 120]


def test_only_processes_that_wish_to_prepare_are_asked(state: State) -> None:
    diary: list[tuple[int, str]] = []
    schedule = Schedule([Scribe("plain", 40, diary), Prepared("ready", 40, diary)])
    assert diary == []
    schedule.start(state)
    assert diary == [(-1, "ready")]


@pytest.mark.parametrize("check", [True, False])
def test_a_process_that_breaks_the_state_is_caught_at_once_when_asked_for(state: State, check: bool) -> None:
    diary: list[tuple[int, str]] = []
    state.add_cells(BLAST.code, PERIPHERY, Entry.INITIAL, 3, weight=10)
    schedule = Schedule([Scribe("before", 40, diary), Thief("thief", 40, diary), Scribe("after", 40, diary)], check=check)
    if check:
        with pytest.raises(InvariantError, match="ledger of kind 6 in periphery: 30 booked, 27 present"):
            schedule.advance(state, 40)
        assert diary[-1] == (0, "thief")
    else:
        schedule.advance(state, 40)
        assert diary[-1] == (0, "after")


def test_an_empty_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least one"):
        Schedule([])
