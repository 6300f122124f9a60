# SPDX-License-Identifier: Apache-2.0
"""One writer per trajectory: a lock file beside it that names the writing process.

A lock whose process is dead is stale and is taken over. Whether one on another machine is dead cannot be seen: the writer
touches its lock while it works, and one that was not touched for :data:`SILENT_SECONDS` is stale, as is one of the same
job of the batch system, which runs once at a time. Taking is guarded by ``flock`` on the lock
file for a moment only; what counts afterwards is the content, so that readers can look without
locking and a forked child cannot keep a lock alive.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from abm.errors import InputError

BEAT_SECONDS = 30.0
"""Wall time after which a writer touches its lock [s]; looked at after each simulated hour."""
SILENT_SECONDS = 900.0
"""Wall time without a touch after which a lock of another machine is stale [s]."""


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
    job : str
        Its job of the batch system, if it has one.
    """

    pid: int
    host: str
    started: str
    job: str = ""

    def is_alive(self, silent: float) -> bool:
        """Tell whether the process still runs.

        Parameters
        ----------
        silent : float
            Wall time since it last touched its lock [s], by which one on another machine is judged.
        """
        if self.host != socket.gethostname():
            return silent < SILENT_SECONDS and (not self.job or self.job != _job())
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
        silent = time.time() - lock_path(path).stat().st_mtime
    except OSError:
        return None
    return holder if holder is not None and holder.is_alive(silent) else None


def require_free(path: Path) -> None:
    """Refuse a trajectory that another process writes, before anything is done for it.

    Raises
    ------
    InputError
        A living process holds its lock.
    """
    holder = live_holder(path)
    if holder is not None:
        raise _refusal(path, lock_path(path), holder, _myself())


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
    mine = _myself()
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with suppress(OSError):  # a file system without flock: the content alone must do
                fcntl.flock(handle, fcntl.LOCK_EX)
            if not _still_linked(handle, lock):
                continue
            holder = _parse(os.read(handle, 4096))
            if holder is not None and holder.is_alive(time.time() - os.fstat(handle).st_mtime):
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


def beat(path: Path, mine: Holder) -> None:
    """Tell other machines that the writer is at work."""
    lock = lock_path(path)
    with suppress(OSError):
        if _parse(lock.read_bytes()) == mine:
            os.utime(lock)


def release(path: Path, mine: Holder) -> None:
    """Give the lock back, if it is still ours."""
    lock = lock_path(path)
    with suppress(OSError):
        if _parse(lock.read_bytes()) == mine:
            lock.unlink()


def _myself() -> Holder:
    return Holder(os.getpid(), socket.gethostname(), _start_of(os.getpid()), _job())


def _job() -> str:
    """Return the job of the batch system in which this process runs; that of Slurm keeps its number when it is requeued."""
    return os.environ.get("SLURM_JOB_ID", "")


def _still_linked(handle: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(lock))
    except FileNotFoundError:
        return False


def _refusal(path: Path, lock: Path, holder: Holder, mine: Holder) -> InputError:
    if holder.host != mine.host:
        advice = f"if that process is gone, wait {SILENT_SECONDS / 60:.0f} minutes or remove {lock}"
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
