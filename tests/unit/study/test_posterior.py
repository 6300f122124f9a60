# SPDX-License-Identifier: Apache-2.0
"""What a calibration came to: table, words and figure, and what they say of parameters and targets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from abm.study import smc
from abm.study.calibrating import calibrate
from abm.study.calibration_folder import FIGURE, POSTERIOR, SUMMARY
from abm.study.marginals import MOST, plot_posterior
from abm.study.posterior import Posterior
from tests.unit.study.analytic import CALIBRATION, Instead, calibrated, growth_and_dose, laid_out


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    """Return what the calibration comes to without being cut short."""
    return calibrated(laid_out(tmp_path_factory.mktemp("straight")))


def test_the_table_the_text_and_the_figure_are_in_the_folder(straight: Posterior, tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    found = calibrate(folder, workers=0, quiet=True, performer=Instead(growth_and_dose))
    pd.testing.assert_frame_equal(pd.read_parquet(folder.path / POSTERIOR), found.table)
    columns = ["particle", "weight", "growth", "dose", "distance", "mrd_day0.25", "peak", "missing.mrd_day0.25", "missing.peak"]
    assert list(found.table.columns) == columns
    text = (folder.path / SUMMARY).read_text(encoding="utf-8")
    assert text == found.text() + "\n"
    assert text.startswith("growth: 4 generations of 24 particles\n")
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith("  ")}
    assert "0 to 0.25" in rows["growth"]
    assert "1e+05 to 1e+08, log" in rows["dose"]
    assert "0.15 ± 0.01" in rows["mrd_day0.25"]
    assert "1e+07 ×/÷ 1.6" in rows["peak"]
    assert (folder.path / FIGURE).read_bytes().startswith(b"\x89PNG")


def test_weighted_quantiles_are_those_of_repeated_values() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert smc.weighted_quantiles(values, np.ones(3), [0.0, 0.5, 1.0]) == [1.0, 2.0, 3.0]
    assert smc.weighted_quantiles(values, np.array([0.0, 1.0, 3.0]), [0.5])[0] == pytest.approx(1.75)


def test_the_figure_shows_every_pair_but_at_most_six_parameters(straight: Posterior) -> None:
    figure = plot_posterior(straight)
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels.count("growth\n[1/d]") == 1
    assert [axes.get_xscale() for axes in figure.axes] == ["linear", "linear", "log"]
    many = [replace(straight.factors[0], name=f"p{number}") for number in range(MOST + 2)]
    table = straight.table.assign(**{factor.name: straight.table["growth"] for factor in many})
    assert len(plot_posterior(replace(straight, factors=many, table=table)).axes) == MOST * (MOST + 1) // 2
    assert len(plot_posterior(replace(straight, factors=many[:1], table=table)).axes) == 1


def test_what_targets_do_not_tell_is_said(tmp_path: Path) -> None:
    def dose_alone(values: Mapping[str, float], noise: np.random.Generator) -> dict[str, float | None]:
        return {"mrd_day0.25": 0.15, "car_t_blood_max": growth_and_dose(values, noise)["car_t_blood_max"]}

    found = calibrated(laid_out(tmp_path), Instead(dose_alone))
    assert found.uninformed() == ["growth"]
    assert "Not informed by these targets: growth." in found.text()
    assert found.interval("growth")[0] < 0.05
    assert found.interval("growth")[2] > 0.2


def test_outputs_that_do_not_happen_count_as_stated(tmp_path: Path) -> None:
    def seldom(values: Mapping[str, float], noise: np.random.Generator) -> dict[str, float | None]:
        return {"mrd_day0.25": 0.15, "car_t_blood_max": None if values["blasts.net_growth"] > 0.125 else 1e7}

    whole = laid_out(tmp_path, CALIBRATION.replace("generations: 4", "generations: 1\nmissing: 30"))
    prior = calibrated(whole, Instead(seldom)).table
    missed = prior["growth"] > 0.125
    assert missed.any()
    assert (prior["missing.peak"] == missed).all()
    assert (prior["peak"].isna() == missed).all()
    assert prior["distance"].to_numpy() == pytest.approx(np.where(missed, 30 / math.sqrt(2), 0.0))
