# SPDX-License-Identifier: Apache-2.0
"""How far a long task has got: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


def duration_text(seconds: float) -> str:
    """Write a duration with its two largest units: ``45 s``, ``3 min 20 s``, ``2 h 05 min``, ``3 d 04 h``."""
    whole = max(0, round(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days} d {hour:02d} h"
    if hours:
        return f"{hours} h {minute:02d} min"
    return f"{minutes} min {second:02d} s" if minutes else f"{second} s"


class Progress:
    """Shows the simulated day reached, the time taken and left, and a free text.

    Parameters
    ----------
    total_days : float
        Day at which the task is done [d].
    label : str
        What is going on, such as the scenario's name.
    quiet : bool
        Show nothing at all.
    stream : text stream, optional
        Where to show it; standard error if not given.
    interval : float
        Seconds between two plain lines, where there is no terminal [s].
    clock : callable
        Seconds of a clock that never goes back.

    Examples
    --------
    >>> with Progress(28.0, "lee2014", quiet=True) as progress:
    ...     progress.update(1.5, "CAR T 1,234 · blasts 5,678")
    """

    def __init__(
        self,
        total_days: float,
        label: str,
        quiet: bool = False,
        *,
        stream: TextIO | None = None,
        interval: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total_days
        self._label = label
        self._quiet = quiet
        self._stream = stream
        self._interval = interval
        self._clock = clock
        self._bar: Bar | None = None
        self._first_day: float | None = None
        self._day = 0.0
        self._text = ""
        self._told: tuple[float, str] | None = None

    def __enter__(self) -> Self:
        """Start the clock, and the bar if a person is watching."""
        self._stream = self._stream or sys.stderr
        self._started = self._last_line = self._clock()
        if not self._quiet and self._stream.isatty():
            self._bar = _bar(self._stream)
            self._bar.start()
            self._task = self._bar.add_task(self._label, total=None, reached="", text="")
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave the bar as it is, or write a last line, whether the task was done or not."""
        if self._bar is not None:
            self._bar.stop()
        elif not self._quiet and self._first_day is not None and self._told != (self._day, self._text):
            self._write_line()

    def update(self, day: float, text: str = "") -> None:
        """Tell the day reached [d] and a few words on it; cheap, however often it is called."""
        if self._first_day is None:
            # A resumed run starts in the middle: the time left follows from the days done since.
            self._first_day = day
            if self._bar is not None:
                self._bar.reset(self._task, total=max(self._total - day, 0.0), reached="", text="")
        self._day, self._text = day, text
        if self._quiet:
            return
        if self._bar is not None:
            reached = f"day {day:.1f} of {self._total:g}"
            self._bar.update(self._task, completed=day - self._first_day, reached=reached, text=text)
        elif self._clock() - self._last_line >= self._interval:
            self._write_line()

    def _write_line(self) -> None:
        assert self._stream is not None
        assert self._first_day is not None
        now = self._clock()
        elapsed = now - self._started
        parts = [f"{self._label}: day {self._day:.1f} of {self._total:g}", f"{duration_text(elapsed)} elapsed"]
        done, left = self._day - self._first_day, self._total - self._day
        if done > 0 and left > 0:
            parts.append(f"about {duration_text(elapsed * left / done)} left")
        if self._text:
            parts.append(self._text)
        print(" · ".join(parts), file=self._stream, flush=True)
        self._last_line = now
        self._told = (self._day, self._text)


def _bar(stream: TextIO) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    return Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[reached]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False, table_column=Column(overflow="ellipsis", no_wrap=True)),
        console=Console(file=stream),
    )
