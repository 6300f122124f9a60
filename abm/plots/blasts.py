# SPDX-License-Identifier: Apache-2.0
"""Antigen on the blasts over time, read from the recorded cells one frame at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.celltypes import BLAST

if TYPE_CHECKING:
    from abm.trajectory import Trajectory

Values = NDArray[np.float64]

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the blasts, that have at most the density of a quantile."""
CD19_LOW = 2000.0
"""Below it a blast is called CD19-low [molecules]: the density at which a CD28 product is activated half as often (Majzner 2018)."""
LEAST_AGENTS = 10
"""Fewer say nothing about a distribution."""
MOST_FRAMES = 150
"""Frames that are read, spread over the run: more could not be told apart in a figure."""


@dataclass(frozen=True)
class AntigenCourse:
    """The distribution of an antigen over the CD19+ blasts of the whole body.

    Parameters
    ----------
    days : ndarray of float64, shape (frames,)
        [d]
    quantiles : ndarray of float64, shape (frames, 5)
        At :data:`SHARES`; NaN where there are fewer than :data:`LEAST_AGENTS` agents [molecules].
    low : ndarray of float64, shape (frames,)
        Share of the blasts below :data:`CD19_LOW`; NaN where there is no blast [1].
    """

    days: Values
    quantiles: Values
    low: Values


def antigen_course(trajectory: Trajectory, antigen: str = "cd19") -> AntigenCourse | None:
    """Read how the density of an antigen is distributed over the CD19+ blasts; each agent counts as the cells it stands for.

    Parameters
    ----------
    trajectory : Trajectory
    antigen : str
        A column of the cells.

    Returns
    -------
    AntigenCourse or None
        None where no cells were recorded.
    """
    series = [trajectory.cell_frames(name) for name in trajectory.header.compartments]
    series = [frames for frames in series if len(frames) and antigen in frames.columns]
    if not series:
        return None
    count = min(len(frames) for frames in series)
    numbers = np.unique(np.linspace(0, count - 1, min(count, MOST_FRAMES)).round().astype(int))
    quantiles, low = np.full((len(numbers), len(SHARES)), np.nan), np.full(len(numbers), np.nan)
    for row, number in enumerate(numbers.tolist()):
        blasts = [frames[number].kind(BLAST.name) for frames in series]
        density = np.concatenate([cells[antigen] for cells in blasts]).astype(np.float64)
        weight = np.concatenate([cells["weight"] for cells in blasts]).astype(np.float64)
        if weight.sum() > 0:
            low[row] = weight[density < CD19_LOW].sum() / weight.sum()
        if len(density) >= LEAST_AGENTS:
            quantiles[row] = weighted_quantiles(density, weight, SHARES)
    return AntigenCourse(series[0].days[numbers], quantiles, low)


def weighted_quantiles(values: Values, weights: Values, shares: tuple[float, ...]) -> Values:
    """Return the least values up to which at least some shares of the weight lie.

    Parameters
    ----------
    values, weights : ndarray of float64, shape (n,)
    shares : tuple of float
        0 to 1.
    """
    order = np.argsort(values, kind="stable")
    summed = np.cumsum(weights[order])
    places = np.searchsorted(summed, np.asarray(shares) * summed[-1])
    return np.asarray(values[order][np.minimum(places, len(values) - 1)])
