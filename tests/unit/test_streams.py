# SPDX-License-Identifier: Apache-2.0
"""Trials of one chance for all, by the gaps between those that succeed."""

from __future__ import annotations

import numpy as np
import pytest

from abm.streams import SPARE_GAPS, Draws, Stream


def chosen(n: int, p: float, seed: int = 3) -> np.ndarray:
    return Draws(seed).successes(n, p, Stream.FATE, 7, 2)


@pytest.mark.parametrize("n", [0, 1, 5, 1000])
def test_none_and_all(n: int) -> None:
    assert chosen(n, 0.0).tolist() == []
    assert chosen(n, 1.0).tolist() == list(range(n))


@pytest.mark.parametrize("p", [5e-324, 1e-300, 1e-12, 1 - 1e-16])
def test_extreme_chances(p: float) -> None:
    numbers = chosen(10_000, p)
    assert len(numbers) == (10_000 if p > 0.5 else 0)


def test_numbers_rise_and_do_not_repeat() -> None:
    numbers = chosen(100_000, 0.2)
    assert (np.diff(numbers) > 0).all()
    assert numbers[0] >= 0
    assert numbers[-1] < 100_000


def test_more_trials_leave_the_first_as_they_are() -> None:
    """Also where a second round of gaps is needed: what a trial gives depends on its number alone."""
    longest = chosen(200_000, 0.003)
    assert len(longest) > 10 * SPARE_GAPS
    for n in (1, 40, 3_000, 90_000):
        np.testing.assert_array_equal(chosen(n, 0.003), longest[longest < n])


def test_keys_tell_draws_apart() -> None:
    draws = Draws(3)
    seen = {draws.successes(500, 0.1, *key).tobytes() for key in [(9, 7, 2), (9, 7, 3), (9, 8, 2), (10, 7, 2)]}
    assert len(seen) == 4


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_chance_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="p must be 0 to 1"):
        chosen(5, p)
