# SPDX-License-Identifier: Apache-2.0
"""The errors a user may meet, by what they ask of the user, and the words they share."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

_COMPARED = 60
_SHOWN = 60


class AbmError(Exception):
    """Base of the package's own errors: a message for the user, no traceback."""

    exit_code = 1


class InputError(AbmError):
    """What the user gave cannot be used; the message says where, why and what is allowed."""

    exit_code = 2


class RunError(AbmError):
    """A run could not go on: a full disk, a folder that cannot be written, a damaged file."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the valid name that a misspelt one most resembles, or None if there is no valid name.

    Parameters
    ----------
    name : str
        What was given; only its first 60 characters are compared, so that junk costs no time.
    names : iterable of str
        What is valid.
    """
    given = name[:_COMPARED].lower()
    best, best_ratio = None, -1.0
    for candidate in names:
        ratio = difflib.SequenceMatcher(None, candidate[:_COMPARED].lower(), given).ratio()
        if ratio > best_ratio:
            best, best_ratio = candidate, ratio
    return best


def spelled(number: float) -> str:
    """Write a number as a person would (``1e6``, ``0.25``), so that reading it gives the same number."""
    if isinstance(number, int) and abs(number) < 1_000_000:
        return str(number)
    text = f"{number:g}"
    exact = repr(number)
    # the smallest of all floats have fewer digits than %g would give
    if float(text) != number or ("e" in exact and len(exact) < len(text)):
        text = exact
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}e{int(power)}" if exponent else text.removesuffix(".0")


def shown(value: Any) -> str:
    """Show what a user gave inside a message: numbers as written, text in quotes, junk cut short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 64):
        return spelled(value)
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int):
        return "a number too large to show"
    text = repr(value) if isinstance(value, str) else type(value).__name__
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def range_text(low: float, high: float, unit: str = "1") -> str:
    """Say which numbers a pair of bounds admits, such as ``between 2 and 12 µm/min``."""
    suffix = "" if unit == "1" else f" {unit}"
    if low == -math.inf and high == math.inf:
        return f"finite{suffix and f' (in{suffix})'}"
    if high == math.inf:
        return f"at least {spelled(low)}{suffix}"
    if low == -math.inf:
        return f"at most {spelled(high)}{suffix}"
    return f"between {spelled(low)} and {spelled(high)}{suffix}"


def printable(text: str) -> str:
    """Keep text on one line: write control characters and line breaks as escapes."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def path_text(parts: tuple[int | str, ...]) -> str:
    """Write a path of keys and list positions as ``treatments[1].dose``."""
    steps = [f"[{part}]" if isinstance(part, int) else f".{_shortened(part)}" for part in parts]
    return "".join(steps).removeprefix(".")


def _shortened(key: str) -> str:
    return "''" if not key else printable(key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…")
