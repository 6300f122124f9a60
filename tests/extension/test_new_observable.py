# SPDX-License-Identifier: Apache-2.0
"""An observable that the package does not know: one decorated function, in trajectories and in rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import abm
from abm.errors import InputError
from abm.extensions import CAR_T, Snapshot, observable, unregister
from abm.model import TherapyModel
from abm.scenario import Scenario, load_scenario

TEXT = """\
abm: 1
name: x
duration: 0.5 d
body: {weight: 20 kg}
marrow: {shape: [10, 10, 10]}
csf: null
blasts: {marrow_fraction: 50 %}
treatments:
  - {type: car_t_infusion, day: 0, dose: 1e9 cells/kg}
  - {type: tocilizumab, when: engaged_car_t >= 5}
record: {observables: 2 h, also: [engaged_car_t]}
"""


@observable("%")
def engaged_car_t(snapshot: Snapshot) -> float:
    """CAR T cells that are busy with a target."""
    kinds, free_at, weights = snapshot.state.motile.arrays("kind", "free_at", "weight")
    busy = (kinds == CAR_T.code) & (free_at > snapshot.state.tick)
    total = snapshot.count((CAR_T.code,))
    return 100 * int(weights[busy].sum()) / total if total else 0.0


@pytest.fixture
def engaged() -> Iterator[None]:
    """Register an observable, for one test."""
    abm.register(engaged_car_t)
    yield
    unregister(engaged_car_t)


@pytest.fixture
def scenario(engaged: None, tmp_path: Path) -> Scenario:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return load_scenario(path)


def test_it_is_in_the_trajectory(scenario: Scenario, tmp_path: Path) -> None:
    model = TherapyModel(scenario, threads=1)
    trajectory = model.run(tmp_path / "x.h5")
    assert trajectory is not None
    with trajectory:
        assert trajectory.header.observables["engaged_car_t"] == {"unit": "%", "about": "CAR T cells that are busy with a target."}
        days, values = trajectory.observable("engaged_car_t")
        np.testing.assert_allclose(days, np.arange(7) / 12)
        assert values[0] == 0
        assert 5 <= values.max() <= 100
        assert values[-1] == model.observe("engaged_car_t") == model.observables()["engaged_car_t"]


def test_a_rule_can_name_it(scenario: Scenario) -> None:
    model = TherapyModel(scenario, threads=1)
    seen = []
    while model.day < 0.5 and not any(detail.get("treatment") == "tocilizumab" for _, _, detail in model.state.events):
        seen.append(model.observe("engaged_car_t"))
        model.schedule.advance(model.state, 40)
    assert len(seen) > 1
    assert all(value < 5 for value in seen[:-1])
    assert seen[-1] >= 5


def test_who_does_not_name_it_does_not_record_it(engaged: None, tmp_path: Path) -> None:
    model = TherapyModel(Scenario(name="x", marrow={"shape": [8, 8, 8]}, csf=None, body={"weight": 20.0}), threads=1)
    assert "engaged_car_t" not in model.observables()
    assert model.observe("engaged_car_t") == 0  # but who asks is told


def test_a_branch_records_what_its_ancestor_did(engaged: None, scenario: Scenario, tmp_path: Path) -> None:
    done = TherapyModel(scenario, threads=1).run(tmp_path / "x.h5", until_days=0.25)
    assert done is not None
    done.close()
    with pytest.raises(InputError, match=r"record\.also\[0\]: changes how the run begins \(.*further observables\)"):
        abm.branch(tmp_path / "x.h5", tmp_path / "y.h5", at_day=0.1, overrides=["record.also=[]"], threads=1)
    overrides = ["susceptibility=2"]
    with abm.branch(tmp_path / "x.h5", tmp_path / "y.h5", at_day=1 / 24, overrides=overrides, threads=1) as other:
        assert len(other.observables["engaged_car_t"]) > 2
        assert other.provenance["extensions"][0]["name"] == "engaged_car_t"


def test_it_makes_no_sense_in_a_closed_block(engaged: None) -> None:
    block = {"body": None, "marrow": {"shape": [6, 6, 6]}}
    with pytest.raises(InputError, match="unknown observable 'engaged_car_t'"):
        TherapyModel(Scenario(name="x", **block), threads=1).observe("engaged_car_t")
    with pytest.raises(ValueError, match=r"record\.also\[0\]: 'engaged_car_t' makes no sense in a closed block"):
        Scenario(name="x", record={"also": ["engaged_car_t"]}, **block)


def test_without_it_the_scenario_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_scenario(path)
    told = str(error.value).splitlines()
    assert told[0].startswith("x.yaml:10:31: treatments[1].when: unknown observable 'engaged_car_t'".replace("x.yaml", str(path)))
    assert told[1] == f"{path}:11:35: record.also[0]: unknown observable 'engaged_car_t'; no installed package adds any"


@pytest.mark.parametrize(
    ("also", "message"),
    [
        (["engaged_cart"], r"unknown observable 'engaged_cart'; nearest: 'engaged_car_t'; known: engaged_car_t"),
        (["mrd"], "'mrd' is recorded in any case; name those that other packages add"),
        (["engaged_car_t", "engaged_car_t"], r"record\.also\[1\]: 'engaged_car_t' is listed twice"),
    ],
)
def test_a_name_that_cannot_be_recorded_is_refused(engaged: None, also: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scenario(name="x", record={"also": also})


def test_a_name_or_unit_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown unit 'cels'; nearest known unit: 'cells'"):
        observable("cels")
    for name, message in (("mrd", "abm has one of that name already"), ("cells_x", "does not begin with 'cells_'"), ("a b", "identifier")):
        with pytest.raises(InputError, match=message):
            abm.register(observable("1", name=name)(lambda snapshot: 0.0))
    with pytest.raises(InputError, match="register takes a subclass"):
        abm.register(lambda snapshot: 0.0)
