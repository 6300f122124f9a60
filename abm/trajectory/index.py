# SPDX-License-Identifier: Apache-2.0
"""The index file: header and state of a run in progress, replaced as a whole by the packed file."""

from __future__ import annotations

import io
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py

from abm.errors import InputError, RunError
from abm.trajectory.disk import replace_file
from abm.trajectory.hdf5 import (
    DAMAGE,
    LIBVER,
    PARTS_SUFFIX,
    SIGNATURE,
    cause,
    header_damage,
    missing_file,
    open_file,
    parts_folder,
    seal,
    write_header,
)
from abm.trajectory.schema import CLOSING, TEXTS, Header

RUNNING = "running"
ABORTED = "aborted"
COMPLETE = "complete"
"""Every frame is written and in place; only the packing is left."""
FINISHED = "finished"

_REASON_LENGTH = 4000


@dataclass(frozen=True)
class Index:
    """What the file under the trajectory's name says.

    Parameters
    ----------
    header : Header
        The run.
    state : str
        One of the states of this module.
    reason : str
        Why the run was aborted, or "".
    digest : str
        Digest noted when the run was packed, or "".
    closing : int or None
        Tick of the end for which everything was recorded, due or not; None before it.
    damage : tuple of str
        What of the header is not as it was written, though it can be read.
    stamp : tuple of int
        Changes when the file is replaced.
    """

    header: Header
    state: str
    reason: str
    digest: str
    closing: int | None
    damage: tuple[str, ...]
    stamp: tuple[int, ...]


def write_index(path: Path, header: Header, state: str, reason: str = "") -> None:
    """Put the index of a run in place.

    Raises
    ------
    OSError
        The disk is full, or the folder cannot be written.
    """
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver=LIBVER) as file:
        write_header(file, header, {"state": state, "reason": reason[:_REASON_LENGTH]})
        seal(file)
    replace_file(path, memory.getbuffer())


def read_index(path: Path) -> Index:
    """Read the index, or the same part of a packed file.

    Raises
    ------
    InputError, RunError
        As :func:`abm.trajectory.hdf5.open_file`; a missing file; a segment instead of the index.
    """
    try:
        stamp = stamp_of(path)
        file = open_file(path)
    except NotADirectoryError:
        raise InputError(f"{path}: no such file; {path.parent} is not a folder") from None
    except FileNotFoundError:
        raise missing_file(path) from None
    with file:
        if "segment" in file.attrs:
            whole = path.parent.name.removesuffix(PARTS_SUFFIX)
            raise InputError(f"{path}: is one segment of a run; open {path.parent.with_name(whole)} instead")
        try:
            return _parse(file, stamp)
        except DAMAGE as error:
            raise RunError(f"{path}: is damaged: {cause(error)}") from None


def check_room(path: Path, overwrite: bool) -> None:
    """Refuse a name under which a new run cannot be written, as far as that can be seen beforehand.

    Raises
    ------
    InputError
        Something stands there that may not be overwritten, or never is: a folder, a file that is not HDF5.
        Or there is no such folder.
    """
    if not path.parent.is_dir():
        raise no_folder(path)
    if path.exists():
        if not path.is_file():
            raise InputError(f"{path}: is in the way and not a file")
        if not overwrite:
            raise InputError(f"{path}: exists already; choose another name, or allow overwriting")
        with path.open("rb") as old:
            if old.read(len(SIGNATURE)) not in (SIGNATURE, b""):
                raise InputError(f"{path}: is not an HDF5 file, so it is not overwritten; remove it yourself")
    parts = parts_folder(path)
    if not overwrite and any(parts.glob("*.h5")):
        raise InputError(f"{parts}: holds segments of an earlier run; remove it, or allow overwriting")


def no_folder(path: Path) -> InputError:
    """Return the error for a file whose folder does not exist."""
    return InputError(f"{path}: cannot be written: {path.parent} is not an existing folder")


def make_room(path: Path, overwrite: bool) -> None:
    """Clear away what stands under the name of a new run; the caller holds the lock.

    Raises
    ------
    InputError
        As :func:`check_room`.
    OSError
        It cannot be removed.
    """
    check_room(path, overwrite)
    path.unlink(missing_ok=True)
    parts = parts_folder(path)
    if parts.exists():
        shutil.rmtree(parts)


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return what tells one file under this name from the next."""
    found = os.stat(path)
    return found.st_ino, found.st_mtime_ns, found.st_size


def _parse(file: h5py.File, stamp: tuple[int, ...]) -> Index:
    texts = {name: file[name].asstr()[()] for name in TEXTS}
    state = str(file.attrs["state"])
    if state not in (RUNNING, ABORTED, COMPLETE, FINISHED):
        raise ValueError(f"unknown state {json.dumps(state)}")
    header = Header.from_texts(texts)
    reason, digest, closing = (file.attrs.get(name) for name in ("reason", "digest", CLOSING))
    end = None if closing is None else int(closing)
    return Index(header, state, str(reason or ""), str(digest or ""), end, header_damage(file), stamp)
