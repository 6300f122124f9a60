# SPDX-License-Identifier: Apache-2.0
"""Marks of cells too few to fill a site."""

from __future__ import annotations

import numpy as np
import pytest

import abm.celltypes  # noqa: F401
from abm.playback.guests import enlarge, marks
from abm.playback.palette import rgb
from abm.state.kinds import GUESTS_BIT, KINDS, SOLID, VIEW_CAR_T_BIT, VIEW_LUMEN_BIT, VOID

TARGETS, CAR_T = marks([{"code": kind.code, "name": kind.name, "colour": kind.colour} for kind in KINDS])
BACKGROUND, BLAST, EFFECTOR = (KINDS[name].code for name in ("background", "blast", "car_t"))


def found(mark: object, view: np.ndarray, *, thick: bool) -> list[tuple[int, ...]]:
    return [tuple(int(at) for at in site) for site in np.argwhere(mark.sites(view, thick=thick))]


def test_guests_are_found_in_a_layer_and_in_depth() -> None:
    view = np.full((5, 6, 3), BACKGROUND, dtype=np.uint8)
    view[0, 0, 0] = VOID | VIEW_CAR_T_BIT
    view[1, 1, 1] = BLAST | VIEW_CAR_T_BIT
    view[2, 2, 1] = VOID | GUESTS_BIT | VIEW_CAR_T_BIT
    view[3, 3, 2] = BACKGROUND | GUESTS_BIT
    assert found(CAR_T, view, thick=False) == [(1, 1), (2, 2)]
    assert found(CAR_T, view, thick=True) == [(0, 0), (1, 1), (2, 2)]
    assert found(TARGETS, view, thick=False) == [(2, 2)]
    assert found(TARGETS, view, thick=True) == [(2, 2), (3, 3)]
    assert found(CAR_T, view[:, :, 1], thick=True) == [(1, 1), (2, 2)]


def test_a_full_cell_of_the_same_sort_hides_the_mark() -> None:
    view = np.zeros((4, 4, 3), dtype=np.uint8)
    view[0, 0] = [VIEW_CAR_T_BIT, EFFECTOR, VOID]
    view[1, 1] = [VIEW_CAR_T_BIT, BLAST, VOID]
    view[2, 2] = [GUESTS_BIT, BLAST, VOID]
    assert found(CAR_T, view, thick=True) == [(1, 1)]
    assert found(TARGETS, view, thick=True) == []


def test_the_lumen_of_a_sinusoid_is_no_guest() -> None:
    view = np.full((4, 4), SOLID | VIEW_LUMEN_BIT, dtype=np.uint8)
    assert found(TARGETS, view, thick=False) == []


@pytest.mark.parametrize("factor", [4, 5, 13])
def test_marks_stand_in_opposite_corners_and_leave_the_site_to_be_seen(factor: int) -> None:
    site = np.zeros((3, 2), dtype=bool)
    site[2, 1] = True
    plain = np.full((3, 2, 3), 200, dtype=np.uint8)
    drawn = enlarge(plain, [(TARGETS, site), (CAR_T, site)], float(factor))
    assert drawn.shape == (3 * factor, 2 * factor, 3)
    square = drawn[2 * factor :, factor:]
    assert (square[0, -1] == rgb(KINDS["car_t"].colour)).all()
    assert (square[-1, 0] == rgb(TARGETS.colour)).all()
    assert (square[0, 0] == 200).all()
    assert (square[-1, -1] == 200).all()
    marked = (drawn != 200).any(axis=2)
    assert marked.sum() == (square != 200).any(axis=2).sum()
    assert (plain == 200).all()


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_sites_too_small_for_a_mark_are_tinted(factor: float) -> None:
    sites = np.zeros((4, 4), dtype=bool)
    sites[:2, :2] = True
    drawn = enlarge(np.full((4, 4, 3), 255, dtype=np.uint8), [(CAR_T, sites)], factor)
    half = drawn.shape[0] // 2
    assert (drawn[half:] == 255).all()
    tint = drawn[0, 0].astype(int)
    assert (drawn[:half, :half] == tint).all()
    assert (tint < 255).any()
    assert (tint > rgb(KINDS["car_t"].colour)).any()
