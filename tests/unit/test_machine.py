# SPDX-License-Identifier: Apache-2.0
"""What is left of a machine: its memory, that of control groups, and its disks."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from abm.errors import InputError
from abm.machine import free_memory, processors, require_disk, size_text


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def system(root: Path, **files: str) -> Path:
    """Lay out a system as it shows itself; ``__`` stands for a slash."""
    for name, text in {"proc__meminfo": "MemTotal: 900 kB\nMemAvailable: 800 kB\n", **files}.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


class TestFreeMemory:
    def test_of_the_machine(self, tmp_path: Path) -> None:
        assert free_memory(system(tmp_path)) == 800 * 1024

    def test_where_nothing_is_told_it_is_all_there_is(self, tmp_path: Path) -> None:
        assert free_memory(tmp_path) > 1e8

    def test_of_the_machine_the_tests_run_on(self) -> None:
        assert 1e7 < free_memory() < math.inf

    def test_of_a_container(self, tmp_path: Path) -> None:
        group = {"sys__fs__cgroup__memory.max": "500000\n", "sys__fs__cgroup__memory.current": "300000\n"}
        assert free_memory(system(tmp_path, **group)) == 200_000
        assert free_memory(system(tmp_path, **group, **{"sys__fs__cgroup__memory.stat": "anon 7\ninactive_file 250000\n"})) == 450_000

    def test_without_a_limit(self, tmp_path: Path) -> None:
        group = {"sys__fs__cgroup__memory.max": "max\n", "sys__fs__cgroup__memory.current": "300000\n"}
        assert free_memory(system(tmp_path, **group)) == 800 * 1024

    def test_of_a_job_within_a_group_within_another(self, tmp_path: Path) -> None:
        system(
            tmp_path, proc__self__cgroup="0::/batch/job7\n",
            **{"sys__fs__cgroup__batch__memory.max": "400000", "sys__fs__cgroup__batch__memory.current": "390000"},
            **{"sys__fs__cgroup__batch__job7__memory.max": "300000", "sys__fs__cgroup__batch__job7__memory.current": "0"},
        )  # fmt: skip
        assert free_memory(tmp_path) == 10_000

    def test_of_the_first_version_of_control_groups(self, tmp_path: Path) -> None:
        system(
            tmp_path, proc__self__cgroup="5:cpu:/x\n4:memory:/job\n0::/\n",
            **{"sys__fs__cgroup__memory__job__memory.limit_in_bytes": "700000"},
            **{"sys__fs__cgroup__memory__job__memory.usage_in_bytes": "100000"},
            **{"sys__fs__cgroup__cpu__x__memory.limit_in_bytes": "1"},
        )  # fmt: skip
        assert free_memory(tmp_path) == 600_000

    def test_more_in_use_than_allowed_leaves_nothing(self, tmp_path: Path) -> None:
        group = {"sys__fs__cgroup__memory.max": "500", "sys__fs__cgroup__memory.current": "900"}
        assert free_memory(system(tmp_path, **group)) == 0


class TestProcessors:
    def test_of_this_machine(self) -> None:
        assert 0 < processors() <= (os.cpu_count() or 1)

    def test_what_a_container_grants(self, tmp_path: Path) -> None:
        assert processors(system(tmp_path, **{"sys__fs__cgroup__cpu.max": "50000 100000\n"})) == 0.5

    def test_without_a_limit(self, tmp_path: Path) -> None:
        assert processors(system(tmp_path, **{"sys__fs__cgroup__cpu.max": "max 100000\n"})) == processors()

    def test_of_the_first_version_of_control_groups(self, tmp_path: Path) -> None:
        limits = {"sys__fs__cgroup__cpu__job__cpu.cfs_quota_us": "25000", "sys__fs__cgroup__cpu__job__cpu.cfs_period_us": "100000"}
        assert processors(system(tmp_path, proc__self__cgroup="5:cpu,cpuacct:/job\n4:memory:/x\n", **limits)) == 0.25
        limits["sys__fs__cgroup__cpu__job__cpu.cfs_quota_us"] = "-1"  # none
        assert processors(system(tmp_path, **limits)) == processors()


class TestDisk:
    def test_enough(self, tmp_path: Path) -> None:
        require_disk(tmp_path / "x.h5", 1e6, free=1e6)
        require_disk(tmp_path / "none" / "x.h5", 1e30)  # that the folder is not there is told elsewhere

    def test_what_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(InputError) as caught:
            require_disk(tmp_path / "x.h5", 2.5e9, free=1.2e6)
        assert str(caught.value) == (
            f"{tmp_path}/x.h5: needs about 2.5 GB of disk until it is packed, 1.2 MB are free in {tmp_path}: "
            "make room there, write elsewhere, or record less (record.cells, record.view)"
        )

    def test_a_file_that_is_replaced_makes_room(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10_000, 9_000, 1_000))
        with pytest.raises(InputError):
            require_disk(tmp_path / "x.h5", 1500)
        (tmp_path / "x.h5").write_bytes(bytes(500))
        require_disk(tmp_path / "x.h5", 1500)

    def test_a_file_system_that_does_not_tell_is_left_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(0, 0, 0))
        require_disk(tmp_path / "x.h5", 1e12)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (12, "12 B"), (1234, "1.2 kB"), (12_345_678, "12 MB"), (1.44e9, "1.4 GB"), (9.99e11, "999 GB"), (3e13, "30 TB")],
)
def test_sizes_in_words(size: float, text: str) -> None:
    assert size_text(size) == text
