# SPDX-License-Identifier: Apache-2.0
"""An observable that the package does not know: one decorated function, in trajectories and in rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abm import observables
from abm.celltypes import CAR_T
from abm.errors import InputError
from abm.model import TherapyModel
from abm.observables import Snapshot, observable
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
record: {observables: 2 h}
"""


@pytest.fixture
def engaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register an observable, for one test."""
    monkeypatch.setattr(observables, "OBSERVABLES", dict(observables.OBSERVABLES))

    @observable("%")
    def engaged_car_t(snapshot: Snapshot) -> float:
        """CAR T cells that are busy with a target."""
        kinds, free_at, weights = snapshot.state.motile.arrays("kind", "free_at", "weight")
        busy = (kinds == CAR_T.code) & (free_at > snapshot.state.tick)
        total = snapshot.count((CAR_T.code,))
        return 100 * int(weights[busy].sum()) / total if total else 0.0


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


def test_it_makes_no_sense_in_a_closed_block(engaged: None) -> None:
    model = TherapyModel(Scenario(name="x", body=None, marrow={"shape": [6, 6, 6]}), threads=1)
    assert "engaged_car_t" not in model.observables()


def test_without_it_the_rule_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT, encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.yaml:10:31: treatments\[1\]\.when: unknown observable 'engaged_car_t'"):
        load_scenario(path)
