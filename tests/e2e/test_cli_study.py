# SPDX-License-Identifier: Apache-2.0
"""Studies as a user types them: planned, executed, cut short by signals and kills, resumed, told and collected."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from abm.cli import main
from abm.study import Study
from tests.small_studies import BASE, DOSES, laid_out, text_of, written

LONG = DOSES + "resources: {runs_per_task: 2}\n"
PATIENCE = 120.0
"""Time after which something is taken never to happen [s]."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert main(["study", "run", str(long_study(folder)), "-o", str(folder / "made"), "--workers", "0", "-q"]) == 0
    return Study.open(folder / "made")


def long_study(folder: Path) -> Path:
    """Write a study of three runs that take most of a second each: long enough to be disturbed."""
    path = folder / "study.yaml"
    path.write_text(text_of(LONG).replace("0.3 d", "3 d"), encoding="utf-8")
    return path


def begun(*words: object) -> subprocess.Popen[str]:
    """Start the command line in a process group of its own, as a shell does."""
    command = [sys.executable, "-m", "abm", "study", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)


def is_recording(folder: Path) -> bool:
    return any(folder.glob("work/*/*/run.h5.parts/*"))


def tables(*studies: Study) -> list[str]:
    return [study.collect().drop(columns=["seconds", "cpu_seconds", "peak_mb", "file_mb"]).to_csv() for study in studies]


def test_a_study_from_plan_to_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study, folder = str(written(tmp_path)), str(tmp_path / "made")
    assert main(["study", "plan", study, "--workers", "4"]) == 0
    assert f"{study}: valid; 3 points, 3 runs" in capfd.readouterr().out
    assert main(["study", "run", study, "-o", folder, "--workers", "0"]) == 0
    said = capfd.readouterr()
    assert "3 finished" in said.out
    assert f"wrote {folder}/table.parquet, a row for each of 3 runs" in said.out
    assert "3 of 3 runs" in said.err
    assert main(["study", "status", folder]) == 0
    assert capfd.readouterr().out == "small: 3 finished\n"
    assert main(["study", "collect", folder, "-o", str(tmp_path / "t.csv")]) == 0
    assert pd.read_csv(tmp_path / "t.csv")["dose"].tolist() == [1e5, 1e6, 1e7]
    assert main(["study", "collect", folder, "-o", str(tmp_path / "t.csv")]) == 2
    assert "--overwrite" in capfd.readouterr().err
    assert main(["study", "collect", folder, "-o", str(tmp_path / "t.parquet"), "--overwrite"]) == 0
    assert len(pd.read_parquet(tmp_path / "t.parquet")) == 3
    assert main(["study", "run", study, "-o", folder]) == 0
    assert capfd.readouterr().out.splitlines()[-3] == "nothing to do"
    assert main(["study", "resume", folder, "-q"]) == 0
    assert capfd.readouterr() == ("", "")


def test_a_study_grows(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "made")
    for rest, done in ((DOSES, 3), (DOSES + "replicates: 2\n", 3), (DOSES.replace("1e7]", "1e7, 2e7]"), 1), (DOSES, 0)):
        assert main(["study", "run", str(written(tmp_path, rest)), "-o", folder, "--workers", "0"]) == 0
        words = f"{done} finished" if done else "nothing to do"
        assert capfd.readouterr().out.splitlines()[-3] == words


def test_failed_runs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rest = "parameters:\n  - {path: blasts.marrow_fraction, values: [10 %, 60 %]}\n  - {path: effector_target_ratio, values: [0, 0.7]}\n"
    study, folder = str(written(tmp_path, rest)), str(tmp_path / "made")
    assert main(["study", "plan", study]) == 0
    assert "warning: point 3 will fail" in capfd.readouterr().out
    assert main(["study", "run", study, "-o", folder, "--workers", "0"]) == 1
    said = capfd.readouterr()
    assert "3 finished, 1 failed" in said.out
    assert "1 of 4 runs failed, the first of them run 3: scenario.yaml:" in said.err
    assert "Traceback" not in said.err
    assert main(["study", "status", folder]) == 0
    assert "run 3: scenario.yaml:" in capfd.readouterr().out
    assert main(["study", "retry-failed", folder, "--workers", "0"]) == 1
    assert "\n1 failed\n" in "\n" + capfd.readouterr().out.replace("3 finished, ", "")
    done = written(tmp_path, DOSES)
    assert main(["study", "run", str(done), "-o", str(tmp_path / "good"), "--workers", "0", "-q"]) == 0
    assert main(["study", "retry-failed", str(tmp_path / "good")]) == 0
    assert "no run has failed" in capfd.readouterr().out


