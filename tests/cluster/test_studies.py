# SPDX-License-Identifier: Apache-2.0
"""Studies on a real SLURM: through workers and as a job array, disturbed in every way, and the same as on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from abm.study import Study, StudyFolder, drive, read_study
from abm.study.results import COST
from tests.cluster.slurm_box import Box
from tests.small_scenarios import ROOT

pytestmark = pytest.mark.cluster
PATIENCE = 240.0
STUDY = """\
study: 1
name: on a cluster
scenario: {scenario}
set:
  csf: null
  start: 0
  treatments: [{{type: car_t_infusion, day: 0, dose: 1e6}}]
parameters:
  - path: marrow
    values: [{marrows}]
replicates: {replicates}
until: {days} d
keep: observables
outputs: [killed, peak_car_t, blasts_at_end]
resources: {{runs_per_task: 1}}
"""
GOOD, OTHER = "{shape: [12, 12, 12]}", "{shape: [12, 12, 12], fat: 25 %}"
WALLED = "{shape: [12, 12, 12], fat: 70 %, bone: 19 %}"
"""A marrow that leaves no room, which shows only when it is laid out."""
SITE = "cluster: slurm\njobs: 2\nmemory: 500 MB\nwalltime: 20 min\ninterface: lo\n"


def study_file(folder: Path, *, days: float = 0.5, replicates: int = 4, marrows: str = f"{GOOD}, {OTHER}") -> Path:
    path = folder / "study.yaml"
    scenario = ROOT / "scenarios" / "quickstart.yaml"
    path.write_text(STUDY.format(scenario=scenario, days=days, replicates=replicates, marrows=marrows), encoding="utf-8")
    (folder / "site.yaml").write_text(SITE, encoding="utf-8")
    return path


def start(box: Box, folder: Path, *words: str) -> subprocess.Popen[str]:
    """Begin a command in a folder; what it says goes to a file there."""
    environment = {**os.environ, **box.environment, "PYTHONPATH": str(ROOT)}
    with (folder / "said").open("a") as said:
        return subprocess.Popen([sys.executable, "-m", "abm", *words], cwd=folder, env=environment, stdout=said, stderr=said, text=True)


def run(box: Box, folder: Path, *words: str, code: int = 0) -> None:
    done = start(box, folder, *words)
    assert done.wait(PATIENCE) == code, (words, (folder / "said").read_text())


def until(reached: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.1)


def submitted(box: Box, folder: Path, *words: str) -> str:
    """Export a study as an array, and submit it; return the job."""
    run(box, folder, "study", "export-slurm", "study.yaml", "-o", "array", *words)
    return box.sbatch(folder / "array" / "array.sbatch", "--mem=500M")


def undisturbed(folder: Path, name: str = "here") -> Study:
    """The study done one run after the other, without a scheduler."""
    done = StudyFolder.lay_out(read_study(folder / "study.yaml"), folder / name)
    drive(done, workers=0, quiet=True)
    return Study(done)


def results(study: Study) -> bytes:
    """The table as a file, without what runs cost."""
    made: bytes = study.table().drop(columns=list(COST)).to_parquet(index=False)
    return made


def all_done(folder: Path) -> Callable[[], bool]:
    study = Study.open(folder)
    return lambda: study.counts()["finished"] + study.counts()["failed"] == len(study.folder.runs)


def recorded(folder: Path) -> bool:
    """Whether a run under way has something to go on from, or to begin with."""
    return any((folder / "work").glob("*/*/run.h5.parts/*.h5"))


def test_workers_array_and_this_machine_come_to_the_same_bytes(box: Box, tmp_path: Path) -> None:
    study_file(tmp_path)
    run(box, tmp_path, "study", "run", "study.yaml", "-o", "workers", "--cluster", "site.yaml")
    job = submitted(box, tmp_path, "--tasks", "3")
    assert box.wait(job, PATIENCE) == "COMPLETED"
    here = undisturbed(tmp_path)
    assert here.counts() == {"finished": 8, "failed": 0, "under way": 0, "waiting": 0}
    assert results(Study.open(tmp_path / "workers")) == results(Study.open(tmp_path / "array")) == results(here)
    assert not box.jobs()  # the workers have gone


def test_a_worker_that_is_cancelled_is_replaced_and_nothing_is_lost(box: Box, tmp_path: Path) -> None:
    study_file(tmp_path, days=3, replicates=3)
    driver = start(box, tmp_path, "study", "run", "study.yaml", "-o", "made", "--cluster", "site.yaml")
    until(lambda: recorded(tmp_path / "made"))
    box.cancel(box.jobs("RUNNING")[0])
    assert driver.wait(PATIENCE) == 0, (tmp_path / "said").read_text()
    assert results(Study.open(tmp_path / "made")) == results(undisturbed(tmp_path))


def test_a_driver_that_is_killed_is_resumed(box: Box, tmp_path: Path) -> None:
    study_file(tmp_path, days=3, replicates=3)
    driver = start(box, tmp_path, "study", "run", "study.yaml", "-o", "made", "--cluster", "site.yaml")
    until(lambda: recorded(tmp_path / "made"))
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert not all_done(tmp_path / "made")()
    until(lambda: not box.jobs())  # workers end without their scheduler
    run(box, tmp_path, "study", "resume", "made", "--cluster", "site.yaml")
    assert results(Study.open(tmp_path / "made")) == results(undisturbed(tmp_path))


def test_a_task_that_is_warned_is_requeued_and_goes_on_from_its_state(box: Box, tmp_path: Path) -> None:
    study_file(tmp_path, days=12, replicates=1, marrows=GOOD)
    job = submitted(box, tmp_path, "--tasks", "1")
    until(lambda: recorded(tmp_path / "array"))
    box.warn(f"{job}_0")
    until(lambda: any((tmp_path / "array" / "work").glob("*/*/run.h5.parts/checkpoint_*.h5")))
    box.hasten(f"{job}_0")
    until(all_done(tmp_path / "array"))
    assert box.wait(job, PATIENCE) == "COMPLETED"
    made = Study.open(tmp_path / "array")
    with made.trajectory(0) as trajectory:
        assert trajectory.provenance["resumed"][0]["day"] > 0
    assert results(made) == results(undisturbed(tmp_path))


def test_a_run_that_fails_is_a_row_and_the_rest_goes_on(box: Box, tmp_path: Path) -> None:
    study_file(tmp_path, replicates=2, marrows=f"{GOOD}, {WALLED}")
    run(box, tmp_path, "study", "run", "study.yaml", "-o", "workers", "--cluster", "site.yaml", code=1)
    assert box.wait(submitted(box, tmp_path, "--tasks", "2"), PATIENCE) == "COMPLETED"
    made = Study.open(tmp_path / "workers")
    assert made.counts() == {"finished": 2, "failed": 2, "under way": 0, "waiting": 0}
    for _, result in made.failed():
        assert "connected" in result["error"]
        assert "Traceback" in result["traceback"]
    assert results(made) == results(Study.open(tmp_path / "array")) == results(undisturbed(tmp_path))


def test_jobs_that_slurm_refuses_are_told_at_once(box: Box, tmp_path: Path) -> None:
    study_file(tmp_path)
    (tmp_path / "site.yaml").write_text(SITE + "queue: no_such_partition\n", encoding="utf-8")
    driver = start(box, tmp_path, "study", "run", "study.yaml", "-o", "made", "--cluster", "site.yaml")
    assert driver.wait(PATIENCE) == 2
    assert "slurm refuses its jobs" in (tmp_path / "said").read_text()
