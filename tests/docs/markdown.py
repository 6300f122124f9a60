# SPDX-License-Identifier: Apache-2.0
"""The documents as tests see them: fenced blocks, in order."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (?P<path>[\w./-]+\.\w+)\n")


@dataclass(frozen=True)
class Fence:
    """A fenced block; one whose first line is a comment with a path is the content of that file."""

    language: str
    text: str
    line: int

    @property
    def path(self) -> str:
        match = _FILE.match(self.text)
        return match["path"] if match else ""

    @property
    def body(self) -> str:
        """The text without the line that names the file."""
        return _FILE.sub("", self.text, count=1) if self.path else self.text

    def commands(self) -> list[list[str]]:
        """Return the words of each command after a ``$``."""
        return [shlex.split(line[2:], comments=True) for line in self.text.splitlines() if line.startswith("$ ")]


def fences(text: str) -> list[Fence]:
    """Return the fenced blocks of a document."""
    found = _FENCE.finditer(text)
    return [Fence(match["language"], match["text"], text.count("\n", 0, match.start()) + 1) for match in found]
