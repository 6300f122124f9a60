# SPDX-License-Identifier: Apache-2.0
"""Numbers in words, rounded to what a reader can use."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MINUS = re.compile(r"(?<![\w-])-(?=\d)")
SPANS = 3
"""Spans of days that are told; of more it is told how many there were."""
SO_FAR = ", highest so far"
NOT_ENDED = ", not ended"


def figure(value: float) -> str:
    """Write a number to two digits, or three from 100 on, without an exponent where one can do without."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e7 or size < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    rounded = float(f"{value:.{3 if size >= 100 else 2}g}")
    return f"{rounded:,.0f}" if size >= 10 else f"{rounded:g}"


def one_in(fraction: float) -> str:
    """Write a small fraction as one in so many."""
    return f"1 in {float(f'{1 / fraction:.2g}'):,.0f}"


def concentration(value: float) -> str:
    """Write cells/µL; where no blood count would find one, as below a hundredth."""
    if value <= 0:
        return "0"
    return figure(value) if value >= 0.01 else "below 0.01"


def share(fraction: float) -> str:
    """Write a fraction as a percentage; where it is small, as one in so many."""
    if fraction <= 0:
        return "none"
    if fraction < 1e-4:
        return f"below 1 in 10,000 ({one_in(fraction)})"
    percent = 100 * fraction
    if percent > 99 and fraction < 1:
        return "above 99 %"
    return f"{percent:.0f} %" if percent >= 10 else f"{figure(percent)} %"


def on_day(day: float) -> str:
    """Write a day: whole if it is one, else to a tenth."""
    rounded = round(day, 1) + 0.0  # no minus before nothing
    return f"{rounded:.0f}" if rounded == int(rounded) else f"{rounded:.1f}"


def between(first: float, last: float) -> str:
    """Write a range of days."""
    return on_day(first) if on_day(first) == on_day(last) else f"{on_day(first)} to {on_day(last)}"


def spans_of(spans: Sequence[tuple[float, float]]) -> str:
    """List ranges of days, the first few of many."""
    words = ", ".join(between(*span) for span in spans[:SPANS])
    return words if len(spans) <= SPANS else f"{words}, ... {between(*spans[-1])}"


def during(spans: Sequence[tuple[float, float]], *, going_on: bool = False) -> str:
    """Say in a sentence when something held: from day 3 to 5; if the last had not ended, that it had not.

    Parameters
    ----------
    spans : sequence of (float, float)
        One or more [d].
    going_on : bool
        Whether the last of them had not ended on its last day.
    """
    ended = spans[:-1] if going_on else spans
    told = []
    if ended:
        words = " and ".join(between(*span) for span in ended[:SPANS])
        only = len(ended) == 1 and on_day(ended[0][0]) == on_day(ended[0][1])
        more = f" and {len(ended) - SPANS} times more" if len(ended) > SPANS else ""
        told.append(f"{'on' if only else 'from'} day {words}{more}")
    if going_on:
        first, last = spans[-1]
        told.append(f"from day {on_day(first)}, and had not ended on day {on_day(last)}")
    return " and ".join(told)


def prose(text: str) -> str:
    """Write the minus signs of numbers as in print, and not as hyphens."""
    return _MINUS.sub("−", text)
