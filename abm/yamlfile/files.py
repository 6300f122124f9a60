# SPDX-License-Identifier: Apache-2.0
"""Text files that a user names: found, or told why not; read within a limit."""

from __future__ import annotations

import os
from pathlib import Path

from abm.errors import nearest

MAX_BYTES = 1 << 19


class Unreadable(Exception):
    """Text that cannot be read any further, and where (line 0: the file as a whole)."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def why_no_file(path: Path) -> str | None:
    """Say why a path is no file that can be read, with the nearest name in its folder; None if it is one."""
    try:
        if path.is_file():
            return None
        if path.is_dir():
            return f"is a folder, not a file{_nearest_in(path, '')}"
        if path.exists():
            return "is not a regular file"
        if not path.parent.is_dir():
            return f"no such file: there is no folder {str(path.parent)!r}"
        return f"no such file{_nearest_in(path.parent, path.name)}"
    except (OSError, ValueError) as error:
        return f"cannot be a file name: {getattr(error, 'strerror', None) or error}"


def _nearest_in(folder: Path, name: str) -> str:
    names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith((".yaml", ".yml")))
    near = nearest(name, names)
    if near is None:
        return f"; {str(folder)!r} holds no .yaml file"
    return f"; nearest in {str(folder)!r}: {near!r}"


def read_text(path: Path) -> str:
    """Read a UTF-8 text file.

    Raises
    ------
    Unreadable
        It cannot be opened, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"is larger than {MAX_BYTES // 1024} KiB, the most a YAML file may have")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise Unreadable(f"is not UTF-8 text (byte 0x{raw[error.start]:02x})", line, column) from None
