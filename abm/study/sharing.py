# SPDX-License-Identifier: Apache-2.0
"""Files of a study that several drivers may write at once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from abm.errors import InputError
from abm.trajectory.disk import replace_file, sync_folder
from abm.trajectory.lock import Holder, acquire, release

WAIT_SECONDS = 120.0
"""Time that one driver waits for another that lays out the same folder [s]."""
LOOK_SECONDS = 0.1


def replace_shared(path: Path, data: bytes) -> None:
    """Put a file in place whole, whoever else does so at the same time; the last one stays.

    Raises
    ------
    OSError
        It cannot be written.
    """
    own = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        replace_file(own, data)
        os.replace(own, path)
    finally:
        own.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait for other processes that are at work on a folder, by a lock file beside it.

    Raises
    ------
    InputError
        One is at it for very long.
    """
    until = time.monotonic() + WAIT_SECONDS
    mine: Holder | None = None
    while mine is None:
        try:
            mine = acquire(folder)
        except InputError:
            if time.monotonic() > until:
                raise
            time.sleep(LOOK_SECONDS)
        except OSError:  # a place where only the folder itself can be written
            break
    try:
        yield
    finally:
        if mine is not None:
            with suppress(OSError):
                release(folder, mine)


def require_folder_of(what: str, path: str | Path, mark: str, command: str) -> Path:
    """Return the folder of a study or a calibration, as a whole name.

    Parameters
    ----------
    what : str
        Of what it is to be.
    path : path
    mark : str
        The file by which it is told.
    command : str
        What makes one.

    Raises
    ------
    InputError
        It is none.
    """
    folder = Path(path).resolve()
    if not (folder / mark).is_file():
        wrong = f"is not the folder of a {what}" if folder.is_dir() else "there is no such folder"
        raise InputError(f"{path}: {wrong}; {command} makes one")
    return folder


def refuse_foreign(what: str, path: str | Path, folder: Path, mark: str) -> None:
    """Refuse to lay something out in a folder that holds something else.

    Raises
    ------
    InputError
        It does.
    """
    if folder.exists() and not (folder / mark).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{path}: holds something else than a {what}; choose a folder that is empty or new")
