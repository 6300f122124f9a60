# SPDX-License-Identifier: Apache-2.0
"""Infusion of CAR T cells, whole or split over days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from abm.celltypes.car_t import CAR_T, CarTParameters, upper_death_rate
from abm.celltypes.seeding import FOR_LIFE, draw_product, piece_weights, ticks_after
from abm.errors import InputError, spelled
from abm.state.columns import Array
from abm.state.ledger import Entry
from abm.state.places import PERIPHERY
from abm.state.state import State
from abm.streams import Stream
from abm.treatments.thinning import thin
from abm.treatments.treatment import Treatment, draw_number, drug_key
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE, located, quantity

ACT_TICKS = 10 * TICKS_PER_MINUTE
DRAW_DUE = 3
"""Draw number in the stream of products, beside those of :func:`draw_product`."""
DRAW_LOSS = 8
MOST_SHARES = 255
"""Shares that the column ``infusion`` can tell apart."""


def record_products(state: State, products: Sequence[CarTParameters]) -> None:
    """Write into ``state.body`` what an infusion must know of the products; once, at the start of a run.

    Parameters
    ----------
    state : State
        The state.
    products : sequence of CarTParameters
        In the order of the column ``product``, which counts from 1.
    """
    state.body["product_memory"] = np.array([item.memory_fraction for item in products], np.float64)
    state.body["product_cd4"] = np.array([item.cd4_fraction for item in products], np.float64)
    state.body["product_budget"] = np.array([item.division_budget for item in products], np.float64)
    # One upper rate for all products: that at which candidate deaths are drawn and thinned.
    state.body["product_death"] = np.full(len(products), upper_death_rate(products))


class CarTInfusion(Treatment):
    """CAR T cells into the blood.

    Most infused cells are lost in lung and liver within two days. A split dose is given as shares on
    days counted from ``day`` plus ``delay``.

    Notes
    -----
    Each share of each infusion is lost by its own clock, at a constant rate from when it was given: its
    cells bear a number in the column ``infusion`` until they divide or that time is over. A cell in a
    synapse is spared while that lasts.
    """

    type: Literal["car_t_infusion"] = "car_t_infusion"
    dose: float = quantity(
        1e6, "cells/kg", bounds=(0, 1e10), plausible=(3e5, 1.2e7), about="CAR+ cells of the whole dose",
        source="Lee 2014 (1e6 and 3e6 per kg); Grupp 2013 (1.4e6 and 1.2e7 per kg)",
    )  # fmt: skip
    product: int = Field(1, ge=1, le=255, description="number of the product in the scenario's list, from 1")
    viability: float = quantity(
        1, "1", bounds=(0, 1), plausible=(0.5, 1), about="viable cells among those given",
        source="assumption: doses count viable cells",
    )  # fmt: skip
    shares: tuple[float, ...] = quantity(
        (1,), "1", bounds=(0, 1), about="parts of a split dose; they add up to 1",
        source="scenario",
    )  # fmt: skip
    share_days: tuple[float, ...] = quantity(
        (0,), "d", bounds=(0, 365), about="day of each part, from that of the first",
        source="scenario; Grupp 2013 patient 1 (three consecutive days)",
    )  # fmt: skip
    delay: float = quantity(
        0, "d", bounds=(0, 365), plausible=(0, 7), about="delay of the infusion",
        source="Lee 2014 (up to 7 d allowed; patient 8: 5 d)",
    )  # fmt: skip
    early_loss: float = quantity(
        0.9, "1", bounds=(0, 0.9999), plausible=(0.5, 0.99), about="infused cells lost in the first days, divided ones apart",
        source="Ganusov 2014 (most blood lymphocytes are in lung and liver capillaries, rat); Cazaux 2019",
    )  # fmt: skip
    early_loss_time: float = quantity(
        2, "d", bounds=(0.01, 30), plausible=(1, 3), about="time over which they are lost",
        source="assumption, with the early loss",
    )  # fmt: skip

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if not self.shares:
            raise located([(("shares",), "must list at least one part, such as [1] for an undivided dose")])
        if len(self.shares) != len(self.share_days):
            raise ValueError(f"shares ({len(self.shares)}) and share_days ({len(self.share_days)}) must be equally many")
        if abs(math.fsum(self.shares) - 1.0) > 1e-6:
            raise ValueError(f"shares must add up to 1, got {spelled(math.fsum(self.shares))}")
        return self

    def begin(self, state: State, index: int) -> None:
        """Check that there is a body and such a product; each share is an event of its own.

        Raises
        ------
        InputError
            There is no body to infuse into, or no such product.
        """
        if PERIPHERY not in state.places:
            raise InputError(f"treatments[{index}]: an infusion needs a body; a closed block has none")
        known = len(state.body.get("product_budget", ()))
        if self.product > known:
            raise InputError(f"treatments[{index}].product: must be at most {known} (products of the run), got {self.product}")

    def act(self, state: State, index: int, since: int) -> None:
        """Give the shares that are due, then let infused cells be lost."""
        for share, day in enumerate(self.share_days):
            # A share counts from the ten minutes in which it is given.
            age = since - math.ceil(round((day + self.delay) * TICKS_PER_HOUR) / ACT_TICKS) * ACT_TICKS
            if 0 <= age < ACT_TICKS:
                self._give(state, index, share)
            if age >= 0:
                self._lose(state, index, share, age)

    def days_given(self) -> list[float]:
        """Return the day of each share [h]."""
        return [] if self.day is None else [self.day + self.delay + day for day in self.share_days]

    def _lose(self, state: State, index: int, share: int, age: int) -> None:
        """Let cells of a share that was given some ticks ago be lost for ten minutes, if they have not divided."""
        last = round(self.early_loss_time * TICKS_PER_HOUR)
        left = last - age
        if left <= -ACT_TICKS:
            return
        number = state.body[drug_key(index, "numbers")][share]
        kinds, infusions = state.motile.arrays("kind", "infusion")
        rows = np.flatnonzero((infusions == number) & (kinds == CAR_T.code))
        if left <= 0:
            infusions[rows] = 0
            return
        survival = (1.0 - self.early_loss) ** (min(ACT_TICKS, left) / last)
        thin(state, "motile", rows, survival, Entry.DIED, draw_number(index, DRAW_LOSS), whole=False)

    def _number(self, state: State, index: int, share: int) -> int:
        """Return the number by which the cells of a share are known, counted over all infusions of the run."""
        before = state.body.get("shares_given", np.zeros(1))
        state.body["shares_given"] = before + 1
        numbers = state.body.setdefault(drug_key(index, "numbers"), np.zeros(len(self.shares)))
        numbers[share] = before[0] + 1
        return int(numbers[share])

    def _give(self, state: State, index: int, share: int) -> Array:
        """Put one share into the periphery; return the rows of its agents."""
        weight = float(state.body["weight_kg"][0])
        count = round(self.dose * self.viability * self.shares[share] * weight)
        weights = piece_weights(count, state.places[PERIPHERY].scale)
        rows = state.add_cells(
            CAR_T.code, PERIPHERY, Entry.INFUSED, len(weights),
            weight=weights, product=self.product, infusion=self._number(state, index, share), free_at=state.tick,
        )  # fmt: skip
        table, draws = state.motile, state.draws
        uids = table.array("uid")[rows]
        memory, cd4, budget, death = (
            float(state.body[f"product_{name}"][self.product - 1]) for name in ("memory", "cd4", "budget", "death")
        )
        for name, values in draw_product(draws, uids, memory=memory, cd4=cd4, budget=budget).items():
            table.array(name)[rows] = values
        if death > 0:
            waits = draws.exponential(Stream.PRODUCT, FOR_LIFE, uids, DRAW_DUE)
            table.array("due")[rows] = ticks_after(state.tick + 1, waits, 1.0 / death)
        details = {
            "treatment": self.label, "index": index, "product": self.product, "cells": count,
            "cells_per_kg": count / weight, "agents": len(rows),
        }  # fmt: skip
        state.events.append((state.tick, "infusion", details))
        return rows
