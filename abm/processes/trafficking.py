# SPDX-License-Identifier: Apache-2.0
"""Trafficking: cells between marrow and blood, and from blood into the CSF."""

from __future__ import annotations

import math

import numpy as np

from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST
from abm.celltypes.car_t import CAR_T, Programme
from abm.celltypes.host_t import HOST_T
from abm.processes.body import BodyParameters
from abm.processes.placement import distinct
from abm.state.columns import Array
from abm.state.kinds import KIND_BITS, SOLID, VOID
from abm.state.lattice import Lattice
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.state.state import State
from abm.state.weights import arrive, cut, take_share
from abm.state.weights_room import is_free
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE, Parameters, quantity

DRAW_MOVES, DRAW_GUEST, DRAW_ENTRY, DRAW_FLUID = 0, 1, 2, 3
DRAW_TURN = 10
DRAW_SITES = {CAR_T.code: 4, HOST_T.code: 6, BLAST.code: 8}
"""Draw numbers; those of sites stand for two each."""
WORST_GRADE = 4
LEUKAEMIC = (BLAST.code, CD19_NEGATIVE_BLAST.code)


class TraffickingParameters(Parameters):
    """Exchange of cells between marrow, blood and CSF."""

    marrow_share: float = quantity(
        25, "%", bounds=(0, 99), plausible=(5, 40), about="resting T cells that are in marrow at equilibrium",
        source="assumption: memory T cells home to marrow (Mazo 2005); as the normal numbers of both places",
    )  # fmt: skip
    exit: float = quantity(
        0.6, "1/d", bounds=(0, 100), plausible=(0.3, 3), about="rate at which resting CAR T cells leave the marrow",
        source="assumption, from the fit of a well-mixed surrogate to Lee 2014",
    )  # fmt: skip
    retention: float = quantity(
        0.03, "1", bounds=(0, 1), plausible=(0.01, 0.3), about="exit rate of a CAR T cell in its programme, relative to a resting one",
        source="assumption: without retention the surrogate did not expand in marrow as in Lee 2014",
    )  # fmt: skip
    retention_time: float = quantity(
        24, "h", bounds=(0, 720), plausible=(12, 72), about="time since its last contact for which an effector is retained",
        source="assumption: retention ends when antigen is gone",
    )  # fmt: skip
    host_t_exit: float = quantity(
        0.3, "1/d", bounds=(0, 100), plausible=(0.1, 1), about="rate at which host T cells leave the marrow",
        source="assumption: slower than CAR T cells, lower end of 0.3-3/d",
    )  # fmt: skip
    blast_share: float = quantity(
        3, "%", bounds=(0, 100), plausible=(0, 30), about="blasts in the periphery at equilibrium, relative to those in marrow",
        source="assumption: a small share circulates; varies widely between patients",
    )  # fmt: skip
    blast_homing: float = quantity(
        0.5, "1/d", bounds=(0, 100), plausible=(0.1, 2), about="rate at which blasts return to the marrow",
        source="assumption; their exit is this rate times the share above",
    )  # fmt: skip
    car_t_csf_entry: float = quantity(
        1e-4, "1/d", bounds=(0, 1), plausible=(3e-5, 3e-4),
        about="rate at which CAR T cells in blood enter the CSF, with an intact barrier",
        source="assumption: order of magnitude from CSF and blood counts",
    )  # fmt: skip
    blast_csf_entry: float = quantity(
        1e-7, "1/d", bounds=(0, 1), plausible=(0, 1e-5), about="rate at which blasts in blood enter the CSF, with an intact barrier",
        source="assumption: rare seeding of a sanctuary",
    )  # fmt: skip
    barrier_at_grade_4: float = quantity(
        5, "1", bounds=(1, 1000), plausible=(1, 10), about="entry into the CSF at CRS grade 4, relative to an intact barrier",
        source="Santomasso 2018 (barrier disruption grades with neurotoxicity, without correlation with CSF CAR T cells)",
    )  # fmt: skip


