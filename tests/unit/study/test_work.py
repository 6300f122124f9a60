# SPDX-License-Identifier: Apache-2.0
"""Runs of a study: done once, taken up, failed by themselves or by the disk, and the same however they are executed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import abm.study.work
import abm.trajectory.gathering
from abm.errors import InputError, RunError
from abm.execution import Terminated
from abm.model import TherapyModel
from abm.study import Study, StudyFolder, drive
from abm.study.driving import drive_slice
from abm.study.folder import TRAJECTORY
from abm.study.keys import deciding, key_of
from abm.study.serial import Ending, Stopped, ended_by_signals, slice_of, tally, work_through
from abm.study.work import Outcome, perform
from abm.trajectory import Trajectory
from abm.trajectory.lock import acquire, lock_path, release
from tests.small_studies import DOSES, laid_out

ONE = "outputs: [peak_car_t]\n"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return the study DOSES, done."""
    folder = laid_out(tmp_path_factory.mktemp("undisturbed"))
    drive(folder, workers=0, quiet=True)
    return Study(folder)


def stop_after(hours: int) -> Any:
    def watch(model: TherapyModel) -> None:
        if model.steps >= hours:
            raise Stopped

    return watch


def test_a_run_is_done_once(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, ONE)
    (run,) = folder.runs
    outcome = perform(folder, run)
    assert (outcome.status, outcome.error) == ("finished", "")
    assert outcome.seconds > 0
    assert perform(folder, run) == Outcome(0, "there")
    result = folder.result_of(run)
    assert result is not None
    assert result["status"] == "finished"
    assert {*result["cost"]} == {"seconds", "cpu_seconds", "peak_mb", "file_mb"}
    assert result["settings"] == list(run.settings)
    assert result["made_by"]["abm"] == abm.__version__
    assert folder.under_way() == []
    with Trajectory.open(folder.place_of(run) / TRAJECTORY) as trajectory:
        assert trajectory.noted_digest == result["digest"] == trajectory.digest()
        assert trajectory.last_day == pytest.approx(0.3, abs=0.01)
        assert f"seed: {folder.design['seed'][0]}\n" in trajectory.scenario_text


def test_a_run_cut_short_is_taken_up_and_comes_to_the_same(tmp_path: Path, undisturbed: Study) -> None:
    folder = laid_out(tmp_path)
    for run in folder.runs:
        with pytest.raises(Stopped):
            perform(folder, run, stop_after(3))
        assert (folder.work_of(run) / TRAJECTORY).is_file()
    assert Study(folder).counts()["under way"] == 3
    seen: list[int] = []
    outcomes = [perform(folder, run, lambda model: seen.append(model.steps)) for run in folder.runs]
    assert [outcome.status for outcome in outcomes] == ["finished"] * 3
    assert min(seen) > 3
    assert Study(folder).digest() == undisturbed.digest()


@pytest.mark.parametrize("damage", ["index", "segments", "empty"])
def test_what_is_left_damaged_is_made_again(tmp_path: Path, undisturbed: Study, damage: str) -> None:
    folder = laid_out(tmp_path)
    run = folder.runs[0]
    with pytest.raises(Stopped):
        perform(folder, run, stop_after(4))
    path = folder.work_of(run) / TRAJECTORY
    if damage == "segments":
        for segment in path.with_name(f"{TRAJECTORY}.parts").iterdir():
            segment.write_bytes(segment.read_bytes()[:100])
    else:
        path.write_bytes(path.read_bytes()[:500] if damage == "index" else b"")
    assert perform(folder, run).status == "finished"
    assert Study(folder).table()["digest"][0] == undisturbed.table()["digest"][0]


