# SPDX-License-Identifier: Apache-2.0
"""Geometry of the marrow."""

from __future__ import annotations

import numpy as np
import pytest

import abm.celltypes  # noqa: F401  registers the kinds
from abm.state.kinds import SOLID
from abm.state.marrow import MarrowParameters, build_marrow
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


def test_sinusoids_are_lined_by_open_sites():
    lattice = build_marrow(MarrowParameters(shape=(24, 24, 24)), Draws(1))
    assert len(lattice.sinusoid) > 0
    assert (lattice.kinds()[lattice.sinusoid] != SOLID).all()
