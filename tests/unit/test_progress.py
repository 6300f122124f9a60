# SPDX-License-Identifier: Apache-2.0
"""The progress display: plain lines by a clock of the test, and the bar on a pretended terminal."""

from __future__ import annotations

import io
import re

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
        "lee: day 5.0 of 28 · 10 s elapsed · 46 s left · CAR T 10",
        "lee: day 10.0 of 28 · 20 s elapsed · 36 s left · CAR T 20",
        "lee: day 10.5 of 28 · 21 s elapsed · 35 s left · CAR T 21",
    ]


def test_a_resumed_run_estimates_from_what_it_did_itself() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(28.0, "lee", stream=stream, clock=clock) as progress:
        progress.update(20.0)
        clock.now += 60
        progress.update(24.0)
    assert stream.getvalue() == "lee: day 24.0 of 28 · 1 min 00 s elapsed · 1 min 00 s left\n"


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


CELLS = "CAR T 5.0e9 · blasts 150,000 · CD19- 560,000 · B 5.5e9"


def last_drawn(monkeypatch: pytest.MonkeyPatch, columns: int, text: str = CELLS, label: str = "[lee]") -> list[str]:
    """Return the lines of the last picture on a terminal, half-way after an hour and a half."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    clock, stream = Clock(), Terminal()
    with Progress(28.0, label, stream=stream, clock=clock) as progress:
        progress.update(-4.0, "laying out the marrow")
        clock.now += 5430
        progress.update(12.0, text)
    drawn = re.split(r"(?:\r?\x1b\[(?:1A|2K))+", stream.getvalue())[-1]
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn).splitlines() if line.strip()]


@pytest.mark.parametrize("columns", [60, 70, 80, 100, 120, 160, 200])
def test_day_times_and_cells_fit_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    lines = last_drawn(monkeypatch, columns)
    assert max(len(line) for line in lines) < columns
    assert lines[0].split(" % ")[-1].startswith("day 12.0 of 28 · 1 h 30 min elapsed · 1 h 30 min left")
    assert CELLS in lines[-1]
    assert len(lines) == (1 if columns >= 160 else 2)
    assert ("[lee]" in lines[0], "━━━━" in lines[0], "50 %" in lines[0]) == (columns >= 80, columns >= 80, True)


def test_the_last_parts_of_a_long_text_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert last_drawn(monkeypatch, 44)[1] == "CAR T 5.0e9 · blasts 150,000"
    assert last_drawn(monkeypatch, 200, label="x" * 300)[0].startswith("x" * 31 + "… ")


def test_a_terminal_that_cannot_go_back_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress(2.0, "x", stream=stream, clock=Clock()) as progress:
        progress.update(1.0, "a")
    assert stream.getvalue() == "x: day 1.0 of 2 · 0 s elapsed · a\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (273600, "3 d 04 h"), (-1, "0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