def test_a_finished_trajectory_that_was_not_put_in_its_place_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path, ONE)
    (run,) = folder.runs
    with monkeypatch.context() as patch:
        patch.setattr(StudyFolder, "publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            perform(folder, run)
    monkeypatch.setattr(abm.study.work, "TherapyModel", None)
    assert perform(folder, run).status == "finished"


def test_a_run_that_another_process_is_at_is_left_alone(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, ONE)
    (run,) = folder.runs
    work = folder.work_of(run)
    work.mkdir(parents=True)
    mine = acquire(work)
    assert perform(folder, run).status == "busy"
    release(work, mine)
    with pytest.raises(Stopped):
        perform(folder, run, stop_after(2))
    mine = acquire(work / TRAJECTORY)  # as one that carries it on by hand
    assert perform(folder, run).status == "busy"
    assert (work / f"{TRAJECTORY}.parts").is_dir()
    release(work / TRAJECTORY, mine)
    assert perform(folder, run).status == "finished"


def test_the_lock_of_a_long_run_is_kept_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path, ONE)
    (run,) = folder.runs
    lock = lock_path(folder.work_of(run))
    monkeypatch.setattr(abm.study.work, "BEAT_SECONDS", 0.0)
    seen = []

    def watch(model: TherapyModel) -> None:
        seen.append(lock.stat().st_mtime)
        os.utime(lock, (1, 1))

    perform(folder, run, watch)
    assert len(seen) == 7
    assert 1 not in seen


def test_a_run_that_fails_is_a_result_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, "parameters:\n  - {path: 'treatments[0].day', name: day, values: [0, 0.1]}\n" + ONE)
    settings = (*folder.runs[0].settings, "treatments[0].product=2")
    key = key_of(deciding(folder.study, folder.base.scenario), settings)
    folder.runs[0] = folder.runs[0]._replace(settings=settings, key=key)
    done = drive(folder, workers=0, quiet=True)
    assert [outcome.status for outcome in done] == ["failed", "finished"]
    assert "treatments[0].product=2: must be at most 1" in done[0].error
    ((run, result),) = Study(folder).failed()
    assert run.number == 0
    assert "Traceback" in result["traceback"]
    table = Study(folder).table()
    assert table["status"].tolist() == ["failed", "finished"]
    assert table["error"][0] == done[0].error
    assert table["peak_car_t"].notna().tolist() == [False, True]


def test_values_that_do_not_go_together_fail_alone(tmp_path: Path) -> None:
    rest = """\
parameters:
  - {path: blasts.marrow_fraction, name: blasts, values: [10 %, 60 %]}
  - {path: effector_target_ratio, values: [0, 0.7]}
"""
    folder = laid_out(tmp_path, rest)
    drive(folder, workers=0, quiet=True)
    table = Study(folder).table()
    assert table["status"].tolist() == ["finished", "finished", "finished", "failed"]
    assert "at most 100 %" in table["error"][3]


def test_an_unforeseen_exception_is_a_failed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path, ONE)

    def fault(self: TherapyModel) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(TherapyModel, "step", fault)
    monkeypatch.setattr(TherapyModel, "_carry", lambda self, ticks: fault(self))
    assert perform(folder, folder.runs[0]).error == "ZeroDivisionError: "
    monkeypatch.undo()
    assert Study(folder).retry_failed() == 1
    assert perform(folder, folder.runs[0]).status == "finished"
    assert Study(folder).retry_failed() == 0


@pytest.mark.parametrize("moment", ["work", "trajectory", "publish", "room"])
def test_a_full_disk_is_no_result_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: Study, moment: str) -> None:
    folder = laid_out(tmp_path)
    run = folder.runs[0]

    def full(*_: object, **__: object) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def without_room(path: Path, needed: float) -> None:
        raise InputError(f"{path}: needs about {needed:.0f} of disk")

    target: dict[str, tuple[Any, str]] = {
        "work": (Path, "mkdir"),
        "trajectory": (abm.trajectory.gathering, "replace_file"),
        "publish": (StudyFolder, "publish"),
        "room": (abm.study.work, "require_disk"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*target[moment], without_room if moment == "room" else full)
        with pytest.raises(RunError, match=r"disk full while doing run 0") as told:
            perform(folder, run)
    causes = [told.value.__cause__]
    while causes[-1] is not None:  # schedulers follow them to the first
        causes.append(causes[-1].__cause__ or causes[-1].__context__)
        assert len(causes) < 9
    assert folder.done() == set()
    assert perform(folder, run).status == "finished"
    assert Study(folder).table()["digest"][0] == undisturbed.table()["digest"][0]


def test_slices_share_all_runs_evenly() -> None:
    runs: list[Any] = list(range(11))
    parts = [slice_of(runs, task, 4) for task in range(4)]
    assert sorted(run for part in parts for run in part) == runs
    assert {len(part) for part in parts} == {2, 3}
    assert slice_of(runs, 0, 1) == runs


def test_slices_come_to_the_same(tmp_path: Path, undisturbed: Study, capsys: pytest.CaptureFixture[str]) -> None:
    folder = laid_out(tmp_path)
    assert [drive_slice(folder.path, task, 2) for task in (1, 0)] == [0, 0]
    assert drive_slice(folder.path, 0, 2) == 0
    assert "2 done before; 0 left" in capsys.readouterr().out
    columns = ["seconds", "cpu_seconds", "peak_mb", "file_mb"]
    tables = [study.collect().drop(columns=columns).to_csv() for study in (Study(folder), undisturbed)]
    assert tables[0] == tables[1]
    assert Study(folder).digest() == undisturbed.digest()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGUSR1, 75), (signal.SIGTERM, 143)])
