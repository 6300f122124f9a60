# SPDX-License-Identifier: Apache-2.0
"""Outputs of an export: their names, what may be replaced, folders that are whole or not there."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from abm.errors import InputError, RunError


def package(name: str, to: str) -> Any:
    """Import and return a package that only some formats need.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        top = name.partition(".")[0]
        raise InputError(
            f"the format {to!r} needs the package {top!r}, which is not installed here: pip install 'abm[export]'"
        ) from None


def check_ending(path: str | Path, allowed: Collection[str], to: str) -> None:
    """Refuse the name of a file that does not end as its format does; a folder may have any name.

    Raises
    ------
    InputError
        Another ending.
    """
    if allowed and not Path(path).name.lower().endswith(tuple(allowed)):
        raise InputError(f"{path}: a file of the format {to!r} must end in {' or '.join(allowed)}")


@contextmanager
def folder_written_whole(path: str | Path, endings: Collection[str]) -> Iterator[Path]:
    """Give an empty folder beside ``path`` to write to; rename it on success, remove it on any failure.

    A folder that is there already is replaced, if all that it holds are files with these endings.

    Raises
    ------
    InputError
        ``path`` is a file or holds other things, or there is no folder to put it in.
    RunError
        It cannot be written: a full disk, no permission.
    """
    path = Path(path).absolute()
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {str(path.parent)!r} does not exist")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    former = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        if path.exists():
            _check_replaceable(path, endings)
        unfinished.mkdir()
        yield unfinished
        if path.exists():
            path.rename(former)
        unfinished.rename(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if former.exists():
            if path.exists():
                shutil.rmtree(former, ignore_errors=True)
            else:
                former.rename(path)


def _check_replaceable(path: Path, endings: Collection[str]) -> None:
    if not path.is_dir():
        raise InputError(f"{path}: is in the way and not a folder")
    foreign = sorted(one.name for one in path.iterdir() if not (one.is_file() and one.name.endswith(tuple(endings))))
    if foreign:
        raise InputError(f"{path}: holds {foreign[0]!r}, which no export has written; give a new folder")
