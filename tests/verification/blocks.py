# SPDX-License-Identifier: Apache-2.0
"""One body in blocks of different scale: a closed cube of marrow, S body cells to a site, well mixed or not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from abm.celltypes.background import BACKGROUND
from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST, BlastParameters, endow_blasts
from abm.celltypes.car_t import CAR_T, CarTParameters
from abm.celltypes.seeding import draw_product, piece_weights
from abm.processes.car_t_population import CarTPopulation
from abm.processes.compaction import Compaction
from abm.processes.engagement import Engagement
from abm.processes.leukaemia import Leukaemia
from abm.processes.motility import Motility
from abm.processes.process import Process
from abm.processes.weighting import Weighting, WeightingParameters
from abm.schedule import Schedule
from abm.state.columns import GUEST, NEVER, Array
from abm.state.kinds import GUESTS_BIT, VOID
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.state.weights import index_guests
from abm.state.weights_room import guests_of
from abm.streams import Draws, Stream
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE

PERIOD = 10 * TICKS_PER_MINUTE
SPACING = 10.0
VOIDS, BLAST_SITES = 4 / 27, 12 / 27
"""Shares of the sites: whole numbers of sites in a cube with a multiple of three to a side."""
HOURS_PER_DAY = 24
CLEARED = 1e-3
"""Share of the blasts of the start below which a block counts as cleared."""
DRAW_LAYOUT, DRAW_GUESTS, DRAW_MIX = 10, 11, 12


EFFECTORS, BLASTS, BOUNDS = CarTParameters(memory_fraction=0.0), BlastParameters(), WeightingParameters()


@dataclass(frozen=True)
class Block:
    """A block, of which those with the same ``edge**3 * scale`` stand for the same body.

    Parameters
    ----------
    edge : int
        Sites to a side of the periodic cube.
    scale : int
        Body cells per site, the S of the weighted agents.
    mixed : bool
        Whether everybody gets a new random site every 10 min.
    founders : int
        CAR T body cells at the start, each an agent of its own.
    rare : int
        CD19-negative body cells at the start, in agents as heavy as the scale lets them be.
    blast_share : float
        CD19+ blasts per site.
    voids : float
        Voids per site; the rest is background.
    product : CarTParameters
        The CAR T cells.
    blasts : BlastParameters
        All leukaemic cells.
    weighting : WeightingParameters
        Bounds of the number of agents of a class.
    """

    edge: int
    scale: int
    mixed: bool
    founders: int = 0
    rare: int = 0
    blast_share: float = BLAST_SITES
    voids: float = VOIDS
    product: CarTParameters = EFFECTORS
    blasts: BlastParameters = BLASTS
    weighting: WeightingParameters = BOUNDS

    def coarser(self, edge: int) -> Block:
        """Return a block of another edge for the same body.

        Raises
        ------
        ValueError
            S would not be a whole number.
        """
        scale, rest = divmod(self.edge**3 * self.scale, edge**3)
        if rest:
            raise ValueError(f"edge: {self.edge**3 * self.scale} body sites cannot be shared out among {edge}**3")
        return replace(self, edge=edge, scale=scale)


@dataclass(frozen=True)
class Course:
    """What a run showed, every 10 min from the start on [body cells].

    Attributes
    ----------
    car_t, blasts, rare : (n,) array of int64
        Body cells present.
    most_guests : int
        Largest number of guests among CAR T cells.
    """

    car_t: Array
    blasts: Array
    rare: Array
    most_guests: int

    def at(self, name: str, day: float) -> int:
        """Return how many body cells there were on a day."""
        return int(getattr(self, name)[round(day * HOURS_PER_DAY * TICKS_PER_HOUR / PERIOD)])

    def clearance(self, share: float = CLEARED) -> float:
        """Return the day on which the blasts first fell below a share of their start, infinite if never."""
        below = np.flatnonzero(self.blasts < share * self.blasts[0])
        return float(below[0]) * PERIOD / TICKS_PER_HOUR / HOURS_PER_DAY if len(below) else np.inf


class Mixing:
    """Gives the contents of every site another site, and every guest one of its own, at random."""

    name = "mixing"
    period = PERIOD

    def run(self, state: State) -> None:
        """Mix the block; synapses go along with their targets."""
        place = state.places[MARROW]
        lattice = place.lattice
        assert lattice is not None
        key = state.draws.word(Stream.BACKGROUND, state.tick, 0, DRAW_MIX, 0)
        there = np.random.default_rng(int(key)).permutation(lattice.n_sites).astype(np.int32)
        motile, sessile = state.motile, state.sessile
        bound = np.flatnonzero((motile.array("kind") != VOID) & (motile.array("kill_at") != NEVER))
        contacts, partners = (motile.array(name)[bound] for name in ("contact_site", "partner"))
        by_uid = {}
        if len(bound):
            # A target is the occupant of the contact site or, where somebody else is that, a guest.
            rows = np.concatenate([lattice.occupant[contacts], place.guest_row])
            rows = rows[(rows >= 0) & (rows < sessile.n_rows)]
            by_uid = dict(zip(sessile.array("uid")[rows].tolist(), rows.tolist(), strict=True))
        targets = np.array([by_uid[uid] for uid in partners.tolist()], np.int64)
        lattice.site_code[there] = lattice.site_code & np.uint8(~GUESTS_BIT & 0xFF)
        lattice.occupant[there] = lattice.occupant.copy()
        for name, table in state.tables.items():
            sites, flags = table.arrays("site", "flags")
            full = (flags & GUEST) == 0
            sites[full] = there[sites[full]]
            guests = guests_of(state, name, place)
            uids = table.array("uid")[guests]
            sites[guests] = state.draws.integers(lattice.n_sites, Stream.BACKGROUND, state.tick, uids, DRAW_GUESTS)
        motile.array("contact_site")[bound] = sessile.array("site")[targets]
        index_guests(state, place)


def build(block: Block, seed: int) -> State:
    """Return the block at its start: exactly the same numbers of body cells at every scale."""
    lattice = Lattice((block.edge,) * 3, SPACING, (True, True, True))
    state = State(Draws(seed), [Place(MARROW, block.scale, lattice.n_sites, lattice)])
    order = np.argsort(state.draws.uniform(Stream.PLACEMENT, 0, np.arange(lattice.n_sites), DRAW_LAYOUT))
    cells = round(lattice.n_sites * (1 - block.voids))
    n_blasts = round(lattice.n_sites * block.blast_share)
    rows = state.add_cells(
        BLAST.code, MARROW, Entry.INITIAL, n_blasts, site=order[:n_blasts], weight=block.scale, clone=1
    )
    endow_blasts(state, rows, block.blasts)
    state.fill_light(BACKGROUND.code, MARROW, order[n_blasts:cells], Entry.INITIAL)
    # The few get voids, which are room enough where each takes a site to itself.
    weights = piece_weights(block.rare, block.scale, fewest=1)
    sites = np.resize(order[cells:], block.founders + len(weights))
    alone = GUEST if block.scale > 1 else 0
    rows = state.add_cells(
        CAR_T.code, MARROW, Entry.INITIAL, block.founders, site=sites[: block.founders], flags=alone, product=1
    )
    product, uids = block.product, state.motile.array("uid")[rows]
    columns = draw_product(
        state.draws, uids, memory=product.memory_fraction, cd4=product.cd4_fraction, budget=product.division_budget
    )
    for name, values in columns.items():
        state.motile.array(name)[rows] = values
    rows = state.add_cells(
        CD19_NEGATIVE_BLAST.code, MARROW, Entry.INITIAL, len(weights), site=sites[block.founders :], weight=weights,
        flags=np.where(weights < block.scale, GUEST, 0), clone=2,
    )  # fmt: skip
    endow_blasts(state, rows, block.blasts)
    index_guests(state, state.places[MARROW])
    return state


def processes_of(block: Block) -> list[Process]:
    """Return what happens in a block, in the order of the model."""
    found: list[Process] = [Mixing()] if block.mixed else []
    if block.founders:
        found.append(Engagement([block.product], spacing=SPACING, open_fraction=1.0, period=PERIOD))
    found.append(
        Motility(block.blasts.motility, spacing=SPACING, period=PERIOD)
    )
    if block.founders:
        found.append(CarTPopulation([block.product], il15_sensitivity=0.0, retry=1.0, period=PERIOD))
    found.append(Leukaemia(block.blasts, period=3 * PERIOD))
    if block.scale > 1:
        found.append(Weighting(block.weighting, period=PERIOD))
    found.append(Compaction(period=TICKS_PER_HOUR))
    return found


def simulate(block: Block, seed: int, days: float, *, check: bool = False) -> Course:
    """Run a block and return its course.

    Parameters
    ----------
    block : Block
        What to run.
    seed : int
        Seed of every draw.
    days : float
        How long [d].
    check : bool
        Verify every invariant after each process.
    """
    state = build(block, seed)
    schedule = Schedule(processes_of(block), check=check)
    schedule.start(state)
    kinds = (CAR_T.code, BLAST.code, CD19_NEGATIVE_BLAST.code)
    counts = [state.ledger.balance()[kinds, MARROW]]
    guests = 0
    for _ in range(round(days * HOURS_PER_DAY * TICKS_PER_HOUR / PERIOD)):
        schedule.advance(state, PERIOD)
        counts.append(state.ledger.balance()[kinds, MARROW])
        guests = max(guests, len(guests_of(state, "motile", state.places[MARROW])))
    state.check()
    car_t, blasts, rare = np.array(counts).T
    return Course(car_t, blasts, rare, guests)
