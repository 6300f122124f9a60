# SPDX-License-Identifier: Apache-2.0
"""What a check claims, what it found, and how both stand on the page ``docs/verification.md``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.verification.plotting import save

PLOTS = "images/verification"
"""Folder of the plots, seen from the page."""
REPORTED = "reported"
"""Stands in the last column where a figure is told but nothing is demanded of it."""


@dataclass(frozen=True)
class Claim:
    """What a check holds the simulator to, written before it is run.

    Parameters
    ----------
    title : str
        Its heading on the page, unique.
    law : str
        What is expected.
    source : str
        Where that is from.
    test : str
        How it is tested, with sample sizes.
    false_alarm : str
        How often a faultless simulator would fail, if the seeds were drawn anew.
    limits : str
        What the check does not show.
    """

    title: str
    law: str
    source: str
    test: str
    false_alarm: str
    limits: str = ""

    @property
    def slug(self) -> str:
        """The title as part of a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    def text(self) -> str:
        """Return what stands on the page before anything is measured."""
        parts = [self.law, f"*Source:* {self.source}", f"*Test:* {self.test} *False alarm:* {self.false_alarm}"]
        return "\n\n".join(parts + ([f"*Limits:* {self.limits}"] if self.limits else []))


def verifies(
    title: str, *, law: str, source: str, test: str, false_alarm: str, limits: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that makes a test function a check of the page, and marks it ``verify``."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        function.claim = Claim(title, law, source, test, false_alarm, limits)  # type: ignore[attr-defined]
        return pytest.mark.verify(function)

    return decorate


@dataclass(frozen=True)
class Row:
    """A figure."""

    name: str
    found: float
    expected: float | str | None
    error: float | None
    unit: str
    allowed: str

    def cells(self) -> tuple[str, str, str, str, str]:
        unit = f" {self.unit}" if self.unit else ""
        expected = "" if self.expected is None else self.expected if isinstance(self.expected, str) else number(self.expected) + unit
        return self.name, expected, number(self.found) + unit, "" if self.error is None else f"{self.error:.2g}", self.allowed


@dataclass
class Report:
    """What one check found; handed to its tests as the fixture ``report``."""

    claim: Claim
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    plots: list[tuple[str, Callable[[Sequence[Any]], None], int]] = field(default_factory=list)
    holds: bool = True

    def add(
        self, name: str, found: float, *, expected: float | str | None = None, error: float | None = None, unit: str = "",
        allowed: str = REPORTED,
    ) -> None:  # fmt: skip
        """Tell a figure: what was expected and found, its standard error, and what was allowed."""
        self.rows.append(Row(name, float(found), expected, error, unit, allowed))

    def note(self, text: str) -> None:
        """Tell something in a sentence of its own."""
        self.notes.append(text)

    def plot(self, caption: str, draw: Callable[[Sequence[Any]], None], panels: int = 1) -> None:
        """Have a plot drawn by ``draw(axes)``, if a page is written."""
        self.plots.append((caption, draw, panels))

    def text(self, folder: Path) -> str:
        """Save the plots below a folder, and return the section of the page."""
        parts = [f"### {self.claim.title}", self.claim.text(), "*Result:* " + ("holds." if self.holds else "**does not hold.**")]
        if self.rows:
            head = ["| figure | expected | found | ± SE | allowed |", "|---|---|---|---|---|"]
            parts.append("\n".join(head + [f"| {' | '.join(row.cells())} |" for row in self.rows]))
        parts += self.notes
        for index, (caption, draw, panels) in enumerate(self.plots):
            name = f"{self.claim.slug}{'' if index == 0 else f'-{index + 1}'}.png"
            save(folder / PLOTS / name, draw, panels)
            parts.append(f"![{caption}]({PLOTS}/{name})\n\n*{caption}*")
        return "\n\n".join(parts)


def number(value: float) -> str:
    """Write a number with four digits."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        text = f"{value:.4g}"
        return f"{value:.0f}" if "e" in text else text
    return f"{value:.3g}"
