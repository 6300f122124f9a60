# SPDX-License-Identifier: Apache-2.0
"""A process that the package does not know: a class with a name, a period and ``run``, put into the schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm.celltypes import BLAST
from abm.model import TherapyModel
from abm.scenario import Scenario
from abm.schedule import Schedule
from abm.state.columns import LOCKED
from abm.state.ledger import Entry
from abm.state.state import State
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR, Parameters, quantity
from tests.contract.shuffling import shuffle, state_digest


class RadiationParameters(Parameters):
    """Total body irradiation."""

    survival: float = quantity(0.5, "1", bounds=(0, 1), about="blasts that survive a fraction", source="assumption: test")


class Radiation:
    """Kills a share of the blasts every six hours."""

    name = "radiation"
    period = 6 * TICKS_PER_HOUR

    def __init__(self, parameters: RadiationParameters) -> None:
        self.parameters = parameters

    def start(self, state: State) -> None:
        state.body["fractions"] = np.zeros(1)

    def run(self, state: State) -> None:
        kinds, uids, flags = state.sessile.arrays("kind", "uid", "flags")
        rows = np.flatnonzero((kinds == BLAST.code) & ((flags & LOCKED) == 0))
        dies = state.draws.uniform(Stream.TREATMENT, state.tick, uids[rows], 999) >= self.parameters.survival
        state.remove("sessile", rows[dies], Entry.DRUG_KILLED)
        state.body["fractions"] += 1


def irradiated(**options: Any) -> TherapyModel:
    still = {"marrow_fraction": "50 %", "net_growth": 0, "death": 0}
    scenario = Scenario(name="x", body={"weight": 20}, marrow={"shape": [12, 12, 12]}, csf=None, blasts=still)
    model = TherapyModel(scenario, threads=1, **options)
    radiation = Radiation(RadiationParameters(survival=0.5))
    model.schedule = Schedule([radiation, *model.schedule.processes], check=model.schedule.check)
    radiation.start(model.state)
    return model


def test_it_runs_at_its_period_and_keeps_the_books() -> None:
    model = irradiated(check=True)
    before = model.observe("blasts_total")
    model.run(until_days=0.75)
    assert model.state.body["fractions"][0] == 3
    killed = model.state.ledger.total(Entry.DRUG_KILLED, BLAST.code)
    assert model.observe("blasts_total") == before - killed
    assert model.observe("blasts_total") == pytest.approx(before / 8, rel=0.35)


def test_it_depends_neither_on_the_order_of_rows_nor_on_pieces() -> None:
    plain, shuffled = irradiated(), irradiated()
    plain.run(until_days=0.5)
    for hours in (3, 6, 12):
        shuffled.run(until_days=hours / 24)
        shuffle(shuffled.state, hours)
    assert state_digest(plain.state) == state_digest(shuffled.state)
