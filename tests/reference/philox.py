# SPDX-License-Identifier: Apache-2.0
"""Twin of ``abm/_kernels/_philox.pxd`` in plain Python integers and the math module.

Written after the papers, not after the kernel, except for the order of floating-point operations,
which must agree to the last bit. Python's ``math`` calls the same C library as the kernel.
``key`` is always (seed, stream, ident, tick, draw).

The golden table is printed by ``python -m tests.reference.philox > tests/reference/data/draws.csv``;
it changes only on purpose.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator

MASK = 2**64 - 1
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
ROUNDS = 10
ULP = 2.0**-53
TWO_PI = 6.283185307179586
# log k! less Stirling's approximation, k = 1 to 9, from Decimal arithmetic with 50 digits
STIRLING = (
    0.0,
    0.08106146679532726,
    0.0413406959554093,
    0.02767792568499834,
    0.020790672103765093,
    0.016644691189821193,
    0.013876128823070748,
    0.01189670994589177,
    0.010411265261972096,
    0.009255462182712733,
)


def philox(seed: int, stream: int, ident: int, tick: int, draw: int, block: int) -> tuple[int, int, int, int]:
    """Return four words of Philox-4x64-10 (Salmon et al., 2011, section 4.3)."""
    k0, k1 = seed, stream
    left0, right0, left1, right1 = ident & MASK, tick, draw, block
    for _ in range(ROUNDS):
        high0, low0 = divmod(MULTIPLIERS[0] * left0, 2**64)
        high1, low1 = divmod(MULTIPLIERS[1] * left1, 2**64)
        left0, right0, left1, right1 = high1 ^ right0 ^ k0, low1, high0 ^ right1 ^ k1, low0
        k0, k1 = (k0 + WEYL[0]) & MASK, (k1 + WEYL[1]) & MASK
    return left0, right0, left1, right1


def to_uniform(word: int) -> float:
    return (word >> 11) * ULP


def below(word32: int, n: int) -> int:
    return word32 * n >> 32


def threshold(p: float) -> int:
    if not p > 0:
        return 0
    return min(math.ceil(p * 2.0**53), 2**53)


def to_exponential(word: int) -> float:
    return -math.log1p(-to_uniform(word))


def to_normal(word_a: int, word_b: int) -> float:
    return math.sqrt(-2.0 * math.log1p(-to_uniform(word_a))) * math.cos(TWO_PI * to_uniform(word_b))


def uniform(*key: int) -> float:
    return to_uniform(philox(*key, 0)[0])


def exponential(*key: int) -> float:
    return to_exponential(philox(*key, 0)[0])


def normal(*key: int) -> float:
    return to_normal(*philox(*key, 0)[:2])


def integer(n: int, *key: int) -> int:
    return below(philox(*key, 0)[0] >> 32, n)


def log_poisson(k: float, mean: float) -> float:
    """Return the log of the Poisson probability of ``k``, in Loader's form (2000)."""
    if k < 0.5:
        return -mean
    if k < 9.5:
        tail = STIRLING[int(k)]
    else:
        inverse = 1.0 / (k * k)
        tail = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / k
    distance = k - mean
    return distance - k * math.log1p(distance / mean) - 0.5 * math.log(TWO_PI * k) - tail


def proposals(a: float, b: float, centre: float, key: tuple[int, ...]) -> Iterator[tuple[float, float, float, float]]:
    """Yield Hörmann's proposals: the count, his V, his us, and the density of the hat at it."""
    block = 0
    while True:
        words = philox(*key, block)
        block += 1
        u, v = to_uniform(words[0]) - 0.5, to_uniform(words[1])
        us = 0.5 - abs(u)
        if us > 0:
            count = float(math.floor((2.0 * a / us + b) * u + centre))
            yield count, v, us, a / (us * us) + b


