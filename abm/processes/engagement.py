# SPDX-License-Identifier: Apache-2.0
"""Engagement: CAR T cells walk, touch, bind, kill and are activated, minute by minute."""

from __future__ import annotations

import numpy as np

from abm._kernels import _engagement
from abm.celltypes.car_t import CAR_T, CarTParameters
from abm.errors import InputError
from abm.processes.lookup import contactable, homes, passable
from abm.processes.pace import division_pace
from abm.processes.process import threads_for
from abm.state.columns import NEVER, Array
from abm.state.kinds import KINDS, LEUKAEMIA, VOID, CellType
from abm.state.lattice import UNCLAIMED
from abm.state.ledger import Entry
from abm.state.places import Place
from abm.state.state import State
from abm.streams import Stream
from abm.units import ROUNDING, TICK_SECONDS, TICKS_PER_HOUR, TICKS_PER_MINUTE, from_base

STEPS = (TICKS_PER_MINUTE, TICKS_PER_MINUTE // 2, 1)
"""Ticks of a step: a cell moves at most one site in it."""
TO_DIVISION = [_engagement.PARAMETERS.index(name) for name in ("lag", "cycle_cd8", "cycle_cd4")]
LATE = 1_000_000_000
"""Ticks after which a division does not come in any run."""
WALKER_NANOSECONDS = 40
"""Cost of a walker and step."""
NO_SITES = np.empty(0, np.int32)
ANTIGENS = {"cd19": 0, "cd22": 1, "either": 2}


def targets_of(product: CarTParameters) -> list[CellType]:
    """Return the cell types on which a product's CAR can find its antigen."""
    if product.antigen == "cd19":
        return [kind for kind in KINDS if kind.target]
    return [kind for kind in KINDS if kind.target or kind.lineage == LEUKAEMIA]


def parameter_row(product: CarTParameters, spacing: float, open_fraction: float, step: int) -> list[float]:
    """Return a product's parameters in the order of the kernel, times in ticks.

    Parameters
    ----------
    product : CarTParameters
        The product.
    spacing : float
        Lattice spacing [µm].
    open_fraction : float
        Part of the neighbours that a free cell can step to at the scenario's cellularity, so that
        the free speed holds there.
    step : int
        Ticks of one step.
    """
    hours = step / TICKS_PER_HOUR
    density = product.resolved("activation_density")
    keep = np.exp(-hours / product.persistence) if product.persistence > 0 else 0.0
    values = {
        "test": product.tests * hours,
        "bind": product.bind_probability,
        "kill": product.kill_probability,
        "act": product.activation_probability,
        "kill_density": density * product.killing_density_ratio,
        "act_density": density,
        "exhaustion": product.resolved("exhaustion_per_kill"),
        "move": product.speed * hours / spacing / max(open_fraction, 1e-9),
        "keep": keep,
        "kill_low": _ticks(product.kill_duration[0]),
        "kill_high": _ticks(product.kill_duration[1]),
        "kill_point": product.kill_point,
        "refractory": _ticks(product.refractory),
        "unproductive_low": _ticks(product.unproductive_duration[0]),
        "unproductive_high": _ticks(product.unproductive_duration[1]),
        "lag": _ticks(product.activation_lag),
        "cycle_cd8": _ticks(product.cycle),
        "cycle_cd4": _ticks(product.cycle * product.cd4_cycle_ratio),
        "antigen": ANTIGENS[product.antigen],
        "function_memory": product.memory_function,
        "function_activated": 1.0,
        "function_effector": 1.0,
        "function_exhausted": product.exhausted_function,
        "function_resident": 1.0,
    }
    return [float(values[name]) for name in _engagement.PARAMETERS]


def _step_of(products: list[CarTParameters], spacing: float, open_fraction: float) -> int:
    """Return the ticks of one step: a minute, or the part of it in which the fastest product moves at most one site."""
    for step in STEPS:
        reach = spacing * open_fraction * (TICKS_PER_HOUR / step) * (1 + ROUNDING)
        slow = [product.speed <= reach and product.tests * step / TICKS_PER_HOUR <= 1 + ROUNDING for product in products]
        if all(slow):
            return step
    number = slow.index(False)
    limit, given = (from_base(speed, "µm/min") for speed in (reach, products[number].speed))
    if products[number].speed <= reach:
        most, tests = (from_base(rate, "1/min") for rate in (TICKS_PER_HOUR / step, products[number].tests))
        raise InputError(
            f"products[{number}].contact_rate: must be at most {most:g} 1/min, one test in {TICK_SECONDS} s; "
            f"from a speed of {given:g} µm/min follow {tests:.3g} 1/min, so state a lower one"
        )
    raise InputError(
        f"products[{number}].speed: must be at most {limit:.3g} µm/min on this lattice, one site in {TICK_SECONDS} s "
        f"where {open_fraction:.0%} of the sites are open, got {given:g} µm/min"
    )


def _ticks(hours: float) -> int:
    return round(hours * TICKS_PER_HOUR)


class Engagement:
    """Contacts of CAR T cells in every place.

    Parameters
    ----------
    products : list of CarTParameters
        Products in the order of the column ``product``, which counts from 1.
    spacing : float
        Lattice spacing [µm].
    open_fraction : float
        See :func:`parameter_row`.
    period : int
        Ticks of one run.
    n_threads : int
        Threads; the result does not depend on it.

    Raises
    ------
    InputError
        A product is faster than a cell can step here.
    """

    name = "engagement"

    def __init__(
        self,
        products: list[CarTParameters],
        *,
        spacing: float,
        open_fraction: float,
        period: int,
        n_threads: int = 1,
    ) -> None:
        self.period = period
        self.step = _step_of(products, spacing, open_fraction)
        self.n_threads = n_threads
        rows = [parameter_row(product, spacing, open_fraction, self.step) for product in products]
        self.parameters = np.array([[0.0] * _engagement.N_PARAMETERS, *rows])
        self.is_target = np.array([np.zeros(256, np.uint8)] + [contactable(targets_of(item)) for item in products])
        self.is_passable = np.array([np.zeros(256, np.uint8)] + [passable(targets_of(item)) for item in products])
        self.any_target: Array = np.asarray(self.is_target.any(axis=0))
        self.home = homes()

    def run(self, state: State) -> None:
        """Carry all contacts over one period."""
        for place in state.places.values():
            self.run_place(state, place)

    def run_place(self, state: State, place: Place, *, record: bool = False) -> tuple[Array, Array]:
        """Carry the contacts of one place over one period.

        Returns
        -------
        killer, site : arrays of int32
            With ``record``, motile rows whose bound target died, and where; otherwise empty. Those
            sites stay marked as bound, so that nobody steps there before the caller has used them.
        """
        motile, sessile = state.motile, state.sessile
        kinds, compartments = motile.arrays("kind", "compartment")
        walkers = motile.by_uid(np.flatnonzero((kinds == CAR_T.code) & (compartments == place.code)).astype(np.int32))
        if len(walkers) == 0:
            return NO_SITES, NO_SITES
        slots = self._slots(state, place)
        claim, claim_block = np.empty(min(len(slots), place.n_sites), np.uint32), np.array([UNCLAIMED])
        if place.lattice is not None:
            claim, claim_block = place.lattice.claim, place.lattice.claim_block
        n_threads = threads_for(len(walkers), WALKER_NANOSECONDS, self.n_threads)
        counts = np.zeros((n_threads, _engagement.N_COUNTS), np.int64)
        killer, site = (np.empty(len(walkers) if record else 0, np.int32) for _ in range(2))
        recorded = _engagement.run_steps(
            **_place_arrays(place),
            claim=claim,
            claim_block=claim_block,
            slot_row=slots,
            n_virtual=0 if place.lattice else place.n_sites,
            guest_site=place.guest_site,
            guest_row=place.guest_row,
            scale=place.scale,
            walkers=walkers,
            **{name: motile.array(name) for name in _MOTILE},
            **{f"s_{name}": sessile.array(name) for name in _SESSILE},
            parameters=self._paced(state),
            is_target=self.is_target,
            is_passable=self.is_passable,
            home=self.home,
            seed=state.draws.seed,
            walk_stream=Stream.WALK,
            contact_stream=Stream.CONTACT,
            claim_stream=Stream.CLAIM,
            tick=state.tick,
            step_ticks=self.step,
            n_steps=self.period // self.step,
            lined_up=np.empty(len(walkers) * _engagement.WALKER_BYTES, np.uint8),
            losers=np.empty(len(walkers), np.int64),
            bucket=np.empty(place.n_sites // _engagement.BUCKET_SITES + 1 if place.lattice else 0, np.int32),
            counts=counts,
            killer=killer,
            killed_site=site,
            n_threads=n_threads,
        )
        self._book(state, place, counts.sum(axis=0))
        return killer[:recorded], site[:recorded]

    @staticmethod
    def scratch_bytes(state: State, place: Place) -> int:
        """Return the memory that :meth:`run_place` takes for as long as it runs [bytes]."""
        walkers = int(np.count_nonzero(state.motile.array("kind") == CAR_T.code))
        return walkers * (int(_engagement.WALKER_BYTES) + 8 + 4) + 4 * (place.n_sites // int(_engagement.BUCKET_SITES) + 1)

    def _paced(self, state: State) -> Array:
        """Return the parameters with the times to division that hold now."""
        paced = self.parameters.copy()
        paced[:, TO_DIVISION] = np.minimum(np.round(paced[:, TO_DIVISION] / division_pace(state)), LATE)
        return paced

    def _slots(self, state: State, place: Place) -> Array:
        """Return the sessile rows of a mixed place's targets, in the order of uid."""
        if place.lattice is not None:
            return NO_SITES
        kinds, compartments = state.sessile.arrays("kind", "compartment")
        rows = np.flatnonzero((compartments == place.code) & (kinds != VOID) & self.any_target[kinds])
        return state.sessile.by_uid(rows.astype(np.int32))

    def _book(self, state: State, place: Place, counts: Array) -> None:
        for kind in KINDS:
            state.ledger.add(kind.code, place.code, Entry.KILLED, int(counts[kind.code]))
        extra = dict(zip(_engagement.COUNTS, counts[_engagement.KIND_SLOTS :], strict=False))
        state.sessile.n_dead += int(extra["dead_rows"])
        for name in ("contacts", "activations"):
            total = state.body.setdefault(f"{name}_{place.name}", np.zeros(1))
            total += int(extra[name])
        state.body.setdefault("kills", np.zeros(1))[0] = state.ledger.total(Entry.KILLED)


_MOTILE = (
    "uid", "weight", "site", "state", "subset", "product", "flags", "heading", "divisions", "budget", "free_at",
    "kill_at", "divide_at", "contact_site", "partner", "engaged",
)  # fmt: skip
_SESSILE = ("uid", "weight", "site", "kind", "flags", "cd19", "cd22")


def _place_arrays(place: Place) -> dict[str, Array]:
    lattice = place.lattice
    if lattice is None:
        empty = {"site_code": np.uint8, "occupant": np.int32, "edge": np.uint8, "direction": np.uint8}
        arrays = {name: np.empty(0, dtype) for name, dtype in empty.items()}
        return {**arrays, "step": NO_SITES, "wrap": NO_SITES}
    return {
        "site_code": lattice.site_code,
        "occupant": lattice.occupant,
        "edge": lattice.edge,
        "step": lattice.step,
        "wrap": lattice.wrap,
        "direction": lattice.directions,
    }


def is_bound(state: State, rows: Array) -> Array:
    """Return which CAR T cells are in a synapse that will kill: they neither move, divide nor die."""
    return np.asarray(state.motile.array("kill_at")[rows] != NEVER)
