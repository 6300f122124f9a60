# SPDX-License-Identifier: Apache-2.0
"""Frames hold the right pixels at the right time."""

from __future__ import annotations

import numpy as np
import pytest

from abm.errors import InputError
from abm.playback.frames import FrameComposer
from abm.playback.guests import SIDE
from abm.playback.palette import rgb, site_colours
from abm.playback.timecourses import TimeAxis, plot_timecourses
from abm.state.kinds import KINDS
from tests.unit.playback.small_run import CSF_GUEST, CSF_SHAPE, MakeTrajectory, marrow_view


def shown(composer: FrameComposer, day: float, number: int = 0) -> np.ndarray:
    """Pixels at the centres of the sites of one picture."""
    place = composer.places[number]
    frame, step = composer.frame(day), int(place.factor)
    rows, columns = place.picture.size
    return frame[
        place.top + step // 2 : place.top + rows * step : step,
        place.left + step // 2 : place.left + columns * step : step,
    ]


@pytest.mark.parametrize("shape", [(8, 8, 8), (12, 20), (12, 20, 1)])
@pytest.mark.parametrize("day", [0.0, 0.9, 1.0, 2.5, 3.0])
def test_pixels_have_the_colours_of_the_last_view(
    make_trajectory: MakeTrajectory, shape: tuple[int, ...], day: float
) -> None:
    trajectory = make_trajectory(shape=shape)
    composer = FrameComposer(trajectory, width=640, height=360)
    view = trajectory.views("marrow")[int(day)].reshape(shape)
    flat = view[4] if view.ndim == 3 and view.shape[-1] > 1 else view.reshape(view.shape[:2])
    assert (shown(composer, day) == site_colours(trajectory.header.kinds)[flat, :3]).all()


def test_guests_are_marked_from_the_view_that_holds_them_on(make_trajectory: MakeTrajectory) -> None:
    trajectory = make_trajectory(shape=(12, 20))
    composer = FrameComposer(trajectory, width=640, height=360)
    place = composer.places[1]
    assert (place.picture.compartment, place.factor >= 4) == ("csf", True)
    row, column = CSF_GUEST if place.picture.size == CSF_SHAPE else CSF_GUEST[::-1]
    side = int(place.factor)
    corner = place.top + row * side, place.left + (column + 1) * side - 1
    assert tuple(composer.frame(0.9)[corner]) == (255, 255, 255)
    assert tuple(composer.frame(1.0)[corner]) == tuple(rgb(KINDS["car_t"].colour))
    inside = composer.frame(1.0)[place.top : place.top + place.extent[0], place.left : place.left + place.extent[1]]
    assert (inside != 255).any(axis=2).sum() == round(SIDE * side) ** 2


def test_a_volume_is_shown_as_a_layer_and_through_all_layers(make_trajectory: MakeTrajectory) -> None:
    composer = FrameComposer(make_trajectory(), width=640, height=360)
    titles = [place.picture.title for place in composer.places]
    assert titles == ["Marrow, one layer", "Marrow, through 80 µm", "CSF; a square: 10 cells"]


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (480, 270), (720, 720), (1920, 1080)])
@pytest.mark.parametrize("shape", [(64, 64, 64), (100, 100), (30, 900)])
def test_pictures_stay_inside_and_apart(
    make_trajectory: MakeTrajectory, width: int, height: int, shape: tuple[int, ...]
) -> None:
    composer = FrameComposer(make_trajectory(shape=shape, days=2), width=width, height=height)
    taken = np.zeros((height, width), dtype=int)
    for place in composer.places:
        high, wide = place.extent
        assert place.top >= 0
        assert place.top + high <= height
        assert place.left + wide <= width
        taken[place.top : place.top + high, place.left : place.left + wide] += 1
    assert taken.max() == 1
    assert composer.frame(1.0).shape == (height, width, 3)


def test_time_courses_are_uncovered_only_up_to_the_present(make_trajectory: MakeTrajectory) -> None:
    composer = FrameComposer(make_trajectory(), width=640, height=360, compartments=["marrow"])
    begin, middle, end = (composer.frame(day).astype(int) for day in (0.0, 1.5, 3.0))
    right = slice(530, 600)
    assert np.abs(middle[45:, right] - begin[45:, right]).max() == 0
    assert np.abs(end[45:, right] - begin[45:, right]).max() > 0


def test_without_observables_pictures_take_the_whole_width(make_trajectory: MakeTrajectory) -> None:
    trajectory = make_trajectory(observed=False, shape=(8, 8))
    assert FrameComposer(trajectory, width=640, height=360).frame(0.0).shape == (360, 640, 3)
    with pytest.raises(InputError, match="no time courses"):
        plot_timecourses(trajectory, "unused.png")


def test_what_cannot_be_shown_is_refused(make_trajectory: MakeTrajectory) -> None:
    trajectory = make_trajectory()
    with pytest.raises(InputError, match=r"'liver' is no compartment.*marrow, csf"):
        FrameComposer(trajectory, compartments=["liver"])
    with pytest.raises(InputError, match="'periphery' has no views"):
        FrameComposer(trajectory, compartments=["periphery"])
    with pytest.raises(InputError, match="320x200 pixels is too small"):
        FrameComposer(trajectory, width=320, height=200)


def test_clock_counts_days_or_hours_of_a_short_run() -> None:
    assert TimeAxis(0.0, 90.0).clock(12.34) == "day 12.3"
    assert TimeAxis(0.0, 1.0).clock(0.5) == "12.0 h"
    assert TimeAxis(-4.0, 30.0).clock(-0.01) == "day 0.0"


def test_views_are_what_the_fixture_says() -> None:
    assert (marrow_view((4, 4), 0)[:2] == marrow_view((4, 4), 1)[:2]).all()
    assert (marrow_view((4, 4), 0)[-1] != marrow_view((4, 4), 1)[-1]).all()
