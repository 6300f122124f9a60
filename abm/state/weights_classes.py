# SPDX-License-Identifier: Apache-2.0
"""Classes of weighted agents: rare ones are split, abundant ones merged.

A *class* is lineage x clone x compartment, for cells that walk lineage x product x compartment. A
leukaemic subclone needs a clone number of its own to be a class of its own; kinds of one lineage
and clone are counted together, but never merged with each other.
"""

from __future__ import annotations

import numpy as np

from abm._kernels import _census
from abm.state.columns import Array
from abm.state.kinds import KINDS, VOID
from abm.state.ledger import Entry
from abm.state.state import State
from abm.state.weights import take_share
from abm.state.weights_room import is_free
from abm.streams import Stream

GROUP = {"sessile": "clone", "motile": "product"}
"""Column that, with lineage and compartment, makes a class."""
ATTRIBUTES = {"sessile": ("cd19", "cd22", "mood"), "motile": ("subset", "budget")}
"""Columns by which agents are put in order, after division counts, before they are paired."""
ALIKE = {"sessile": ("compartment", "kind", "clone"), "motile": ("compartment", "kind", "product", "infusion", "state")}
"""Columns in which agents must agree to be paired."""
FIRST_GROUPS = 16
"""Groups for which a census makes room at first."""
DRAW_TIE, DRAW_SURVIVOR = 0, 1


def scales(state: State) -> Array:
    """Return the S of each place by code, 0 where there is none, shape ``(4,)`` [cells]."""
    found = np.zeros(_census.PLACE_SLOTS, np.int64)
    for code, place in state.places.items():
        found[code] = place.scale
    return found


class Census:
    """Agents of a table by class.

    Parameters
    ----------
    state : State
        The state.
    table_name : str
        ``"sessile"`` or ``"motile"``.

    Attributes
    ----------
    sizes : (n_classes,) array of int64
        Agents per class.
    parts : (n_parts,) array of int32
        Rows of the agents that fill no site: guests, and agents below S in a well-mixed place.
    part_class : (n_parts,) array of int64
        Class of each of them.
    """

    def __init__(self, state: State, table_name: str) -> None:
        self.state = state
        self.table_name = table_name
        self.table = state.tables[table_name]
        self.scales = scales(state)
        mixed = scales(state)
        mixed[[code for code, place in state.places.items() if place.lattice is not None]] = 0
        # A class is named by the code of the first kind of its lineage.
        first: dict[str, int] = {}
        self.lineage = np.zeros(_census.KIND_SLOTS, np.int64)
        for kind in KINDS:
            self.lineage[kind.code] = first.setdefault(kind.lineage, kind.code)
        self.sizes, self.parts = self._count(mixed)
        self.part_class = self.classes(self.parts)

    def _count(self, mixed_scale: Array) -> tuple[Array, Array]:
        names = ("kind", "compartment", GROUP[self.table_name], "flags", "weight")
        columns = dict(zip(("kind", "compartment", "group", "flags", "weight"), self.table.arrays(*names), strict=True))
        parts = np.empty(self.table.n_rows, np.int32)
        n_groups = FIRST_GROUPS
        while True:
            counts = np.zeros(n_groups * _census.PLACE_SLOTS * _census.KIND_SLOTS, np.int64)
            n_parts, highest = _census.count_classes(**columns, mixed_scale=mixed_scale, counts=counts, parts=parts)
            if highest < n_groups:
                break
            n_groups = highest + 1
        sizes = np.zeros_like(counts).reshape(-1, _census.KIND_SLOTS)
        for kind in KINDS:
            sizes[:, self.lineage[kind.code]] += counts.reshape(sizes.shape)[:, kind.code]
        return sizes.reshape(-1), parts[:n_parts].copy()

    def classes(self, rows: Array) -> Array:
        """Return the class of each agent, an index of ``sizes``."""
        kinds, places, groups = self.table.arrays("kind", "compartment", GROUP[self.table_name])
        blocks = groups[rows].astype(np.int64) * _census.PLACE_SLOTS + places[rows]
        return np.asarray(blocks * _census.KIND_SLOTS + self.lineage[kinds[rows]])

    def splittable(self, lower: int) -> Array:
        """Return the rows of the agents to be split, those of 2 or more cells in classes below ``lower``."""
        small = (self.sizes > 0) & (self.sizes < lower)
        full = self.sizes - np.bincount(self.part_class, minlength=len(self.sizes))
        places = np.arange(len(self.sizes)) // _census.KIND_SLOTS % _census.PLACE_SLOTS
        if (small & (full > 0) & (self.scales[places] > 1)).any():
            alive = self.table.alive()
            rows = alive[small[self.classes(alive)]]
        else:  # spares a look at every row
            rows = self.parts[small[self.part_class]]
        rows = rows[self.table.array("weight")[rows] > 1]
        return np.asarray(rows[is_free(self.state, self.table_name, rows)], np.int64)

    def mergeable(self, upper: int) -> Array:
        """Return the rows of the agents to be paired, the parts of classes above ``upper``."""
        rows = self.parts[self.sizes[self.part_class] > upper]
        rows = rows[self.table.array("weight")[rows] < self.scales[self.table.array("compartment")[rows]]]
        return np.asarray(rows[is_free(self.state, self.table_name, rows)], np.int64)


