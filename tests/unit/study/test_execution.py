# SPDX-License-Identifier: Apache-2.0
"""A study executed by workers: the same as undisturbed, on a scheduler that stays, with runs that are stopped or lost."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Client, LocalCluster
from distributed.scheduler import KilledWorker

import abm.study.execution
from abm.errors import InputError, RunError
from abm.model import TherapyModel
from abm.study import Study, StudyFolder, drive
from abm.study.clusters import connected
from abm.study.execution import Batch, Execution, packed_size
from abm.study.work import Outcome
from abm.trajectory.lock import acquire, release
from tests.small_studies import DOSES, laid_out

FEW = DOSES + "resources: {runs_per_task: 2}\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler that stays, with two workers that are threads of this process."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        protocol="tcp",
        silence_logs=50,
    ) as made:
        yield made


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = laid_out(tmp_path_factory.mktemp("undisturbed"))
    drive(folder, workers=0, quiet=True)
    return Study(folder).digest()


def test_workers_come_to_the_same_and_a_second_driver_has_nothing_to_do(tmp_path: Path, client: Client, undisturbed: str) -> None:
    folder = laid_out(tmp_path, FEW)
    outcomes = Execution(folder, client, 2, quiet=True).run()
    assert sorted(outcome.number for outcome in outcomes) == [0, 1, 2]
    assert {outcome.status for outcome in outcomes} == {"finished"}
    assert Study(folder).digest() == undisturbed
    assert Execution(folder, client, 2, quiet=True).run() == []


def test_a_scheduler_serves_one_driver_after_another(tmp_path: Path, cluster: LocalCluster, undisturbed: str) -> None:
    for name in ("a", "b"):
        folder = laid_out(tmp_path, FEW, name)
        outcomes = drive(folder, cluster.scheduler_address, quiet=True)
        assert [outcome.status for outcome in outcomes] == ["finished"] * 3
        assert Study(folder).digest() == undisturbed


def test_two_drivers_at_once_do_no_run_twice(tmp_path: Path, cluster: LocalCluster, undisturbed: str) -> None:
    laid_out(tmp_path, FEW)

    def one(_: int) -> list[Outcome]:
        with Client(cluster) as client:
            return Execution(StudyFolder(tmp_path / "made"), client, 2, quiet=True).run()

    with ThreadPoolExecutor(2) as pool:
        done = [outcome for outcomes in pool.map(one, range(2)) for outcome in outcomes]
    assert sorted(outcome.number for outcome in done if outcome.status == "finished") == [0, 1, 2]
    assert {outcome.status for outcome in done} <= {"finished", "there"}
    assert Study(StudyFolder(tmp_path / "made")).digest() == undisturbed


def test_a_driver_that_stops_leaves_the_other_at_work(
    tmp_path: Path, cluster: LocalCluster, client: Client, undisturbed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()
    carry = TherapyModel._carry

    def tell(self: TherapyModel, ticks: int) -> None:
        carry(self, ticks)
        if self.steps == 2:
            begun.set()

    monkeypatch.setattr(TherapyModel, "_carry", tell)
    monkeypatch.setattr(abm.study.execution, "LOOK_SECONDS", 0.01)
    stopped, other = laid_out(tmp_path, FEW, "stopped"), laid_out(tmp_path, FEW, "other")
    execution = Execution(stopped, client, 2, quiet=True)
    outcomes = execution.run(begun.is_set)
    assert len(outcomes) < 3
    with Client(cluster) as second:
        assert len(Execution(other, second, 2, quiet=True).run()) == 3
    # the same driver goes on, from the states that were kept
    assert len(stopped.under_way()) > 0
    assert len(execution.run()) == 3 - len(outcomes)
    assert Study(stopped).digest() == Study(other).digest() == undisturbed


def test_what_a_worker_that_is_closed_has_left_is_done_by_another(tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path, DOSES + "resources: {runs_per_task: 3}\n")
    calls = tmp_path / "calls"

    def closed_after_a_run(path: str, stamp: str, runs: list[Any], driver: str) -> list[Outcome]:
        with calls.open("a") as file:
            print([run.number for run in runs], file=file)
        return [Outcome(runs[0].number, "finished")]

    monkeypatch.setattr(abm.study.execution, "run_batch", closed_after_a_run)
    outcomes = Execution(folder, client, 2, quiet=True).run()
    assert calls.read_text().splitlines() == ["[0, 1, 2]", "[1, 2]", "[2]"]
    assert [outcome.number for outcome in outcomes] == [0, 1, 2]


def test_runs_that_another_process_was_at_are_asked_for_again(tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path, FEW)
    work = folder.work_of(folder.runs[1])
    work.mkdir(parents=True)
    mine = acquire(work)
    monkeypatch.setattr(abm.study.execution.time, "sleep", lambda seconds: release(work, mine))
    outcomes = Execution(folder, client, 2, quiet=True).run()
    assert sorted(outcomes)[1][:2] == (1, "finished")
    assert len(outcomes) == 3


def test_a_run_that_kills_its_workers_is_given_up(tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path, DOSES + "resources: {runs_per_task: 3}\n")

    class Lost:
        def __init__(self, runs: list[Any]) -> None:
            self.runs = runs

        def result(self) -> list[Outcome]:
            if any(run.number == 1 for run in self.runs):
                raise KilledWorker("task", SimpleNamespace(address="tcp://worker"), 3)
            return [Outcome(run.number, "finished") for run in self.runs]

    execution = Execution(folder, client, 2, quiet=True)
    waiting: list[Lost] = []

    def submit(batch: Batch) -> None:
        waiting.append(Lost(batch.runs))
        execution._batches[waiting[-1]] = batch

    monkeypatch.setattr(execution, "_submit", submit)
    execution.submit(folder.runs)
    while waiting:
        execution._settle(waiting.pop())  # type: ignore[arg-type]
    assert sorted(outcome[:2] for outcome in execution.outcomes) == [(0, "finished"), (1, "failed"), (2, "finished")]
    ((run, result),) = Study(folder).failed()
    assert run.number == 1
    assert "killed again and again" in result["error"]


def test_a_study_laid_out_anew_meanwhile_is_told(tmp_path: Path, client: Client) -> None:
    before = laid_out(tmp_path, FEW)
    assert len(before.runs) == 3
    laid_out(tmp_path, FEW.replace("1e5", "2e5"))
    with pytest.raises(RunError, match="laid out anew while it was executed"):
        Execution(before, client, 2, quiet=True).run()
    assert before.done() == set()


def test_the_same_study_laid_out_once_more_is_no_other(tmp_path: Path, client: Client) -> None:
    before = laid_out(tmp_path, FEW)
    laid_out(tmp_path, FEW)
    assert len(Execution(before, client, 2, quiet=True).run()) == 3


def test_workers_that_do_not_see_the_folder(tmp_path: Path, client: Client) -> None:
    folder = laid_out(tmp_path, FEW)
    assert len(folder.runs) == 3
    (tmp_path / "made").rename(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="do all machines share the folder"):
        Execution(folder, client, 2, quiet=True).run()


def test_tasks_are_neither_too_short_nor_too_few(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, DOSES + "replicates: 100\n")
    assert 1 < packed_size(folder, 300, 2) <= 300 // 8
    assert packed_size(folder, 8, 64) == 1
    assert packed_size(laid_out(tmp_path, FEW), 300, 2) == 2


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("everywhere", "must be 'local', an address"),
        ("tcp://127.0.0.1:9", "no scheduler answers there"),
        ("tcp://", "no scheduler answers there"),
        ("tcp://no-such-host.invalid:8786", "no scheduler answers there"),
        ("nowhere.yaml", "no such file"),
    ],
)
def test_where_there_is_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, words: str) -> None:
    monkeypatch.setattr("abm.study.clusters.CONNECT_SECONDS", 0.5)
    with pytest.raises(InputError, match=words):
        drive(laid_out(tmp_path, FEW), where, quiet=True)


def test_a_scheduler_without_workers(tmp_path: Path) -> None:
    with (
        LocalCluster(
            n_workers=0, processes=False, host="127.0.0.1", dashboard_address="127.0.0.1:0", protocol="tcp", silence_logs=50
        ) as empty,
        pytest.raises(RunError, match="no workers"),
    ):
        drive(laid_out(tmp_path, FEW), empty.scheduler_address, quiet=True)


def test_without_dask_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path, FEW)
    for name in ("abm.study.clusters", "abm.study.execution"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"'distributed', which is not installed here: .*pip install '\.\[study\]'"):
        drive(folder, quiet=True)
    assert len(drive(folder, workers=0, quiet=True)) == 3


def test_nothing_is_started_when_all_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path, "outputs: [peak_car_t]\n")
    drive(folder, workers=0, quiet=True)
    monkeypatch.setattr("abm.study.clusters.connected", None)
    assert drive(folder, quiet=True) == []


def test_a_site_without_its_batch_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site.yaml").write_text("cluster: slurm\n")
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with (
        pytest.raises(InputError, match=r"'dask_jobqueue', which is not installed here"),
        connected(tmp_path / "site.yaml", None, laid_out(tmp_path, FEW)),
    ):
        pass
