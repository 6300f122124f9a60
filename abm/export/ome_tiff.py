# SPDX-License-Identifier: Apache-2.0
"""OME-TIFF: the views of a lattice as a microscopy image over time, axes TCZYX.

The first channel is the kind on each site, the second the whole site code. Pages are written one after the
other, a frame of the trajectory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError
from abm.export.output import package
from abm.export.selection import Compartments, Span, Stretch, view_origin, view_shape, view_stretches
from abm.playback.output import written_whole
from abm.state.kinds import KIND_BITS, SOLID, VOID
from abm.trajectory import Frames, Trajectory
from abm.units import TICKS_PER_HOUR

if TYPE_CHECKING:
    from abm.progress import Progress

CHANNELS = ("kind", "site_code")
_NAMESPACE = "abm"
_LARGE = 2**31
"""Bytes of pixels from which on offsets are stored in 64 bits."""


def export_ome_tiff(
    trajectory: Trajectory,
    output: str | Path,
    *,
    compartment: Compartments = None,
    since: float | None = None,
    until: float | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the views of one compartment as an OME-TIFF image.

    Sizes are in µm. The time between frames is in hours; where it changes, each plane has its own time, in hours
    since day 0. A map annotation names the codes of kinds and the day of the first frame.

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    output : path
        The file to write.
    compartment : str, optional
        A compartment with a lattice; the first that was recorded if not given.
    since, until : float, optional
        First and last day [d].
    progress : Progress, optional
        Told of the days that are done.

    Raises
    ------
    InputError
        Nothing was recorded of what is asked for, several compartments, or tifffile is not installed.
    RunError
        The file cannot be written.
    """
    tifffile = package("tifffile", "ome-tiff")
    views, *others = view_stretches(trajectory, compartment, Span(since, until))
    if compartment is not None and others:
        raise InputError(f"an image shows one compartment; got {views.compartment}, {', '.join(one.compartment for one in others)}")
    x, y, z = view_shape(views.frames)
    shape = (len(views.numbers), len(CHANNELS), z, y, x)
    with (
        written_whole(output) as unfinished,
        tifffile.TiffWriter(unfinished, ome=True, bigtiff=int(np.prod(shape, dtype=np.int64)) > _LARGE) as file,
    ):
        file.write(
            _pages(views, progress),
            shape=shape,
            dtype=np.uint8,
            photometric="minisblack",
            compression="zlib",
            metadata=_metadata(trajectory, views, planes=len(CHANNELS) * z),
        )
    return Path(output)


def _pages(views: Stretch[Frames], progress: Progress | None) -> Iterator[NDArray[np.uint8]]:
    """Yield every plane (y, x): those of the kinds of a frame from the lowest up, then those of its site codes."""
    shape = view_shape(views.frames)
    for number, day in zip(views.numbers, views.days, strict=True):
        if progress is not None:  # not after the planes: nobody asks on once the last one is there
            progress.update(float(day))
        layers = np.ascontiguousarray(views.frames[number].reshape(shape).transpose(2, 1, 0))
        yield from layers & np.uint8(KIND_BITS)
        yield from layers


def _metadata(trajectory: Trajectory, views: Stretch[Frames], planes: int) -> dict[str, Any]:
    """Return what becomes OME-XML; ``planes`` are those of one frame."""
    header = trajectory.header
    spacing = float(header.compartments[views.compartment]["spacing_um"])
    hours = views.frames.ticks[views.numbers.start : views.numbers.stop] / TICKS_PER_HOUR
    labels = {VOID: "void", **{kind["code"]: kind["label"] for kind in header.kinds}, SOLID: "solid"}
    name = str(trajectory.provenance.get("scenario") or trajectory.path.stem)
    metadata: dict[str, Any] = {
        "axes": "TCZYX",
        "Name": f"{name}, {views.compartment}",
        "Description": "site codes of a lattice; of the second channel bits 0-4 are the kind, see docs/file_format.md of abm",
        "Channel": {"Name": list(CHANNELS)},
        "MapAnnotation": {
            "Namespace": _NAMESPACE,
            **{f"kind {code}": label for code, label in labels.items()},
            "first day": f"{views.days[0]:g}",
            "lowest layer [µm]": f"{view_origin(views.frames, header.compartments[views.compartment])[2]:g}",
        },
    }
    for axis in "XYZ":
        metadata |= {f"PhysicalSize{axis}": spacing, f"PhysicalSize{axis}Unit": "µm"}
    steps = np.diff(hours)
    if len(steps) and (steps == steps[0]).all():
        metadata |= {"TimeIncrement": float(steps[0]), "TimeIncrementUnit": "h"}
    elif len(steps):
        each = [float(hour) for hour in hours for _ in range(planes)]
        metadata["Plane"] = {"DeltaT": each, "DeltaTUnit": ["h"] * len(each)}
    return metadata
