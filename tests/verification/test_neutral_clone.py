# SPDX-License-Identifier: Apache-2.0
"""A rare clone without advantage keeps its share: light agents compete for room like the full cells around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abm.model import TherapyModel
from abm.scenario import load_scenario
from tests.verification.means import mean_and_error
from tests.verification.reporting import Report, verifies

SCENARIO = Path(__file__).parents[2] / "scenarios" / "untreated_ball.yaml"
PACKED = (
    "marrow.shape=[32,32,32]", "csf=null", "blasts.marrow_fraction=30 %", "blasts.cd19_negative_fraction=0.001",
    "blasts.net_growth=0.1 1/d",
)  # fmt: skip
SEEDS, DAYS = 12, 30


def share_kept(voids: float, seed: int) -> float:
    """Return the CD19-negative share of the leukaemia on the last day, relative to that at the start."""
    model = TherapyModel(load_scenario(SCENARIO, [*PACKED, f"marrow.voids={voids}"]), seed=seed, threads=1)
    at_start = model.observe("cd19_negative_fraction")
    model.run(until_days=DAYS)
    return model.observe("cd19_negative_fraction") / at_start


@pytest.mark.parametrize("voids", [0.15, 0.05])
@verifies(
    "Neutral rare clone",
    law="Without therapy nothing tells CD19-negative blasts from the others: the mean of their share stays.",
    source="a martingale of any neutral process (Moran, Proc Camb Philos Soc 1958;54:60).",
    test="clone of 1e-3, which stands as light guests among full cells, in 32³ sites whose leukaemia grows from 30 % until it is "
    "crowded; 30 days, 12 seeds: mean of the share, relative to that at the start, within 3.5 standard errors of 1, which are "
    "less than 12 %.",
    false_alarm="5e-3 each (Student, 11 degrees of freedom).",
    limits="an advantage that changes the share by less than two fifths in 30 days could pass, at the largest standard error allowed.",
)
def test_a_neutral_clone_keeps_its_share(voids: float, report: Report) -> None:
    mean, error = mean_and_error(np.array([share_kept(voids, seed) for seed in range(SEEDS)]))
    report.add(f"voids {voids:.0%}: share kept on day {DAYS}", mean, expected=1, error=error, allowed="3.5 SE")
    assert abs(mean - 1) < 3.5 * error
    assert error < 0.12
