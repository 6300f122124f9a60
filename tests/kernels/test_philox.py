# SPDX-License-Identifier: Apache-2.0
"""The generator against NumPy's, against its twin in plain Python, and against a golden table."""

from __future__ import annotations

import csv
import math
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm._kernels import _random
from abm.streams import Draws, Stream, thresholds
from tests.reference import philox as twin

GOLDEN = Path(__file__).parents[1] / "reference" / "data" / "draws.csv"
BIG = 2**64 - 1
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494")
words = st.one_of(st.integers(0, BIG), st.integers(0, 3), st.integers(BIG - 3, BIG))
keys = st.tuples(words, words, words, words, words)
SHORT = settings(max_examples=60, deadline=None)


def numpy_words(seed: int, stream: int, ident: int, tick: int, draw: int, block: int) -> list[int]:
    """Return what NumPy's Philox gives; it counts up first, so it starts one below, as a 256-bit number."""
    counter = (ident + (tick << 64) + (draw << 128) + (block << 192) - 1) % 2**256
    limbs = np.array([counter >> (64 * limb) & BIG for limb in range(4)], np.uint64)
    generator = np.random.Philox(counter=limbs, key=np.array([seed, stream], np.uint64))
    return [int(word) for word in generator.random_raw(4)]


@SHORT
@given(keys)
def test_words_equal_numpy(key: tuple[int, ...]) -> None:
    seed, stream, ident, tick, draw = key
    assert Draws(seed).raw(stream, tick, ident, draw).tolist() == numpy_words(*key, 0)


@SHORT
@given(keys, words)
def test_twin_equals_numpy_in_every_block(key: tuple[int, ...], block: int) -> None:
    assert list(twin.philox(*key, block)) == numpy_words(*key, block)


@pytest.mark.parametrize(
    ("ident", "tick", "draw"),
    [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 5, 5), (1, 0, 0), (BIG, BIG, BIG)],
    ids=["wraps all", "borrows from tick", "borrows from draw", "borrows once", "plain", "top"],
)
def test_counter_carries_like_one_256_bit_number(ident: int, tick: int, draw: int) -> None:
    assert Draws(3).raw(9, tick, ident, draw).tolist() == numpy_words(3, 9, ident, tick, draw, 0)


