# SPDX-License-Identifier: Apache-2.0
"""Packages that only studies need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from abm.errors import InputError

_EXTRA = ("SALib", "scipy", "pyarrow", "dask", "distributed", "dask_jobqueue")


@contextmanager
def study_packages() -> Iterator[None]:
    """Say how to install what is missing of the packages that are imported inside.

    Raises
    ------
    InputError
        One is not installed.
    """
    try:
        yield
    except ImportError as error:
        top = (error.name or "").partition(".")[0]
        if top not in _EXTRA:
            raise
        how = "in the folder of abm's source, pip install '.[study]'"
        raise InputError(f"parameter studies need the package {top!r}, which is not installed here: {how}") from None
