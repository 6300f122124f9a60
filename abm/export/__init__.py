# SPDX-License-Identifier: Apache-2.0
"""Trajectories for other programs: ParaView, AnnData and squidpy, tables, microscopy images.

One module per format, each with one function that reads a :class:`~abm.trajectory.Trajectory` frame by
frame and leaves its output whole or not at all. :func:`export` is the way to all of them.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from abm.errors import InputError, nearest
from abm.export.output import check_ending
from abm.playback.output import refuse_existing

if TYPE_CHECKING:
    from abm.progress import Progress


class Format(NamedTuple):
    """A format: its function, how its files end (a folder if in no way), how to open them, what lies beside them."""

    module: str
    function: str
    endings: tuple[str, ...]
    opened: str
    beside: str = ""

    def load(self) -> Callable[..., Path]:
        """Return the function that writes it."""
        function: Callable[..., Path] = getattr(importlib.import_module(f"abm.export.{self.module}"), self.function)
        return function


FORMATS = {
    "paraview": Format("paraview", "export_paraview", (), "open the .vtkhdf files in it with ParaView 5.12 or newer"),
    "anndata": Format("anndata", "export_anndata", (".h5ad",), "read it with: anndata.read_h5ad({0!r})"),
    "csv": Format("csv", "export_csv", (".csv",), "read it with: pandas.read_csv({0!r})", beside="-metadata.json"),
    "parquet": Format("parquet", "export_parquet", (".parquet",), "read it with: pandas.read_parquet({0!r})"),
    "ome-tiff": Format("ome_tiff", "export_ome_tiff", (".ome.tif", ".ome.tiff"), "open it with Fiji, napari or tifffile.imread({0!r})"),
}
"""The formats by the name under which a user asks for them."""


def export(
    file: str | Path, output: str | Path, to: str, *, overwrite: bool = False, progress: Progress | None = None, **options: Any
) -> Path:
    """Write a trajectory, running, interrupted or finished, in another format.

    Parameters
    ----------
    file : str or pathlib.Path
        The trajectory.
    output : str or pathlib.Path
        The file to write; for ``"paraview"`` a folder.
    to : str
        A format of :data:`FORMATS`.
    overwrite : bool
        Whether an earlier output there may be replaced.
    progress : Progress, optional
        Told of the days that are done.
    **options
        As of the function of the format: ``compartment``, ``day``, ``since``, ``until``, ``cells``.

    Returns
    -------
    pathlib.Path
        The output.

    Raises
    ------
    InputError
        Unknown format, an option that does not go with it, no trajectory there, nothing recorded of what is asked
        for, a package that is not installed, or an output that cannot be or must not be replaced.
    RunError
        The trajectory is damaged or the output cannot be written.
    """
    if to not in FORMATS:
        raise InputError(f"unknown format {to!r}; nearest: {nearest(to, FORMATS)!r}; there are {', '.join(FORMATS)}")
    known = FORMATS[to]
    check_ending(output, known.endings, to)
    write = known.load()
    taken = inspect.signature(write).parameters
    allowed = [name for name in taken if name not in ("trajectory", "output", "progress")]
    for option in options:
        if option not in allowed:
            raise InputError(f"option {option!r} does not go with the format {to!r}; allowed: {', '.join(allowed)}")
    for path in (Path(output), Path(f"{output}{known.beside}")):
        refuse_existing(path, [file], overwrite=overwrite, folder=not known.endings)
    if "progress" in taken:
        options["progress"] = progress
    from abm.trajectory import Trajectory

    with Trajectory.open(file) as trajectory:
        return write(trajectory, output, **options)
