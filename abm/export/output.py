# SPDX-License-Identifier: Apache-2.0
"""Outputs of an export: their names, and the packages that some formats need."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from abm.errors import InputError


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
            f"the format {to!r} needs the package {top!r}, which is not installed here: "
            "in the folder of abm's source, pip install '.[export]'"
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