def test_a_bad_study_is_refused_with_code_2(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "parameters:\n  - {path: blasts.marow_fraction, range: [0, 1]}\n  - {path: body.weight, values: [-1, 2 d]}\n")
    for command in (["plan"], ["run", "-o", str(tmp_path / "made")], ["export-slurm", "-o", str(tmp_path / "made")]):
        assert main(["study", command[0], str(path), *command[1:]]) == 2
        said = capfd.readouterr()
        assert said.out == ""
        assert [line.removeprefix(f"{path}:").split(":")[0] for line in said.err.splitlines()] == ["12", "13", "13"]
        assert "nearest: 'marrow_fraction'" in said.err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "nowhere.yaml"], "no such file"),
        (["run", "{study}"], "Missing option '--output'"),
        (["run", "{study}", "-o", "."], "holds something else than a study"),
        (["run", "{study}", "-o", "made", "--workers", "-1"], "--workers"),
        (["run", "{study}", "-o", "made", "--cluster", "here"], "must be 'local', an address"),
        (["run", "{study}", "-o", "made", "--cluster", "site.yaml"], "no such file"),
        (["status", "nowhere"], "there is no such folder"),
        (["resume", "."], "is not the folder of a study"),
        (["collect", "{study}"], "there is no such folder"),
        (["slice", "laid", "--task", "3", "--of", "3"], "--task: must be at most 2"),
        (["export-slurm", "{study}"], "--output FOLDER is needed"),
        (["export-slurm", "laid", "--tasks", "9"], "--tasks: must be at most 3"),
        (["export-slurm", "laid", "--cluster", "nowhere.yaml"], "no such file"),
    ],
)
def test_what_is_typed_wrong_is_told_with_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    laid_out(tmp_path, name="laid")
    monkeypatch.chdir(tmp_path)
    assert main(["study", *(word.replace("{study}", "study.yaml") for word in words)]) == 2
    told = capfd.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert "fault of abm" not in told


