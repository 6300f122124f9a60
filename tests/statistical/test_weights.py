# SPDX-License-Identifier: Apache-2.0
"""Merges keep the expected weight of each agent, and with it the expected share of every attribute.

Seeds are fixed, so each test passes always or never. With another seed a faultless merge would fail
a comparison with probability ``FALSE_ALARM``: for two outcomes by the exact binomial test, for sums
over many pairs by the normal test, whose summands are bounded and 1e5 in number. The dozen
comparisons here would raise a false alarm with probability about 1e-3.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from abm.celltypes import BLAST, CAR_T
from abm.processes.weighting import Weighting, WeightingParameters
from abm.state.ledger import Entry
from abm.state.state import State
from abm.state.weights_classes import merge
from tests.unit.state.building import add, make_state

FALSE_ALARM = 1e-4
PAIRS = 100_000
NOT_A_POWER_OF_TWO = 743


def weights_of(state: State, uids: np.ndarray) -> np.ndarray:
    """Return the weight of each agent by uid, 0 for the dead."""
    found = np.zeros(state.next_uid, np.int64)
    table = state.sessile
    alive = table.alive()
    found[table.array("uid")[alive]] = table.array("weight")[alive]
    return found[uids]


@pytest.mark.parametrize(
    ("scale", "first", "second"),
    [(NOT_A_POWER_OF_TWO, w1, w2) for w1, w2 in ((300, 400), (256, 300), (500, 400), (371, 372), (742, 512), (1, 1))]
    + [(512, 300, 290), (6, 4, 5), (2, 1, 1)],
)
def test_each_of_a_pair_keeps_its_expected_weight(scale: int, first: int, second: int) -> None:
    state = make_state(scale, seed=scale + first)
    # A density of its own binds the two of a pair: 2, 3 for the first pair, 6, 7 for the next.
    density = 4.0 * np.arange(PAIRS) + 2
    a = add(state, BLAST.code, np.full(PAIRS, first), cd19=density)
    b = add(state, BLAST.code, np.full(PAIRS, second), cd19=density + 1)
    uids = state.sessile.array("uid").copy()
    before = state.stock()
    merge(state, "sessile", np.concatenate([a, b]))
    np.testing.assert_array_equal(state.stock(), before)
    state.check()
    ours, theirs = weights_of(state, uids[a]), weights_of(state, uids[b])
    np.testing.assert_array_equal(ours + theirs, first + second)
    high, low = max(ours.max(), theirs.max()), min(ours.min(), theirs.min())
    assert high == min(first + second, scale)
    if high == low:
        assert first == second == high
        return
    expected = (first - low) / (high - low)
    wins = int(np.count_nonzero(ours == high))
    assert stats.binomtest(wins, PAIRS, expected).pvalue > FALSE_ALARM


@pytest.mark.parametrize("scale", [1024, NOT_A_POWER_OF_TWO])
def test_mean_attributes_are_kept(scale: int) -> None:
    rng = np.random.default_rng(3)
    state = make_state(scale, seed=9)
    count = 2 * PAIRS
    divisions = rng.integers(0, 6, count)
    weights = rng.integers(1, scale, count)
    cd19 = rng.lognormal(9, 0.5, count)
    rows = add(state, BLAST.code, weights, cd19=cd19, divisions=divisions)
    uids = state.sessile.array("uid")[rows].copy()
    merge(state, "sessile", rows)
    after = weights_of(state, uids)
    events = state.ledger.total(Entry.MERGED) + state.ledger.total(Entry.REMAINDER)
    assert events > 0.9 * PAIRS
    for attribute in (divisions, cd19, weights, rows):
        # Weights move only within pairs, so the sum over agents of attribute x change has mean 0.
        change = (after - weights) * (attribute - attribute.mean())
        # (x + y)^2 <= 2 (x^2 + y^2) for the two of a pair, and pairs are independent.
        assert abs(change.sum()) < stats.norm.isf(FALSE_ALARM / 2) * np.sqrt(2 * np.square(change, dtype=float).sum())


def test_repeated_weighting_keeps_the_expected_share_of_a_minority() -> None:
    """One in ten CAR T cells is CD4; a few rounds of merges, many times over."""
    process = Weighting(WeightingParameters(lower=10, upper=40))
    shares = []
    for seed in range(300):
        state = make_state(NOT_A_POWER_OF_TWO, seed=seed)
        rng = np.random.default_rng(seed)
        subset = np.where(np.arange(200) % 10 == 0, 4, 8)
        rows = add(state, CAR_T.code, rng.integers(1, 90, 200), product=1, subset=subset)
        table = state.motile
        start = table.array("weight")[rows][subset == 4].sum()
        total = table.array("weight")[rows].sum()
        for _ in range(5):
            process.run(state)
            state.tick += process.period
        alive = table.alive()
        cd4 = table.array("subset")[alive] == 4
        shares.append((table.array("weight")[alive][cd4].sum() - start) / total)
    assert np.std(shares) > 0
    assert stats.ttest_1samp(shares, 0.0).pvalue > FALSE_ALARM
