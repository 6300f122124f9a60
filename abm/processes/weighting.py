# SPDX-License-Identifier: Apache-2.0
"""Weighting: rare classes of agents are split, abundant ones merged, and grown guests take room."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from abm.errors import spelled
from abm.state.state import State
from abm.state.weights import index_guests
from abm.state.weights_classes import rebalance
from abm.state.weights_room import promote
from abm.units import TICKS_PER_MINUTE, Parameters

LEAST_RATIO = 4
"""Smallest ratio of the bounds: below it classes are split and merged by turns (flicker)."""


class WeightingParameters(Parameters):
    """Bounds of the number of agents of a class (lineage, clone, compartment)."""

    lower: int = Field(
        default=100,
        ge=1,
        le=2_000,
        description="agents of a class below which each is split",
        json_schema_extra={
            "plausible": [50, 400],
            "source": "assumption: chance moves a class of n agents by about n^-1/2 of itself",
        },
    )
    upper: int = Field(
        default=400,
        ge=4,
        le=20_000,
        description="agents of a class above which guests are merged in pairs; at least four times `lower`",
        json_schema_extra={
            "plausible": [200, 1600],
            "source": "assumption: four times the lower bound, below which splits and merges were seen to flicker",
        },
    )

    @model_validator(mode="after")
    def _keep_bounds_apart(self) -> Self:
        if self.upper < LEAST_RATIO * self.lower:
            raise ValueError(
                f"upper: must be at least {LEAST_RATIO} times lower ({spelled(LEAST_RATIO * self.lower)}), "
                f"or splits and merges flicker, got {spelled(self.upper)}"
            )
        return self


class Weighting:
    """Keeps the number of agents of each class between bounds, as far as their cells can be divided.

    Parameters
    ----------
    parameters : WeightingParameters
        The bounds.
    period : int
        Ticks between two runs; each splits or merges an agent at most once.
    """

    name = "weighting"

    def __init__(self, parameters: WeightingParameters, *, period: int = 10 * TICKS_PER_MINUTE) -> None:
        self.parameters = parameters
        self.period = period

    def run(self, state: State) -> None:
        """Split, merge, let guests of full weight take voids, and renew the lists of guests."""
        for table_name in state.tables:
            rebalance(state, table_name, self.parameters.lower, self.parameters.upper)
        promote(state)
        for place in state.places.values():
            index_guests(state, place)
