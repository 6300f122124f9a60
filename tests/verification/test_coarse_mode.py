# SPDX-License-Identifier: Apache-2.0
"""The coarse mode changes no course: the same means with it, and with steps of ten minutes throughout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abm.model import TherapyModel
from abm.processes.relaxation import read
from abm.scenario import load_scenario
from tests.verification.means import difference, mean_and_error
from tests.verification.reporting import Report, verifies

SCENARIOS = Path(__file__).parents[2] / "scenarios"
COARSE, FINE = "quiet.after=1", "quiet.after=100000"
SEEDS = 6


def course(scenario: str, seed: int, override: str, name: str) -> tuple[float, float]:
    """Return an observable on day 20, and whether the mode was on by then."""
    model = TherapyModel(load_scenario(SCENARIOS / scenario, ["marrow.shape=[20,20,20]", override]), seed=seed, threads=1)
    model.run(until_days=20)
    model.state.check()
    return model.observe(name), read(model.state, "coarse")


@pytest.mark.parametrize(("scenario", "name"), [("untreated_ball.yaml", "blasts_total"), ("healthy_marrow.yaml", "b_cells_blood")])
@verifies(
    "Coarse mode",
    law="While no CAR T cell touches a target, cells may act hourly instead of every ten minutes: no course changes.",
    source="comparison of the simulator with itself, by the setting `quiet.after`.",
    test="untreated leukaemia (blasts of the body) and a healthy body (B cells per µL of blood) in 20³ sites for 20 days, 6 seeds in "
    "each mode: means differ by less than four standard errors, which are less than 5 %.",
    false_alarm="3e-3 each (Student, 10 degrees of freedom).",
    limits="six runs would miss a change below about a tenth.",
)
def test_the_coarse_mode_changes_no_course(scenario: str, name: str, report: Report) -> None:
    runs = {override: np.array([course(scenario, seed, override, name) for seed in range(SEEDS)]) for override in (COARSE, FINE)}
    assert runs[COARSE][:, 1].tolist() == [1.0] * SEEDS
    assert runs[FINE][:, 1].tolist() == [0.0] * SEEDS
    coarse, fine = runs[COARSE][:, 0], runs[FINE][:, 0]
    change, error = difference(coarse, fine)
    report.add(f"{name} on day 20", coarse.mean(), expected=mean_and_error(fine)[0], error=error, allowed="4 SE")
    assert abs(change) < 4 * error
    assert error < 0.05 * fine.mean()  # sharp enough to see a change of a fifth