class Trafficking:
    """Whole agents between marrow and periphery, body cells from the blood into the CSF.

    Resting CAR T cells leave the marrow at ``exit``. A cell in its programme is retained: one in state
    activated, and an effector until ``retention_time`` after its last contact (``free_at``, when its
    last contact let it go). Resident memory does not leave.

    Parameters
    ----------
    parameters : TraffickingParameters
        Rates.
    body : BodyParameters
        Share of the periphery that is blood.
    host_t_marrow_share : float
        Host T cells that are in marrow at equilibrium.
    period : int
        Ticks of one run.
    slow_period : int
        Ticks between the exchanges of host T cells and blasts, which are many and slow; a multiple.
    """

    name = "trafficking"

    def __init__(
        self,
        parameters: TraffickingParameters,
        body: BodyParameters,
        *,
        host_t_marrow_share: float,
        period: int = 10 * TICKS_PER_MINUTE,
        slow_period: int = TICKS_PER_HOUR,
    ) -> None:
        self.period = period
        self.slow_period = slow_period
        self.parameters = parameters
        self.host_t_marrow_share = host_t_marrow_share
        self.retention_ticks = round(parameters.retention_time * TICKS_PER_HOUR)
        self.car_t_into_csf = parameters.car_t_csf_entry * body.blood_share
        self.blasts_into_csf = parameters.blast_csf_entry * body.blood_share

    def run(self, state: State) -> None:
        """Move the cells."""
        barrier = self._barrier(state)
        if PERIPHERY not in state.places:
            return
        lattice = state.places[MARROW].lattice
        slow = state.tick % self.slow_period == 0
        if lattice is not None:
            self._move_car_t(state, lattice)
            if slow:
                self._move_host_t(state, lattice)
                self._move_blasts(state, lattice)
        if CSF in state.places:
            self._enter_csf(state, "motile", (CAR_T.code,), self.car_t_into_csf * barrier, self.period)
            if slow:
                self._enter_csf(state, "sessile", LEUKAEMIC, self.blasts_into_csf * barrier, self.slow_period)

    def _barrier(self, state: State) -> float:
        """Set and return the factor on entry into the CSF: it rises in a straight line with the CRS grade."""
        grade = float(state.body["crs_grade"][0]) if "crs_grade" in state.body else 0.0
        barrier = 1.0 + (self.parameters.barrier_at_grade_4 - 1.0) * grade / WORST_GRADE
        state.body["barrier"] = np.array([barrier])
        return barrier

    def _move_car_t(self, state: State, lattice: Lattice) -> None:
        table = state.motile
        rows = _free_cells(state, "motile", (CAR_T.code,))
        programme, free_at = table.array("state")[rows], table.array("free_at")[rows]
        recent = free_at > state.tick - self.retention_ticks
        retained = (programme == Programme.ACTIVATED) | ((programme == Programme.EFFECTOR) & recent)
        factor = np.where(retained, self.parameters.retention, 1.0)
        factor[programme == Programme.RESIDENT] = 0.0
        entry = _balanced(self.parameters.exit, self.parameters.marrow_share)
        self._exchange(state, lattice, "motile", rows, self.parameters.exit * factor, entry, CAR_T.code)

    def _move_host_t(self, state: State, lattice: Lattice) -> None:
        rows = _free_cells(state, "motile", (HOST_T.code,))
        rates = np.full(len(rows), self.parameters.host_t_exit)
        entry = _balanced(self.parameters.host_t_exit, self.host_t_marrow_share)
        self._exchange(state, lattice, "motile", rows, rates, entry, HOST_T.code)

    def _move_blasts(self, state: State, lattice: Lattice) -> None:
        rows = _free_cells(state, "sessile", LEUKAEMIC)
        rates = np.full(len(rows), self.parameters.blast_homing * self.parameters.blast_share)
        self._exchange(state, lattice, "sessile", rows, rates, self.parameters.blast_homing, BLAST.code)

    def _exchange(self, state: State, lattice: Lattice, name: str, rows: Array, leave: Array, enter: float, kind: int) -> None:
        """Let each cell leave the marrow or enter it, at its rate [1/h]."""
        table = state.tables[name]
        places, uids = table.array("compartment")[rows], table.array("uid")[rows]
        hours = (self.period if kind == CAR_T.code else self.slow_period) / TICKS_PER_HOUR
        chance = np.where(places == MARROW, -np.expm1(-leave * hours), -math.expm1(-enter * hours))
        moves = state.draws.uniform(Stream.TRAFFIC, state.tick, uids, DRAW_MOVES) < chance
        leaving, entering = rows[moves & (places == MARROW)], rows[moves & (places == PERIPHERY)]
        if len(leaving):
            arrive(state, name, leaving, PERIPHERY)
        if len(entering):
            entering = entering[np.argsort(table.array("uid")[entering], kind="stable")]
            self._home(state, lattice, name, entering, DRAW_SITES[kind])

    def _home(self, state: State, lattice: Lattice, name: str, rows: Array, draw: int) -> None:
        """Let cells settle at free sites by the sinusoids, in random order; those who find none stay in blood."""
        doors = lattice.sinusoid if len(lattice.sinusoid) else np.flatnonzero(lattice.kinds() != SOLID)
        free = doors[(lattice.site_code[doors] & KIND_BITS) == VOID]
        table = state.tables[name]
        whole = table.array("weight")[rows] == state.places[MARROW].scale
        queue = rows[whole]
        turn = state.draws.word(Stream.TRAFFIC, state.tick, table.array("uid")[queue], DRAW_TURN, 0)
        full = queue[np.argsort(turn, kind="stable")][: len(free)]
        chosen = distinct(state, Stream.TRAFFIC, draw, len(free), len(full))
        arrive(state, name, full, MARROW, free[chosen])
        guests = rows[~whole]
        left = np.delete(free, chosen)
        if len(guests) and len(left):
            uids = table.array("uid")[guests]
            sites = left[state.draws.integers(len(left), Stream.TRAFFIC, state.tick, uids, DRAW_GUEST)]
            arrive(state, name, guests, MARROW, sites)

    def _enter_csf(self, state: State, name: str, kinds: tuple[int, ...], rate: float, ticks: int) -> None:
        """Take a binomial share of every agent in the periphery at a rate [1/h], and put it into the fluid."""
        table = state.tables[name]
        rows = _free_cells(state, name, kinds)
        rows = rows[table.array("compartment")[rows] == PERIPHERY]
        chance = -math.expm1(-rate * ticks / TICKS_PER_HOUR)
        uids, loads = table.array("uid")[rows], table.array("weight")[rows]
        counts = state.draws.binomial(loads, chance, Stream.CROSSING, state.tick, uids, DRAW_ENTRY)
        crossing = counts > 0
        if not crossing.any():
            return
        place = state.places[CSF]
        assert place.lattice is not None
        shares = take_share(state, name, rows[crossing], counts[crossing])
        pieces, _ = cut(state, name, shares, place.scale)
        fluid = np.flatnonzero(~place.lattice.adherent)
        uids = table.array("uid")[pieces]
        sites = fluid[state.draws.integers(len(fluid), Stream.CROSSING, state.tick, uids, DRAW_FLUID)]
        arrive(state, name, pieces, CSF, sites)


def _free_cells(state: State, name: str, kinds: tuple[int, ...]) -> Array:
    """Return the rows of cells of some kinds that no synapse holds."""
    here = state.tables[name].array("kind")
    chosen = here == kinds[0]
    for kind in kinds[1:]:
        chosen |= here == kind
    rows = np.flatnonzero(chosen)
    return rows[is_free(state, name, rows)]


def _balanced(leave: float, share: float) -> float:
    """Return the entry rate at which a share of the cells is in marrow, given the exit rate."""
    return leave * share / (1.0 - share) if share < 1 else math.inf
