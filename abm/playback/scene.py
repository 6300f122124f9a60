# SPDX-License-Identifier: Apache-2.0
"""The stage of a movie: where pictures, time courses and words stand, and what of it never changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from abm.playback.courses import Panel
from abm.playback.guests import SIDE, Mark, marks
from abm.playback.lettering import DARK, GREY, drawn, shorten, text_width
from abm.playback.palette import TISSUES, VOID_COLOUR
from abm.playback.sections import magnification, thin_axis
from abm.playback.timecourses import draw_panel, draw_treatments, label_time, panels_of

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

_MARGIN, _HEADER, _TITLE_ROW, _GAP = 24.0, 84.0, 24.0, 16.0
_LEFT_SHARE = 0.545
_LEGEND_ROW, _SWATCH = 21.0, 13.0
_BAR_LENGTHS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Lengths of a scale bar [µm]."""


@dataclass(frozen=True)
class Picture:
    """A picture of a lattice on the stage.

    Parameters
    ----------
    compartment : str
    title : str
    thick : bool
        Looks through all layers, or shows one.
    size : (int, int)
        Rows and columns of sites as shown, the longer side across.
    site_um : float
        Side of a site of the view [µm].
    """

    compartment: str
    title: str
    thick: bool
    size: tuple[int, int]
    site_um: float


