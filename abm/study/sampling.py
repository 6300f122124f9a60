# SPDX-License-Identifier: Apache-2.0
"""Designs: where in the unit cube a study looks, and what a place there means for each factor.

A design is a float64 array of shape (points, factors) in the unit cube. A factor turns a position between 0 and 1 into a
value, so that designs know nothing of units or scales. The same seed gives the same array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abm.errors import InputError, shown

Points = NDArray[np.float64]

DUMMY = "dummy"
"""Name of a factor that changes nothing: what an analysis finds for it is noise."""
MOST_POINTS = 10_000_000
_DIGITS = 12
"""Significant digits of a value: what machines differ in is rounded off, and the same design gives the same scenarios."""


@dataclass(frozen=True)
class Factor:
    """A number that a study varies within a range.

    Parameters
    ----------
    name : str
    low, high : float
        Ends of the range [``unit``].
    scale : {"linear", "log"}
        Whether equal steps in the unit interval are equal differences or equal ratios.
    unit : str
        For the labels of figures; ``"1"`` if there is none.

    Raises
    ------
    InputError
        Ends that are not finite or not in order, or not positive on a log scale.
    """

    name: str
    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"
    unit: str = "1"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(f"factor {shown(self.name)}: needs finite ends with low < high, got {shown(self.low)} and {shown(self.high)}")
        if self.scale not in ("linear", "log"):
            raise InputError(f"factor {shown(self.name)}: scale must be 'linear' or 'log', got {shown(self.scale)}")
        if self.scale == "log" and self.low <= 0:
            raise InputError(f"factor {shown(self.name)}: a log scale needs ends above 0, got {shown(self.low)}")

    @property
    def label(self) -> str:
        """Name with its unit, for an axis."""
        return self.name if self.unit == "1" else f"{self.name} [{self.unit}]"

    def value(self, position: ArrayLike) -> NDArray[np.float64]:
        """Return the values at positions in the unit interval, to twelve significant digits; the ends are exact.

        Parameters
        ----------
        position : array_like of float
            0 to 1.

        Returns
        -------
        ndarray of float64, of the same shape [``unit``]
        """
        at = _inside(self.name, position)
        if self.scale == "log":
            exact = np.exp((1.0 - at) * math.log(self.low) + at * math.log(self.high))
        else:
            exact = (1.0 - at) * self.low + at * self.high
        rounded = np.array([float(f"{each:.{_DIGITS}g}") for each in exact.ravel()], dtype=np.float64).reshape(at.shape)
        rounded = rounded.clip(self.low, self.high)
        return np.asarray(np.where(at == 0.0, self.low, np.where(at == 1.0, self.high, rounded)))

    def position(self, value: ArrayLike) -> NDArray[np.float64]:
        """Return where in the unit interval values lie.

        Parameters
        ----------
        value : array_like of float
            [``unit``]

        Raises
        ------
        InputError
            A value outside the range.
        """
        values = np.asarray(value, dtype=np.float64)
        outside = values[~((values >= self.low) & (values <= self.high))]
        if outside.size:
            raise InputError(
                f"factor {shown(self.name)}: {shown(float(outside[0]))} lies outside its range, {shown(self.low)} to {shown(self.high)}"
            )
        low, high = self.low, self.high
        if self.scale == "log":
            values, low, high = np.log(values), math.log(low), math.log(high)
        return np.asarray((values - low) / (high - low))


@dataclass(frozen=True)
class Choice:
    """A factor with a list of values, which need not be numbers; in a design it is the number of the value.

    Parameters
    ----------
    name : str
    values : tuple
        One or more; each takes an equal share of the unit interval, in this order.
    """

    name: str
    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise InputError(f"factor {shown(self.name)}: needs one value or more, got none")

    def index(self, position: ArrayLike) -> NDArray[np.int64]:
        """Return the numbers (from 0) of the values at positions in the unit interval."""
        at = _inside(self.name, position)
        return np.minimum((at * len(self.values)).astype(np.int64), len(self.values) - 1)

    def value(self, position: ArrayLike) -> NDArray[np.object_]:
        """Return the values at positions in the unit interval, as an array of objects."""
        index = self.index(position)
        chosen = np.empty(index.shape, dtype=object)
        for place, number in np.ndenumerate(index):
            chosen[place] = self.values[number]
        return chosen


def grid_size(levels: Sequence[int]) -> int:
    """Return the number of points of :func:`grid`."""
    for number, each in enumerate(levels):
        _whole(f"levels of factor {number}", each, least=1)
    return math.prod(levels)


def grid(levels: Sequence[int]) -> Points:
    """Combine every level of each factor with every level of all others; the last factor varies fastest.

    Parameters
    ----------
    levels : sequence of int
        Per factor, one or more: two or more lie evenly from 0 to 1, a single one in the middle. The levels of a
        :class:`Choice` of as many values are its values.

    Returns
    -------
    ndarray of float64, shape (product of ``levels``, factors)
    """
    _refuse_too_many(grid_size(levels))
    axes = [np.linspace(0.0, 1.0, each) if each > 1 else np.array([0.5]) for each in levels]
    if not axes:
        raise InputError("a grid needs one factor or more, got none")
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def one_at_a_time_size(k: int) -> int:
    """Return the number of points of :func:`one_at_a_time`."""
    return 2 * _whole("factors", k, least=1) + 1


def one_at_a_time(base: Sequence[float]) -> Points:
    """Move each factor alone to both ends of its range, as a tornado diagram shows it.

    Parameters
    ----------
    base : sequence of float
        Position of each factor in the unit interval while another moves.

    Returns
    -------
    ndarray of float64, shape (2 factors + 1, factors)
        The base, then the low and the high end of the first factor, of the second, and so on.
    """
    at = _inside("base", base)
    points = np.tile(at, (one_at_a_time_size(len(at)), 1))
    for number in range(len(at)):
        points[2 * number + 1, number] = 0.0
        points[2 * number + 2, number] = 1.0
    return points


def latin_hypercube(n: int, k: int, seed: int) -> Points:
    """Place points so that each of ``n`` equal slices of each factor holds one.

    Parameters
    ----------
    n, k : int
        Number of points and of factors.
    seed : int

    Returns
    -------
    ndarray of float64, shape (n, k)
    """
    _check(n, k, seed)
    from scipy.stats import qmc

    return np.asarray(qmc.LatinHypercube(d=k, rng=seed).random(n), dtype=np.float64)


def sobol_sequence(n: int, k: int, seed: int) -> Points:
    """Fill the cube evenly with a scrambled Sobol' sequence; most evenly if ``n`` is a power of two.

    Parameters
    ----------
    n, k : int
        Number of points and of factors. The first points of a longer sequence of the same seed are those of a shorter.
    seed : int

    Returns
    -------
    ndarray of float64, shape (n, k)
    """
    _check(n, k, seed)
    from scipy.stats import qmc

    # drawn to the next power of two and cut: the sequence is the same, and scipy has nothing to warn of
    drawn = qmc.Sobol(d=k, scramble=True, rng=seed).random_base2((n - 1).bit_length())
    return np.ascontiguousarray(drawn[:n], dtype=np.float64)


def saltelli_size(n: int, k: int, *, second_order: bool) -> int:
    """Return the number of points of :func:`saltelli`."""
    _whole("base points", n, least=2)
    if n & (n - 1):
        below = 1 << (n.bit_length() - 1)
        raise InputError(f"the number of base points must be a power of two, got {n}; nearest: {below} and {2 * below}")
    return n * ((2 if second_order else 1) * _whole("factors", k, least=1) + 2)


def saltelli(n: int, k: int, seed: int, *, second_order: bool) -> Points:
    """Make the design from which Sobol' indices are estimated: two samples, and each with single columns of the other.

    Parameters
    ----------
    n : int
        Base points, a power of two: another number would leave the sequence out of balance, and is refused.
    k : int
        Factors, with the dummy.
    seed : int
    second_order : bool
        Whether the indices of pairs are wanted as well.

    Returns
    -------
    ndarray of float64, shape (n (k + 2), k), or (n (2 k + 2), k) with second order

    References
    ----------
    Saltelli 2002, Computer Physics Communications 145:280.
    """
    size = saltelli_size(n, k, second_order=second_order)
    _check(size, k, seed)
    from SALib.sample import sobol

    return np.asarray(sobol.sample(_cube(k), n, calc_second_order=second_order, seed=seed), dtype=np.float64)


def morris_size(trajectories: int, k: int) -> int:
    """Return the number of points of :func:`morris`."""
    return _whole("trajectories", trajectories, least=2) * (_whole("factors", k, least=1) + 1)


def morris(trajectories: int, k: int, levels: int, seed: int) -> Points:
    """Walk through the cube: each trajectory moves every factor once, by about half its range.

    Parameters
    ----------
    trajectories : int
        Two or more; ten to fifty are usual.
    k : int
        Factors, with the dummy.
    levels : int
        Of the grid on which the points lie; even.
    seed : int

    Returns
    -------
    ndarray of float64, shape (trajectories (k + 1), k)

    References
    ----------
    Morris 1991, Technometrics 33:161.
    """
    _check(morris_size(trajectories, k), k, seed)
    check_levels(levels)
    from SALib.sample import morris as method

    drawn = method.sample(_cube(k), trajectories, num_levels=levels, seed=seed)
    # a level is one number, not several that differ by rounding: equal points are one scenario
    return np.asarray(np.rint(drawn * (levels - 1)) / (levels - 1), dtype=np.float64)


def check_levels(levels: int) -> None:
    """Refuse a number of levels on which the steps of :func:`morris` would be biased.

    Raises
    ------
    InputError
        Odd, or less than two.
    """
    if _whole("levels", levels, least=2) % 2:
        raise InputError(f"the number of levels must be even, got {levels}; nearest: {levels - 1} and {levels + 1}")


def _cube(k: int) -> dict[str, Any]:
    return {"num_vars": k, "names": [str(number) for number in range(k)], "bounds": [[0.0, 1.0]] * k}


def _check(points: int, k: int, seed: int) -> None:
    _refuse_too_many(_whole("points", points, least=1))
    _whole("factors", k, least=1)
    _whole("seed", seed, least=0)


def _refuse_too_many(points: int) -> None:
    if points > MOST_POINTS:
        raise InputError(f"a design has at most {MOST_POINTS:,} points, got {points:,}")


def _whole(what: str, number: int, *, least: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise InputError(f"{what}: must be a whole number, {least} or more, got {shown(number)}")
    return number


def _inside(what: str, position: ArrayLike) -> NDArray[np.float64]:
    at = np.asarray(position, dtype=np.float64)
    outside = at[~((at >= 0.0) & (at <= 1.0))]
    if outside.size:
        raise InputError(f"{what}: a position in the unit interval must lie between 0 and 1, got {shown(float(outside[0]))}")
    return at
