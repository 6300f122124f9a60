# SPDX-License-Identifier: Apache-2.0
"""Sites, neighbours, walls and periodic axes, against coordinates stepped by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from abm.state.kinds import BOUND_BIT, GUESTS_BIT, SOLID
from abm.state.lattice import NO_OCCUPANT, UNCLAIMED, Lattice

SHAPES = [(4, 5, 3), (4, 5, 1), (2, 2, 2), (6, 1, 1), (1, 3, 4), (3, 3, 3)]
BOUNDARIES = list(itertools.product((True, False), repeat=3))


def naive_neighbour(lattice: Lattice, site: int, direction: int) -> int:
    """Step the coordinates; -1 behind a wall."""
    axis, up = divmod(direction, 2)
    at = list(np.unravel_index(site, lattice.shape))
    at[axis] += 1 if up else -1
    if not 0 <= at[axis] < lattice.shape[axis]:
        if not lattice.periodic[axis]:
            return -1
        at[axis] %= lattice.shape[axis]
    return int(np.ravel_multi_index(at, lattice.shape))


@pytest.mark.parametrize("periodic", BOUNDARIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_neighbours(shape: tuple[int, int, int], periodic: tuple[bool, bool, bool]) -> None:
    lattice = Lattice(shape, 10.0, periodic)
    for site in range(lattice.n_sites):
        for direction in lattice.directions.tolist():
            assert lattice.neighbour(site, direction) == naive_neighbour(lattice, site, direction)


@pytest.mark.parametrize("shape", SHAPES)
def test_neighbourhood_is_mutual(shape: tuple[int, int, int]) -> None:
    lattice = Lattice(shape, 10.0, (True, False, True))
    for site in range(lattice.n_sites):
        for direction in lattice.directions.tolist():
            there = lattice.neighbour(site, direction)
            if there >= 0:
                assert lattice.neighbour(there, direction ^ 1) == site


@pytest.mark.parametrize(
    ("shape", "directions"), [((4, 5, 3), [0, 1, 2, 3, 4, 5]), ((4, 5, 1), [0, 1, 2, 3]), ((1, 1, 7), [4, 5]), ((1, 1, 1), [])]
)
def test_no_steps_along_a_thin_axis(shape: tuple[int, int, int], directions: list[int]) -> None:
    assert Lattice(shape, 10.0, (True, True, True)).directions.tolist() == directions


@pytest.mark.parametrize("shape", SHAPES)
def test_coordinates(shape: tuple[int, int, int]) -> None:
    lattice = Lattice(shape, 10.0, (True, True, True))
    x, y, z = lattice.coordinates(np.arange(lattice.n_sites)).T
    np.testing.assert_array_equal((x * shape[1] + y) * shape[2] + z, np.arange(lattice.n_sites))
    assert lattice.coordinates(np.empty(0, np.int32)).shape == (0, 3)


def test_starts_empty() -> None:
    lattice = Lattice((4, 5, 3), 12.5, (True, True, True))
    assert lattice.n_sites == lattice.n_open == 60
    assert not lattice.kinds().any()
    assert (lattice.occupant == NO_OCCUPANT).all()
    assert lattice.claim_block[0] == UNCLAIMED
    assert lattice.nbytes >= 60 * (1 + 1 + 4 + 4)


def test_kinds_and_open_sites_ignore_marks() -> None:
    lattice = Lattice((4, 5, 3), 10.0, (True, True, True))
    lattice.site_code[:4] = (SOLID, SOLID | GUESTS_BIT, 6 | BOUND_BIT, GUESTS_BIT)
    assert lattice.kinds()[:4].tolist() == [SOLID, SOLID, 6, 0]
    assert lattice.n_open == 58


def test_too_many_sites_are_refused() -> None:
    with pytest.raises(OverflowError, match="at most 2147483647 sites, 2197000000 wanted"):
        Lattice((1300, 1300, 1300), 10.0, (True, True, True))
