# SPDX-License-Identifier: Apache-2.0
"""Numbers in words, rounded to what a reader can use."""

from __future__ import annotations


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
    rounded = round(day, 1)
    return f"{rounded:.0f}" if rounded == int(rounded) else f"{rounded:.1f}"


def between(first: float, last: float) -> str:
    """Write a range of days."""
    return on_day(first) if on_day(first) == on_day(last) else f"{on_day(first)} to {on_day(last)}"
