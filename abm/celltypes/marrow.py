# SPDX-License-Identifier: Apache-2.0
"""How a marrow is filled: which cell stands on which site at the start."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from abm.celltypes.b_lineage import PRE_B, PRO_B, STAGES, BLineageParameters, endow
from abm.celltypes.background import BACKGROUND
from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST, BlastParameters, endow_blasts
from abm.celltypes.car_t import CAR_T, CarTParameters
from abm.celltypes.host_t import HOST_T, HostTParameters
from abm.celltypes.macrophage import MACROPHAGE, MacrophageParameters
from abm.celltypes.others import OtherCells
from abm.celltypes.seeding import PlacementDraw, draw_product, draw_subsets, piece_weights
from abm.state.columns import GUEST, Array
from abm.state.kinds import SOLID, VOID
from abm.state.ledger import Entry
from abm.state.places import MARROW
from abm.state.state import State
from abm.streams import Stream

GUESTS_BELOW = 400
"""Fewer full agents than this would carry the CD19-negative clone: it is made of guests instead."""


@dataclass(frozen=True)
class MarrowCells:
    """What a marrow is filled with: the groups of parameters that say how much of each."""

    blasts: BlastParameters
    b_lineage: BLineageParameters
    host_t: HostTParameters
    macrophages: MacrophageParameters
    voids: float
    cellularity: float
    product: CarTParameters
    effectors: float
    """CAR T cells per CD19+ target in a closed block (E:T ratio)."""
    others: tuple[OtherCells, ...] = ()

    def shares(self) -> dict[int, float]:
        """Return the share of each kind among the cells; the rest is background."""
        leukaemic = self.blasts.marrow_fraction
        # Resident macrophages stay where they are when leukaemia displaces the mobile cells.
        resident = min(self.macrophages.marrow_fraction, 1.0 - leukaemic)
        others = {cells.kind.code: cells.marrow_fraction for cells in self.others}
        normal = max(1.0 - leukaemic - resident - math.fsum(others.values()), 0.0)
        pre_b = self.b_lineage.pre_b_fraction * self.b_lineage.mature_pool
        shares = {
            BLAST.code: leukaemic,
            PRE_B.code: normal * pre_b,
            PRO_B.code: normal * pre_b * self.b_lineage.pro_b_transit / self.b_lineage.pre_b_transit,
            MACROPHAGE.code: resident,
            HOST_T.code: normal * self.host_t.marrow_fraction * self.host_t.initial_pool,
        }
        shares[CAR_T.code] = self.effectors * (shares[BLAST.code] + shares[PRE_B.code])
        return shares | others


def fill_marrow(state: State, cells: MarrowCells) -> None:
    """Put a cell, or none, on every open site of the marrow; the shares of the kinds are at most 1 in all."""
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    shares = cells.shares()
    density = min((1.0 - cells.voids) * cells.cellularity, 1.0)
    open_sites = np.flatnonzero(lattice.kinds() == VOID)
    draw = state.draws.uniform(Stream.PLACEMENT, 0, open_sites, PlacementDraw.SITE)
    sites, draw = open_sites[draw < density], draw[draw < density] / max(density, 1e-300)
    bounds = np.cumsum(list(shares.values()))
    chosen = np.searchsorted(bounds, draw, side="right")
    for index, kind in enumerate(shares):
        here = sites[chosen == index]
        if kind == BLAST.code:
            _add_blasts(state, here, cells.blasts)
        elif len(here):
            _add_normal(state, kind, here, cells)
    state.fill_light(BACKGROUND.code, MARROW, sites[chosen == len(shares)], Entry.INITIAL)


def _add_normal(state: State, kind: int, sites: Array, cells: MarrowCells) -> None:
    scale = state.places[MARROW].scale
    rows = state.add_cells(kind, MARROW, Entry.INITIAL, len(sites), site=sites, weight=scale)
    table = state.table_of(kind)
    uids = table.array("uid")[rows]
    if kind in STAGES:
        endow(state, rows, cells.b_lineage)
    if kind == CAR_T.code:
        product = cells.product
        columns = draw_product(
            state.draws, uids, memory=product.memory_fraction, cd4=product.cd4_fraction, budget=product.division_budget
        )
        for name, values in {**columns, "product": 1}.items():
            table.array(name)[rows] = values
    if kind == HOST_T.code:
        table.array("subset")[rows] = draw_subsets(state.draws, uids, cells.host_t.cd4_fraction)
    for other in cells.others:
        if kind == other.kind.code:
            other.endow(state, rows)


def _add_blasts(state: State, sites: Array, blasts: BlastParameters) -> None:
    scale, fraction = state.places[MARROW].scale, blasts.cd19_negative_fraction
    negative = np.zeros(len(sites), bool)
    as_guests = fraction * len(sites) < GUESTS_BELOW and scale > 1
    if not as_guests:
        negative = state.draws.uniform(Stream.PLACEMENT, 0, sites, PlacementDraw.SITE_NEGATIVE) < fraction
    for kind, chosen in ((BLAST.code, sites[~negative]), (CD19_NEGATIVE_BLAST.code, sites[negative])):
        rows = state.add_cells(kind, MARROW, Entry.INITIAL, len(chosen), site=chosen, weight=scale)
        _mark_blasts(state, rows, kind, blasts)
    if as_guests and fraction > 0 and len(sites):
        draw = PlacementDraw.NEGATIVE_CELLS
        count = int(state.draws.binomial(len(sites) * scale, fraction, Stream.PLACEMENT, 0, MARROW, draw))
        add_negative_guests(state, count, blasts)


def add_negative_guests(state: State, count: int, blasts: BlastParameters) -> None:
    """Spread ``count`` CD19-negative body cells over the open marrow as guests of about equal weight."""
    if count == 0:
        return
    place = state.places[MARROW]
    lattice = place.lattice
    assert lattice is not None
    weights = piece_weights(count, place.scale)
    agents = len(weights)
    open_sites = np.flatnonzero(lattice.kinds() != SOLID)
    choice = state.draws.integers(len(open_sites), Stream.PLACEMENT, 0, np.arange(agents), PlacementDraw.GUEST_SITE)
    kind = CD19_NEGATIVE_BLAST.code
    rows = state.add_cells(
        kind, MARROW, Entry.INITIAL, agents, site=open_sites[choice], weight=weights, flags=GUEST
    )
    _mark_blasts(state, rows, kind, blasts)


def _mark_blasts(state: State, rows: Array, kind: int, blasts: BlastParameters) -> None:
    table = state.sessile
    endow_blasts(state, rows, blasts)
    table.array("clone")[rows] = 1 if kind == BLAST.code else 2
