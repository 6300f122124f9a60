# SPDX-License-Identifier: Apache-2.0
"""A disk that can be filled: a small file system of its own, or else a limit on the size of files."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "16m"


class SmallDisk:
    """A file system of its own, mounted in a folder.

    Parameters
    ----------
    folder : Path
        Where it is mounted.
    """

    name = "disk full"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Leave no room, in whatever process this is called."""
        ballast = os.open(self.folder / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (65536, 1):
                while os.pwrite(ballast, bytes(size), os.fstat(ballast).st_size) == size:
                    pass
        except OSError:
            pass
        finally:
            os.close(ballast)

    def clear(self) -> None:
        """Make room again."""
        (self.folder / "ballast").unlink(missing_ok=True)


class LimitedFiles(SmallDisk):
    """A limit on the size of a file, for the process that fills the "disk"."""

    name = "file size limit"

    def fill(self) -> None:
        """Let this process write no more than a few bytes to any file."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    def clear(self) -> None:
        """Do nothing: the limit has gone with the process."""


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a small disk, or make do with a limit where mounting is not permitted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield LimitedFiles(folder)
        shutil.rmtree(folder)
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
