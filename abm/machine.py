# SPDX-License-Identifier: Apache-2.0
"""Threads, and what is left of the machine's memory and disks, for a process that may be confined to a part of it."""

from __future__ import annotations

import math
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from abm.errors import InputError, shown

MOST_THREADS = 256
"""Threads that a run may have."""


def number_of_threads(wanted: int | None) -> int:
    """Return the threads that a run takes: as many as wanted, or else all cores.

    Raises
    ------
    InputError
        Not between 1 and :data:`MOST_THREADS`.
    """
    if wanted is not None and not 1 <= wanted <= MOST_THREADS:
        raise InputError(f"threads: must be between 1 and {MOST_THREADS}, got {shown(wanted)}")
    return wanted or min(os.cpu_count() or 1, MOST_THREADS)


def free_memory(root: Path = Path("/")) -> float:
    """Return the memory that this process may still take [bytes].

    Parameters
    ----------
    root : Path
        Where the system shows itself in files.

    Notes
    -----
    The least of what the machine has, and what control groups of either version leave (containers, batch
    systems); a group's cache of files counts as free. Infinite, if nothing is known.
    """
    found = [_machine_memory(root)]
    for group in _groups(root, "memory"):
        for limit, used, cache in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            most = _number(group / limit)
            if most is not None:
                taken = _number(group / used) or 0.0
                found.append(most - max(taken - (_entry(group / "memory.stat", cache) or 0.0), 0.0))
    return max(min(found), 0.0)


def processors(root: Path = Path("/")) -> float:
    """Return the processors that this process may use: those it is bound to, within what control groups grant.

    Parameters
    ----------
    root : Path
        Where the system shows itself in files.
    """
    found = [float(os.cpu_count() or 1)]
    if hasattr(os, "sched_getaffinity"):
        found.append(float(len(os.sched_getaffinity(0))))
    for group in _groups(root, "cpu"):
        quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
        with suppress(OSError, ValueError):
            most, of = (group / "cpu.max").read_text(encoding="utf-8").split()
            quota, period = float(most), float(of)
        if quota is not None and period and quota > 0:
            found.append(quota / period)
    return min(found)


def reset_peak_memory() -> None:
    """Let :func:`peak_memory` count from here, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> float:
    """Return the largest resident size of this process since the peak was last reset, or since its start [bytes]."""
    resident = _entry(Path("/proc/self/status"), "VmHWM:")
    if resident is not None:
        return 1024 * resident
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1 if sys.platform == "darwin" else 1024)


def require_disk(path: Path, needed: float, free: float | None = None) -> None:
    """Refuse what the file system of an output has no room for.

    Parameters
    ----------
    path : Path
        The file to be written. One that stands there is replaced.
    needed : float
        Room that will be needed at most [bytes].
    free : float, optional
        Room that is free [bytes]; by default as the file system tells.

    Raises
    ------
    InputError
        There is too little room.
    """
    folder = path.resolve().parent
    if free is None:
        try:
            disk = shutil.disk_usage(folder)
        except OSError:
            return  # that nothing can be written there is told by whoever tries
        if disk.total == 0:  # a file system that does not tell
            return
        free = disk.free + (path.stat().st_size if path.is_file() else 0)
    if needed > free:
        raise InputError(
            f"{path}: needs about {size_text(needed)} of disk until it is packed, {size_text(free)} are free in {folder}: "
            "make room there, write elsewhere, or record less (record.cells, record.view)"
        )


def size_text(size: float) -> str:
    """Write a number of bytes with two digits or three: ``120 MB``, ``1.4 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.2g} {unit}" if size < 9.95 and unit != "B" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.2g} TB" if size < 9.95 else f"{size:.0f} TB" if size < 999.5 else f"{size:.2g} TB"


def _machine_memory(root: Path) -> float:
    available = _entry(root / "proc/meminfo", "MemAvailable:")
    if available is not None:
        return 1024 * available
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError):
        return math.inf


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's control groups, from the root of each hierarchy downwards."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = ["0::/"]
    for line in lines:
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if names and controller not in names.split(","):
            continue
        folder = root / "sys/fs/cgroup" / (controller if names else "")
        yield folder
        for part in path.strip("/").split("/"):
            if part and part != "..":
                folder = folder / part
                yield folder


def _number(path: Path) -> float | None:
    """Return the number in a file; None where there is none, as in ``max``."""
    try:
        return float(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _entry(path: Path, name: str) -> float | None:
    """Return the number behind a name in a file of one entry a line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return next((float(line.split()[1]) for line in lines if line.split()[:1] == [name]), None)
    except (OSError, ValueError, IndexError):
        return None
