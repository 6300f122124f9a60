# SPDX-License-Identifier: Apache-2.0
"""kill-grid: the counts on which independent simulators agree, on the package's kernels.

The workload is nominally of 1e5 cells; its cube is the nearest to that, 54 sites along each edge, and
holds 0.62 * 54**3 = 97,600 on average; the ranges are those of other simulators with that cube. Who stands
where is drawn, so that the T cells at the start vary by 1.8 %, and all that they do with them: a single run
may be outside a range. What is compared is the mean of eight runs, each scaled to the average start.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill_grid.py"
CELLS, MINUTES, SEEDS = 1e5, 1440, range(1, 9)
RANGES = {"kills": (11_300, 12_000), "divisions": (28_700, 29_300), "deaths": (4_900, 5_200), "t_cells_end": (4_000, 4_200)}
DONE_BY = {"kills": "t_cells", "divisions": "tumour", "deaths": "tumour", "t_cells_end": "t_cells"}
SITES, FILLED, T_SHARE = 54**3, 0.62, 0.03
AT_START = {"t_cells": SITES * FILLED * T_SHARE, "tumour": SITES * FILLED * (1 - T_SHARE)}


@pytest.fixture(scope="module")
def kill_grid() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kill_grid", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runs(kill_grid: ModuleType) -> list[dict[str, Any]]:
    """Run the workload for eight seeds, and note who was there at the start."""
    found = []
    for seed in SEEDS:
        state = kill_grid.build(CELLS, seed)
        start = {"t_cells": len(state.motile), "tumour": len(state.sessile)}
        found.append({**start, **kill_grid.simulate(CELLS, MINUTES, 1, field=False, seed=seed)})
    return found


@pytest.mark.parametrize("name", RANGES)
def test_counts_agree_with_other_simulators(runs: list[dict[str, Any]], name: str) -> None:
    """The mean of eight runs is inside the range, which is at least eight standard errors wide.

    False alarm below 1e-4 if the true mean is in the middle of the range.
    """
    doer = DONE_BY[name]
    counts = [run[name] * AT_START[doer] / run[doer] for run in runs]
    low, high = RANGES[name]
    assert np.std(counts, ddof=1) / np.sqrt(len(counts)) < (high - low) / 8
    assert low < np.mean(counts) < high


@pytest.mark.parametrize("who", AT_START)
def test_the_cube_at_the_start(runs: list[dict[str, Any]], who: str) -> None:
    """z-tests of eight binomial counts; false alarm 5e-4 (4 SE, eight of them)."""
    assert runs[0]["sites"] == SITES
    mean = AT_START[who]
    counts = np.array([run[who] for run in runs])
    assert (np.abs(counts - mean) < 4 * np.sqrt(mean * (1 - mean / SITES))).all()


def test_one_in_ten_kills_leaves_a_daughter(runs: list[dict[str, Any]]) -> None:
    """z-test of the daughters of all eight runs, binomial; false alarm 6e-5 (4 SE)."""
    kills = sum(run["kills"] for run in runs)
    daughters = sum(run["t_cells_end"] - run["t_cells"] for run in runs)
    assert abs(daughters - 0.1 * kills) < 4 * np.sqrt(kills * 0.1 * 0.9)
