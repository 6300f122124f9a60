# SPDX-License-Identifier: Apache-2.0
"""One layer of a lattice on one day, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from abm.errors import InputError, shown
from abm.playback.guests import enlarge, marks
from abm.playback.lettering import DARK
from abm.playback.palette import TISSUES
from abm.playback.phrases import on_day, prose
from abm.playback.sections import Pixels, Sections, thin_axis
from abm.playback.timecourses import style
from abm.plots.axes import POINTS, absent, axes_for
from abm.state.kinds import KIND_BITS, SOLID

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

_SIZE = (6.6, 4.2)
_NAMES = {"marrow": "Marrow", "csf": "CSF"}
_AXES = ("x", "y", "z")
_PIXELS = 700
"""Of a side of the picture, about."""


def marrow(
    trajectory: Trajectory,
    ax: Axes | None = None,
    *,
    day: float | None = None,
    layer: int | None = None,
    compartment: str = "marrow",
    legend: bool = True,
) -> Axes:
    """Draw one layer of the sites of a compartment.

    Parameters
    ----------
    trajectory : Trajectory
    ax : matplotlib.axes.Axes, optional
        A new figure if not given.
    day : float, optional
        The view nearest to it; the last if not given [d].
    layer : int, optional
        Of those that were recorded, across the thinnest axis; the middle one if not given.
    compartment : str
        One with a lattice.
    legend : bool
        Whether the colours are explained beside the picture.

    Raises
    ------
    InputError
        A compartment, day or layer that was not recorded.
    """
    views = trajectory.views(compartment)
    ax = axes_for(ax, _SIZE)
    if not len(views):
        return absent(ax, _NAMES.get(compartment, compartment), f"no views of the {compartment} were recorded (record.view)")
    number = len(views) - 1 if day is None else views.index_at(day)
    view = views[number]
    section, thin = layer_of(view, layer), _AXES[thin_axis(_in_three(view.shape))]
    kinds = trajectory.header.kinds
    factor = max(1, _PIXELS // max(section.shape))
    marked = [(mark, mark.sites(section, thick=False)) for mark in marks(kinds)]
    picture = enlarge(Sections(kinds).colours[section], marked, factor)
    place = trajectory.header.compartments[compartment]
    spacing = float(place["spacing_um"])
    extent = (0.0, spacing * section.shape[1], spacing * section.shape[0], 0.0)
    ax.imshow(picture, extent=extent, interpolation="nearest", aspect="equal")
    style(ax, POINTS)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True))
    down, across = (name for name in _AXES if name != thin)
    ax.set_xlabel(f"{across} [µm]", size=POINTS, color=DARK)
    ax.set_ylabel(f"{down} [µm]", size=POINTS, color=DARK)
    name = _NAMES.get(compartment, compartment)
    title = f"{name}, day {prose(on_day(float(views.days[number])))}\nlayer {depth(view.shape, place, layer)}"
    ax.set_title(title, loc="left", size=POINTS + 1, weight="bold", color=DARK)
    if legend:
        ax.legend(
            handles=colour_key(trajectory, [section]), loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=POINTS - 1,
            handlelength=1.0,
        )  # fmt: skip
    return ax


def colour_key(trajectory: Trajectory, sections: Sequence[Pixels]) -> list[Patch]:
    """Return a patch with a label for each colour of some pictures: cells, marks of fewer, tissues.

    Parameters
    ----------
    trajectory : Trajectory
    sections : sequence of ndarray of uint8, 2-D
        Site codes of the layers that are shown.
    """
    codes = np.unique(np.concatenate([section.ravel() for section in sections]))
    solid = (codes & KIND_BITS) == SOLID
    present = {int(code) for code in codes[~solid] & KIND_BITS}
    kinds = trajectory.header.kinds
    entries = [Patch(color=str(kind["colour"]), label=str(kind["label"])) for kind in kinds if int(kind["code"]) in present]
    for mark in marks(kinds):
        if any(mark.sites(section, thick=False).any() for section in sections):
            entries.append(Patch(color=mark.colour, label=mark.label))
    return entries + [Patch(color=colour, label=label) for label, code, colour in TISSUES if code in codes]


def depth(shape: tuple[int, ...], place: Mapping[str, Any], layer: int | None = None) -> str:
    """Say where the middle of a layer lies: across which axis, and how far from the side of the lattice.

    Parameters
    ----------
    shape : tuple of int
        Of a view, which shows the middle layers of its lattice.
    place : mapping
        ``shape`` and ``spacing_um`` of the compartment.
    layer : int, optional
        As for :func:`layer_of`.
    """
    shape = _in_three(shape)
    axis = thin_axis(shape)
    number = (place["shape"][axis] - shape[axis]) // 2 + (shape[axis] // 2 if layer is None else layer)
    return f"{_AXES[axis]} = {(number + 0.5) * float(place['spacing_um']):g} µm"


def layer_of(view: Pixels, layer: int | None = None) -> Pixels:
    """Return one layer of a view, across its thinnest axis; the middle one if not given.

    Raises
    ------
    InputError
        There is no such layer, or it is no whole number.
    """
    view = view.reshape(_in_three(view.shape))
    axis = thin_axis(view.shape)
    count = view.shape[axis]
    if layer is not None and (not isinstance(layer, Integral) or not 0 <= layer < count):
        raise InputError(f"layer: must be a whole number between 0 and {count - 1}, the layers that were recorded, got {shown(layer)}")
    return np.asarray(np.take(view, count // 2 if layer is None else layer, axis=axis), dtype=np.uint8)


def _in_three(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape along x, y and z: a view that was recorded flat is one site thick."""
    return (*shape, 1) if len(shape) == 2 else shape
