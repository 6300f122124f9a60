# SPDX-License-Identifier: Apache-2.0
"""Rules that say when a treatment is given: ``<observable> <op> <number> [for <number> <unit>]``.

``crs_grade >= 3 for 12 h`` holds once the grade has been 3 or more, without a break, for 12 h. A rule is
read by one regular expression and compared by one operator; nothing of it is ever evaluated as code.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from abm.errors import nearest, shown
from abm.units import TICKS_PER_HOUR, parse_quantity

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
CELLS_OF = "cells_"
"""Begins the observables that count the cells of one kind in one compartment."""
EXAMPLE = "'crs_grade >= 3' or 'il6 > 500 for 12 h'"
MAX_LENGTH = 200
LONGEST = 8760.0
"""Longest time that a rule may ask for [h]: one year."""
_RULE = re.compile(
    r"\s*(?P<observable>[A-Za-z_]\w*)\s*(?P<operator>[<>=!~]+)\s*(?P<number>[-+]?[\w.]+(?:[-+]\d+)?)"
    r"(?:\s+for\s+(?P<time>.+?))?\s*",
    re.ASCII,
)


@dataclass(frozen=True)
class Rule:
    """A condition on one observable.

    Parameters
    ----------
    observable : str
        Name of what is compared.
    operator : str
        One of :data:`OPERATORS`.
    threshold : float
        In the unit of the observable.
    ticks : int
        Time for which the condition must hold without a break [ticks of 15 s].
    """

    observable: str
    operator: str
    threshold: float
    ticks: int = 0

    def holds(self, value: float) -> bool:
        """Tell whether a value meets the condition; NaN (unknown) meets none."""
        return OPERATORS[self.operator](value, self.threshold)

    def require_known(self, names: Collection[str]) -> None:
        """Check that the observable exists.

        Raises
        ------
        ValueError
            It does not; the message lists those that do and names the nearest.
        """
        if self.observable not in names:
            known = sorted(name for name in names if not name.startswith(CELLS_OF))
            if len(known) < len(names):
                known.append(f"{CELLS_OF}<kind>_<compartment>")
            told = f"nearest: {nearest(self.observable, names)!r}; known: {', '.join(known)}" if names else "this run has none"
            raise ValueError(f"unknown observable {shown(self.observable)}; {told}")


def parse_rule(text: str) -> Rule:
    """Read a rule.

    Raises
    ------
    ValueError
        Not of the form above, an unknown operator, a threshold that is no finite number, or a time that is none.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a rule has at most {MAX_LENGTH} characters, got {len(text)}")
    match = _RULE.fullmatch(text)
    if match is None:
        raise ValueError(f"must be '<observable> <op> <number> [for <time>]', such as {EXAMPLE}, got {shown(text)}")
    symbol = match["operator"]
    if symbol not in OPERATORS:
        raise ValueError(f"unknown operator {shown(symbol)} in {shown(text)}; allowed: {', '.join(OPERATORS)}")
    try:
        threshold = float(match["number"])
    except ValueError:
        threshold = math.nan
    if not math.isfinite(threshold) or "_" in match["number"]:
        raise ValueError(f"{shown(match['number'])} in {shown(text)} must be a finite number in the observable's unit")
    return Rule(match["observable"], symbol, threshold, _ticks(match["time"], text))


def _ticks(time: str | None, text: str) -> int:
    if time is None:
        return 0
    try:
        # text alone, so that a bare number, whose unit the reader would have to guess, is refused
        hours = parse_quantity(time, "h")
    except ValueError as error:
        raise ValueError(f"time after 'for' in {shown(text)}: {error}") from None
    if not 0 <= hours <= LONGEST:
        raise ValueError(f"time after 'for' in {shown(text)} must be between 0 and {LONGEST:g} h, got {shown(time)}")
    return math.ceil(hours * TICKS_PER_HOUR - 1e-6)