def poisson(mean: float, *key: int) -> int:
    """Return a Poisson count: inversion below a mean of 10, PTRS (Hörmann, 1993) above."""
    if not mean > 0:
        return 0
    if mean < 10:
        u, count = uniform(*key), 0
        term = total = math.exp(-mean)
        while u >= total and count < 110:
            count += 1
            term = term * mean / count
            total += term
        return count
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2.0)
    for k, v, us, hat in proposals(a, b, mean + 0.43, key):
        if us >= 0.07 and v <= squeeze:
            return int(k)
        if k < 0 or (us < 0.013 and v > us):
            continue
        if v * inverse_alpha / hat <= math.exp(log_poisson(k, mean)):
            return int(k)
    raise AssertionError("proposals never end")


def binomial(n: int, p: float, *key: int) -> int:
    """Return a binomial count: inversion for n p below 10, BTRS (Hörmann, 1993) above."""
    if n <= 0 or not p > 0:
        return 0
    if p >= 1:
        return n
    if p > 0.5:
        return n - _binomial(n, 1.0 - p, key)
    return _binomial(n, p, key)


def _binomial(n: int, p: float, key: tuple[int, ...]) -> int:
    q = 1.0 - p
    odds = p / q
    size = float(n)
    if size * p < 10:
        u, count = uniform(*key), 0
        term = total = math.exp(size * math.log1p(-p))
        while u >= total and count < 110 and count < n:
            count += 1
            term = term * odds * (size - count + 1.0) / count
            total += term
        return count
    root = math.sqrt(size * p * q)
    b = 1.15 + 2.53 * root
    a = -0.0873 + 0.0248 * b + 0.01 * p
    alpha = (2.83 + 5.1 / b) * root
    squeeze = 0.92 - 4.2 / b
    mode = float(math.floor((size + 1.0) * p))
    at_mode = log_poisson(mode, size * p) + log_poisson(size - mode, size * q)
    for k, v, us, hat in proposals(a, b, size * p + 0.5, key):
        if not 0 <= k <= size:
            continue
        if us >= 0.07 and v <= squeeze:
            return int(k)
        if v * alpha / hat <= math.exp(log_poisson(k, size * p) + log_poisson(size - k, size * q) - at_mode):
            return int(k)
    raise AssertionError("proposals never end")


GOLDEN_COLUMNS = (
    *("seed", "stream", "ident", "tick", "draw", "w0", "w1", "w2", "w3"),
    *("uniform", "exponential", "normal", "mean", "poisson", "n", "p", "binomial"),
)
GOLDEN_KEYS = tuple(
    (seed, stream, ident, tick, draw)
    for seed in (0, 1, 20130418, MASK)
    for stream in (1, 9, 22)
    for ident in (0, 1, 2, 1_000_000, MASK)
    for tick, draw in ((0, 0), (0, 1), (1, 0), (161_280, 3), (MASK, MASK))
)
GOLDEN_MEANS = (0.0, 0.003, 0.7, 4.0, 9.999, 10.0, 37.5, 1e3, 1e6, 1e12)
GOLDEN_TRIALS = (
    *((0, 0.5), (1, 0.5), (12, 1.0), (12, 0.25), (40, 0.9), (100, 0.1), (1000, 0.5)),
    *((10**6, 1e-6), (10**6, 0.999), (10**12, 0.3), (10**13, 1e-3)),
)


def golden_rows() -> Iterator[tuple[object, ...]]:
    """Yield the golden table: the key, its words in decimal, and one draw of each kind (floats in hexadecimal)."""
    for index, key in enumerate(GOLDEN_KEYS):
        mean = GOLDEN_MEANS[index % len(GOLDEN_MEANS)]
        n, p = GOLDEN_TRIALS[index % len(GOLDEN_TRIALS)]
        floats = (uniform(*key).hex(), exponential(*key).hex(), normal(*key).hex())
        yield (*key, *philox(*key, 0), *floats, mean, poisson(mean, *key), n, p, binomial(n, p, *key))


if __name__ == "__main__":
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(GOLDEN_COLUMNS)
    table.writerows(golden_rows())
