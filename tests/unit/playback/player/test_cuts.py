# SPDX-License-Identifier: Apache-2.0
"""Cuts of volumes, by hand and by definition."""

from __future__ import annotations

import numpy as np
import pytest

from abm.errors import InputError
from abm.playback.player import cuts
from abm.playback.player.cuts import CODES, OTHER_CELL, Cut, Cutter, reduction
from abm.state.kinds import BOUND_BIT, GUESTS_BIT, KIND_BITS, SOLID, VIEW_BONE_BIT, VIEW_CAR_T_BIT
from tests.unit.playback.player.recorded import BLAST, CAR_T, MARROW, NEGATIVE, header, marrow_view


@pytest.fixture
def cutter() -> Cutter:
    return Cutter(header().kinds)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_is_what_numpy_takes(cutter: Cutter, axis: int) -> None:
    view = marrow_view(2)
    np.testing.assert_array_equal(cutter.cut(view, Cut("plane", axis, 3), layer=CODES), np.take(view, 3, axis))


def test_the_rarest_kind_is_foremost_and_guests_are_not_lost(cutter: Cutter) -> None:
    line = np.zeros((1, 1, 6), np.uint8)
    line[0, 0] = [1, BLAST, NEGATIVE, CAR_T | BOUND_BIT, GUESTS_BIT, SOLID | VIEW_BONE_BIT]
    seen = cutter.cut(line, Cut("front", 2), layer=CODES)
    assert seen.tolist() == [[CAR_T | BOUND_BIT | GUESTS_BIT]]
    hidden = cutter.cut(line, Cut("front", 2, 1 << CAR_T), layer=CODES)
    assert hidden.tolist() == [[NEGATIVE | GUESTS_BIT]]


def test_tissue_bits_are_no_guests(cutter: Cutter) -> None:
    line = np.array([[[SOLID | GUESTS_BIT, 0]]], np.uint8)  # of a solid site the bit says: lumen
    assert cutter.cut(line, Cut("front", 2), layer=CODES).tolist() == [[SOLID | GUESTS_BIT]]


def test_every_code_that_is_not_a_guest_can_be_shown_as_itself(cutter: Cutter) -> None:
    for kind in header().kinds:
        for bits in (0, BOUND_BIT):
            line = np.array([[[kind["code"] | bits]]], np.uint8)
            assert cutter.cut(line, Cut("front", 2), layer=CODES).item() == kind["code"] | bits


def test_a_density_is_the_share_of_the_line_of_sight_and_one_cell_is_seen(cutter: Cutter) -> None:
    volume = np.zeros((1, 3, 1000), np.uint8)
    volume[0, 1, :500] = BLAST
    volume[0, 2, 0] = BLAST | GUESTS_BIT
    assert cutter.cut(volume, Cut("density", 2, BLAST), layer=CODES).tolist() == [[0, 128, 1]]


def test_of_levels_the_highest_is_foremost_and_other_cells_are_behind(cutter: Cutter) -> None:
    volume = np.array([[[0, OTHER_CELL, 3, 250], [0, OTHER_CELL, 0, 0], [0, 0, 0, 0]]], np.uint8)
    assert cutter.cut(volume, Cut("front", 2), layer="cd19").tolist() == [[250, OTHER_CELL, 0]]


def test_a_large_volume_is_shown_in_blocks_that_lose_no_rare_cell(cutter: Cutter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "MOST_IN_3D", 200)
    view = marrow_view(1)
    block = reduction(view.shape)
    small = cutter.cut(view, Cut("reduced"), layer=CODES)
    assert block == 2
    assert small.shape == (6, 5, 4)
    x, y, z = np.argwhere((view & KIND_BITS) == CAR_T)[0] // block
    assert small[x, y, z] & KIND_BITS == CAR_T
    assert small[1, 1, 2] & VIEW_CAR_T_BIT


@pytest.mark.parametrize(
    "words",
    ["plane:3:0", "plane:0:12", "plane:0:-1", "slice:0:0", "plane:x:0", "plane", "density:2:32", "plane:0", "whole:9:9"],
)
def test_cuts_that_cannot_be(words: str) -> None:
    if words == "plane":
        assert Cut.parse(words, MARROW) == Cut("plane", 2, 0)
        return
    with pytest.raises(InputError, match="cut"):
        Cut.parse(words, MARROW)