def test_golden_table() -> None:
    rows = list(csv.DictReader(GOLDEN.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == len(twin.GOLDEN_KEYS)
    for row in rows:
        draws = Draws(int(row["seed"]))
        where = (int(row["stream"]), int(row["tick"]), int(row["ident"]), int(row["draw"]))
        assert draws.raw(*where).tolist() == [int(row[f"w{which}"]) for which in range(4)]
        assert draws.uniform(*where) == float.fromhex(row["uniform"])
        # another platform's C library may round the last bit differently
        assert draws.exponential(*where) == pytest.approx(float.fromhex(row["exponential"]), rel=1e-15)
        assert draws.normal(*where) == pytest.approx(float.fromhex(row["normal"]), rel=1e-14)
        assert draws.poisson(float(row["mean"]), *where) == int(row["poisson"])
        assert draws.binomial(int(row["n"]), float(row["p"]), *where) == int(row["binomial"])


def test_known_words() -> None:
    # first line of the authors' known-answer file (Random123, kat_vectors: philox4x64 10, all zero)
    expected = ["16554d9eca36314c", "db20fe9d672d0fdc", "d7e772cee186176b", "7e68b68aec7ba23b"]
    assert [f"{word:016x}" for word in Draws(0).raw(0, 0, 0).tolist()] == expected


@SHORT
@given(keys)
def test_continuous_draws_equal_twin_bit_for_bit(key: tuple[int, ...]) -> None:
    seed, stream, ident, tick, draw = key
    draws, where = Draws(seed), (stream, tick, ident, draw)
    assert draws.uniform(*where) == twin.uniform(*key)
    assert draws.exponential(*where) == twin.exponential(*key)
    assert draws.normal(*where) == twin.normal(*key)
    assert draws.word(*where, 2) == twin.philox(*key, 0)[2]


@pytest.mark.parametrize("mean", [0.3, 10.0, 55.5, 1e4])
def test_log_probability_equals_the_textbook_form(mean: float) -> None:
    for k in range(0, int(3 * mean) + 40, max(1, int(mean) // 50)):
        textbook = k * math.log(mean) - mean - math.lgamma(k + 1)
        assert twin.log_poisson(float(k), mean) == pytest.approx(textbook, rel=1e-12, abs=1e-11 * mean + 1e-12)


@pytest.mark.parametrize("sigmas", [-6, -1, 0, 2, 8])
def test_log_probability_keeps_its_digits_at_1e13(sigmas: int) -> None:
    # the same with 60 decimal digits, log k! from Stirling's series; the textbook form is off by 0.03 in doubles
    mean = 1e13
    with localcontext() as context:
        context.prec = 60
        k = Decimal(mean) + sigmas * int(math.sqrt(mean))
        log_factorial = k * k.ln() - k + (2 * PI * k).ln() / 2 + 1 / (12 * k) - 1 / (360 * k**3)
        exact = k * Decimal(mean).ln() - Decimal(mean) - log_factorial
    assert twin.log_poisson(float(k), mean) == pytest.approx(float(exact), abs=1e-8)


@SHORT
@given(keys, st.one_of(st.floats(0, 30), st.floats(0, 1e15), st.sampled_from(twin.GOLDEN_MEANS)))
def test_poisson_equals_twin(key: tuple[int, ...], mean: float) -> None:
    seed, stream, ident, tick, draw = key
    assert Draws(seed).poisson(mean, stream, tick, ident, draw) == twin.poisson(mean, *key)


@settings(max_examples=150, deadline=None)
@given(keys, st.one_of(st.integers(0, 200), st.integers(0, 10**13)), st.floats(0, 1))
def test_binomial_equals_twin(key: tuple[int, ...], n: int, p: float) -> None:
    seed, stream, ident, tick, draw = key
    count = Draws(seed).binomial(n, p, stream, tick, ident, draw)
    assert count == twin.binomial(n, p, *key)
    assert 0 <= count <= n


@pytest.mark.parametrize("mean", [0.01, 3.0, 9.99, 10.0, 12.0, 80.0, 4e4, 1e9])
def test_poisson_array_equals_twin(mean: float) -> None:
    ident = np.arange(400)
    expected = [twin.poisson(mean, 11, 9, i, 7, 1) for i in range(400)]
    assert Draws(11).poisson(mean, 9, 7, ident, 1).tolist() == expected


@pytest.mark.parametrize(("n", "p"), [(7, 0.4), (30, 0.34), (30, 0.8), (10**4, 0.02), (10**9, 0.5), (10**13, 0.97)])
def test_binomial_array_equals_twin(n: int, p: float) -> None:
    ident = np.arange(400)
    expected = [twin.binomial(n, p, 11, 9, i, 7, 1) for i in range(400)]
    assert Draws(11).binomial(n, p, 9, 7, ident, 1).tolist() == expected


def test_array_equals_scalars_in_any_order_and_shape() -> None:
    draws, stream = Draws(4), Stream.FATE
    ident = np.array([[5, 0, 2**40], [7, 1, 3]])
    means, trials, chances = ident % 13 * 9.0, ident % 97 * 1000, ident % 5 / 4.0
    several = {
        "uniform": draws.uniform(stream, 3, ident),
        "exponential": draws.exponential(stream, 3, ident),
        "normal": draws.normal(stream, 3, ident),
        "integers": draws.integers(10, stream, 3, ident),
        "poisson": draws.poisson(means, stream, 3, ident),
        "binomial": draws.binomial(trials, chances, stream, 3, ident),
        "word": draws.word(stream, 3, ident, 0, 1),
    }
    for at in np.ndindex(ident.shape):
        one = int(ident[at])
        single = {
            "uniform": draws.uniform(stream, 3, one),
            "exponential": draws.exponential(stream, 3, one),
            "normal": draws.normal(stream, 3, one),
            "integers": draws.integers(10, stream, 3, one),
            "poisson": draws.poisson(float(means[at]), stream, 3, one),
            "binomial": draws.binomial(int(trials[at]), float(chances[at]), stream, 3, one),
            "word": draws.word(stream, 3, one, 0, 1),
        }
        assert {name: values[at] for name, values in several.items()} == single
        assert all(type(value) in (int, float) for value in single.values())
    np.testing.assert_array_equal(draws.normal(stream, 3, ident[::-1, ::2]), several["normal"][::-1, ::2])
    assert draws.raw(stream, 3, ident).shape == (2, 3, 4)


def test_integers_equal_twin_and_stay_below_their_bound() -> None:
    ident = np.arange(300)
    for bound in (1, 2, 6, 26, 2**32 - 1):
        drawn = Draws(8).integers(bound, Stream.WALK, 2, ident)
        assert drawn.tolist() == [twin.integer(bound, 8, Stream.WALK, i, 2, 0) for i in range(300)]
        assert 0 <= drawn.min() <= drawn.max() < bound


def test_thresholds_test_the_same_event_as_the_uniform() -> None:
    chances = np.array([-1.0, 0.0, 1e-300, 2.0**-53, 0.1, 1 / 3, 0.5, 1 - 2.0**-53, 1.0, 7.0, np.nan])
    limits = thresholds(chances)
    assert limits.tolist() == [twin.threshold(p) for p in chances]
    assert limits[[0, 1, -1]].tolist() == [0, 0, 0]
    assert limits[[8, 9]].tolist() == [2**53, 2**53]
    ident = np.arange(2000)
    uniforms, word = Draws(1).uniform(1, 0, ident), Draws(1).word(1, 0, ident, 0, 0)
    for p, limit in zip(chances, limits, strict=True):
        np.testing.assert_array_equal((word >> np.uint64(11)) < limit, uniforms < p)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (lambda d, i: d.poisson(0.0, 1, 0, i), 0),
        (lambda d, i: d.binomial(0, 0.5, 1, 0, i), 0),
        (lambda d, i: d.binomial(10**13, 0.0, 1, 0, i), 0),
        (lambda d, i: d.binomial(10**13, 1.0, 1, 0, i), 10**13),
        (lambda d, i: d.integers(1, 1, 0, i), 0),
    ],
    ids=["mean 0", "n 0", "p 0", "p 1", "one choice"],
)
def test_certain_outcomes(count, expected: int) -> None:  # type: ignore[no-untyped-def]
    assert (count(Draws(2), np.arange(500)) == expected).all()


def test_empty_and_single() -> None:
    draws = Draws(0)
    assert draws.uniform(1, 0, np.empty(0, np.int64)).shape == (0,)
    assert draws.raw(1, 0, np.empty(0, np.int64)).shape == (0, 4)
    assert draws.binomial(np.empty(0, np.int64), 0.5, 1, 0, np.empty(0, np.int64)).shape == (0,)
    assert draws.uniform(1, 0, np.array([3])).tolist() == [draws.uniform(1, 0, 3)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: Draws(-1), ValueError, "seed must be 0 to 2\\*\\*64 - 1, got -1"),
        (lambda d: Draws(2**64), ValueError, "seed"),
        (lambda d: Draws(1.5), TypeError, "integer"),
        (lambda d: d.uniform(1, -1, 0), ValueError, "tick must be"),
        (lambda d: d.uniform(1, 0, 0, -1), ValueError, "draw must be"),
        (lambda d: d.uniform(1, 0, 0.5), TypeError, "ident must be integers, got float64"),
        (lambda d: d.uniform(1, 0, np.array([True])), TypeError, "ident must be integers, got bool"),
        (lambda d: d.integers(0, 1, 0, 3), ValueError, "n must be 1 to"),
        (lambda d: d.integers(2.0, 1, 0, 3), TypeError, "n must be uint32"),
        (lambda d: d.poisson(-0.1, 1, 0, 3), ValueError, "mean must be 0 to 1e\\+15, got -0.1"),
        (lambda d: d.poisson(float("nan"), 1, 0, 3), ValueError, "mean must be"),
        (lambda d: d.poisson(np.ones(2), 1, 0, np.arange(3)), ValueError, "shape of ident"),
        (lambda d: d.poisson(np.ones(2), 1, 0, 3), ValueError, "shape of ident"),
        (lambda d: d.binomial(-1, 0.5, 1, 0, 3), ValueError, "n must be"),
        (lambda d: d.binomial(10**13 + 1, 0.5, 1, 0, 3), ValueError, "n must be"),
        (lambda d: d.binomial(5, 1.1, 1, 0, 3), ValueError, "p must be 0 to 1, got 1.1"),
        (lambda d: d.binomial(5.0, 0.1, 1, 0, 3), TypeError, "n must be int64"),
        (lambda d: d.word(1, 0, 3, 0, 4), ValueError, "which must be"),
    ],
)
def test_wrong_arguments_are_refused(call, error: type[Exception], message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=message):
        call(Draws(0))


