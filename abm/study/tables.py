# SPDX-License-Identifier: Apache-2.0
"""The table of a study as a file of other programs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from abm.errors import InputError
from abm.trajectory.disk import replace_file, write_error

if TYPE_CHECKING:
    import pandas as pd


def write_table(table: pd.DataFrame, path: Path, *, overwrite: bool) -> None:
    """Write a table as CSV or Parquet, by the ending of the name.

    Raises
    ------
    InputError
        Another ending, no folder for it, or a file is in the way.
    RunError
        It cannot be written.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"{path}: must end with .csv or .parquet")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {str(path.parent)!r}")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already; --overwrite replaces it")
    if path.suffix == ".csv":
        data = table.to_csv(index=False).encode()
    else:
        made = io.BytesIO()
        table.to_parquet(made, index=False)
        data = made.getvalue()
    try:
        replace_file(path, data)
    except OSError as error:
        raise write_error(error, f"writing {path}", "the study is safe") from None
