# SPDX-License-Identifier: Apache-2.0
"""The same body in blocks of different scale: weighted agents behave as the body cells they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from abm.celltypes.blast import BlastParameters
from abm.celltypes.car_t import CarTParameters
from abm.state.columns import Array
from tests.verification.blocks import Block, Course, simulate

pytestmark = pytest.mark.verify

SEEDS = range(1, 25)
"""Seeds of every comparison but that of the rare clone."""
EDGES = {1: 36, 8: 18, 27: 12, 64: 9}
"""Sites to a side by S: 40832 body cells in 46656 body sites."""
DAYS = 6.0
PRODUCT = CarTParameters(memory_fraction=0.0, cd4_fraction=0.0)
"""CD8 effectors: subsets of different cycles would double the variance between founders."""
WALKING = Block(EDGES[1], 1, mixed=False, founders=48, product=PRODUCT)
MIXED = replace(WALKING, mixed=True)

FEW = 8
CLONE_DAYS = 5.0
CLONE_SEEDS = range(1, 201)
CLONE = Block(
    12, 1, mixed=True, rare=FEW, blast_share=0.0, voids=0.25,
    blasts=BlastParameters(net_growth=0.2 / 24, death=0.5 / 24),
)  # fmt: skip

Measure = Callable[[Course], float]


@lru_cache
def courses(block: Block, days: float = DAYS) -> tuple[Course, ...]:
    """Return the course of a block with each seed; runs are shared by the tests."""
    return tuple(simulate(block, seed, days) for seed in SEEDS)


def sample(block: Block, measure: Measure, days: float = DAYS) -> Array:
    return np.array([measure(course) for course in courses(block, days)], float)


def standard_error(values: Array) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def relative(ours: Array, theirs: Array) -> tuple[float, float]:
    """Return by how much the mean of ours exceeds that of theirs, relative to it, with the standard error."""
    ratio = float(ours.mean() / theirs.mean())
    return ratio - 1, ratio * float(np.hypot(standard_error(ours) / ours.mean(), standard_error(theirs) / theirs.mean()))


def absolute(ours: Array, theirs: Array) -> tuple[float, float]:
    """Return by how much the mean of ours exceeds that of theirs, with the standard error."""
    return float(ours.mean() - theirs.mean()), float(np.hypot(standard_error(ours), standard_error(theirs)))


def car_t_on(day: float) -> Measure:
    return lambda course: course.at("car_t", day)


def cleared(share: float) -> Measure:
    return lambda course: course.clearance(share)