@dataclass(frozen=True)
class Place:
    """Where a picture stands: pixels from the top left corner, and pixels per site."""

    picture: Picture
    top: int
    left: int
    factor: float

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width [px]."""
        rows, columns = self.picture.size
        if self.factor >= 1:
            return rows * int(self.factor), columns * int(self.factor)
        block = round(1 / self.factor)
        return rows // block, columns // block


def pictures_of(trajectory: Trajectory, compartments: Sequence[str]) -> list[Picture]:
    """List the pictures that show the views of some compartments.

    A 3-D marrow is shown twice: one layer, where cells are seen in contact, and through all layers,
    where rare cells are seen at all.
    """
    pictures: list[Picture] = []
    for name in compartments:
        view = trajectory.views(name)[0]
        if view.ndim == 3 and min(view.shape) == 1:
            view = view.squeeze(axis=thin_axis(view.shape))
        about = trajectory.header.compartments[name]
        axis = thin_axis(view.shape) if view.ndim == 3 else None
        across = [size for i, size in enumerate(view.shape) if i != axis]
        # A view of half the lattice's width has sites of twice the size; a slab has them as they are.
        widest = max(about["shape"] or across)
        site_um = float(about["spacing_um"]) * widest / max(view.shape)
        title = _name(trajectory, name)
        scale, marrow = float(about["scale"]), trajectory.header.compartments.get("marrow", about)
        other = f"; a square: {_cells(scale)}" if scale != float(marrow["scale"]) else ""
        size = (min(across), max(across))
        if axis is None:
            pictures.append(Picture(name, title + other, False, size, site_um))
            continue
        deep = f"{title}, through {_length(view.shape[axis] * site_um)}"
        through = Picture(name, deep + other, True, size, site_um)
        if name == "marrow":
            pictures.append(Picture(name, f"{title}, one layer", False, size, site_um))
        pictures.append(through)
    return pictures


@dataclass(frozen=True)
class Entry:
    """An entry of the legend: words, and a square of one colour or with a mark in its corner."""

    label: str
    colour: str
    mark: Mark | None = None

    @property
    def width(self) -> float:
        """Room that it takes."""
        return _SWATCH + 6.0 + text_width(self.label, 9.5) + 18.0


class Stage:
    """Everything that stands still, drawn once: without the lines of the time courses, and with them.

    Parameters
    ----------
    trajectory : Trajectory
    pictures : sequence of Picture
    width, height : int
        [px]
    title : str
    """

    def __init__(
        self, trajectory: Trajectory, pictures: Sequence[Picture], *, width: int, height: int, title: str
    ) -> None:
        # All lengths below are those of a picture 720 pixels high; scale turns them into pixels.
        self.scale = min(width / 1280, height / 720)
        self.width, self.height = width, height
        self._across, self._down = width / self.scale, height / self.scale
        self.panels, self._treatments, self.time = panels_of(trajectory)
        self.dpi = 100.0 * self.scale
        self._figure = Figure(figsize=(width / self.dpi, height / self.dpi), dpi=self.dpi, facecolor="white")
        canvas = FigureCanvasAgg(self._figure)
        beside = bool(self.panels or self._treatments)
        self._left_width = (self._across * _LEFT_SHARE if beside else self._across - _MARGIN) - _MARGIN
        self._words(_MARGIN, 38.0, shorten(title, 17.0, self._across - 300.0, "bold"), 17.0, weight="bold")
        self._words(_MARGIN, 62.0, shorten(_scale_words(trajectory), 10.5, self._across - 300.0), 10.5, colour=GREY)
        legend = self._legend_rows(trajectory, pictures)
        self.places = self._arrange(pictures, self._down - _HEADER - _MARGIN - _LEGEND_ROW * len(legend) - 12.0)
        self._draw_legend(legend)
        for place in self.places:
            self._frame_picture(place)
        self.axes: list[Axes] = []
        lines = self._draw_courses() if beside else []
        self.with_lines = drawn(canvas)
        for line in lines:
            line.set_visible(False)
        self.without_lines = drawn(canvas)
        boxes = [axes.get_window_extent() for axes in self.axes]
        self.boxes = [(height - round(box.y1), height - round(box.y0), round(box.x0), round(box.x1)) for box in boxes]

    def to_pixel(self, panel: Panel, index: int, value: float) -> float:
        """Return the row of pixels of a value on the axis of panel ``index``; outside of it, above or below."""
        top, bottom, _, _ = self.boxes[index]
        if panel.log:
            share = np.log(max(value, panel.low / 10.0) / panel.low) / np.log(panel.high / panel.low)
        else:
            share = (value - panel.low) / (panel.high - panel.low)
        return float(bottom - share * (bottom - top))

    def _arrange(self, pictures: Sequence[Picture], room: float) -> list[Place]:
        """Set the marrow's pictures in a row and all others below them, or upright beside a single one."""
        marrow = [picture for picture in pictures if picture.compartment == "marrow"]
        rest = [picture for picture in pictures if picture.compartment != "marrow"]
        if not (marrow and rest):
            return self._row(list(pictures), _HEADER, room)
        if len(marrow) == 1:
            upright = [replace(picture, size=(max(picture.size), min(picture.size))) for picture in rest]
            return self._row([*marrow, *upright], _HEADER, room)
        flattest = min(picture.size[0] / picture.size[1] for picture in rest)
        below = _TITLE_ROW + min(0.27 * room, self._left_width * flattest)
        places = self._row(marrow, _HEADER, room - below - _GAP)
        top = max(place.top + place.extent[0] for place in places) / self.scale + _GAP
        return places + self._row(rest, top, _HEADER + room - top)

    def _row(self, row: Sequence[Picture], top: float, room: float) -> list[Place]:
        """Set pictures side by side, each as large as its share of the row and the room below ``top`` let it be."""
        places: list[Place] = []
        left, over = _MARGIN, self._left_width - _GAP * (len(row) - 1)
        # Pictures of one height are as wide as they are elongated; that is also their share of the row.
        shapes = [picture.size[1] / picture.size[0] for picture in row]
        for picture, shape in zip(row, shapes, strict=True):
            box = int((room - _TITLE_ROW) * self.scale), int(over * shape / sum(shapes) * self.scale)
            factor = magnification(picture.size, box)
            places.append(Place(picture, round((top + _TITLE_ROW) * self.scale), round(left * self.scale), factor))
            left += places[-1].extent[1] / self.scale + _GAP
        return places

    def _frame_picture(self, place: Place) -> None:
        """Write the title of a picture, its scale bar, and a hair line around it."""
        top, left = place.top / self.scale, place.left / self.scale
        high, wide = (side / self.scale for side in place.extent)
        beside = [other.left / self.scale - _GAP for other in self.places if other.top == place.top and other.left > place.left]
        title = shorten(place.picture.title, 10.5, min(beside, default=_MARGIN + self._left_width) - left, "bold")
        self._words(left, top - 7.0, title, 10.5, weight="bold")
        self._box(left - 1.0, top - 1.0, wide + 2.0, high + 2.0, edge="#9a9a9a")
        before = self.places[: self.places.index(place)]
        if any(other.picture.compartment == place.picture.compartment for other in before):
            return  # pictures of one compartment stand side by side at one scale; one bar serves both
        um_per_px = place.picture.site_um / (place.factor / self.scale)
        room = wide - text_width(title, 10.5, "bold") - text_width("100 µm", 9.5) - 24.0
        fitting = [bar for bar in _BAR_LENGTHS if 12.0 <= bar / um_per_px <= min(room, 0.3 * wide)]
        if fitting:
            bar, right = fitting[-1] / um_per_px, left + wide
            self._box(right - bar, top - 12.0, bar, 3.0, face=DARK)
            self._words(right - bar - 6.0, top - 7.0, _length(fitting[-1]), 9.5, align="right")

    def _legend_rows(self, trajectory: Trajectory, pictures: Sequence[Picture]) -> list[list[Entry]]:
        """Break the legend into rows no wider than the pictures."""
        entries = [Entry(str(kind["label"]), str(kind["colour"])) for kind in _kinds_seen(trajectory)]
        seen = {int(code) for picture in pictures for code in np.unique(trajectory.views(picture.compartment)[0])}
        entries += [Entry(label, colour) for label, code, colour in TISSUES if code in seen]
        if any(float(about["scale"]) > 1 for about in trajectory.header.compartments.values()):
            entries += [Entry(mark.label, VOID_COLOUR, mark) for mark in marks(trajectory.header.kinds)]
        rows: list[list[Entry]] = [[]]
        for entry in entries:
            if rows[-1] and sum(other.width for other in [*rows[-1], entry]) > self._left_width + 18.0:
                rows.append([])
            rows[-1].append(entry)
        return rows

    def _draw_legend(self, rows: list[list[Entry]]) -> None:
        lowest = max(((place.top + place.extent[0]) / self.scale for place in self.places), default=_HEADER)
        for number, row in enumerate(rows):
            left, base = _MARGIN, lowest + 14.0 + number * _LEGEND_ROW + 12.0
            for entry in row:
                top = base - _SWATCH + 2.0
                self._box(left, top, _SWATCH, _SWATCH, face=entry.colour, edge="#8a8a8a")
                if entry.mark is not None:
                    size = SIDE * _SWATCH
                    rows_of, columns_of = entry.mark.corner(round(_SWATCH), round(size))
                    self._box(left + columns_of.start, top + rows_of.start, size, size, face=entry.mark.colour)
                self._words(left + _SWATCH + 6.0, base, entry.label, 9.5)
                left += entry.width

    def _draw_courses(self) -> list[Artist]:
        """Draw the panels on the right, the treatments below them."""
        left, right = self._across * _LEFT_SHARE + 118.0, self._across - 70.0
        top, bottom = _HEADER + _TITLE_ROW, self._down - 58.0
        treatments = 17.0 * len(self._treatments) + 6.0
        blocks = len(self.panels) + bool(self._treatments)
        free = bottom - top - (_TITLE_ROW + 10.0) * (blocks - 1) - (treatments if self._treatments else 0.0)
        each = free / max(1, len(self.panels))
        lines: list[Artist] = []
        for panel in self.panels:
            axes = self._axes(left, top, right - left, each)
            lines += draw_panel(axes, panel, self.time)
            axes.yaxis.set_label_coords(-62.0 / (right - left), 0.5)
            top += each + _TITLE_ROW + 10.0
        if self._treatments:
            lines += draw_treatments(self._axes(left, top, right - left, treatments), self._treatments, self.time)
        label_time(self.axes, self.time)
        return lines

    def _axes(self, left: float, top: float, width: float, height: float) -> Axes:
        box = (left / self._across, 1 - (top + height) / self._down, width / self._across, height / self._down)
        axes = self._figure.add_axes(box)
        self.axes.append(axes)
        return axes

    def _words(
        self,
        left: float,
        base: float,
        text: str,
        points: float,
        *,
        weight: str = "normal",
        colour: str = DARK,
        align: str = "left",
    ) -> None:
        place = left / self._across, 1 - base / self._down
        self._figure.text(*place, text, size=points, weight=weight, color=colour, ha=align, va="baseline")

    def _box(
        self, left: float, top: float, width: float, height: float, *, face: str = "none", edge: str = "none"
    ) -> None:
        corner = (left / self._across, 1 - (top + height) / self._down)
        size = (width / self._across, height / self._down)
        self._figure.add_artist(
            Rectangle(corner, *size, transform=self._figure.transFigure, facecolor=face, edgecolor=edge, lw=0.8)
        )


