# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the whole model runs, and says what it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.small_scenarios import ROOT

KEYS = {
    "workload", "scenario", "sites", "cells", "days", "threads", "seconds", "ns_per_cell_minute", "peak_mb",
    "bytes_per_cell_frame", "file_mb", "write_share", "process_shares",
}  # fmt: skip


def patient(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "patient.py"), *arguments, "--threads", "1", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    found: dict[str, Any] = json.loads(lines[0])
    assert found.keys() == KEYS
    return found


def test_patient() -> None:
    found = patient("--sites", "5e3", "--days", "0.1")
    assert (found["workload"], found["scenario"]) == ("patient", "lee2014_patient14")
    assert (found["sites"], found["days"], found["threads"]) == (17**3, 0.1, 1)
    assert 0.5 * 17**3 < found["cells"] < 17**3
    assert 0 < found["write_share"] < 1
    assert {"engagement", "motility", "cytokines"} <= set(found["process_shares"])
    assert 0 < sum(found["process_shares"].values()) < 1
    assert 0.5 < found["bytes_per_cell_frame"] < 30
    assert found["peak_mb"] > 50
    minutes = found["cells"] * 0.1 * 1440
    assert abs(found["ns_per_cell_minute"] / (1e9 * found["seconds"] / minutes) - 1) < 0.01


def test_another_patient() -> None:
    scenario = ROOT / "scenarios" / "grupp2013_patient2.yaml"
    found = patient("--scenario", str(scenario), "--sites", "1e3", "--days", "0.05")
    assert (found["scenario"], found["sites"]) == ("grupp2013_patient2", 1000)


def test_writing() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "writing.py"), "--cells", "4e3", "--recorded", "2", "--days", "0.1", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (found["workload"], found["days_recorded"]) == ("writing", 2)
    assert 0 < found["cells"] <= 16**3 + 128 * 32 * 8
    assert 0 < found["stored_mb"] < found["raw_mb"]
    assert 0.5 < found["bytes_per_cell_frame"] < 60
    assert found["one"].keys() == {"observables", "view", "cells"}
    assert found["seek"].keys() == {"view", "kind", "cells"}
    for cost in (found["recording"], found["packing"], found["checkpoint"], *found["one"].values()):
        assert cost["seconds"] > 0
    assert all(0 < cost["seconds"] <= cost["slowest"] and cost["extra_mb"] < 100 for cost in found["seek"].values())
    assert 0 < found["checkpoint"]["mb"] < 5
    assert found["run"]["days"] == 0.1
    assert 0 < found["run"]["cpu_share"] < 1


def test_the_yardstick_does_the_same_work() -> None:
    """Plain Mesa and the kernels on 5,000 cells: counts of a day within 30 %, since both draw their T cells (SD 8 %)."""
    found = []
    for script in ("kill_grid.py", "kill_grid_mesa.py"):
        done = subprocess.run(
            [sys.executable, str(ROOT / "benchmarks" / script), "--cells", "5e3", "--json"],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        found.append(json.loads(done.stdout))
    ours, mesa = found
    for name in ("kills", "divisions", "deaths", "t_cells_end"):
        assert abs(ours[name] / mesa[name] - 1) < 0.3, name