def test_names_with_spaces_quotes_and_letters_of_all_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / 'it\'s a "place" µ'
    place.mkdir()
    (place / "szenario é.yaml").write_text(BASE.read_text(encoding="utf-8"), encoding="utf-8")
    (place / "study 1.yaml").write_text(text_of("outputs: [peak_car_t]\n", "szenario é.yaml"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["study", "run", f"{place.name}/study 1.yaml", "-o", f"{place.name}/made", "--workers", "0"]) == 0
    assert main(["study", "export-slurm", f"{place.name}/made"]) == 0
    assert f"sbatch '{place}".replace("it's", "it'\"'\"'s") in capfd.readouterr().out
    assert subprocess.run(["bash", "-n", str(place / "made" / "array.sbatch")], check=False).returncode == 0


def test_slices_and_workers_come_to_the_same(tmp_path: Path, undisturbed: Study, capfd: pytest.CaptureFixture[str]) -> None:
    study, sliced, worked = long_study(tmp_path), tmp_path / "sliced", tmp_path / "worked"
    assert main(["study", "export-slurm", str(study), "-o", str(sliced), "--tasks", "2"]) == 0
    assert "2 tasks of up to 2 runs, 30 minutes each" in capfd.readouterr().out
    for task in ("1", "0"):
        assert main(["study", "slice", str(sliced), "--task", task, "--of", "2"]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "2 finished; 0 left"
    assert main(["study", "run", str(study), "-o", str(worked), "--workers", "1", "-q"]) == 0
    assert capfd.readouterr() == ("", "")
    assert len({*tables(undisturbed, Study.open(sliced), Study.open(worked))}) == 1
    assert Study.open(sliced).digest() == Study.open(worked).digest() == undisturbed.digest()


@pytest.mark.parametrize(("number", "code", "workers"), [(signal.SIGINT, 130, 2), (signal.SIGTERM, 143, 1)])
def test_a_signal_keeps_states_and_resume_comes_to_the_same(
    tmp_path: Path, undisturbed: Study, number: signal.Signals, code: int, workers: int
) -> None:
    folder = tmp_path / "made"
    process = begun("run", long_study(tmp_path), "-o", folder, "--workers", workers)
    wait_for(lambda: is_recording(folder))
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # a terminal sends it to the workers as well
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, err
    assert f"to go on: abm study resume {folder}" in err
    assert "Traceback" not in err
    found = Study.open(folder)
    assert found.counts()["finished"] < 3
    assert is_recording(folder)
    assert main(["study", "resume", str(folder), "--workers", "0", "-q"]) == 0
    assert Study.open(folder).digest() == undisturbed.digest()


def test_a_driver_that_is_killed(tmp_path: Path, undisturbed: Study) -> None:
    folder = tmp_path / "made"
    process = begun("run", long_study(tmp_path), "-o", folder, "--workers", 1)
    wait_for(lambda: is_recording(folder))
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert main(["study", "resume", str(folder), "--workers", "0", "-q"]) == 0
    assert Study.open(folder).counts()["finished"] == 3
    assert Study.open(folder).digest() == undisturbed.digest()


def test_a_worker_that_is_killed(tmp_path: Path, undisturbed: Study, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "made"
    killed: list[int] = []

    def kill() -> None:
        wait_for(lambda: is_recording(folder))
        (lock,) = folder.glob("work/*/*/run.h5.lock")
        killed.append(json.loads(lock.read_text())["pid"])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert main(["study", "run", str(long_study(tmp_path)), "-o", str(folder), "--workers", "1"]) == 0
    killer.join()
    assert killed != [os.getpid()]
    assert "3 finished" in capfd.readouterr().out
    assert Study.open(folder).digest() == undisturbed.digest()


def test_two_drivers_on_one_folder(tmp_path: Path, undisturbed: Study, capfd: pytest.CaptureFixture[str]) -> None:
    study, folder = long_study(tmp_path), tmp_path / "made"
    other = begun("run", study, "-o", folder, "--workers", 0)
    wait_for(lambda: is_recording(folder))
    assert main(["study", "run", str(study), "-o", str(folder), "--workers", "0"]) == 0
    out, err = other.communicate(timeout=PATIENCE)
    assert other.returncode == 0, err
    said = [text.splitlines()[-3] for text in (out, capfd.readouterr().out)]
    finished = sum(int(words.split()[0]) for line in said for words in line.split(", ") if words.endswith("finished"))
    assert finished == 3, said
    assert Study.open(folder).digest() == undisturbed.digest()


def test_a_study_of_another_version_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    study, folder = str(written(tmp_path)), str(tmp_path / "made")
    assert main(["study", "run", study, "-o", folder, "--workers", "0", "-q"]) == 0
    monkeypatch.setattr("abm.study.folder.code_version", lambda: "9.9-other")
    assert main(["study", "slice", folder, "--task", "0", "--of", "1"]) == 2
    assert "abm study resume begins it anew" in capfd.readouterr().err
    assert main(["study", "retry-failed", folder]) == 2
    for command in (["resume", folder], ["run", study, "-o", folder]):
        assert main(["study", *command, "--workers", "0"]) == 0
        said = capfd.readouterr()
        if command[0] == "resume":
            assert "3 runs of another version of abm stay in the folder, but do not count" in said.err
            assert "3 finished" in said.out
        else:
            assert "another version" not in said.err


def test_nobody_listens_at_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("abm.study.clusters.CONNECT_SECONDS", 0.5)
    assert main(["study", "run", str(written(tmp_path)), "-o", str(tmp_path / "made"), "--cluster", "tcp://127.0.0.1:9"]) == 2
    assert "no scheduler answers there" in capfd.readouterr().err


def test_every_command_has_help_with_an_example(capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("plan", "run", "resume", "status", "collect", "retry-failed", "export-slurm", "slice"):
        assert main(["study", name, "--help"]) == 0
        assert f"abm study {name}" in capfd.readouterr().out
