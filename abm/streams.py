# SPDX-License-Identifier: Apache-2.0
"""Every random stream of the model, in one place.

Randomness has no state: a draw is a pure function of (seed, stream, id, tick, draw number). The
generator is Philox-4x64-10 (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3")
with key ``(seed, stream)`` and counter ``(id, tick, draw, block)``; ``id`` is the uid of a cell, the
index of a site, or a place in the order of these. Numbers only need to be unique and must never be re-used: a new process takes
the next free one.
"""

from __future__ import annotations

import math
import operator
from enum import IntEnum, unique
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from abm._kernels import _random

WORD_MAX = 2**64 - 1
MEAN_MAX = 1e15
TRIALS_MAX = 10**13
BOUND_MAX = 2**32 - 1
RATE_MIN = 1e-290
SPARE_GAPS = 16
"""Gaps drawn beyond those that are expected, to save a second round."""

Array = NDArray[Any]


@unique
class Stream(IntEnum):
    """Identifier of a random stream."""

    GEOMETRY = 1
    PLACEMENT = 2
    ANTIGEN = 3
    PRODUCT = 4
    WALK = 5
    CONTACT = 6
    CLAIM = 7
    SWAP = 8
    FATE = 9
    DIVISION = 10
    MERGE = 12
    TRAFFIC = 13
    CROSSING = 14
    LYMPHOPOIESIS = 15
    BACKGROUND = 16
    GUEST_WALK = 17
    CSF = 18
    TREATMENT = 19
    ROOM = 20
    NEUROTOXICITY = 23
    ASSAY = 24


class Draws:
    """Random draws of one seed, by stream, tick, identity and draw number.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.

    Raises
    ------
    ValueError
        Seed out of range.

    Notes
    -----
    ``ident`` is an int, which gives a Python number, or an array of integers of any shape, which
    gives an array of that shape. The same arguments give the same value at any time, in any order
    and in company of any others. ``draw`` tells several draws of one stream, tick and identity apart.
    """

    def __init__(self, seed: int) -> None:
        self.seed = _word("seed", seed)

    def __repr__(self) -> str:
        return f"Draws(seed={self.seed})"

    @overload
    def uniform(self, stream: int, tick: int, ident: int, draw: int = 0) -> float: ...
    @overload
    def uniform(self, stream: int, tick: int, ident: Array, draw: int = 0) -> Array: ...
    def uniform(self, stream: int, tick: int, ident: Any, draw: int = 0) -> Any:
        """Return uniforms in [0, 1), multiples of 2**-53."""
        return self._fill(_random.fill_uniform, np.float64, stream, tick, ident, draw)

    @overload
    def exponential(self, stream: int, tick: int, ident: int, draw: int = 0) -> float: ...
    @overload
    def exponential(self, stream: int, tick: int, ident: Array, draw: int = 0) -> Array: ...
    def exponential(self, stream: int, tick: int, ident: Any, draw: int = 0) -> Any:
        """Return exponentials of mean 1."""
        return self._fill(_random.fill_exponential, np.float64, stream, tick, ident, draw)

    @overload
    def normal(self, stream: int, tick: int, ident: int, draw: int = 0) -> float: ...
    @overload
    def normal(self, stream: int, tick: int, ident: Array, draw: int = 0) -> Array: ...
    def normal(self, stream: int, tick: int, ident: Any, draw: int = 0) -> Any:
        """Return normals of mean 0 and variance 1."""
        return self._fill(_random.fill_normal, np.float64, stream, tick, ident, draw)

    @overload
    def integers(self, n: int, stream: int, tick: int, ident: int, draw: int = 0) -> int: ...
    @overload
    def integers(self, n: int | Array, stream: int, tick: int, ident: Array, draw: int = 0) -> Array: ...
    def integers(self, n: Any, stream: int, tick: int, ident: Any, draw: int = 0) -> Any:
        """Return integers from 0 to ``n - 1``, uneven by no more than ``n / 2**32``.

        Parameters
        ----------
        n : int or array of int
            1 to 2**32 - 1, one for all or one per identity.
        """
        bound = _argument("n", n, np.uint32, 1, BOUND_MAX, ident)
        return self._fill(_random.fill_integers, np.int64, stream, tick, ident, draw, bound=bound)

    @overload
    def poisson(self, mean: float, stream: int, tick: int, ident: int, draw: int = 0) -> int: ...
    @overload
    def poisson(self, mean: float | Array, stream: int, tick: int, ident: Array, draw: int = 0) -> Array: ...
    def poisson(self, mean: Any, stream: int, tick: int, ident: Any, draw: int = 0) -> Any:
        """Return Poisson counts.

        Parameters
        ----------
        mean : float or array of float
            0 to 1e15, one for all or one per identity.
        """
        means = _argument("mean", mean, np.float64, 0, MEAN_MAX, ident)
        return self._fill(_random.fill_poisson, np.int64, stream, tick, ident, draw, mean=means)

    @overload
    def binomial(self, n: int, p: float, stream: int, tick: int, ident: int, draw: int = 0) -> int: ...
    @overload
    def binomial(
        self, n: int | Array, p: float | Array, stream: int, tick: int, ident: Array, draw: int = 0
    ) -> Array: ...
    def binomial(self, n: Any, p: Any, stream: int, tick: int, ident: Any, draw: int = 0) -> Any:
        """Return binomial counts.

        Parameters
        ----------
        n : int or array of int
            Trials, 0 to 1e13, one for all or one per identity.
        p : float or array of float
            Probability of success, one for all or one per identity.
        """
        trials = _argument("n", n, np.int64, 0, TRIALS_MAX, ident)
        chance = _argument("p", p, np.float64, 0, 1, ident)
        return self._fill(_random.fill_binomial, np.int64, stream, tick, ident, draw, n=trials, p=chance)

    def successes(self, n: int, p: float, stream: int, tick: int, draw: int = 0) -> Array:
        """Return which of ``n`` trials succeed, in rising order, by drawing only how many fail between two that do.

        For a chance that is the same for all and small this costs no more than what it returns. Whoever
        lets trials stand for cells has to put these in an order that does not depend on rows.

        Parameters
        ----------
        n : int
            Trials, 0 or more.
        p : float
            Probability of success.

        Returns
        -------
        (k,) array of int64
            Numbers of the trials that succeed, of 0 to ``n - 1``.
        """
        if not 0 <= p <= 1:
            raise ValueError(f"p must be 0 to 1, got {p!r}")
        if p in (0, 1) or n == 0:
            return np.arange(n if p else 0)
        rate = max(-math.log1p(-p), RATE_MIN)
        found: list[Array] = []
        last, drawn = -1, 0
        while last < n:
            count = math.ceil(1.1 * (n - last) * p) + SPARE_GAPS
            waits = self.exponential(stream, tick, np.arange(drawn, drawn + count), draw)
            gaps = np.minimum(waits / rate, n).astype(np.int64)
            found.append(last + np.cumsum(gaps + 1))
            last, drawn = int(found[-1][-1]), drawn + count
        numbers = np.concatenate(found)
        return np.asarray(numbers[: np.searchsorted(numbers, n)])

    def raw(self, stream: int, tick: int, ident: int | Array, draw: int = 0) -> Array:
        """Return the four 64-bit words of each draw, on a last axis of length 4."""
        return np.asarray(self._fill(_random.fill_raw, np.uint64, stream, tick, np.asarray(ident), draw, words=4))

    @overload
    def word(self, stream: int, tick: int, ident: int, draw: int, which: int) -> int: ...
    @overload
    def word(self, stream: int, tick: int, ident: Array, draw: int, which: int) -> Array: ...
    def word(self, stream: int, tick: int, ident: Any, draw: int, which: int) -> Any:
        """Return one of the four 64-bit words, ``which`` from 0 to 3."""
        if which not in range(4):
            raise ValueError(f"which must be 0, 1, 2 or 3, got {which!r}")
        chosen = self.raw(stream, tick, ident, draw)[..., which]
        return int(chosen) if np.ndim(ident) == 0 else np.ascontiguousarray(chosen)

    def _fill(
        self, kernel: Any, dtype: Any, stream: int, tick: int, ident: Any, draw: int, words: int = 0, **arguments: Array
    ) -> Any:
        idents = _identities(ident)
        out = np.empty((idents.size, words) if words else idents.size, dtype)
        kernel(
            seed=self.seed,
            stream=_word("stream", stream),
            tick=_word("tick", tick),
            draw=_word("draw", draw),
            ident=idents.reshape(-1),
            out=out,
            **arguments,
        )
        if idents.ndim == 0 and not words:
            return out[0].item()
        return out.reshape(idents.shape + out.shape[1:])


