# SPDX-License-Identifier: Apache-2.0
"""Colours of site codes, and whether colour-blind eyes can tell them apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import abm.celltypes  # noqa: F401
from abm.playback.palette import FAT_COLOUR, TISSUES, UNKNOWN_COLOUR, rgb, site_colours
from abm.state.kinds import BOUND_BIT, GUESTS_BIT, KINDS, SOLID, VIEW_BONE_BIT, VIEW_CAR_T_BIT, VIEW_LUMEN_BIT, VOID

HEADER_KINDS = [{"code": kind.code, "name": kind.name, "colour": kind.colour} for kind in KINDS]
CAR_T, BLAST = KINDS["car_t"].code, KINDS["blast"].code

# Machado, Oliveira & Fernandes 2009, severity 1: linear RGB as seen by dichromats.
EYES = {
    "trichromat": np.eye(3),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanope": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def lab(colour: str, eye: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a colour as an eye sees it."""
    srgb = rgb(colour) / 255.0
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(eye @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ seen / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_plain_codes_have_the_colours_of_the_header() -> None:
    table = site_colours(HEADER_KINDS)
    assert table.shape == (256, 4)
    assert table.dtype == np.uint8
    assert (table[:, 3] == 255).all()
    for kind in KINDS:
        assert tuple(table[kind.code, :3]) == tuple(rgb(kind.colour))
    assert tuple(table[VOID, :3]) == (255, 255, 255)
    assert tuple(table[SOLID, :3]) == tuple(rgb(FAT_COLOUR))
    assert tuple(table[20, :3]) == tuple(rgb(UNKNOWN_COLOUR))


def test_bound_cells_are_lighter_and_guests_leave_the_colour() -> None:
    table = site_colours(HEADER_KINDS).astype(int)
    assert (table[BLAST | BOUND_BIT] >= table[BLAST]).all()
    assert table[BLAST | BOUND_BIT, :3].sum() > table[BLAST, :3].sum()
    background = KINDS["background"].code
    assert (table[background | GUESTS_BIT | VIEW_CAR_T_BIT] == table[background]).all()
    assert (table[VOID | BOUND_BIT] == table[VOID]).all()


def test_bone_and_sinusoids_are_told_from_fat() -> None:
    table = site_colours(HEADER_KINDS)
    assert [code for _, code, _ in TISSUES] == [SOLID, SOLID | VIEW_BONE_BIT, SOLID | VIEW_LUMEN_BIT]
    for _, code, colour in TISSUES:
        assert tuple(table[code, :3]) == tuple(rgb(colour))


def test_a_kind_of_somebody_else_is_shown_in_its_colour() -> None:
    table = site_colours([*HEADER_KINDS, {"code": 12, "name": "nk", "colour": "#010203"}])
    assert tuple(table[12, :3]) == (1, 2, 3)


@pytest.mark.parametrize("eye", EYES)
def test_kinds_and_tissues_differ_for_every_eye(eye: str) -> None:
    colours = {kind.name: kind.colour for kind in KINDS if kind.name != "background"}
    colours |= {label: colour for label, _, colour in TISSUES}
    seen = {name: lab(colour, EYES[eye]) for name, colour in colours.items()}
    far = {(a, b): round(float(np.linalg.norm(seen[a] - seen[b]))) for a, b in combinations(seen, 2)}
    assert {pair: distance for pair, distance in far.items() if distance < 18} == {}


@pytest.mark.parametrize("colour", ["red", "#12345", "#12345g", "1234567"])
def test_a_colour_that_is_none_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        rgb(colour)
