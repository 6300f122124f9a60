# SPDX-License-Identifier: Apache-2.0
"""Problems with positions, and the one error that tells them all."""

from __future__ import annotations

from dataclasses import dataclass

from abm.errors import InputError, path_text, printable

MOST_TOLD = 100
"""Problems told of one file; more tell of one cause."""
Steps = tuple[int | str, ...]
"""Keys and list positions that lead to a value."""


@dataclass(frozen=True)
class Position:
    """Where something stands: a place in a file, or (line 0) a file or command-line option as a whole."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Write the position as ``file:line:column``."""
        source = printable(self.source)
        return f"{source}:{self.line}:{self.column}" if self.line else source


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where it stands, and what it is about."""

    position: Position
    path: Steps
    message: str

    def __str__(self) -> str:
        """Write the problem on one line; an option that names the path already does not repeat it."""
        path = path_text(self.path)
        if str(self.position).startswith(f"--set {path}="):
            path = ""
        return ": ".join(part for part in (str(self.position), path, self.message) if part)


def report(problems: list[Problem]) -> InputError:
    """Return the error that tells all problems, in the order of files and lines, each once."""

    def place(one: Problem) -> tuple[bool, str, int, int]:
        where = one.position
        return where.source.startswith("--set "), where.source, where.line, where.column

    ordered = sorted(problems, key=place)
    lines = list(dict.fromkeys(str(one) for one in ordered[:MOST_TOLD]))
    if len(ordered) > MOST_TOLD:
        lines.append(f"{ordered[MOST_TOLD].position}: here and below are {len(ordered) - MOST_TOLD:,} more problems")
    return InputError("\n".join(lines))