def _name(trajectory: Trajectory, compartment: str) -> str:
    """Name a compartment; a lattice without a body around it is a block of cells, not a marrow."""
    if list(trajectory.header.compartments) == ["marrow"] == [compartment]:
        return "Block"
    return {"marrow": "Marrow", "csf": "CSF"}.get(compartment, compartment)


def _kinds_seen(trajectory: Trajectory) -> list[dict[str, Any]]:
    """Return the kinds that were ever counted on a lattice; all, where kinds were not counted."""
    observables = trajectory.observables
    kinds = trajectory.header.kinds
    names = {kind["name"]: [f"cells_{kind['name']}_{place}" for place in ("marrow", "csf")] for kind in kinds}
    if not any(column in observables for columns in names.values() for column in columns):
        return kinds
    return [
        kind
        for kind in kinds
        if any(column in observables and (observables[column] > 0).any() for column in names[kind["name"]])
    ]


def _scale_words(trajectory: Trajectory) -> str:
    """Say how an unfinished run ended, how large the marrow is, what a square stands for, and what pale means."""
    words = []
    if trajectory.status != "finished":
        words.append(f"{trajectory.status} at day {trajectory.last_day:.1f}")
    about = trajectory.header.compartments.get("marrow")
    if about and about["shape"]:
        sides = [size * float(about["spacing_um"]) for size in about["shape"] if size > 1 or max(about["shape"]) == 1]
        words.append(f"{_name(trajectory, 'marrow').lower()} of {_length(*sides)}")
        scale = float(about["scale"])
        if scale > 1:
            words.append(f"a square stands for {_cells(scale)} of the body")
    words.append("pale: in a synapse, or few in depth")
    return "; ".join(words)


def _cells(number: float) -> str:
    """Write a number of cells to two digits."""
    rounded = f"{float(f'{number:.2g}'):,.0f}"
    return f"{rounded} {'cell' if rounded == '1' else 'cells'}"


def _length(*um: float) -> str:
    """Write one or more lengths in µm, or in mm where one of them is large."""
    unit, size = ("mm", 1000.0) if max(um) >= 1000 else ("µm", 1.0)
    return f"{' × '.join(f'{length / size:.3g}' for length in um)} {unit}"
