# SPDX-License-Identifier: Apache-2.0
"""How far a long task has got: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

SEPARATOR = " · "
_BAR, _LONGEST_BAR = 10, 30
"""Shortest and longest bar that is drawn [columns]."""
_LABEL, _LONGEST_LABEL = 8, 32
"""Columns below which a label is left out, and above which it is cut."""


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
    """Shows the simulated day reached, or how many of something are done, the time taken and left, and a free text.

    Parameters
    ----------
    total : float
        Day at which the task is done [d], or the number of what is counted.
    label : str
        What is going on, such as the scenario's name.
    quiet : bool
        Show nothing at all.
    counted : str
        What is counted, such as ``"runs"``; days if not given.
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
        total: float,
        label: str,
        quiet: bool = False,
        *,
        counted: str = "",
        stream: TextIO | None = None,
        interval: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._counted = counted
        self._label = label
        self._quiet = quiet
        self._stream = stream
        self._interval = interval
        self._clock = clock
        self._live: Live | None = None
        self._two_lines = False
        self._first_day: float | None = None
        self._day = 0.0
        self._text = ""
        self._told: tuple[float, str] | None = None

    def __enter__(self) -> Self:
        """Start the clock, and the bar if a person is watching."""
        self._stream = self._stream or sys.stderr
        self._started = self._last_line = self._clock()
        if not self._quiet and self._stream.isatty():
            self._live = _live(self._stream, self._bar)
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave the bar as it is, or write a last line, whether the task was done or not."""
        if self._live is not None:
            with suppress(OSError):  # the terminal may be gone
                self._live.stop()
        elif not self._quiet and self._first_day is not None and self._told != (self._day, self._text):
            self._write_line()

    def update(self, day: float, text: str = "") -> None:
        """Tell the day reached [d], or the number done, and a few words on it; cheap, however often it is called."""
        if self._first_day is None:
            # A resumed run starts in the middle: the time left follows from the days done since.
            self._first_day = day
        self._day, self._text = day, text
        if not self._quiet and self._live is None and self._clock() - self._last_line >= self._interval:
            self._write_line()

    def _standing(self) -> str:
        """Say the day reached, the time taken, and how much is left at this pace; 60 columns hold it."""
        elapsed = self._clock() - self._started
        reached = f"{self._day:.0f} of {self._total:.0f} {self._counted}" if self._counted else f"day {self._day:.1f} of {self._total:g}"
        parts = [reached, f"{duration_text(elapsed)} elapsed"]
        done, left = self._day - (self._day if self._first_day is None else self._first_day), self._total - self._day
        if done > 0 and left > 0:
            parts.append(f"{duration_text(elapsed * left / done)} left")
        return SEPARATOR.join(parts)

    def _write_line(self) -> None:
        assert self._stream is not None
        words = SEPARATOR.join(part for part in (self._standing(), self._text) if part)
        print(f"{self._label}: {words}", file=self._stream, flush=True)
        self._last_line = self._clock()
        self._told = (self._day, self._text)

    def _bar(self, width: int) -> RenderableType:
        """Fill a line with label, bar and words; a text that does not fit gets a line of its own.

        Then the label is left out before the bar, the bar before the percentage, and the end of the text.
        Day and times always stay.
        """
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        whole = self._total - (self._day if self._first_day is None else self._first_day)
        percent = 100.0 * (1.0 - (self._total - self._day) / whole) if whole > 0 else 0.0
        standing = self._standing()
        room = width - len(standing) - len("100 % ")
        with_text = SEPARATOR.join(part for part in (standing, self._text) if part)
        # Once broken, it stays so: lines that come and go with each digit could not be read.
        named = min(len(self._label), _LONGEST_LABEL)
        self._two_lines = self._two_lines or width < len(with_text) + len("100 % ") + _BAR + 2 + named
        if not self._two_lines:
            standing, room = with_text, width - len(with_text) - len("100 % ")
        cells: list[RenderableType] = [Text(standing, no_wrap=True)]
        if room >= 0:
            cells.insert(0, Text(f"{percent:3.0f} %"))
        if room > _BAR:
            label = Text(self._label)
            label.truncate(min(room - _BAR - 2, _LONGEST_LABEL), overflow="ellipsis")
            if room < _BAR + _LABEL + 2:
                label = Text()
            bar = ProgressBar(completed=percent, width=min(room - label.cell_len - 2, _LONGEST_BAR))
            cells = [label, bar, *cells] if label else [bar, *cells]
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_row(*cells)
        return Group(line, Text(_cut(self._text, width), no_wrap=True)) if self._two_lines else line


def _cut(text: str, width: int) -> str:
    """Leave out the last parts of a text that do not fit."""
    while len(text) > width and SEPARATOR in text:
        text = text.rpartition(SEPARATOR)[0]
    return text


def _live(stream: TextIO, draw: Callable[[int], RenderableType]) -> Live | None:
    """Return a display that draws itself anew four times a second; None on a terminal that cannot go back a line."""
    from rich.console import Console
    from rich.live import Live

    console = Console(file=stream)
    if console.is_dumb_terminal:
        return None
    # The last column stays free: some terminals break the line there.
    return Live(get_renderable=lambda: draw(console.width - 1), console=console, refresh_per_second=4)
