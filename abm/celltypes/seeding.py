# SPDX-License-Identifier: Apache-2.0
"""What all cell types share when their cells are made: weights, antigens, times of the next fate."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from abm.celltypes.car_t import Programme
from abm.state.columns import NEVER, Array
from abm.streams import Draws, Stream
from abm.units import TICKS_PER_HOUR

FEWEST_AGENTS = 128
"""A population is cut into at least so many agents, as far as it has cells: above the bound of the
weighted agents below which they would be split at once."""
DRAW_CD19, DRAW_CD22 = 0, 1
"""Draw numbers of the two antigens."""
DRAW_SUBSET, DRAW_PROGRAMME, DRAW_BUDGET = 0, 1, 2
"""Draw numbers in the stream of products."""
MOST_DIVISIONS = 255
FOR_LIFE = 0
"""Tick of the draws that a cell keeps for life."""


class PlacementDraw(IntEnum):
    """Draw numbers in the stream of placement; all are drawn at the start, for numbers of sites and pieces."""

    SITE = 0
    """What stands on a site of the marrow."""
    SITE_NEGATIVE = 1
    """Whether the blast on a site is CD19-negative."""
    NEGATIVE_CELLS = 2
    """How many CD19-negative cells a place has, by its code."""
    GUEST_SITE = 3
    """Where in the marrow a light agent stands."""
    ADHERES = 4
    """Whether a blast of the CSF sits on the meninges."""
    CSF_SITE = 5
    """In which order the sites of the CSF are filled."""


def piece_weights(total: int, scale: int, fewest: int = FEWEST_AGENTS) -> Array:
    """Cut a number of body cells into the weights of agents.

    Whole site-filling agents and one rest where they are enough of them, otherwise equal pieces.

    Parameters
    ----------
    total : int
        Body cells.
    scale : int
        Body cells per site-filling agent; no weight is above it.
    fewest : int
        Agents to make at least, if there are so many cells.

    Returns
    -------
    (n,) array of int64
        Weights; their sum is ``total`` exactly.
    """
    whole, rest = divmod(total, scale)
    if whole >= fewest:
        return np.array([scale] * whole + [rest] * (rest > 0), np.int64)
    count = min(total, fewest)
    if count == 0:
        return np.empty(0, np.int64)
    weights = np.full(count, total // count, np.int64)
    weights[: total % count] += 1
    return weights


def sample_antigens(draws: Draws, uids: Array, mean: float, log_sd: float, draw: int = DRAW_CD19) -> Array:
    """Return log-normal antigen densities, one per cell, that stay the same for the life of a uid.

    Parameters
    ----------
    draws : Draws
        The seed's draws.
    uids : (n,) array of int64
        Identities.
    mean : float
        Mean density [molecules].
    log_sd : float
        SD of the logarithm.
    draw : int
        :data:`DRAW_CD19` or :data:`DRAW_CD22`.
    """
    z = draws.normal(Stream.ANTIGEN, FOR_LIFE, uids, draw)
    return np.asarray(mean * np.exp(log_sd * z - log_sd**2 / 2), np.float32)


def draw_subsets(draws: Draws, uids: Array, cd4_fraction: float) -> Array:
    """Return 4 (CD4) or 8 (CD8) for each T cell, the same for the life of a uid."""
    is_cd4 = draws.uniform(Stream.PRODUCT, FOR_LIFE, uids, DRAW_SUBSET) < cd4_fraction
    return np.where(is_cd4, 4, 8).astype(np.uint8)


def draw_product(draws: Draws, uids: Array, *, memory: float, cd4: float, budget: float) -> dict[str, Array]:
    """Return programme, subset and division budget of the cells of a product, by column.

    Parameters
    ----------
    draws : Draws
        The seed's draws.
    uids : (n,) array of int64
        Identities.
    memory, cd4 : float
        Shares of memory cells (the rest are effectors) and of CD4 cells.
    budget : float
        Mean divisions allowed; each cell has a whole number of them.
    """
    rests = draws.uniform(Stream.PRODUCT, FOR_LIFE, uids, DRAW_PROGRAMME) < memory
    divisions = np.floor(budget + draws.uniform(Stream.PRODUCT, FOR_LIFE, uids, DRAW_BUDGET))
    return {
        "state": np.where(rests, Programme.MEMORY, Programme.EFFECTOR).astype(np.uint8),
        "subset": draw_subsets(draws, uids, cd4),
        "budget": np.minimum(divisions, MOST_DIVISIONS).astype(np.uint8),
    }


def ticks_after(start: int | Array, waits: Array, mean: float) -> Array:
    """Return the ticks that lie exponential waiting times after a start.

    Parameters
    ----------
    start : int or (n,) array
        Tick from which the wait counts.
    waits : (n,) array of float
        Exponentials of mean 1.
    mean : float
        Mean waiting time [h].
    """
    ticks = np.asarray(start, np.int64) + np.floor(waits * (mean * TICKS_PER_HOUR)).astype(np.int64)
    return np.minimum(ticks, NEVER - 1).astype(np.int32)
