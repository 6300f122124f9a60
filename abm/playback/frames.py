# SPDX-License-Identifier: Apache-2.0
"""Frames of a movie, composed from pixels: what stands still is drawn once, the rest is copied in.

Per frame: one copy of the stage; the time courses are uncovered up to the present by copying
columns of pixels from the stage drawn with all lines; lattices are looked up and magnified; the
clock is set from glyphs. Nothing is drawn by matplotlib after the first frame, so a frame costs
milliseconds whatever the number of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abm.errors import InputError
from abm.playback.guests import enlarge, marks
from abm.playback.lettering import Clock, text_pixels
from abm.playback.marks import treatments_given
from abm.playback.palette import rgb
from abm.playback.scene import Picture, Place, Stage, pictures_of
from abm.playback.sections import Pixels, Sections, thin_axis

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

SMALLEST = (480, 270)
"""Width and height below which the words can no longer be read [px]."""
LARGEST = 8192
"""Pixels to a side that common decoders play."""
_CAPTION_SHARE = 0.03
"""Share of a run for which the caption of a treatment stays."""
_CURSOR = np.array([90, 90, 90], dtype=np.uint8)


class FrameComposer:
    """Compose the frames of a trajectory.

    Parameters
    ----------
    trajectory : Trajectory
    width, height : int
        [px]
    compartments : sequence of str, optional
        Which to show, in this order; all that have views if not given.
    title : str, optional
        The scenario's name if not given.

    Raises
    ------
    InputError
        A compartment that does not exist or was not recorded, or a frame too small to be read.
    """

    def __init__(
        self,
        trajectory: Trajectory,
        *,
        width: int = 1280,
        height: int = 720,
        compartments: Sequence[str] | None = None,
        title: str | None = None,
    ) -> None:
        if width < SMALLEST[0] or height < SMALLEST[1]:
            least = f"{SMALLEST[0]}x{SMALLEST[1]}"
            raise InputError(f"a frame of {width}x{height} pixels is too small to read; at least {least}")
        if max(width, height) > LARGEST:
            raise InputError(f"a frame of {width}x{height} pixels is too large; at most {LARGEST} to a side")
        names = compartments_shown(trajectory, compartments)
        self._views = {name: trajectory.views(name) for name in names}
        self._days = {name: np.asarray(views.days, dtype=float) for name, views in self._views.items()}
        self._sections = Sections(trajectory.header.kinds)
        self._marks = marks(trajectory.header.kinds)
        pictures = pictures_of(trajectory, names)
        name = title or str(trajectory.provenance.get("scenario") or Path(trajectory.path).stem)
        self._stage = Stage(trajectory, pictures, width=width, height=height, title=name)
        self._clock = Clock(20.0, self._stage.dpi)
        self._captions = [
            (day, text_pixels(treatment.name, 12.0, self._stage.dpi, weight="bold"))
            for treatment in treatments_given(trajectory.events)
            for day in treatment.days
        ]
        self._shown: dict[Picture, tuple[int, Pixels]] = {}
        self._last_view: dict[str, tuple[int, Pixels]] = {}

    @property
    def places(self) -> list[Place]:
        """Where each picture stands."""
        return self._stage.places

    @property
    def days(self) -> tuple[float, float]:
        """First and last day that a frame can show [d]."""
        return min(float(days[0]) for days in self._days.values()), max(float(days[-1]) for days in self._days.values())

    @property
    def longest(self) -> int:
        """Number of views of the compartment that has most."""
        return max(len(days) for days in self._days.values())

    def frame(self, day: float) -> Pixels:
        """Compose the frame of one time: of each compartment the last view up to then.

        Parameters
        ----------
        day : float
            [d]

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
        """
        frame = self._stage.without_lines.copy()
        for place in self._stage.places:
            high, wide = place.extent
            frame[place.top : place.top + high, place.left : place.left + wide] = self._picture(place, day)
        self._uncover_courses(frame, day)
        self._set_words(frame, day)
        return frame

    def _picture(self, place: Place, day: float) -> Pixels:
        picture = place.picture
        days = self._days[picture.compartment]
        index = max(0, int(np.searchsorted(days, day + 1e-9, side="right")) - 1)
        known = self._shown.get(picture)
        if known is not None and known[0] == index:
            return known[1]
        view = self._view(picture.compartment, index)
        drawn = self._sections.thick(view) if picture.thick else self._sections.thin(view)
        marked = [(mark, mark.sites(view, thick=picture.thick)) for mark in self._marks]
        if drawn.shape[:2] != picture.size:
            drawn = drawn.transpose(1, 0, 2)
            marked = [(mark, sites.T) for mark, sites in marked]
        enlarged = enlarge(drawn, marked, place.factor)
        self._shown[picture] = (index, enlarged)
        return enlarged

    def _view(self, compartment: str, index: int) -> Pixels:
        known = self._last_view.get(compartment)
        if known is None or known[0] != index:
            view = np.asarray(self._views[compartment][index], dtype=np.uint8)
            if view.ndim == 3 and min(view.shape) == 1:
                view = view.squeeze(axis=thin_axis(view.shape))
            known = self._last_view[compartment] = (index, view)
        return known[1]

    def _uncover_courses(self, frame: Pixels, day: float) -> None:
        """Show the time courses up to the day, with a cursor and the present value of each as a dot."""
        stage = self._stage
        if not stage.boxes:
            return
        first, last = stage.time.first, stage.time.last
        share = min(1.0, max(0.0, (day - first) / (last - first)))
        for top, bottom, left, right in stage.boxes:
            present = left + round(share * (right - left))
            margin = round(8 * stage.scale)
            shown = slice(top - margin, bottom + margin), slice(left - margin, present + (margin if share >= 1 else 0))
            frame[shown] = stage.with_lines[shown]
            frame[top:bottom, present] = _CURSOR
        for index, panel in enumerate(stage.panels):
            top, bottom, left, right = stage.boxes[index]
            for course in panel.courses:
                value = float(np.interp(day, course.days, course.values))
                row = stage.to_pixel(panel, index, value)
                if top <= row <= bottom and course.days[0] - 1e-9 <= day <= course.days[-1] + 1e-9:
                    _dot(frame, row, left + share * (right - left), 4.5 * stage.scale, rgb(course.colour))

    def _set_words(self, frame: Pixels, day: float) -> None:
        """Set the clock in the top right corner and, left of it, what was given just now."""
        stage = self._stage
        margin, top = round(24 * stage.scale), round(14 * stage.scale)
        clock = self._clock.pixels(stage.time.clock(day))
        right = frame.shape[1] - margin
        _paste(frame, clock, top, right - clock.shape[1])
        stays = _CAPTION_SHARE * (stage.time.last - stage.time.first)
        given = [pixels for when, pixels in self._captions if when <= day + 1e-9 < when + stays]
        if given:
            _paste(frame, given[-1], top + clock.shape[0], right - given[-1].shape[1])


def compartments_shown(trajectory: Trajectory, wanted: Sequence[str] | None) -> list[str]:
    """Check which compartments a movie can show.

    Raises
    ------
    InputError
        One that does not exist, one without views, or no views at all.
    """
    names = list(trajectory.header.compartments)
    seen = [name for name in names if len(trajectory.views(name))]
    if not seen:
        if trajectory.status == "finished":
            raise InputError(f"{trajectory.path}: has no views to show; let the scenario record views")
        raise InputError(f"{trajectory.path}: has no views to show yet; the run is {trajectory.status}")
    for name in wanted or ():
        if name not in seen:
            why = "has no views in this trajectory" if name in names else "is no compartment of this trajectory"
            raise InputError(f"compartment {name!r} {why}; with views: {', '.join(seen)}")
    return list(wanted) if wanted else seen


def _paste(frame: Pixels, words: Pixels, top: int, left: int) -> None:
    left = max(0, left)
    high, wide = min(words.shape[0], frame.shape[0] - top), min(words.shape[1], frame.shape[1] - left)
    frame[top : top + high, left : left + wide] = words[:high, :wide]


def _dot(frame: Pixels, row: float, column: float, radius: float, colour: Pixels) -> None:
    """Draw a round dot with soft edges and a white rim, in place."""
    reach = int(np.ceil(radius + 2))
    top, left = max(0, int(row) - reach), max(0, int(column) - reach)
    part = frame[top : int(row) + reach + 1, left : int(column) + reach + 1]
    y = np.arange(top, top + part.shape[0])[:, None] - row
    x = np.arange(left, left + part.shape[1])[None, :] - column
    far = np.sqrt(y * y + x * x)
    for edge, ink in ((radius + 1.3, np.full(3, 255.0)), (radius, colour.astype(float))):
        cover = np.clip(edge + 0.5 - far, 0.0, 1.0)[..., None]
        part[...] = np.rint(part + (ink - part) * cover).astype(np.uint8)
