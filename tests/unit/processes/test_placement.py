# SPDX-License-Identifier: Apache-2.0
"""Choice of sites: different ones, evenly spread."""

from __future__ import annotations

import numpy as np
import pytest

from abm.processes.placement import distinct, probe_voids
from abm.state.kinds import SOLID
from abm.streams import Stream
from tests.unit.processes.small_body import make_state, marrow


@pytest.mark.parametrize(("n", "count"), [(1, 1), (2, 1), (10, 5), (10, 6), (10, 10), (1000, 400), (5, 0), (0, 0)])
def test_numbers_are_different_and_in_range(n: int, count: int) -> None:
    chosen = distinct(make_state(), Stream.CSF, 0, n, count)
    assert len(chosen) == len(set(chosen.tolist())) == count
    assert ((chosen >= 0) & (chosen < n)).all()


@pytest.mark.parametrize("count", [3, 8])
def test_every_number_has_the_same_chance_in_every_position(count: int) -> None:
    state, n, repeats = make_state(), 10, 4000
    seen = np.zeros((count, n))
    for tick in range(repeats):
        state.tick = tick
        seen[np.arange(count), distinct(state, Stream.CSF, 0, n, count)] += 1
    expected = repeats / n
    chi2 = ((seen - expected) ** 2 / expected).sum(axis=1)
    assert (chi2 < 30).all()  # 9 degrees of freedom, p = 4e-4


def test_newcomers_get_different_voids() -> None:
    state = make_state()
    sites = probe_voids(state, marrow(state), Stream.LYMPHOPOIESIS, 2, 500)
    assert len(sites) == len(np.unique(sites)) > 400
    assert (marrow(state).kinds()[sites] == 0).all()


def test_newcomers_find_nothing_in_a_packed_marrow() -> None:
    state = make_state()
    marrow(state).site_code[:] = SOLID
    assert len(probe_voids(state, marrow(state), Stream.LYMPHOPOIESIS, 2, 50)) == 0
