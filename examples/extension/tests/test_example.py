# SPDX-License-Identifier: Apache-2.0
"""What the package adds, in small runs of its scenario and by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import abm
from abm.extensions import BLAST, CAR_T, Entry

SCENARIO = Path(__file__).parents[1] / "safety_switch.yaml"
SMALL = ("marrow.shape=[12, 12, 12]", "csf=null", "treatments[0].day=-4", "treatments[1].dose=3e8 cells/kg")


def model(*settings: str) -> abm.TherapyModel:
    return abm.TherapyModel(abm.load_scenario(SCENARIO, (*SMALL, *settings)), threads=1, check=True)


def test_the_switch_kills_nine_in_ten_within_half_an_hour() -> None:
    run = model("treatments[2]={type: rimiducid, day: 0.5}")
    run.run(until_days=0.5)
    before = run.observe("car_t_total")
    run.run(until_days=0.5 + 1 / 24)
    killed = run.state.ledger.total(Entry.DRUG_KILLED, CAR_T.code)
    assert killed == run.state.body["drug_2_killed"][0]
    assert killed / before == pytest.approx(0.9, abs=0.03)
    run.run(until_days=0.6)
    assert run.state.ledger.total(Entry.DRUG_KILLED, CAR_T.code) == killed


def test_plasma_cells_with_cd19_are_killed_and_the_others_spared() -> None:
    run = model("other_cells[0].marrow_fraction=10 %", "treatments[2]={type: rimiducid, day: 20}")
    first = run.observe("cells_plasma_cell_marrow")
    kinds, cd19 = run.state.sessile.arrays("kind", "cd19")
    bears = cd19[kinds == 16] > 0
    assert first > 0
    assert bears.mean() == pytest.approx(0.5, abs=0.2)
    run.run(until_days=3)
    killed = run.state.ledger.total(Entry.KILLED, 16)
    assert 0 < killed <= first * bears.mean() * 1.01


def test_the_antigen_of_the_blasts_is_the_mean_of_cells_not_agents() -> None:
    run = model()
    kinds, weights, cd19 = run.state.sessile.arrays("kind", "weight", "cd19")
    heaviest = (kinds == BLAST.code) & (weights == weights.max())
    cd19[kinds == BLAST.code] = 1000
    cd19[heaviest] = 3000
    share = weights[heaviest].sum() / run.observe("blasts_total")
    assert 0 < share < 1
    assert run.observe("blast_cd19") == pytest.approx(1000 + 2000 * share)
    assert math.isnan(model("blasts.marrow_fraction=0").observables()["blast_cd19"])


@pytest.mark.parametrize("setting", ["treatments[2].eliminated=100 %", "treatments[2].time=1 min", "other_cells[0].cd19_mean=0"])
def test_what_cannot_be_is_refused(setting: str) -> None:
    with pytest.raises(abm.errors.InputError, match="must be between"):
        model(setting)
