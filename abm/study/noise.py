# SPDX-License-Identifier: Apache-2.0
"""Noise of a stochastic output: replicates averaged, and what they leave of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abm.errors import InputError

MUCH = 0.05
"""Share of noise above which more replicates are advised."""
_NAMED = 5
"""Runs without a value that a message names."""


@dataclass(frozen=True)
class Noise:
    """What replicates tell of the randomness of an output.

    Parameters
    ----------
    replicates : int
        Runs per point.
    standard_error : float
        Of the mean over the replicates of a point, root mean square over the points [unit of the output]; NaN if there
        is one replicate.
    spread : float
        Standard deviation of these means between points [unit of the output].
    """

    replicates: int
    standard_error: float
    spread: float

    @property
    def share(self) -> float:
        """Part of the variance between points that is noise, 0 to 1; NaN with one replicate."""
        return float(np.minimum((self.standard_error / self.spread) ** 2, 1.0))

    @property
    def replicates_advised(self) -> int | None:
        """Replicates that would bring the share to 5 %; None if one replicate or noise alone tells nothing of it."""
        if not self.share < 1.0:
            return None
        odds = self.share / (1.0 - self.share)
        return max(1, math.ceil(self.replicates * odds * (1.0 - MUCH) / MUCH))

    def text(self) -> str:
        """Say it in a line."""
        if self.replicates == 1:
            return "Noise: one replicate per point, so that the dummy alone tells of it."
        return (
            f"Noise: {100 * self.share:.2g} % of the variance between points (standard error {self.standard_error:.3g},"
            f" spread between points {self.spread:.3g}, {self.replicates} replicates)."
        )


def averaged(outputs: ArrayLike, output: str) -> tuple[NDArray[np.float64], Noise]:
    """Return the mean over the replicates of each point, and the noise.

    Parameters
    ----------
    outputs : array_like of float, shape (points, replicates)
    output : str
        What they are, for messages.

    Returns
    -------
    ndarray of float64, shape (points,)
    Noise

    Raises
    ------
    InputError
        Not two-dimensional, or a run without a finite value.
    """
    every = np.asarray(outputs, dtype=np.float64)
    if every.ndim != 2 or 0 in every.shape:
        raise InputError(f"{output}: outputs must have the shape (points, replicates), got {every.shape}")
    missing = np.argwhere(~np.isfinite(every))
    if len(missing):
        first = ", ".join(f"point {point} replicate {replicate}" for point, replicate in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise InputError(
            f"{output}: {len(missing)} of {every.size} runs have no finite value ({first}{more}; counted from 0);"
            " indices need every run: finish those that failed, or choose an output that all runs have"
        )
    replicates = every.shape[1]
    means = every.mean(axis=1)
    error = math.nan
    if replicates > 1:
        # equal replicates have neither noise nor a mean of their own by rounding
        equal = np.ptp(every, axis=1) == 0
        means = np.where(equal, every[:, 0], means)
        error = math.sqrt(float(np.where(equal, 0.0, every.var(axis=1, ddof=1)).mean()) / replicates)
    spread = float(means.std(ddof=1)) if len(means) > 1 else 0.0
    return means, Noise(replicates, error, spread)
