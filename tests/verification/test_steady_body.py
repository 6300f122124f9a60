# SPDX-License-Identifier: Apache-2.0
"""A whole body without treatment: health does not drift, and leukaemia grows as stated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from abm.model import TherapyModel
from abm.scenario import load_scenario
from abm.state.columns import Array
from abm.units import from_base
from tests.verification.means import mean_and_error
from tests.verification.plotting import SERIES, THEORY, points
from tests.verification.reporting import Report, verifies

SCENARIOS = Path(__file__).parents[2] / "scenarios"
LEVEL = 1e-3
SEEDS = range(1, 9)
EDGE = "marrow.shape=[24, 24, 24]"
WATCHED = {
    "background": ("cells_background_marrow",),
    "pro-B and pre-B cells": ("cells_pro_b_marrow", "cells_pre_b_marrow"),
    "mature B cells": ("cells_mature_b_periphery",),
    "host T cells": ("cells_host_t_marrow", "cells_host_t_periphery"),
    "macrophages": ("cells_macrophage_marrow",),
}
LEUKAEMIC = ("blasts_total",)


@lru_cache
def courses(scenario: str, days: int, *overrides: str) -> dict[tuple[str, ...], Array]:
    """Return sums of observables on each day, shape ``(seeds, days + 1)``."""
    loaded = load_scenario(SCENARIOS / scenario, [EDGE, *overrides])
    wanted = [*WATCHED.values(), LEUKAEMIC]
    found: dict[tuple[str, ...], list[list[float]]] = {names: [] for names in wanted}
    for seed in SEEDS:
        model = TherapyModel(loaded, seed=seed, threads=1)
        runs: dict[tuple[str, ...], list[float]] = {names: [] for names in wanted}
        for day in range(days + 1):
            if day:
                model.run(until_days=day)
            for names in wanted:
                runs[names].append(sum(model.observe(name) for name in names))
        model.state.check()
        for names in wanted:
            found[names].append(runs[names])
    return {names: np.array(values) for names, values in found.items()}


@verifies(
    "A healthy body does not drift",
    law="Without leukaemia and treatment every population stays as it is: what enters and what is lost are in balance.",
    source="steady state for which influx, stays and normal numbers were declared.",
    test="24³ sites and the periphery, 60 days, 8 seeds; the slope of each population by least squares, whose mean over seeds is "
    "compared with zero by a t-test, for background, precursors, mature B cells, host T cells and macrophages (these exactly).",
    false_alarm="1e-3 for the four t-tests (Bonferroni).",
)
def test_health(report: Report) -> None:
    found = courses("healthy_marrow.yaml", 60)
    days = np.arange(61)
    p_values = {}
    for name, columns in WATCHED.items():
        runs = found[columns] / found[columns][:, :1].mean()
        slopes = 100 * 60 * np.polyfit(days, runs.T, 1)[0]
        mean, error = mean_and_error(slopes)
        if name == "macrophages":
            assert (runs == runs[:, :1]).all()
            continue
        p_values[name] = stats.ttest_1samp(slopes, 0).pvalue
        report.add(f"drift in 60 days, {name}", mean, expected=0, error=error, unit="%", allowed="p > 2.5e-4")

    def draw(axes: Sequence[Any]) -> None:
        for index, name in enumerate(p_values):
            runs = found[WATCHED[name]] / found[WATCHED[name]][:, :1]
            axes[0].plot(days, runs.mean(axis=0), color=SERIES[index], label=name)
            axes[0].fill_between(days, runs.min(axis=0), runs.max(axis=0), color=SERIES[index], alpha=0.15, lw=0)
        axes[0].axhline(1, **(THEORY | {"lw": 0.8}))
        axes[0].set(xlabel="time [d]", ylabel="cells, relative to the start", ylim=(0.8, 1.3))
        axes[0].legend(fontsize=8)

    report.plot("Populations of a healthy body, each relative to its own start: mean and range of 8 seeds.", draw)
    assert min(p_values.values()) > LEVEL / len(p_values)


@verifies(
    "Untreated leukaemia in a whole body",
    law="Leukaemia that fills little of the marrow grows by its net rate of 0.069 per day, but for divisions that find no room.",
    source="rate as declared (Br J Haematol 1997;98:999).",
    test="from 2 % of the marrow, 24³ sites, 30 days, 8 seeds: rate from the blasts of the body on days 0 and 30, "
    "within 10 % of the net rate.",
    false_alarm="about 0.03: waiting divisions cost some 6 %, and the standard error of 8 seeds is 2 %.",
    limits="the rate is that of uncrowded tissue; in marrow with 15 % voids a few of the divisions wait, so that a little less than the "
    "declared rate is expected.",
)
def test_leukaemia(report: Report) -> None:
    runs = courses("untreated_ball.yaml", 30, "blasts.marrow_fraction=2 %")[LEUKAEMIC]
    loaded = load_scenario(SCENARIOS / "untreated_ball.yaml")
    law = from_base(loaded.blasts.net_growth, "1/d")
    days = np.arange(31)
    rates = np.log(runs[:, -1] / runs[:, 0]) / 30
    mean, error = mean_and_error(rates)
    report.add("net growth over 30 days", mean, expected=law, error=error, unit="1/d", allowed="10 %")
    for start in (0, 10, 20):
        parts = np.log(runs[:, start + 10] / runs[:, start]) / 10
        report.add(f"days {start} to {start + 10}", mean_and_error(parts)[0], expected=law, error=mean_and_error(parts)[1], unit="1/d")

    def draw(axes: Sequence[Any]) -> None:
        relative = runs / runs[:, :1]
        axes[0].plot(days[::2], relative.mean(axis=0)[::2], label="mean of 8 seeds", **points(0))
        axes[0].plot(days, relative.T, color=SERIES[0], alpha=0.3, lw=0.8)
        axes[0].plot(days, np.exp(law * days), label="0.069 per day", **THEORY)
        axes[0].set(xlabel="time [d]", ylabel="blasts, relative to the start", yscale="log")
        axes[0].set_yticks([1, 2, 4, 8], ["1", "2", "4", "8"])
        axes[0].minorticks_off()
        axes[0].legend()

    report.plot("Growth of untreated leukaemia from 2 % of the marrow.", draw)
    assert abs(mean / law - 1) < 0.1
