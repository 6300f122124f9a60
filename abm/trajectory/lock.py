# SPDX-License-Identifier: Apache-2.0
"""One writer per trajectory: a lock file beside it that names the writing process.

A lock whose process is dead is stale and is taken over. Taking is guarded by ``flock`` on the lock
file for a moment only; what counts afterwards is the content, so that readers can look without
locking and a forked child cannot keep a lock alive.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from abm.errors import InputError


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Parameters
    ----------
    pid : int
        Process id.
    host : str
        Name of its machine.
    started : str
        Start time of the process as the kernel tells it, so that a re-used pid is not mistaken.
    """

    pid: int
    host: str
    started: str

    @property
    def alive(self) -> bool:
        """Whether the process still runs; one on another machine is taken to."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return self.started == _start_of(self.pid)


def lock_path(path: Path) -> Path:
    """Return the lock file of a trajectory."""
    return path.with_name(path.name + ".lock")


def live_holder(path: Path) -> Holder | None:
    """Return the living process that writes a trajectory, or None."""
    try:
        holder = _parse(lock_path(path).read_bytes())
    except OSError:
        return None
    return holder if holder is not None and holder.alive else None


def require_free(path: Path) -> None:
    """Refuse a trajectory that another process writes, before anything is done for it.

    Raises
    ------
    InputError
        A living process holds its lock.
    """
    holder = live_holder(path)
    if holder is not None:
        raise _refusal(path, lock_path(path), holder, Holder(os.getpid(), socket.gethostname(), ""))


def acquire(path: Path) -> Holder:
    """Take the lock of a trajectory for this process.

    Raises
    ------
    InputError
        Another living process (or another writer of this one) holds it.
    OSError
        The lock file cannot be written.
    """
    lock = lock_path(path)
    mine = Holder(os.getpid(), socket.gethostname(), _start_of(os.getpid()))
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with suppress(OSError):  # a file system without flock: the content alone must do
                fcntl.flock(handle, fcntl.LOCK_EX)
            if not _still_linked(handle, lock):
                continue
            holder = _parse(os.read(handle, 4096))
            if holder is not None and holder.alive:
                raise _refusal(path, lock, holder, mine)
            os.ftruncate(handle, 0)
            try:
                os.pwrite(handle, json.dumps(asdict(mine)).encode(), 0)
            except OSError:
                lock.unlink()
                raise
            return mine
        finally:
            os.close(handle)


def release(path: Path, mine: Holder) -> None:
    """Give the lock back, if it is still ours."""
    lock = lock_path(path)
    with suppress(OSError):
        if _parse(lock.read_bytes()) == mine:
            lock.unlink()


def _still_linked(handle: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(lock))
    except FileNotFoundError:
        return False


def _refusal(path: Path, lock: Path, holder: Holder, mine: Holder) -> InputError:
    if holder.host != mine.host:
        advice = f"if that process is gone, remove {lock}"
        return InputError(f"{path}: is being written by process {holder.pid} on {holder.host}; {advice}")
    who = "this process" if holder.pid == mine.pid else f"process {holder.pid}"
    return InputError(f"{path}: is being written by {who}; wait for it, or write to another file")


def _parse(content: bytes) -> Holder | None:
    """Read a lock; one that a crash left empty or half written names nobody."""
    try:
        return Holder(**json.loads(content))
    except (ValueError, TypeError):
        return None


def _start_of(pid: int) -> str:
    """Return the start time of a process, "dead" for a zombie, "" where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "dead" if fields[0] in "ZX" else fields[19]
