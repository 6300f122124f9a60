# SPDX-License-Identifier: Apache-2.0
"""The version of the code that decides what a run comes to: runs of another are not mixed with its own."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import abm

_OUTSIDE_THE_MODEL = {
    *("cli", "doctor", "export", "playback", "plots", "report", "study", "trajectory", "yamlfile"),
    *("html.py", "settings.py", "errors.py", "execution.py", "machine.py", "progress.py", "provenance.py", "sizing.py"),
    *("checkpointing.py", "continuation.py", "branching.py"),
}
"""Rooms that only start runs, keep them or look at them."""


@cache
def code_version() -> str:
    """Return the version of the package with a digest of the model's source: ``0.1.0-3fa94c01``.

    Two checkouts between releases have the same version number; their digests differ.
    """
    root = Path(abm.__file__).parent
    found = hashlib.sha256()
    for path in sorted(path for pattern in ("*.py", "*.pyx", "*.pxd") for path in root.rglob(pattern)):
        part = path.relative_to(root)
        if part.parts[0] not in _OUTSIDE_THE_MODEL:
            found.update(f"{part.as_posix()}\0".encode())
            found.update(path.read_bytes())
    return f"{abm.__version__}-{found.hexdigest()[:8]}"
