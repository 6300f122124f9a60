# SPDX-License-Identifier: Apache-2.0
"""Means with standard errors, and comparisons of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def mean_and_error(values: ArrayLike) -> tuple[float, float]:
    """Return the mean of independent values, and its standard error."""
    data = np.asarray(values, float)
    return float(data.mean()), float(data.std(ddof=1) / np.sqrt(len(data)))


def difference(ours: ArrayLike, theirs: ArrayLike) -> tuple[float, float]:
    """Return by how much the mean of ours exceeds that of theirs, with the standard error."""
    (one, error_one), (other, error_other) = mean_and_error(ours), mean_and_error(theirs)
    return one - other, float(np.hypot(error_one, error_other))


def relative(ours: ArrayLike, theirs: ArrayLike) -> tuple[float, float]:
    """Return the same, in units of the mean of theirs."""
    (one, error_one), (other, error_other) = mean_and_error(ours), mean_and_error(theirs)
    ratio = one / other
    return ratio - 1, abs(ratio) * float(np.hypot(error_one / one, error_other / other))