def rebalance(state: State, table_name: str, lower: int, upper: int) -> None:
    """Split once in each class of fewer than ``lower`` agents, merge once in each of more than ``upper``.

    Parameters
    ----------
    state : State
        The state.
    table_name : str
        ``"sessile"`` or ``"motile"``.
    lower, upper : int
        Bounds of the number of agents; ``upper`` at least four times ``lower``.
    """
    if all(place.scale == 1 for place in state.places.values()):
        return
    census = Census(state, table_name)
    # Found before either acts: no class is both small and large.
    small, large = census.splittable(lower), census.mergeable(upper)
    if len(small):
        split(state, table_name, small)
    if len(large) > 1:
        merge(state, table_name, large)


def split(state: State, table_name: str, rows: Array) -> Array:
    """Halve agents: each keeps ceil(w / 2) and a new one of the same site has floor(w / 2).

    Parameters
    ----------
    state : State
        The state.
    table_name : str
        ``"sessile"`` or ``"motile"``.
    rows : (n,) array of int
        Agents of 2 cells or more in no synapse, each once.

    Returns
    -------
    (n,) array of int64
        Rows of the new agents.
    """
    table = state.tables[table_name]
    born = take_share(state, table_name, rows, table.array("weight")[rows] // 2)
    state.ledger.add_rows(table.array("kind")[rows], table.array("compartment")[rows], Entry.SPLIT, 1)
    return born


def merge(state: State, table_name: str, rows: Array) -> None:
    r"""Pair agents alike and merge each pair, by chance, so that the expected weight of each is kept.

    Alike are agents of one class, kind, infusion (while its early loss lasts), programme and floor(log2 w),
    with division counts that differ by no more than one. They are paired in the order of their attributes, ties by a draw.

    Parameters
    ----------
    state : State
        The state.
    table_name : str
        ``"sessile"`` or ``"motile"``.
    rows : (n,) array of int
        Agents below S in no synapse, each once.

    Notes
    -----
    Weights :math:`w_1 + w_2 \le S`: the survivor is agent 1 with probability :math:`w_1 / (w_1 + w_2)` and
    carries the sum. Otherwise one becomes S and the other keeps :math:`r = w_1 + w_2 - S`; agent 1 is
    the S with probability :math:`(S - w_2) / (2 S - w_1 - w_2)`, since then its expected weight is
    :math:`r + (S - r) (S - w_2) / (2 S - w_1 - w_2) = w_1`.
    """
    first, second = pairs(state, table_name, rows)
    table = state.tables[table_name]
    kinds, places, uids, weights = table.arrays("kind", "compartment", "uid", "weight")
    limit = scales(state)[places[first]]
    w1, w2 = weights[first], weights[second]
    total = w1 + w2
    fits = total <= limit
    chance = np.where(fits, w1 / total, (limit - w2) / np.maximum(2 * limit - total, 1))
    heavier = state.draws.uniform(Stream.MERGE, state.tick, uids[first], DRAW_SURVIVOR) < chance
    winner, loser = np.where(heavier, first, second), np.where(heavier, second, first)
    weights[winner] = np.where(fits, total, limit)
    weights[loser[~fits]] = (total - limit)[~fits]
    for entry, chosen in ((Entry.MERGED, fits), (Entry.REMAINDER, ~fits)):
        state.ledger.add_rows(kinds[winner[chosen]], places[winner[chosen]], entry, 1)
    # The survivor carries the cells of the dead row: no loss to book.
    kinds[loser[fits]] = VOID
    table.n_dead += int(fits.sum())


def pairs(state: State, table_name: str, rows: Array) -> tuple[Array, Array]:
    """Return the two agents of each pair to be merged; see :func:`merge`."""
    table = state.tables[table_name]
    columns = {name: table.array(name)[rows] for name in table.schema}
    divisions = columns["divisions"].astype(np.int64)
    magnitude = np.frexp(columns["weight"].astype(np.float64))[1]
    alike = [magnitude, *(columns[name] for name in ALIKE[table_name])]
    attributes = [columns[name] for name in reversed(ATTRIBUTES[table_name])]
    tie = state.draws.uniform(Stream.MERGE, state.tick, columns["uid"], DRAW_TIE)
    order = np.lexsort((columns["uid"], tie, *attributes, divisions, *alike))
    linked = np.diff(divisions[order]) <= 1
    for key in alike:
        linked &= key[order][1:] == key[order][:-1]
    # Along a run of linked neighbours every other one, from its start, goes with the next.
    number = np.arange(len(rows))
    begins = np.concatenate([np.ones(min(len(rows), 1), bool), ~linked])
    offset = number - np.maximum.accumulate(np.where(begins, number, 0))
    first = np.flatnonzero(linked & (offset[:-1] % 2 == 0))
    return rows[order[first]], rows[order[first + 1]]
