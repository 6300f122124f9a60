# SPDX-License-Identifier: Apache-2.0
"""CAR T population: bursts of division, budget, exhaustion, resident memory, contraction."""

from __future__ import annotations

import numpy as np

from abm.celltypes.car_t import CAR_T, MOST_DRUG_DEATH, CarTParameters, Programme, death_rates, upper_death_rate
from abm.processes.engagement import is_bound
from abm.processes.fates import Nursery, due_rows, waiting_ticks
from abm.processes.pace import division_pace, keep_pace
from abm.processes.relaxation import read
from abm.state.columns import NEVER, NOWHERE, Array
from abm.state.ledger import Entry
from abm.state.places import MARROW
from abm.state.state import State
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR

DRAW_FATE, DRAW_WAIT, DRAW_FIRST_WAIT = 10, 11, 12
DRAW_MOTHER, DRAW_DAUGHTER, DRAW_RESIDENT = 13, 14, 10


class CarTPopulation:
    """Births and deaths of CAR T cells in every place.

    Parameters
    ----------
    products : list of CarTParameters
        Products in the order of the column ``product``, which counts from 1.
    il15_sensitivity : float
        Exponent with which relative IL-15 shortens the cycle.
    retry : float
        Time after which a division that found no room is tried again [h]; one that fell into a synapse
        is tried when that ends.
    period : int
        Ticks of one run.
    """

    name = "car_t_population"

    def __init__(
        self, products: list[CarTParameters], *, il15_sensitivity: float, retry: float, period: int
    ) -> None:
        self.period = period
        self.il15_sensitivity = il15_sensitivity
        self.retry = max(round(retry * TICKS_PER_HOUR), 1)
        none = [0.0] * len(Programme)
        self.death = np.array([none] + [death_rates(item) for item in products])
        self.upper = upper_death_rate(products)
        self.cycle = np.array([[0.0, 0.0]] + [[item.cycle, item.cycle * item.cd4_cycle_ratio] for item in products])
        self.go_on = np.array([0.0] + [1.0 - 1.0 / item.burst_divisions for item in products])
        self.resident = np.array([0.0] + [item.resolved("resident_fraction") for item in products])
        self.emitted_budget = np.array([0.0] + [item.resident_budget for item in products])
        self.nursery = Nursery()

    def first_due(self, state: State, uids: Array) -> Array:
        """Return the ticks of the first candidate deaths of new cells."""
        return waiting_ticks(state, uids, self.upper, DRAW_FIRST_WAIT)

    def start(self, state: State) -> None:
        """Draw when the first fates are due."""
        keep_pace(state, self.il15_sensitivity)
        self.reschedule(state)

    def reschedule(self, state: State) -> None:
        """Draw anew when fates are due, at the rates that hold from now on."""
        table = state.motile
        rows = np.flatnonzero(table.array("kind") == CAR_T.code)
        table.array("due")[rows] = self.first_due(state, table.array("uid")[rows])

    def run(self, state: State) -> None:
        """Let due cells die, then let others divide, at the pace of the moment."""
        keep_pace(state, self.il15_sensitivity)
        self._die(state)
        self._divide(state)

    def _die(self, state: State) -> None:
        table = state.motile
        rows = due_rows(table, (CAR_T.code,), state.tick)
        if len(rows) == 0:
            return
        bound = is_bound(state, rows)
        # At the end of the synapse, not a fixed time later: light agents are seldom bound, and would else be served sooner.
        table.array("due")[rows[bound]] = table.array("kill_at")[rows[bound]]
        rows = rows[~bound]
        uids, products, states = (table.array(name)[rows] for name in ("uid", "product", "state"))
        extra = min(read(state, "effect_car_t_death", 0.0), MOST_DRUG_DEATH)
        dies = state.draws.uniform(Stream.FATE, state.tick, uids, DRAW_FATE) * self.upper < self.death[products, states] + extra
        table.array("due")[rows] = waiting_ticks(state, uids, self.upper, DRAW_WAIT, table.array("due")[rows])
        state.remove("motile", rows[dies], Entry.DIED)

    def _divide(self, state: State) -> None:
        table = state.motile
        rows = due_rows(table, (CAR_T.code,), state.tick, "divide_at")
        if len(rows) == 0:
            return
        bound = is_bound(state, rows)
        table.array("divide_at")[rows[bound]] = table.array("kill_at")[rows[bound]]
        rows = rows[~bound]
        compartments = table.array("compartment")[rows]
        for place in state.places.values():
            here = rows[compartments == place.code]
            if len(here):
                mothers, daughters = self.nursery.divide(state, "motile", here, place, crowded=False)
                table.array("divide_at")[here[~np.isin(here, mothers)]] = state.tick + self.retry
                if len(mothers):
                    self._after_division(state, mothers, daughters)

    def _after_division(self, state: State, mothers: Array, daughters: Array) -> None:
        table = state.motile
        table.array("free_at")[daughters] = state.tick
        table.array("kill_at")[daughters] = NEVER
        table.array("contact_site")[daughters] = NOWHERE
        table.array("partner")[daughters] = -1
        table.array("engaged")[daughters] = 0
        uids = table.array("uid")[daughters]
        table.array("due")[daughters] = self.first_due(state, uids)
        for both in (mothers, daughters):
            table.array("infusion")[both] = 0  # what has divided is lost no more as infused cells are
        resident = table.array("state")[mothers] == Programme.RESIDENT
        self._emit(state, mothers[resident], daughters[resident])
        # Draws of both halves are keyed by the daughter's uid: the mother's serves many divisions.
        self._go_on(state, mothers[~resident], uids[~resident], DRAW_MOTHER)
        self._go_on(state, daughters[~resident], uids[~resident], DRAW_DAUGHTER)

    def _emit(self, state: State, mothers: Array, daughters: Array) -> None:
        """Keep resident mothers as they are; their daughters are effectors with a small budget of their own."""
        table = state.motile
        table.array("divide_at")[mothers] = NEVER
        table.array("divisions")[mothers] = table.array("divisions")[mothers] - 1
        table.array("divide_at")[daughters] = NEVER
        table.array("state")[daughters] = Programme.EFFECTOR
        budget = table.array("divisions")[daughters] + self.emitted_budget[table.array("product")[daughters]]
        table.array("budget")[daughters] = np.minimum(np.round(budget), 255).astype(np.uint8)

    def _go_on(self, state: State, rows: Array, keys: Array, draw: int) -> None:
        """Each half divides again, or becomes an effector, resident memory or exhausted."""
        table = state.motile
        products, divisions, budgets, subsets, places = (
            table.array(name)[rows] for name in ("product", "divisions", "budget", "subset", "compartment")
        )
        again = state.draws.uniform(Stream.FATE, state.tick, keys, draw) < self.go_on[products]
        stays = state.draws.uniform(Stream.FATE, state.tick, keys, draw + DRAW_RESIDENT) < self.resident[products]
        stays &= places == MARROW
        spent = divisions >= budgets
        programme = np.where(again, Programme.ACTIVATED, np.where(stays, Programme.RESIDENT, Programme.EFFECTOR))
        table.array("state")[rows] = np.where(spent, Programme.EXHAUSTED, programme)
        hours = self.cycle[products, (subsets == 4).astype(int)] / division_pace(state)
        # From when the last division fell due, not from when it was served: else each cycle is up to a period too long.
        since = table.array("divide_at")[rows].astype(np.int64)
        after = since + np.maximum(np.round(np.minimum(hours, 1e5) * TICKS_PER_HOUR), 1).astype(np.int64)
        table.array("divide_at")[rows] = np.where(again & ~spent, np.minimum(after, NEVER - 1), NEVER)
