# SPDX-License-Identifier: Apache-2.0
"""ParaView: a folder of VTKHDF time series, the cells and the views of each lattice, and the colours of kinds.

One file for each, rather than one assembly: an assembly must have the same times in all its parts, and views
are recorded more often than cells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.export.selection import (
    Compartments,
    Span,
    Stretch,
    by_time,
    cell_stretches,
    names,
    positions,
    values,
    view_origin,
    view_shape,
    view_stretches,
)
from abm.export.vtkhdf import PointSeries, VoxelSeries
from abm.playback.output import folder_written_whole
from abm.state.kinds import KIND_BITS, SOLID, VOID
from abm.trajectory import CellFrames, Frames, Trajectory

if TYPE_CHECKING:
    from abm.progress import Progress

COLOURS = "kinds.json"
_WRITTEN = ("*.vtkhdf", "*.json")
_VOID_COLOUR, _SOLID_COLOUR = "#f2f2f2", "#b8ab97"


def export_paraview(
    trajectory: Trajectory,
    output: str | Path,
    *,
    compartment: Compartments = None,
    since: float | None = None,
    until: float | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the cells and the views of lattices as time series for ParaView.

    The folder holds ``<compartment>_cells.vtkhdf`` (points [µm] with all recorded columns),
    ``<compartment>_view.vtkhdf`` (voxels with ``kind`` and ``site_code``), at times in days, and ``kinds.json``,
    a preset of colours. An earlier folder of this kind is replaced.

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    output : path
        The folder to write.
    compartment : str or sequence of str, optional
        Compartments with a lattice; all if not given.
    since, until : float, optional
        First and last day [d].
    progress : Progress, optional
        Told of the days that are done.

    Raises
    ------
    InputError
        Nothing was recorded of what is asked for, or the folder cannot be.
    RunError
        The folder cannot be written.
    """
    span = Span(since, until)
    cells = {f"{one.compartment}_cells": one for one in cell_stretches(trajectory, compartment, span, needed=False)}
    views = {f"{one.compartment}_view": one for one in view_stretches(trajectory, compartment, span, needed=False)}
    found = {name.rpartition("_")[0] for name in (*cells, *views)}
    missing = [name for name in names(compartment) if name not in found]
    if missing or not found:
        cell_stretches(trajectory, missing, span)  # tells why
    with folder_written_whole(output, _WRITTEN) as folder, ExitStack() as files:
        steps: dict[str, Callable[[int], None]] = {}
        for name, cell_stretch in cells.items():
            steps[name] = _point_steps(trajectory, cell_stretch, folder / f"{name}.vtkhdf", files)
        for name, view_stretch in views.items():
            steps[name] = _voxel_steps(trajectory, view_stretch, folder / f"{name}.vtkhdf", files)
        (folder / COLOURS).write_text(_colours(trajectory.header.kinds), encoding="utf-8")
        for day, name, number in by_time({**cells, **views}):
            steps[name](number)
            if progress is not None:
                progress.update(day)
    return Path(output)


def _point_steps(trajectory: Trajectory, cells: Stretch[CellFrames], path: Path, files: ExitStack) -> Callable[[int], None]:
    """Declare a file of cells, and return the function that writes the step of one frame to it."""
    about = trajectory.header.compartments[cells.compartment]
    counts = cells.frames.counts[cells.numbers.start : cells.numbers.stop]
    first = cells.frames[cells.numbers.start]
    columns = {name: column.dtype for name, column in values(first, first.keys()).items()}
    columns |= {name: np.dtype(np.uint8) for name, dtype in columns.items() if dtype == np.bool_}
    file = files.enter_context(PointSeries(path, cells.days, counts, columns, shown="kind"))

    def write(number: int) -> None:
        frame = cells.frames[number]
        file.append(positions(frame["site"], about), values(frame, frame.keys()))

    return write


def _voxel_steps(trajectory: Trajectory, views: Stretch[Frames], path: Path, files: ExitStack) -> Callable[[int], None]:
    """Declare a file of views, and return the function that writes the step of one frame to it."""
    about = trajectory.header.compartments[views.compartment]
    shape = view_shape(views.frames)
    file = files.enter_context(
        VoxelSeries(
            path,
            views.days,
            shape=shape,
            spacing=float(about["spacing_um"]),
            origin=view_origin(views.frames, about),
            arrays={"kind": np.uint8, "site_code": np.uint8},
            shown="kind",
        )
    )

    def write(number: int) -> None:
        codes = views.frames[number].reshape(shape)
        file.append({"kind": codes & np.uint8(KIND_BITS), "site_code": codes})

    return write


def _colours(kinds: Sequence[Mapping[str, Any]]) -> str:
    """Return a preset of ParaView that names and colours the codes of ``kind``."""
    named = [(VOID, "void", _VOID_COLOUR), *((kind["code"], kind["label"], kind["colour"]) for kind in kinds)]
    named.append((SOLID, "solid", _SOLID_COLOUR))
    preset = {
        "Name": "abm kinds",
        "Annotations": [text for code, label, _ in named for text in (str(code), label)],
        "IndexedColors": [int(colour[at : at + 2], 16) / 255 for _, _, colour in named for at in (1, 3, 5)],
    }
    return json.dumps([preset], indent=1, ensure_ascii=False)
