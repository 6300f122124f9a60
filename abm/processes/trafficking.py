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
from abm.units import TICKS_PER_HOUR, Parameters, quantity

DRAW_GUEST, DRAW_ENTRY, DRAW_FLUID, DRAW_TURN = 1, 2, 3, 10
DRAW_SITES = {CAR_T.code: 4, HOST_T.code: 6, BLAST.code: 8}
DRAW_LEAVE = {CAR_T.code: 11, HOST_T.code: 12, BLAST.code: 13}
DRAW_LEAVE_RETAINED = 14
DRAW_ENTER = {CAR_T.code: 15, HOST_T.code: 16, BLAST.code: 17}
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
        Ticks of one run. No rate exceeds some per cent an hour, and to look at every agent costs as much as
        moving it: an hour is fine enough.
    """

    name = "trafficking"

    def __init__(
        self,
        parameters: TraffickingParameters,
        body: BodyParameters,
        *,
        host_t_marrow_share: float,
        period: int = TICKS_PER_HOUR,
    ) -> None:
        self.period = period
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
        if lattice is not None:
            self._move_car_t(state, lattice)
            self._move_host_t(state, lattice)
            self._move_blasts(state, lattice)
        if CSF in state.places:
            self._enter_csf(state, "motile", (CAR_T.code,), self.car_t_into_csf * barrier)
            self._enter_csf(state, "sessile", LEUKAEMIC, self.blasts_into_csf * barrier)

    def _barrier(self, state: State) -> float:
        """Set and return the factor on entry into the CSF: it rises in a straight line with the CRS grade."""
        grade = float(state.body["crs_grade"][0]) if "crs_grade" in state.body else 0.0
        barrier = 1.0 + (self.parameters.barrier_at_grade_4 - 1.0) * grade / WORST_GRADE
        state.body["barrier"] = np.array([barrier])
        return barrier

    def _move_car_t(self, state: State, lattice: Lattice) -> None:
        table = state.motile
        rows = _cells(state, "motile", (CAR_T.code,))
        programme, free_at, places = (table.array(name)[rows] for name in ("state", "free_at", "compartment"))
        recent = free_at > state.tick - self.retention_ticks
        retained = (programme == Programme.ACTIVATED) | ((programme == Programme.EFFECTOR) & recent)
        here = (places == MARROW) & (programme != Programme.RESIDENT)
        rate = self.parameters.exit
        self._leave(state, "motile", rows[here & ~retained], rate, DRAW_LEAVE[CAR_T.code])
        self._leave(state, "motile", rows[here & retained], rate * self.parameters.retention, DRAW_LEAVE_RETAINED)
        self._enter(state, lattice, "motile", rows[places == PERIPHERY], _balanced(rate, self.parameters.marrow_share), CAR_T.code)

    def _move_host_t(self, state: State, lattice: Lattice) -> None:
        rate = self.parameters.host_t_exit
        self._exchange(state, lattice, "motile", (HOST_T.code,), rate, _balanced(rate, self.host_t_marrow_share))

    def _move_blasts(self, state: State, lattice: Lattice) -> None:
        rate = self.parameters.blast_homing
        self._exchange(state, lattice, "sessile", LEUKAEMIC, rate * self.parameters.blast_share, rate)

    def _exchange(self, state: State, lattice: Lattice, name: str, kinds: tuple[int, ...], leave: float, enter: float) -> None:
        """Let each cell leave the marrow or enter it, at the same rate [1/h] for all."""
        rows = _cells(state, name, kinds)
        places = state.tables[name].array("compartment")[rows]
        self._leave(state, name, rows[places == MARROW], leave, DRAW_LEAVE[kinds[0]])
        self._enter(state, lattice, name, rows[places == PERIPHERY], enter, kinds[0])

    def _leave(self, state: State, name: str, rows: Array, rate: float, draw: int) -> None:
        leaving = self._moved(state, name, rows, rate, draw)
        if len(leaving):
            arrive(state, name, leaving, PERIPHERY)

    def _enter(self, state: State, lattice: Lattice, name: str, rows: Array, rate: float, kind: int) -> None:
        entering = self._moved(state, name, rows, rate, DRAW_ENTER[kind])
        if len(entering):
            self._home(state, lattice, name, entering, DRAW_SITES[kind])

    def _moved(self, state: State, name: str, rows: Array, rate: float, draw: int) -> Array:
        """Return those that move at a rate [1/h] and that no synapse holds; ``rows`` are in the order of uid."""
        chance = -math.expm1(-rate * self.period / TICKS_PER_HOUR)
        rows = rows[state.draws.successes(len(rows), chance, Stream.TRAFFIC, state.tick, draw)]
        return rows[is_free(state, name, rows)]

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

    def _enter_csf(self, state: State, name: str, kinds: tuple[int, ...], rate: float) -> None:
        """Take a binomial share of every agent in the periphery at a rate [1/h], and put it into the fluid."""
        table = state.tables[name]
        rows = _cells(state, name, kinds)
        rows = rows[table.array("compartment")[rows] == PERIPHERY]
        rows = rows[is_free(state, name, rows)]
        chance = -math.expm1(-rate * self.period / TICKS_PER_HOUR)
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


def _cells(state: State, name: str, kinds: tuple[int, ...]) -> Array:
    """Return the rows of cells of some kinds, in the order of uid."""
    table = state.tables[name]
    here = table.array("kind")
    chosen = here == kinds[0]
    for kind in kinds[1:]:
        chosen |= here == kind
    return table.by_uid(np.flatnonzero(chosen))


def _balanced(leave: float, share: float) -> float:
    """Return the entry rate at which a share of the cells is in marrow, given the exit rate."""
    return leave * share / (1.0 - share) if share < 1 else math.inf
