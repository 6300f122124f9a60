# SPDX-License-Identifier: Apache-2.0
"""Distributions of the draws: goodness of fit, and independence of neighbouring keys.

Seeds are fixed, so each test passes always or never. With another seed a faultless generator
would fail a comparison with probability ``FALSE_ALARM``, and any of the hundred here with 1 %.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from abm.streams import Draws, Stream

FALSE_ALARM = 1e-4
MANY = 300_000
IDENT = np.arange(MANY)
MORE = np.arange(1_000_000)  # for the counts: flaws of a rejection hide in the tails


def fits_counts(counts: np.ndarray, distribution: stats.rv_discrete) -> float:
    """Return the p-value of a chi-square test on cells of at least 20 expected counts."""
    edges = np.unique(distribution.ppf(np.linspace(0, 1, 60)[1:-1]))
    expected = np.diff(np.concatenate([[0.0], distribution.cdf(edges), [1.0]])) * counts.size
    observed = np.histogram(counts, np.concatenate([[-np.inf], edges + 0.5, [np.inf]]))[0]
    # pool what is too rare, from the top
    while expected.size > 1 and expected.min() < 20:
        thin = int(expected.argmin())
        into = thin - 1 if thin else 1
        expected[into] += expected[thin]
        observed[into] += observed[thin]
        expected, observed = np.delete(expected, thin), np.delete(observed, thin)
    if expected.size == 1:
        return float(observed[0] == counts.size)
    return float(stats.chisquare(observed, expected).pvalue)


def test_uniform() -> None:
    assert stats.kstest(Draws(1).uniform(Stream.FATE, 5, IDENT), "uniform").pvalue > FALSE_ALARM


def test_exponential() -> None:
    assert stats.kstest(Draws(2).exponential(Stream.FATE, 5, IDENT), "expon").pvalue > FALSE_ALARM


def test_normal() -> None:
    drawn = Draws(3).normal(Stream.FATE, 5, IDENT)
    assert stats.kstest(drawn, "norm").pvalue > FALSE_ALARM
    assert stats.kstest(drawn**2, "chi2", args=(1,)).pvalue > FALSE_ALARM


@pytest.mark.parametrize("n", [2, 3, 6, 26, 1000])
def test_integers(n: int) -> None:
    observed = np.bincount(Draws(4).integers(n, Stream.WALK, 5, IDENT), minlength=n)
    assert stats.chisquare(observed).pvalue > FALSE_ALARM


@pytest.mark.parametrize("bit", range(0, 64, 7))
def test_bits_are_fair(bit: int) -> None:
    ones = (Draws(5).raw(Stream.WALK, 5, IDENT) >> np.uint64(bit) & np.uint64(1)).sum(axis=0)
    assert stats.chisquare(np.stack([ones, MANY - ones])).pvalue.min() > FALSE_ALARM / 4


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 9.99, 10.0, 10.7, 15.0, 33.3, 150.0, 1e4, 1e6])
def test_poisson(mean: float) -> None:
    counts = Draws(6).poisson(mean, Stream.TRAFFIC, 5, MORE)
    assert fits_counts(counts, stats.poisson(mean)) > FALSE_ALARM


@pytest.mark.parametrize(
    ("n", "p"),
    [
        *((1, 0.3), (7, 0.5), (20, 0.49), (20, 0.5), (21, 0.5), (25, 0.41), (40, 0.75), (300, 0.95)),
        *((1000, 0.009), (1000, 0.011), (10**5, 0.3), (10**6, 1e-6), (10**6, 0.02), (10**6, 0.5), (10**6, 0.999)),
    ],
)
def test_binomial(n: int, p: float) -> None:
    counts = Draws(7).binomial(n, p, Stream.TRAFFIC, 5, MORE)
    assert fits_counts(counts, stats.binom(n, p)) > FALSE_ALARM


@pytest.mark.parametrize("n", [10**12, 10**13])
@pytest.mark.parametrize("p", [1e-9, 0.1, 0.5, 0.87])
def test_binomial_of_a_whole_body(n: int, p: float) -> None:
    # skewness is below 0.01 / sd here, but for p = 1e-9, where the count is Poisson to 1e-9
    counts = Draws(8).binomial(n, p, Stream.TRAFFIC, 5, IDENT)
    if p == 1e-9:
        assert fits_counts(counts, stats.poisson(n * p)) > FALSE_ALARM
        return
    scaled = (counts - n * p) / np.sqrt(n * p * (1 - p))
    assert stats.kstest(scaled, "norm").pvalue > FALSE_ALARM
    # the last digits of the counts are as random as they should be
    assert stats.chisquare(np.bincount(counts % 10)).pvalue > FALSE_ALARM


def test_poisson_of_a_whole_body() -> None:
    mean = 1e12
    counts = Draws(9).poisson(mean, Stream.TRAFFIC, 5, IDENT)
    assert stats.kstest((counts - mean) / np.sqrt(mean), "norm").pvalue > FALSE_ALARM
    assert stats.chisquare(np.bincount(counts % 10)).pvalue > FALSE_ALARM


NEIGHBOURS = {
    "ident": (Draws(10).uniform(9, 5, IDENT), Draws(10).uniform(9, 5, IDENT + 1)),
    "tick": (Draws(10).uniform(9, 5, IDENT), Draws(10).uniform(9, 6, IDENT)),
    "draw": (Draws(10).uniform(9, 5, IDENT, 0), Draws(10).uniform(9, 5, IDENT, 1)),
    "stream": (Draws(10).uniform(9, 5, IDENT), Draws(10).uniform(10, 5, IDENT)),
    "seed": (Draws(10).uniform(9, 5, IDENT), Draws(11).uniform(9, 5, IDENT)),
    "word": (Draws(10).word(9, 5, IDENT, 0, 0) / 2.0**64, Draws(10).word(9, 5, IDENT, 0, 1) / 2.0**64),
}


@pytest.mark.parametrize("p", [1e-4, 0.01, 0.3, 0.9])
def test_successes(p: float) -> None:
    chosen = Draws(14).successes(MANY, p, Stream.FATE, 5)
    assert stats.binomtest(len(chosen), MANY, p).pvalue > FALSE_ALARM
    assert stats.kstest(chosen, "randint", args=(0, MANY)).pvalue > FALSE_ALARM
    gaps = np.concatenate([Draws(14).successes(1000, p, Stream.FATE, tick)[:1] for tick in range(20_000)])
    first = np.append(gaps, np.full(20_000 - len(gaps), 1000)).astype(float)
    assert fits_counts(first, stats.rv_discrete(values=_first_of_a_thousand(p))) > FALSE_ALARM


def _first_of_a_thousand(p: float) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.arange(1001)
    chances = p * (1 - p) ** numbers
    chances[1000] = (1 - p) ** 1000
    return numbers, chances


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_neighbours_are_independent(name: str) -> None:
    here, there = NEIGHBOURS[name]
    table = np.histogram2d(here, there, bins=16, range=[[0, 1], [0, 1]])[0]
    assert stats.chisquare(table.ravel()).pvalue > FALSE_ALARM
    assert stats.pearsonr(here, there).pvalue > FALSE_ALARM


def test_ticks_of_one_cell_are_independent() -> None:
    series = np.array([Draws(12).uniform(Stream.FATE, tick, 77) for tick in range(20_000)])
    assert stats.kstest(series, "uniform").pvalue > FALSE_ALARM
    for lag in (1, 2, 3, 240):
        assert stats.pearsonr(series[:-lag], series[lag:]).pvalue > FALSE_ALARM


def test_counts_of_neighbouring_draws_are_independent() -> None:
    # rejection takes several blocks; a draw that ran into the next would show here
    for first, second in [
        (Draws(13).poisson(20.0, 9, 5, IDENT, 0), Draws(13).poisson(20.0, 9, 5, IDENT, 1)),
        (Draws(13).binomial(10**6, 0.4, 9, 5, IDENT, 0), Draws(13).binomial(10**6, 0.4, 9, 5, IDENT, 1)),
    ]:
        assert stats.pearsonr(first, second).pvalue > FALSE_ALARM
        assert stats.pearsonr(abs(first - first.mean()), abs(second - second.mean())).pvalue > FALSE_ALARM
