# SPDX-License-Identifier: Apache-2.0
"""Flow of the CSF: even stirring, adhesion, turnover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm.celltypes.blast import BLAST, BlastParameters
from abm.celltypes.car_t import CAR_T
from abm.processes.body import CsfParameters, seed_blasts
from abm.processes.csf_flow import CsfFlow
from abm.state.columns import GUEST
from abm.state.kinds import BOUND_BIT
from abm.state.lattice import Lattice
from abm.state.places import CSF, PERIPHERY
from abm.state.state import State
from abm.state.weights import index_guests
from abm.units import TICKS_PER_DAY
from tests.unit.processes.small_body import assert_same_when_shuffled, make_state, put

SLAB = {"volume": 1, "shape": (16, 8, 4), "meningeal_layers": 1, "full_density": 38.4}


def build(seed: int = 1, **parameters: Any) -> tuple[State, CsfFlow]:
    csf = CsfParameters(**SLAB, **parameters)
    return make_state(csf=csf, seed=seed), CsfFlow(csf)


def csf(state: State) -> Lattice:
    lattice = state.places[CSF].lattice
    assert lattice is not None
    return lattice


def run(state: State, flow: CsfFlow, days: float) -> None:
    for _ in range(round(days * TICKS_PER_DAY / flow.period)):
        flow.run(state)
        state.check()
        state.tick += flow.period


def fluid_sites(state: State) -> Any:
    return np.flatnonzero(~csf(state).adherent)


@pytest.mark.parametrize(("kind", "name"), [(CAR_T, "motile"), (BLAST, "sessile")])
@pytest.mark.parametrize("weight", [100, 30])
def test_cells_in_the_fluid_leave_at_their_rate(kind: Any, name: str, weight: int) -> None:
    state, flow = build(t_cell_exit=1, blast_washout=1, adhesion=0)
    fluid = fluid_sites(state)
    put(state, kind.code, CSF, 300, weight=weight, site=fluid[:300])
    run(state, flow, 1)
    stock = state.ledger.balance()[kind.code]
    assert stock.sum() == 300 * weight
    assert stock[CSF] / stock.sum() == pytest.approx(np.exp(-1), abs=0.09)
    assert len(state.tables[name].alive()) == 300


def test_adherent_share_is_that_of_the_rates() -> None:
    state, flow = build(blast_washout=0, adhesion=8, detachment=2)
    seed_blasts(state, state.places[CSF], 6000, BlastParameters(), adherent_share=0.0)
    shares = []
    run(state, flow, 1)
    for _ in range(20):
        run(state, flow, 0.1)
        rows = state.sessile.alive()
        shares.append(csf(state).adherent[state.sessile.array("site")[rows]].mean())
    assert np.mean(shares) == pytest.approx(0.8, abs=0.05)
    assert state.ledger.balance()[BLAST.code, CSF] == 6000


def test_full_meninges_take_no_more_full_cells() -> None:
    state, flow = build(blast_washout=0, adhesion=1000, detachment=0)
    put(state, BLAST.code, CSF, 200, site=fluid_sites(state)[:200])
    run(state, flow, 0.5)
    assert (csf(state).kinds()[csf(state).adherent] == BLAST.code).all()
    assert state.ledger.balance()[BLAST.code, CSF] == 20_000


def test_who_finds_room_on_the_meninges_is_drawn_by_lot() -> None:
    """Of 256 blasts in the fluid 128 settle; their mean uid within four standard deviations."""
    state, flow = build(blast_washout=0, adhesion=1000, detachment=0)
    put(state, BLAST.code, CSF, 256, site=fluid_sites(state)[:256])
    flow.run(state)
    state.check()
    table = state.sessile
    settled = table.array("uid")[csf(state).adherent[table.array("site")]]
    assert len(settled) == csf(state).adherent.sum() == 128
    assert abs(settled.mean() - 127.5) < 4 * np.sqrt(256**2 / 12 / 128 / 2)


@pytest.mark.parametrize("weight", [100, 30])
def test_what_adheres_is_not_washed_out(weight: int) -> None:
    state, flow = build(blast_washout=50, adhesion=0, detachment=0)
    meninges = np.flatnonzero(csf(state).adherent)
    rows = put(state, BLAST.code, CSF, 100, weight=weight, site=meninges[:100])
    run(state, flow, 0.2)
    np.testing.assert_array_equal(state.sessile.array("site")[rows], meninges[:100])
    assert state.ledger.balance()[BLAST.code, PERIPHERY] == 0


def test_stirring_reaches_every_site_alike_even_in_a_crowd() -> None:
    state, flow = build(blast_washout=0, t_cell_exit=0, adhesion=0)
    fluid = fluid_sites(state)
    blasts = put(state, BLAST.code, CSF, 150, site=fluid[:150])
    cars = put(state, CAR_T.code, CSF, 150, site=fluid[150:300], product=1)
    guests = put(state, CAR_T.code, CSF, 50, weight=5, site=fluid[:50], product=1)
    seen = np.zeros((3, csf(state).n_sites))
    steps = 1000
    for _ in range(steps):
        flow.run(state)
        state.tick += flow.period
        for row, (table, rows) in enumerate(((state.sessile, blasts), (state.motile, cars), (state.motile, guests))):
            np.add.at(seen[row], table.array("site")[rows], 1)
    state.check()
    assert seen[:, csf(state).adherent].sum() == 0
    for counts, agents in zip(seen, (150, 150, 50), strict=True):
        expected = agents * steps / len(fluid)
        assert counts[fluid].std() == pytest.approx(np.sqrt(expected), rel=0.3)


def test_cells_in_a_synapse_stay_put() -> None:
    state, flow = build(blast_washout=50, t_cell_exit=50, adhesion=50, detachment=50)
    fluid = fluid_sites(state)
    blasts = put(state, BLAST.code, CSF, 20, site=fluid[:20], flags=2)
    csf(state).site_code[fluid[:20]] |= BOUND_BIT
    cars = put(state, CAR_T.code, CSF, 20, site=fluid[20:40], product=1, kill_at=10**6)
    run(state, flow, 0.2)
    np.testing.assert_array_equal(state.sessile.array("site")[blasts], fluid[:20])
    np.testing.assert_array_equal(state.motile.array("site")[cars], fluid[20:40])


def test_guests_are_found_again_after_stirring() -> None:
    state, flow = build(blast_washout=0)
    rows = put(state, BLAST.code, CSF, 40, weight=5, site=fluid_sites(state)[:40])
    run(state, flow, 0.1)
    place = state.places[CSF]
    index_guests(state, place)
    assert (state.sessile.array("flags")[rows] == GUEST).all()
    np.testing.assert_array_equal(np.sort(place.guest_row), rows)


def test_heavy_csf_agents_are_cut_for_a_finer_periphery() -> None:
    slab = CsfParameters(**SLAB, t_cell_exit=100)
    state, flow = make_state(scale=7, csf=slab), CsfFlow(slab)
    put(state, CAR_T.code, CSF, 50, site=fluid_sites(state)[:50], product=1)
    run(state, flow, 0.5)
    assert state.ledger.balance()[CAR_T.code, PERIPHERY] == 5000


def test_slab_without_meninges_and_without_cells() -> None:
    slab = CsfParameters(volume=1, shape=(4, 4, 2), meningeal_layers=0)
    state, flow = make_state(csf=slab), CsfFlow(slab)
    run(state, flow, 0.05)
    put(state, BLAST.code, CSF, 32)
    run(state, flow, 0.5)
    CsfFlow(slab).run(make_state())


def test_result_does_not_depend_on_the_order_of_rows() -> None:
    _, flow = build(adhesion=20, detachment=10)

    def crowd() -> State:
        state, _ = build()
        fluid = fluid_sites(state)
        put(state, BLAST.code, CSF, 100, site=fluid[:100])
        put(state, BLAST.code, CSF, 100, weight=9, site=fluid[:100])
        put(state, CAR_T.code, CSF, 100, site=fluid[100:200], product=1)
        return state

    def step(state: State) -> None:
        flow.run(state)
        state.tick += flow.period

    assert_same_when_shuffled(crowd, step, 30)
