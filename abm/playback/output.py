# SPDX-License-Identifier: Apache-2.0
"""Output files and folders that are whole or not there: written under another name, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from abm.errors import InputError, RunError


def check_suffix(path: str | Path, allowed: Sequence[str]) -> str:
    """Return the suffix of an output file in lower case.

    Raises
    ------
    InputError
        Not one of the allowed suffixes.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in allowed:
        names = ", ".join(ending or "none, for a folder" for ending in allowed)
        raise InputError(f"{path}: cannot write a file that ends in {suffix!r}; allowed: {names}")
    return suffix


def refuse_existing(output: str | Path, inputs: Iterable[str | Path], *, overwrite: bool, folder: bool = False) -> None:
    """Refuse to write over a file (or a folder that is not empty, if it is one that is to be written) or over a trajectory that is read.

    Raises
    ------
    InputError
        The output is one of the inputs, or exists and must not be replaced.
    """
    if not Path(output).exists():
        return
    if any(Path(file).exists() and Path(output).samefile(file) for file in inputs):
        raise InputError(f"{output}: is the trajectory itself; give another name")
    taken = folder and any(Path(output).iterdir()) if Path(output).is_dir() else True
    if taken and not overwrite:
        raise InputError(f"{output}: exists already; choose another name, or allow overwriting (--overwrite)")


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Give a name in the same folder to write to; rename it on success, remove it on any failure.

    Raises
    ------
    InputError
        The folder does not exist or ``path`` is a folder.
    RunError
        The file cannot be written: a full disk, no permission.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {str(path.parent)!r} does not exist")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: str | Path, patterns: Collection[str]) -> Iterator[Path]:
    """Give an empty folder beside ``path`` to write to; rename it on success, remove it on any failure.

    A folder that is there already is replaced, if all that it holds are files with names of these patterns.

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
            _check_replaceable(path, patterns)
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


def _check_replaceable(path: Path, patterns: Collection[str]) -> None:
    if not path.is_dir():
        raise InputError(f"{path}: is in the way and not a folder")
    foreign = sorted(one.name for one in path.iterdir() if not (one.is_file() and any(fnmatchcase(one.name, known) for known in patterns)))
    if foreign:
        raise InputError(f"{path}: holds {foreign[0]!r}, which abm has not written; give a new folder")