def test_a_slice_that_is_warned_keeps_its_run(
    tmp_path: Path, undisturbed: Study, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    folder = laid_out(tmp_path)
    carry = TherapyModel._carry

    def warned(self: TherapyModel, ticks: int) -> None:
        carry(self, ticks)
        if self.steps == 3 and len(folder.done()) == 1:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(TherapyModel, "_carry", warned)
        assert drive_slice(folder.path, 0, 1) == code
    assert len(folder.done()) == 1
    assert len(folder.under_way()) == 1
    assert drive_slice(folder.path, 0, 1) == 0
    assert Study(folder).digest() == undisturbed.digest()


def test_a_driver_that_is_interrupted_says_how_to_go_on(
    tmp_path: Path, undisturbed: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = laid_out(tmp_path)
    carry = TherapyModel._carry
    for number, ends in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)):

        def killed(self: TherapyModel, ticks: int, number: int = number) -> None:
            carry(self, ticks)
            if self.steps == 2:
                os.kill(os.getpid(), number)

        with monkeypatch.context() as patch:
            patch.setattr(TherapyModel, "_carry", killed)
            with pytest.raises(ends):
                drive(folder, workers=0)
        assert "abm study resume" in capsys.readouterr().err
    drive(folder, workers=0, quiet=True)
    assert Study(folder).digest() == undisturbed.digest()


def test_a_slice_of_a_killed_process_is_taken_up(tmp_path: Path, undisturbed: Study) -> None:
    folder = laid_out(tmp_path)
    program = (
        "import os, signal, sys; from abm.model import TherapyModel; from abm.study.driving import drive_slice\n"
        "carry = TherapyModel._carry\n"
        "def killed(self, ticks):\n"
        "    carry(self, ticks)\n"
        "    if self.steps == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        "TherapyModel._carry = killed; drive_slice(sys.argv[1], 0, 1)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(folder.path)], check=False).returncode == -signal.SIGKILL
    assert len(folder.under_way()) == 1
    drive(folder, workers=0, quiet=True)
    assert Study(folder).digest() == undisturbed.digest()
    assert folder.under_way() == []


def test_work_ends_between_runs_when_it_is_asked_to(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    told: list[Outcome] = []
    outcomes = work_through(folder, folder.runs, lambda: len(told) == 1, told.append)
    assert outcomes == told
    assert [outcome.number for outcome in outcomes] == [0]


def test_a_tally_in_words() -> None:
    statuses: tuple[Any, ...] = ("finished", "busy", "finished", "failed", "there")
    assert tally(Outcome(0, status) for status in statuses) == "2 finished, 1 failed, 1 done before, 1 under way elsewhere"
    assert tally([]) == "nothing to do"


def test_signals_are_given_back_and_ignored_ones_stay_so() -> None:
    before = signal.getsignal(signal.SIGTERM)
    usr = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with ended_by_signals() as ending:
            assert isinstance(signal.getsignal(signal.SIGTERM), Ending)
            os.kill(os.getpid(), signal.SIGUSR1)
            assert not ending.asked()
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            assert ending.asked()
            assert ending.signal == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == before
    finally:
        signal.signal(signal.SIGUSR1, usr)


def test_another_version_is_refused_by_whoever_does_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path, DOSES)
    monkeypatch.setattr("abm.study.folder.code_version", lambda: "9.9-other")
    for call in (lambda: perform(folder, folder.runs[0]), lambda: drive_slice(folder.path, 0, 1)):
        with pytest.raises(InputError, match="abm study resume begins it anew"):
            call()
