# SPDX-License-Identifier: Apache-2.0
"""The progress display: plain lines by a clock of the test, and the bar on a pretended terminal."""

from __future__ import annotations

import io

import pytest

from abm.progress import Progress, duration_text


class Clock:
    """A clock that the test winds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_one_plain_line_per_interval_and_a_last_one() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(28.0, "lee", stream=stream, clock=clock) as progress:
        for second in range(0, 22):
            clock.now = 100.0 + second
            progress.update(second / 2, f"CAR T {second:,}")
    assert stream.getvalue().splitlines() == [
        "lee: day 5.0 of 28 · 10 s elapsed · about 46 s left · CAR T 10",
        "lee: day 10.0 of 28 · 20 s elapsed · about 36 s left · CAR T 20",
        "lee: day 10.5 of 28 · 21 s elapsed · about 35 s left · CAR T 21",
    ]


def test_a_resumed_run_estimates_from_what_it_did_itself() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(28.0, "lee", stream=stream, clock=clock) as progress:
        progress.update(20.0)
        clock.now += 60
        progress.update(24.0)
    assert stream.getvalue() == "lee: day 24.0 of 28 · 1 min 00 s elapsed · about 1 min 00 s left\n"


def test_the_last_line_is_not_written_twice_nor_without_any_update() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(1.0, "x", stream=stream, clock=clock) as progress:
        progress.update(0.0, "a")
        clock.now += 11
        progress.update(1.0, "b")
    assert stream.getvalue() == "x: day 1.0 of 1 · 11 s elapsed · b\n"
    with Progress(1.0, "x", stream=stream, clock=clock):
        pass
    assert stream.getvalue().count("\n") == 1


def test_a_failing_task_leaves_a_line_of_how_far_it_got() -> None:
    stream = io.StringIO()

    def task() -> None:
        with Progress(2.0, "x", stream=stream, clock=Clock()) as progress:
            progress.update(1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        task()
    assert stream.getvalue() == "x: day 1.0 of 2 · 0 s elapsed\n"


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_quiet_is_quiet(stream: io.StringIO) -> None:
    with Progress(2.0, "x", quiet=True, stream=stream, clock=Clock(), interval=0.0) as progress:
        progress.update(1.0)
        progress.update(2.0)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_with_day_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    stream = Terminal()
    with Progress(28.0, "[lee]", stream=stream) as progress:
        progress.update(0.0, "start")
        progress.update(14.0, "CAR T 1,234 · blasts 5,678")
    shown = stream.getvalue()
    assert "[lee]" in shown
    assert "50 %" in shown
    assert "day 14.0 of 28" in shown
    assert "CAR T 1,234 · blasts 5,678" in shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (273600, "3 d 04 h"), (-1, "0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
