# SPDX-License-Identifier: Apache-2.0
"""A run depends on its scenario and its seed alone: not on threads, nor rows, nor who started it."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from abm.model import TherapyModel
from abm.scenario import ScenarioFile
from abm.trajectory import Trajectory
from tests.contract.shuffling import shuffle, state_digest
from tests.small_scenarios import ROOT, SHIPPED, SPARSE, everything, small

UNTIL = 0.75
"""CAR T cells, infused on day 0, have met targets by then."""
NAMES = [*(path.stem for path in SHIPPED), "everything"]
Watcher = Callable[[TherapyModel], None]


def scenario_of(name: str, folder: Path) -> ScenarioFile:
    return everything(folder) if name == "everything" else small(ROOT / "scenarios" / f"{name}.yaml")


class Runs:
    """Runs of one scenario, the plain one only once."""

    def __init__(self, scenario: ScenarioFile, folder: Path) -> None:
        self.scenario = scenario
        self.folder = folder
        self.plain = self.digests()

    def digests(self, *, seed: int | None = None, threads: int = 1, watch: Watcher | None = None) -> tuple[str, str]:
        """Return the digests of the last state and of the trajectory."""
        model = TherapyModel(self.scenario, seed, threads=threads)
        trajectory = model.run(self.folder / "run.h5", until_days=UNTIL, overwrite=True, watch=watch)
        assert trajectory is not None
        with trajectory:
            assert model.day == UNTIL
            assert not model.scenario.treatments or model.observe("car_t_total") > 0
            return state_digest(model.state), trajectory.digest()


@pytest.fixture(scope="module", params=NAMES)
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("determinism")
    return Runs(scenario_of(request.param, folder), folder)


@pytest.mark.parametrize("threads", [2, 8])
def test_threads_change_nothing(runs: Runs, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # so few cells would run in one thread; the shortcut is for speed alone
    monkeypatch.setattr("abm.processes.process.WORTH_WAKING", 0)
    assert runs.digests(threads=threads) == runs.plain


def test_the_order_of_rows_changes_nothing(runs: Runs) -> None:
    assert runs.digests(watch=lambda model: shuffle(model.state, model.state.tick)) == runs.plain


def test_the_seed_changes_everything(runs: Runs) -> None:
    ours, theirs = runs.plain, runs.digests(seed=runs.scenario.scenario.seed + 1)
    assert ours[0] != theirs[0]
    assert ours[1] != theirs[1]


def test_shuffling_moves_rows_and_the_digest_sees_a_changed_cell(tmp_path: Path) -> None:
    model = TherapyModel(everything(tmp_path), threads=1)
    model.run(until_days=0.1)
    state = model.state
    before, uids = state_digest(state), state.sessile.array("uid").copy()
    assert len(state.places[1].guest_row)
    shuffle(state, 1)
    state.check()
    assert (uids != state.sessile.array("uid")).any()
    assert state_digest(state) == before
    state.motile.array("heading")[state.motile.alive()[0]] ^= 1
    assert state_digest(state) != before


def test_the_command_line_runs_the_same(tmp_path: Path) -> None:
    settings = ["marrow.shape=[12, 12, 12]", "csf.shape=[16, 8, 4]", "start=-1 d", "treatments[0].day=-1 d", *SPARSE]
    path = ROOT / "scenarios" / "quickstart.yaml"
    command = [sys.executable, "-m", "abm", "run", str(path), "-o", "cli.h5", "--until", "0.5", "--seed", "9", "--threads", "3"]
    for setting in settings:
        command += ["--set", setting]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=120)
    model = TherapyModel(small(path), 9, threads=1)
    in_python = model.run(tmp_path / "python.h5", until_days=0.5)
    assert in_python is not None
    with in_python, Trajectory.open(tmp_path / "cli.h5") as by_command:
        assert by_command.digest() == in_python.digest()


def digest_in_here(folder: Path) -> str:
    """Run a scenario in this process."""
    trajectory = TherapyModel(everything(folder), threads=1).run(folder / f"{os.getpid()}.h5", until_days=UNTIL)
    assert trajectory is not None
    with trajectory:
        return trajectory.digest()


def test_worker_processes_run_the_same(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        digests = list(pool.map(digest_in_here, [tmp_path, tmp_path]))
    assert len(list(tmp_path.glob("*.h5"))) == 2
    assert {*digests} == {digest_in_here(tmp_path)}
