# SPDX-License-Identifier: Apache-2.0
"""The size of a run: against a real one, what makes it larger, and what is refused for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from abm import sizing
from abm.errors import InputError
from abm.scenario import Scenario, load_scenario
from tests.small_scenarios import ROOT, SHIPPED

REAL = """\
import resource, sys
from pathlib import Path
from abm.trajectory import packing, writer
from abm.execution import run_scenario

parts = []
def pack_parts(path, header):
    parts.extend(one.stat().st_size for one in Path(str(path) + ".parts").iterdir())
    packing.pack_parts(path, header)
writer.pack_parts = pack_parts
run_scenario(sys.argv[1], sys.argv[2], threads=1, overrides=sys.argv[3:], quiet=True)
status = Path("/proc/self/status")
if status.exists():  # what getrusage tells begins with the size of the process that started this one
    memory = next(1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(memory, Path(sys.argv[2]).stat().st_size, sum(parts))
"""
SETTINGS = ["start=-2 d", "duration=0.01 d", "treatments[0].day=-2 d", "marrow.shape=[64, 64, 64]", "record.cells=6 h"]


def patient(**parts: Any) -> Scenario:
    treatments = [{"type": "car_t_infusion", "day": 0}]
    return Scenario(**{"name": "x", "blasts": {"marrow_fraction": "50 %"}, "treatments": treatments, **parts})


def test_memory_and_disk_of_a_real_run(tmp_path: Path) -> None:
    path = ROOT / "scenarios" / "quickstart.yaml"
    done = subprocess.run(
        [sys.executable, "-c", REAL, str(path), str(tmp_path / "x.h5"), *SETTINGS],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    memory, file, parts = map(float, done.stdout.split())
    size = sizing.estimate(load_scenario(path, SETTINGS))
    assert 1 / 1.5 < size.memory_bytes / memory < 1.5
    assert 1 / 2.5 < size.file_bytes / file < 2.5
    assert 1 / 2.5 < size.disk_bytes / (file + parts) < 2.5


class TestWhatMakesARunLarger:
    @pytest.mark.parametrize(
        "parts",
        [
            {"marrow": {"shape": [96, 96, 96]}},
            {"csf": {"shape": [256, 256, 8]}},
            {"start": -20},
            {"blasts": {"marrow_fraction": "50 %", "net_growth": "0.3 1/d"}},
            {"record": {"view": "10 min"}},
            {"record": {"cells": "1 h"}},
        ],
    )
    def test_each_of_these(self, parts: dict[str, Any]) -> None:
        small, large = sizing.estimate(patient()), sizing.estimate(patient(**parts))
        assert large.disk_bytes > small.disk_bytes
        assert large.memory_bytes >= 0.99 * small.memory_bytes  # a slower run writes its segments earlier
        assert large.seconds >= small.seconds

    def test_a_longer_run_and_one_that_ends_early(self) -> None:
        whole, early, late = (sizing.estimate(patient(duration="20 d"), until) for until in (None, 10, 40))
        assert early.seconds < whole.seconds < late.seconds
        assert early.disk_bytes < whole.disk_bytes < late.disk_bytes
        assert whole == sizing.estimate(patient(duration="20 d"), 20)

    def test_nothing_recorded_is_a_file_with_a_header(self) -> None:
        off = {"observables": 0, "view": 0, "cells": 0, "last_state": False}
        assert sizing.estimate(patient(record=off)).file_bytes == sizing.FILE_BYTES

    def test_states_that_are_kept(self) -> None:
        sizes = [sizing.estimate(patient(record=record)) for record in ({"last_state": False}, {}, {"checkpoints": "1 d"})]
        assert sizes[0].file_bytes < sizes[1].file_bytes < sizes[2].file_bytes - 20 * (sizes[1].file_bytes - sizes[0].file_bytes)

    def test_both_segments_and_file_are_there_while_it_is_packed(self) -> None:
        size = sizing.estimate(patient())
        assert 2 * size.file_bytes - 1e6 < size.disk_bytes < 3 * size.file_bytes


class TestMemory:
    def test_a_run_that_fits_is_let_through(self) -> None:
        needed = sizing.estimate(patient()).memory_bytes
        sizing.require_memory(patient(), needed)
        with pytest.raises(InputError):
            sizing.require_memory(patient(), needed - 1)

    @pytest.mark.parametrize(
        ("parts", "told"),
        [
            ({"marrow": {"shape": [1000, 1000, 1000]}}, " GB of memory, 8 GB are free: reduce marrow.shape, now [1000, 1000, 1000]"),
            ({"csf": {"shape": [1000, 1000, 1000]}}, "about 40 GB of memory, 8 GB are free: reduce csf.shape, now [1000, 1000, 1000]"),
            (
                {"host_t": {"initial_pool": 3, "periphery_fraction": "90 %"}, "body": {"periphery_sites": 3e10, "marrow_cells": 1e8}},
                "reduce body.periphery_sites (host T cells: also host_t.initial_pool, body.weight)",
            ),
        ],
    )
    def test_what_is_told(self, parts: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError) as caught:
            sizing.require_memory(patient(**parts), 8e9)
        assert str(caught.value).startswith("this run needs about ")
        assert told in str(caught.value)


class TestMostAgents:
    @pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
    def test_the_scenarios_shipped_are_far_from_it(self, path: Path) -> None:
        scenario = load_scenario(path)
        assert sizing.most_agents(scenario, 1e12) > 8 * sizing.estimate(scenario).agents

    def test_memory_bounds_it(self) -> None:
        assert sizing.most_agents(patient(), sizing.BASE_BYTES + 5000.5 * sizing.BYTES_PER_AGENT) == 5000

    def test_many_classes_have_room(self) -> None:
        many = patient(weighting={"lower": 2000, "upper": 8000}, marrow={"shape": [2, 2, 2]}, blasts={"cd19_loss": 0.001})
        assert sizing.most_agents(many, 1e12) > 3 * 250 * 2000