@pytest.mark.parametrize(
    ("ident", "out"),
    [
        (np.arange(4, dtype=np.int64), np.empty(4)),
        (np.arange(4, dtype=np.uint32), np.empty(4)),
        (np.arange(8, dtype=np.uint64)[::2], np.empty(4)),
        (np.arange(4, dtype=np.uint64).reshape(2, 2), np.empty(4)),
        (np.arange(4, dtype=np.uint64), np.empty(4, np.float32)),
        (np.arange(4, dtype=np.uint64), np.empty(8)[::2]),
    ],
    ids=["signed", "narrow", "strided", "2-D", "narrow out", "strided out"],
)
def test_kernel_refuses_wrong_dtype_rank_and_stride(ident: np.ndarray, out: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Buffer|contiguous"):
        _random.fill_uniform(seed=0, stream=1, tick=0, draw=0, ident=ident, out=out)


def test_kernel_accepts_read_only_input_and_refuses_read_only_output() -> None:
    ident = np.arange(4, dtype=np.uint64)
    ident.flags.writeable = False
    out = np.empty(4)
    _random.fill_uniform(seed=0, stream=1, tick=0, draw=0, ident=ident, out=out)
    assert out.tolist() == Draws(0).uniform(1, 0, np.arange(4)).tolist()
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        _random.fill_uniform(seed=0, stream=1, tick=0, draw=0, ident=ident, out=out)


def test_streams_are_unique() -> None:
    assert len({stream.value for stream in Stream}) == len(Stream.__members__)
