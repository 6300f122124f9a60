# SPDX-License-Identifier: Apache-2.0
"""Twin of ``abm/_kernels/_engagement.pyx`` with one Python object per cell, after its design note.

A minute has three parts: bound targets whose time has come die; every free CAR T cell looks at the
block as it stands and says what it would do; of those who want the same site one is served, and
does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from abm.state.columns import GUEST, LOCKED, NEVER
from abm.state.places import Place
from abm.state.state import State
from abm.streams import Stream
from tests.reference.board import VOID, Board, Cell
from tests.reference.philox import below, philox, to_uniform

MEMORY, ACTIVATED, EFFECTOR, EXHAUSTED, RESIDENT = range(5)
FUNCTION = ("function_memory", "function_activated", "function_effector", "function_exhausted", "function_resident")
CD19, CD22, EITHER = range(3)
RANKS = 2**26
MOTILE = ("state", "heading", "divisions", "budget", "free_at", "kill_at", "divide_at", "contact_site", "partner", "engaged")
SESSILE = ("kind", "flags", "site")


@dataclass(frozen=True)
class Product:
    """Parameters by name, times in ticks; the kinds that its CAR can touch, and those that its cells can pass."""

    parameters: Mapping[str, float]
    targets: frozenset[int]
    passable: frozenset[int]


@dataclass(eq=False)
class CarT(Cell):
    weight: int
    guest: bool
    subset: int
    product: int
    state: int
    heading: int
    divisions: int
    budget: int
    free_at: int
    kill_at: int
    divide_at: int
    contact_site: int
    partner: int
    engaged: int = 0


@dataclass(eq=False)
class Sitter(Cell):
    weight: int
    guest: bool
    locked: bool
    cd19: float
    cd22: float

    @property
    def flags(self) -> int:
        return self.guest * int(GUEST) | self.locked * int(LOCKED)


@dataclass
class Wish:
    """What a cell would do: step to a site, or touch what is there (``target``: the full cell, if it can be one)."""

    cell: CarT
    where: int
    touches: bool
    target: Sitter | None = None

    @property
    def needs_the_site(self) -> bool:
        return self.touches or not self.cell.guest


def chance(word32: int, p: float) -> bool:
    return word32 < p * 2.0**32


def high(word: int) -> int:
    return word >> 32


def low(word: int) -> int:
    return word & 0xFFFFFFFF


def ticket(rank: int, key: int, odd: int) -> int:
    """Scramble a rank one to one: xor, then twice an odd factor and a folding."""
    x = (rank ^ key) % RANKS
    for factor in (odd | 1, 0x9E3779B1):
        x = x * factor % RANKS
        x ^= x >> 13
    return x


@dataclass
class Block:
    """CAR T cells and the cells that sit in one place.

    ``weighted`` off leaves out all that weights do: both sides of every contact happen.
    """

    board: Board | None
    walkers: list[CarT]
    sitters: list[Sitter]
    others: list[Cell]
    products: Sequence[Product | None]
    scale: int
    seed: int
    n_virtual: int = 0
    slots: dict[int, list[Sitter]] = field(default_factory=dict)
    end: int = NEVER
    weighted: bool = True
    counts: Counter[str] = field(default_factory=Counter)
    killed: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.guests: dict[int, list[Sitter]] = {}
        for sitter in sorted(self.sitters, key=lambda one: one.uid):
            if sitter.guest and sitter.kind != VOID:
                self.guests.setdefault(sitter.site, []).append(sitter)

    def begin(self, tick: int, end: int) -> None:
        """Start a call that carries the block from a tick to another."""
        self.end = end
        for cell in self.walkers:
            cell.engaged += len(range(tick, min(cell.free_at, end)))
        self.deal_slots()

    def deal_slots(self) -> None:
        """Deal the living targets of a mixed place out to its virtual sites in turn, by uid."""
        any_target = frozenset().union(*(one.targets for one in self.products if one is not None))
        targets = sorted((one for one in self.sitters if one.kind in any_target), key=lambda one: one.uid)
        self.slots = {}
        for number, one in enumerate(targets):
            self.slots.setdefault(number % max(self.n_virtual, 1), []).append(one)

    # --- a minute ---------------------------------------------------------------------------------

    def minute(self, tick: int) -> None:
        for cell in self.walkers:
            if cell.kill_at <= tick:
                self.end_synapse(cell)
        wishes = [wish for cell in self.walkers if cell.free_at <= tick and (wish := self.wish(cell, tick))]
        key, odd, _, _ = philox(self.seed, Stream.CLAIM, 0, tick, 0, 0)
        rank = {cell.uid: number for number, cell in enumerate(sorted(self.walkers, key=lambda one: one.uid))}
        served: dict[int, CarT] = {}
        for wish in sorted(wishes, key=lambda one: ticket(rank[one.cell.uid], key, odd)):
            if wish.needs_the_site:
                served.setdefault(wish.where, wish.cell)
        for wish in wishes:
            if not wish.needs_the_site:
                wish.cell.site = wish.where
                self.counts["steps"] += 1
            elif served[wish.where] is wish.cell and wish.touches:
                self.touch(wish, tick)
            elif served[wish.where] is wish.cell:
                assert self.board is not None
                self.board.exchange(wish.cell.site, wish.where)
                self.counts["steps"] += 1
        for wish in wishes:
            if wish.touches and served[wish.where] is not wish.cell and self.passes(wish.cell, served[wish.where], tick):
                self.touch(wish, tick)

    def passes(self, loser: CarT, winner: CarT, tick: int) -> bool:
        """Tell whether a cell that lost a site has its contact all the same: both stand for cells that seldom meet."""
        word = philox(self.seed, Stream.CONTACT, loser.uid, tick, 0, 0)[0]
        return self.weighted and to_uniform(word) * self.scale >= winner.weight

    def end_synapse(self, cell: CarT) -> None:
        assert self.board is not None
        occupant = self.board.sites[cell.contact_site].occupant
        for target in [occupant, *self.guests.get(cell.contact_site, [])]:
            if isinstance(target, Sitter) and target.uid == cell.partner and target.kind != VOID:
                self.die(target)
                break
        cell.kill_at, cell.contact_site, cell.partner = NEVER, -1, -1

    # --- what a cell wants ------------------------------------------------------------------------

    def wish(self, cell: CarT, tick: int) -> Wish | None:
        product = self.products[cell.product]
        assert product is not None
        q, words = product.parameters, philox(self.seed, Stream.WALK, cell.uid, tick, 0, 0)
        tests = chance(low(words[0]), q["test"]) and chance(high(words[2]), q["bind"])
        if self.board is None:
            slot = below(high(words[0]), self.n_virtual)
            met = [one for one in self.slots.get(slot, []) if one.kind in product.targets]
            return Wish(cell, slot, True) if met and tests else None
        if not self.board.directions:
            return None
        axis, way = self.board.directions[below(high(words[0]), len(self.board.directions))]
        there = self.board.neighbour(cell.site, axis, way)
        if there is not None and tests:
            site = self.board.sites[there]
            is_target = site.kind in product.targets and not site.bound
            wish = Wish(cell, there, True, site.occupant if is_target else None)  # type: ignore[arg-type]
            if self.candidates(wish):
                return wish
        if not chance(high(words[1]), q["keep"]):
            cell.heading = 2 * axis + (way > 0)
        if not chance(low(words[1]), q["move"]):
            return None
        ahead = self.board.neighbour(cell.site, cell.heading // 2, 1 if cell.heading % 2 else -1)
        if ahead is None or self.board.sites[ahead].bound or self.board.sites[ahead].kind not in product.passable:
            return None
        return Wish(cell, ahead, False)

    # --- contacts ---------------------------------------------------------------------------------

    def candidates(self, wish: Wish) -> list[Sitter]:
        """Return every unlocked target on the site: the full cell, then the guests by uid; in a mixed place all there, by uid."""
        product = self.products[wish.cell.product]
        assert product is not None
        others = self.slots[wish.where] if self.board is None else self.guests.get(wish.where, [])
        full = [wish.target] if wish.target is not None else []
        return [one for one in (*full, *others) if one.kind in product.targets and not one.locked]

    def touch(self, wish: Wish, tick: int) -> None:
        busy = [self.meet(wish.cell, target, nth, tick) for nth, target in enumerate(self.candidates(wish))]
        if sum(busy) > 0:
            wish.cell.free_at = tick + sum(busy)
            wish.cell.engaged += min(wish.cell.free_at, self.end) - tick

    def meet(self, cell: CarT, target: Sitter, nth: int, tick: int) -> int:
        """Carry one contact; return for how many ticks the CAR T cell is busy with it."""
        product = self.products[cell.product]
        assert product is not None
        q = product.parameters
        first, second = (philox(self.seed, Stream.CONTACT, cell.uid, tick, 1 + nth, block) for block in (0, 1))
        density = {CD19: target.cd19, CD22: target.cd22, EITHER: max(target.cd19, target.cd22)}[int(q["antigen"])]
        squared = density * density
        function = q[FUNCTION[cell.state]]
        kills = to_uniform(first[0]) < function * q["kill"] * squared / (squared + q["kill_density"] * q["kill_density"])
        activates = to_uniform(first[1]) < q["act"] * squared / (squared + q["act_density"] * q["act_density"])
        car_side = not self.weighted or to_uniform(first[2]) * self.scale < target.weight
        target_side = kills and (not self.weighted or to_uniform(first[3]) * self.scale < cell.weight)
        if not car_side:
            if target_side:
                self.die(target)
            return 0
        self.counts["contacts"] += 1
        shortest, longest = (q[f"{'kill' if kills else 'unproductive'}_{end}"] for end in ("low", "high"))
        busy = int(shortest) + below(high(second[1]), int(longest - shortest) + 1)
        if target_side:
            if self.board is not None and cell.partner < 0:
                self.bind(cell, target, tick + int(q["kill_point"] * busy))
            else:
                self.die(target)
        if activates:
            self.counts["activations"] += 1
            self.activate(cell, tick)
        if kills:
            self.counts["kill_contacts"] += 1
            busy += int(q["refractory"])
            if to_uniform(second[0]) < q["exhaustion"] and cell.state != RESIDENT:
                cell.state, cell.divide_at = EXHAUSTED, NEVER
        return busy

    def bind(self, cell: CarT, target: Sitter, until: int) -> None:
        assert self.board is not None
        target.locked = True
        if not target.guest:
            self.board.sites[target.site].bound = True
        cell.partner, cell.contact_site, cell.kill_at = target.uid, target.site, until

    def activate(self, cell: CarT, tick: int) -> None:
        product = self.products[cell.product]
        assert product is not None
        cycle = int(product.parameters["cycle_cd4" if cell.subset == 4 else "cycle_cd8"])
        if cell.state == RESIDENT:
            if cell.divide_at == NEVER:
                cell.divide_at = tick + cycle
        elif cell.state in (MEMORY, EFFECTOR):
            if cell.divisions >= cell.budget:
                cell.state = EXHAUSTED
            else:
                cell.divide_at = tick + (int(product.parameters["lag"]) if cell.state == MEMORY else cycle)
                cell.state = ACTIVATED

    def die(self, target: Sitter) -> None:
        self.killed[target.kind] += target.weight
        self.counts["dead_rows"] += 1
        target.kind = VOID
        if self.board is not None and not target.guest:
            self.board.sites[target.site].clear()

    # --- from and to the arrays of the package ------------------------------------------------------

    @classmethod
    def of(cls, state: State, place: Place, products: Sequence[Product | None], car_t: int, **options: bool) -> Block:
        """Copy a place of the package's state; ``car_t`` is the kind of the cells that walk."""
        motile, sessile = ({name: table.array(name).tolist() for name in table.schema} for table in (state.motile, state.sessile))
        walkers, others, sitters = [], [], []
        for row, kind in enumerate(motile["kind"]):
            if motile["compartment"][row] != place.code or kind == VOID:
                continue
            base = {"uid": motile["uid"][row], "row": row, "kind": kind, "site": motile["site"][row]}
            if kind != car_t:
                others.append(Cell(**base))
                continue
            copied = {name: motile[name][row] for name in (*MOTILE, "weight", "subset", "product")}
            walkers.append(CarT(**base, **copied, guest=bool(motile["flags"][row] & int(GUEST))))
        for row, compartment in enumerate(sessile["compartment"]):
            if compartment == place.code:
                copied = {name: sessile[name][row] for name in ("uid", "kind", "site", "weight", "cd19", "cd22")}
                flags = sessile["flags"][row]
                sitters.append(Sitter(**copied, row=row, guest=bool(flags & int(GUEST)), locked=bool(flags & int(LOCKED))))
        block = cls(None, walkers, sitters, others, products, place.scale, state.draws.seed, **options)
        if place.lattice is not None:
            full = [cell for cell in (*walkers, *sitters) if not cell.guest and cell.kind != VOID]
            block.board = Board(place.lattice, [*full, *others])
        else:
            block.n_virtual = place.n_sites
        return block

    def assert_equals(self, state: State, place: Place) -> None:
        """Compare every column that the kernel writes, and the lattice, bit for bit."""
        for cells, table, names in (
            (self.walkers, state.motile, (*MOTILE, "site")),
            (self.others, state.motile, ("site",)),
            (self.sitters, state.sessile, SESSILE),
        ):
            rows = [cell.row for cell in cells]
            for name in names:
                expected = [int(getattr(cell, name)) for cell in cells]
                np.testing.assert_array_equal(table.array(name)[rows], expected, err_msg=f"{name} at tick {state.tick}")
        if place.lattice is not None:
            assert self.board is not None
            np.testing.assert_array_equal(place.lattice.site_code, self.board.codes())
            np.testing.assert_array_equal(place.lattice.occupant, self.board.occupants())
