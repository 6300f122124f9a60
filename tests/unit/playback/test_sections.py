# SPDX-License-Identifier: Apache-2.0
"""Pictures of lattices: thin and thick sections, magnification."""

from __future__ import annotations

import numpy as np
import pytest

import abm.celltypes  # noqa: F401
from abm.playback.palette import rgb
from abm.playback.sections import Sections, magnification, magnify
from abm.state.kinds import KINDS

SECTIONS = Sections([{"code": kind.code, "name": kind.name, "colour": kind.colour} for kind in KINDS])
BACKGROUND, BLAST, CAR_T = (KINDS[name].code for name in ("background", "blast", "car_t"))


def test_thin_section_is_the_middle_layer_of_the_thinnest_axis() -> None:
    view = np.full((6, 4, 5), BACKGROUND, dtype=np.uint8)
    view[2, 2, 3] = BLAST
    view[2, 1, 3] = CAR_T
    picture = SECTIONS.thin(view)
    assert picture.shape == (6, 5, 3)
    assert tuple(picture[2, 3]) == tuple(rgb(KINDS["blast"].colour))
    assert (picture == rgb(KINDS["car_t"].colour)).all(axis=2).sum() == 0


def test_thick_section_shows_a_single_cell_and_more_of_many() -> None:
    view = np.full((40, 8, 64), BACKGROUND, dtype=np.uint8).transpose(1, 0, 2)
    view = np.ascontiguousarray(view)
    view[0, 5, 5] = CAR_T
    view[:4, 6, 6] = CAR_T
    view[:, 7, 7] = CAR_T
    picture = SECTIONS.thick(view).astype(int)
    assert picture.shape == (40, 64, 3)
    assert tuple(picture[0, 0]) == (255, 255, 255)
    far = [np.abs(picture[at, at] - rgb(KINDS["car_t"].colour).astype(int)).sum() for at in (5, 6, 7)]
    assert far[0] > far[1] > far[2] == 0
    assert np.abs(picture[5, 5] - 255).max() > 60


def test_car_t_lie_over_blasts_whatever_their_depth() -> None:
    view = np.full((8, 10, 10), BLAST, dtype=np.uint8)
    alone = SECTIONS.thick(view)[3, 3]
    front, back = view.copy(), view.copy()
    front[0, 3, 3] = back[7, 3, 3] = CAR_T
    assert (SECTIONS.thick(front) == SECTIONS.thick(back)).all()
    assert (SECTIONS.thick(front)[3, 3] != alone).any()


@pytest.mark.parametrize(
    ("size", "box", "factor"),
    [
        ((64, 64), (330, 400), 5.0),
        ((64, 16), (64, 640), 1.0),
        ((1000, 1000), (520, 520), 0.5),
        ((90, 90), (60, 90), 0.5),
    ],
)
def test_magnification_is_whole_or_one_over_whole(size: tuple[int, int], box: tuple[int, int], factor: float) -> None:
    assert magnification(size, box) == factor


def test_magnify_repeats_and_averages() -> None:
    picture = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3)
    large = magnify(picture, 3.0)
    assert large.shape == (6, 6, 3)
    assert (large[:3, 3:] == picture[0, 1]).all()
    assert (magnify(large, 1 / 3) == picture).all()
