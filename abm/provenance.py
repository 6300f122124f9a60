# SPDX-License-Identifier: Apache-2.0
"""How a run was made: enough to make it again, nothing about the machine's name or owner."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import abm

SOFTWARE = ("numpy", "h5py", "mesa", "pydantic", "ruamel.yaml")


def collect(seed: int, threads: int, command: str | Sequence[str]) -> dict[str, Any]:
    """Return the provenance of a run as JSON values.

    Parameters
    ----------
    seed : int
        Seed of all random draws.
    threads : int
        Threads of the kernels.
    command : str or sequence of str
        The command line.

    Returns
    -------
    dict
        ``software`` (name -> version), ``git`` (``revision``, ``changed``; None outside a checkout),
        ``python``, ``platform``, ``seed``, ``threads``, ``command``, ``started`` (UTC).
    """
    return {
        "software": _versions(),
        "git": _git(Path(__file__).resolve().parent.parent),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "seed": int(seed),
        "threads": int(threads),
        "command": command if isinstance(command, str) else [str(word) for word in command],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _versions() -> dict[str, str]:
    found = {"abm": abm.__version__}
    for name in SOFTWARE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git(folder: Path) -> dict[str, Any] | None:
    """Return revision and state of the checkout, if ``folder`` is the top of one (and not merely inside another's)."""
    if not (folder / ".git").exists():
        return None
    revision = _ask_git(folder, "rev-parse", "HEAD")
    if revision is None:
        return None
    changes = _ask_git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"revision": revision, "changed": bool(changes)}


def _ask_git(folder: Path, *words: str) -> str | None:
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
