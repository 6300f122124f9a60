# SPDX-License-Identifier: Apache-2.0
"""Writing so that a fault cannot harm what is already there.

HDF5 never writes to the disk itself here: a full disk in the middle of its work can leave a file
object that crashes when it is closed. Small files are built in memory and written by
:func:`replace_file`; a large one goes through a :class:`Sink`. Either way a fault is an ordinary
``OSError`` in Python.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from abm.errors import RunError

FULL = {errno.ENOSPC: "disk full", errno.EDQUOT: "disk quota reached", errno.EFBIG: "file size limit reached"}
"""What the system says when there is no room, in words."""
RESERVE = "reserve"
RESERVE_BYTES = 32_768
"""What an index takes beside its texts."""


def replace_file(path: Path, data: bytes | memoryview) -> None:
    """Put a file in place whole or not at all, on the disk when this returns.

    Parameters
    ----------
    path : Path
        Written under another name in the same folder, then renamed.
    data : bytes-like
        The content.

    Raises
    ------
    OSError
        Nothing has changed, but for a fault of the folder's last fsync.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(path.parent)


def reserve(folder: Path, size: int) -> None:
    """Keep room in a folder for an index of about ``size`` bytes, so that it can tell of a disk that is full.

    Raises
    ------
    OSError
        There is no such room.
    """
    replace_file(folder / RESERVE, os.urandom(size + RESERVE_BYTES))  # what cannot be compressed, nor left out


def free_reserve(folder: Path) -> None:
    """Give the room back that :func:`reserve` kept."""
    with suppress(OSError):
        (folder / RESERVE).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring the entries of a folder to the disk, where its file system knows how to."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def write_error(error: OSError, doing: str, safe: str) -> RunError:
    """Return the error for a failed write.

    Parameters
    ----------
    error : OSError
        What the system said.
    doing : str
        What was under way, such as ``"writing segment 3 of run.h5"``.
    safe : str
        What stands on disk.
    """
    said = FULL.get(error.errno or 0) or error.strerror or str(error)
    return RunError(f"{said} while {doing}; {safe}")


class Sink:
    """A file for HDF5 to write to that fails only when asked.

    After the first failed write everything is dropped and the error kept in :attr:`error`: HDF5
    sees no fault, so it can be closed in order.

    Parameters
    ----------
    path : Path
        Created, or emptied.
    """

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._position = 0
        self._end = 0

    def check(self) -> None:
        """Raise the error of a write that failed."""
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Bring everything to the disk and close.

        Raises
        ------
        OSError
            This or an earlier write failed.
        """
        try:
            self.check()
            os.fsync(self._handle)
        finally:
            os.close(self._handle)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes from the position, with zeros for what is not there (as HDF5's own driver does)."""
        data = os.pread(self._handle, size, self._position)
        self._position += size
        return data.ljust(size, b"\0")

    def write(self, data: bytes | memoryview) -> int:
        """Write at the position, or drop the data after a fault."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        at = self._position
        try:
            while rest and self.error is None:
                count = os.pwrite(self._handle, rest, at)
                rest, at = rest[count:], at + count
        except OSError as error:
            self.error = error
        self._position += size
        self._end = max(self._end, self._position)
        return size

    def truncate(self, size: int) -> int:
        """Set the length."""
        try:
            if self.error is None:
                os.ftruncate(self._handle, size)
        except OSError as error:
            self.error = error
        self._end = size
        return size

    def flush(self) -> None:
        """Do nothing: there is no buffer."""
