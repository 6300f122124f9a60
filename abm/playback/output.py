# SPDX-License-Identifier: Apache-2.0
"""Output files that are whole or not there: written under another name, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
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
        names = ", ".join(allowed)
        raise InputError(f"{path}: cannot write a file that ends in {suffix!r}; allowed: {names}")
    return suffix


def refuse_existing(output: str | Path, inputs: Iterable[str | Path], *, overwrite: bool) -> None:
    """Refuse to write over a file, or over one of the trajectories that are read.

    Raises
    ------
    InputError
        The output is one of the inputs, or exists and must not be replaced.
    """
    if not Path(output).exists():
        return
    if any(Path(file).exists() and Path(output).samefile(file) for file in inputs):
        raise InputError(f"{output}: is the trajectory itself; give another name")
    if not overwrite and not Path(output).is_dir():
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