def thresholds(p: Array) -> Array:
    """Return the uint64 integers t for which ``(word >> 11) < t`` is an event of probability ``p``.

    Parameters
    ----------
    p : (n,) array of float
        Probabilities; 0 and less never happens, 1 and more always.
    """
    chances = np.ascontiguousarray(p, np.float64)
    out = np.empty(chances.size, np.uint64)
    _random.fill_threshold(p=chances.reshape(-1), out=out)
    return out.reshape(chances.shape)


def _word(name: str, value: int) -> int:
    number = operator.index(value)
    if not 0 <= number <= WORD_MAX:
        raise ValueError(f"{name} must be 0 to 2**64 - 1, got {value!r}")
    return number


def _identities(ident: Any) -> Array:
    # uint64 holds every uid and site; a negative one keeps its two's complement, as in a kernel
    array = np.asarray(ident)
    if array.size == 0 and not isinstance(ident, np.ndarray):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"ident must be integers, got {array.dtype} ({ident!r})")
    return np.asarray(array, np.uint64 if array.dtype.kind == "u" else np.int64, order="C").view(np.uint64)


def _argument(name: str, value: Any, dtype: Any, low: float, high: float, ident: Any) -> Array:
    given = np.asarray(value)
    if given.dtype.kind not in ("iu" if np.dtype(dtype).kind in "iu" else "iuf"):
        raise TypeError(f"{name} must be {np.dtype(dtype).name}, got {given.dtype} ({value!r})")
    wrong = ~((given >= low) & (given <= high))
    if wrong.any():
        raise ValueError(f"{name} must be {low:g} to {high:g}, got {given[wrong].flat[0].item()!r}")
    shape = np.shape(ident)
    try:
        spread = np.broadcast_to(given, shape)
    except ValueError:
        raise ValueError(f"{name} must be one value or have the shape of ident {shape}, got {given.shape}") from None
    return np.ascontiguousarray(spread, dtype).reshape(-1)
