# SPDX-License-Identifier: Apache-2.0
"""Geometry of the marrow."""

from __future__ import annotations

import numpy as np
import pytest

import abm.celltypes  # noqa: F401  registers the kinds
from abm.errors import InputError
from abm.state.kinds import SOLID
from abm.state.lattice import Lattice
from abm.state.marrow import MarrowParameters, _largest_component, build_marrow
from abm.streams import Draws


@pytest.mark.parametrize("shape", [(24, 24, 24), (64, 64, 1), (9, 7, 5)])
@pytest.mark.parametrize("boundary", ["periodic", "walls"])
def test_every_open_site_can_be_reached_from_every_other(shape, boundary):
    """Flood from one open site with the scalar neighbour function: nothing open is left over."""
    lattice = build_marrow(MarrowParameters(shape=shape, boundary=boundary, fat=0.4), Draws(3))
    is_open = lattice.kinds() != SOLID
    first = int(np.flatnonzero(is_open)[0])
    reached, todo = {first}, [first]
    while todo:
        site = todo.pop()
        for direction in lattice.directions:
            there = lattice.neighbour(site, int(direction))
            if there >= 0 and is_open[there] and there not in reached:
                reached.add(there)
                todo.append(there)
    assert len(reached) == np.count_nonzero(is_open) > 0.2 * lattice.n_sites


def test_the_largest_connected_set_is_what_is_left():
    """Of open sites in pieces of 1, 3 and 2, those of the piece of 3; of two alike the first."""
    lattice = Lattice((12, 1, 1), 10.0, (False, False, False))
    lattice.site_code[[1, 5, 8, 9, 10, 11]] = SOLID
    assert np.flatnonzero(_largest_component(lattice)).tolist() == [2, 3, 4]
    lattice.site_code[3] = SOLID
    assert np.flatnonzero(_largest_component(lattice)).tolist() == [6, 7]
    lattice.site_code[:] = SOLID
    assert not _largest_component(lattice).any()


def test_a_set_that_begins_far_from_the_first_open_site_is_found():
    lattice = Lattice((5000, 1, 1), 10.0, (False, False, False))
    lattice.site_code[1:4000] = SOLID
    assert np.flatnonzero(_largest_component(lattice)).tolist() == list(range(4000, 5000))


def test_bone_and_fat_take_about_the_volume_that_was_asked_for():
    lattice = build_marrow(MarrowParameters(shape=(40, 40, 40), bone=0.1, fat=0.2, sinusoid_radius=0, bone_radius=20), Draws(5))
    assert len(lattice.bone) == pytest.approx(0.1 * lattice.n_sites, abs=0.02 * lattice.n_sites)
    assert lattice.n_open == pytest.approx(0.7 * lattice.n_sites, abs=0.03 * lattice.n_sites)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 2), (3, 2, 1), (20, 20, 1)])
def test_small_and_flat_marrows_have_room(shape):
    for seed in range(5):
        assert build_marrow(MarrowParameters(shape=shape), Draws(seed)).n_open > 0.5 * np.prod(shape)


def test_marrow_without_room_is_refused():
    with pytest.raises(InputError, match=r"^marrow: fat, bone and sinusoids leave 0 connected sites of 8, too few for cells"):
        build_marrow(MarrowParameters(shape=(2, 2, 2), bone=0.8, fat=0), Draws(1))


def test_sinusoids_are_lined_by_open_sites():
    lattice = build_marrow(MarrowParameters(shape=(24, 24, 24)), Draws(1))
    assert len(lattice.sinusoid) > 0
    assert (lattice.kinds()[lattice.sinusoid] != SOLID).all()
