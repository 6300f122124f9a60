# SPDX-License-Identifier: Apache-2.0
"""The body around the marrow: sizes, the slab of CSF, the first blasts outside the marrow."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from abm.celltypes.b_lineage import MATURE_B, BLineageParameters, seed_mature_b
from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST, BlastParameters
from abm.celltypes.seeding import FEWEST_AGENTS, piece_weights, sample_antigens
from abm.processes.body import BodyParameters, CsfParameters, build_csf, build_periphery, seed_blasts
from abm.state.columns import GUEST, NEVER
from abm.state.places import CSF, PERIPHERY
from abm.streams import Draws
from tests.unit.processes.small_body import make_state

SMALL_CSF = CsfParameters(volume=1, shape=(16, 8, 4), meningeal_layers=1, full_density=38.4)


def test_periphery_has_seven_billion_sites_per_kg() -> None:
    place = build_periphery(BodyParameters(weight=40), 500_000)
    assert place.n_sites == 560_000
    assert place.lattice is None


def test_blood_counts_are_those_of_a_child() -> None:
    body, b_cells = BodyParameters(), BLineageParameters()
    mature = b_cells.mature_fraction * body.nucleated_marrow_cells
    assert body.in_blood(mature) == pytest.approx(193, rel=0.01)
    assert b_cells.pro_b_fraction == pytest.approx(0.005)


def test_slab_of_csf_has_meninges_below_and_walls() -> None:
    place = build_csf(SMALL_CSF, BodyParameters())
    lattice = place.lattice
    assert lattice is not None
    assert place.scale == 100  # 1 mL x 38.4 per µL over 384 sites of fluid
    assert lattice.adherent.reshape(16, 8, 4)[:, :, 0].all()
    assert lattice.adherent.sum() == 16 * 8
    assert lattice.neighbour(0, 4) == -1
    assert lattice.neighbour(0, 0) != -1


def test_scale_of_the_csf_is_at_least_one_cell() -> None:
    assert build_csf(CsfParameters(full_density=0.001, volume=1), BodyParameters()).scale == 1


@pytest.mark.parametrize("shape", [(16, 8, 1), (0, 8, 4)])
def test_slab_without_fluid_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValidationError, match=r"layers|at least one site"):
        CsfParameters(shape=shape, meningeal_layers=1)


@pytest.mark.parametrize("weight", [5, 30, 80])
def test_volume_grows_with_the_child_up_to_an_adults(weight: float) -> None:
    expected = min(4 * weight, 150) * 1000
    assert CsfParameters().microlitres(BodyParameters(weight=weight)) == expected


@pytest.mark.parametrize(("total", "scale"), [(0, 10), (1, 10), (127, 10), (1280, 10), (1281, 10), (999, 1), (13, 10**9)])
def test_pieces_add_up_and_fit(total: int, scale: int) -> None:
    weights = piece_weights(total, scale)
    assert weights.sum() == total
    assert len(weights) == 0 or (weights.min() >= 1 and weights.max() <= scale)
    assert len(weights) >= min(total, FEWEST_AGENTS)


def test_antigens_have_the_stated_mean_and_stay_with_the_cell() -> None:
    draws, uids = Draws(3), np.arange(50_000)
    values = sample_antigens(draws, uids, 8000, 0.5)
    assert values.mean() == pytest.approx(8000, rel=0.02)
    assert np.log(values).std() == pytest.approx(0.5, rel=0.02)
    assert sample_antigens(draws, uids[70:71], 8000, 0.5)[0] == values[70]


def test_mature_b_cells_fill_the_periphery() -> None:
    state = make_state()
    parameters = BLineageParameters(mature_pool=0.5)
    rows = seed_mature_b(state, parameters, 500_000)
    state.check()
    assert state.ledger.balance()[MATURE_B.code, PERIPHERY] == round(0.5 * 0.065 * 500_000)
    assert (state.sessile.array("due")[rows] < NEVER).all()
    assert state.sessile.array("cd19")[rows].mean() == pytest.approx(20_000, rel=0.1)


@pytest.mark.parametrize("count", [0, 5, 3000, 30_000])
def test_blasts_of_the_csf_adhere_or_swim(count: int) -> None:
    state = make_state(csf=SMALL_CSF)
    place = state.places[CSF]
    rows = seed_blasts(state, place, count, BlastParameters(cd19_negative_fraction=0.3), adherent_share=0.8)
    state.check()
    stock = state.ledger.balance()
    assert stock[:, CSF].sum() == count
    if count >= 3000:
        lattice = place.lattice
        assert lattice is not None
        table = state.sessile
        assert stock[CD19_NEGATIVE_BLAST.code, CSF] == pytest.approx(0.3 * count, rel=0.2)
        sites, flags, weights = (table.array(name)[rows] for name in ("site", "flags", "weight"))
        assert lattice.adherent[sites].mean() == pytest.approx(0.8, abs=0.1)
        assert (weights[(flags & GUEST) == 0] == place.scale).all()
        negative = table.array("kind")[rows] == CD19_NEGATIVE_BLAST.code
        assert (table.array("cd19")[rows[negative]] == 0).all()
        assert set(table.array("clone")[rows[negative]]) == {2}


def test_blasts_in_blood_have_no_site() -> None:
    state = make_state()
    rows = seed_blasts(state, state.places[PERIPHERY], 777, BlastParameters())
    state.check()
    assert (state.sessile.array("site")[rows] == -1).all()
    assert state.ledger.balance()[BLAST.code, PERIPHERY] == 777
