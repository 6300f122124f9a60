# SPDX-License-Identifier: Apache-2.0
"""``abm resume``, ``abm branch`` and ``abm rerun`` as a user types them."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from abm.cli import main
from abm.trajectory import Trajectory
from tests.e2e.test_cli_comparing import QUICKSTART, SMALL, abm
from tests.small_scenarios import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run of two hours and one of four."""
    folder = tmp_path_factory.mktemp("going_on")
    assert abm(folder, "run", QUICKSTART, "-o", "short.h5", "--quiet", *SMALL).returncode == 0
    assert abm(folder, "run", QUICKSTART, "-o", "long.h5", "--quiet", *SMALL, "--until", "0.2").returncode == 0
    return folder


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")


def digest(name: str) -> str:
    with Trajectory.open(name) as trajectory:
        assert trajectory.status == "finished"
        return trajectory.noted_digest


def test_to_a_later_day(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy("short.h5", "grown.h5")
    done = abm(folder, "resume", "grown.h5", "--until", "0.2", "--threads", "2")
    assert done.returncode == 0, done.stderr
    assert "wrote grown.h5" in done.stdout
    assert digest("grown.h5") == digest("long.h5")
    assert main(["diff", "grown.h5", "long.h5"]) == 0
    assert capsys.readouterr().out.startswith("identical: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_after_a_signal(folder: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "abm", "run", QUICKSTART, "-o", "cut.h5", "--quiet", *SMALL, "--until", "2", "--overwrite"]
    process = subprocess.Popen(command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    while not (folder / "cut.h5.parts").exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(number)
    assert process.wait(60) == (143 if number == signal.SIGTERM else -9)
    with Trajectory.open("cut.h5") as trajectory:
        assert trajectory.status == "interrupted"
        kept = len(trajectory.observables)
    assert abm(folder, "resume", "cut.h5", "--quiet").returncode == 0
    assert abm(folder, "run", QUICKSTART, "-o", "whole.h5", "--quiet", *SMALL, "--until", "2", "--overwrite").returncode == 0
    assert digest("cut.h5") == digest("whole.h5")
    with Trajectory.open("cut.h5") as trajectory:
        assert len(trajectory.observables) >= kept
        assert len(trajectory.provenance["resumed"]) == 1


def test_what_if(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change = "treatments[1]={type: tocilizumab, day: 0.15}"
    assert main(["branch", "long.h5", "--at", "0.1", "--set", change, "-o", "toci.h5", "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^ +tocilizumab +once +0\.2", said, re.MULTILINE)
    assert main(["rerun", "toci.h5", "-o", "again.h5", "--threads", "1"]) == 0
    assert re.fullmatch(r"again\.h5: the same, to the byte \(digest \w{12}, that of toci\.h5 \w{12}\)\n", capsys.readouterr().out)
    assert digest("toci.h5") == digest("again.h5") != digest("long.h5")


def test_another_result_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As another version might give it: here the file's seed is changed on the way."""
    monkeypatch.setattr("abm.continuation._seed_of", lambda header: 77)
    assert main(["rerun", "short.h5", "-o", "other.h5", "--threads", "1", "--overwrite"]) == 1
    assert "another result; abm diff short.h5 other.h5 tells where they part" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["resume", "none.h5"], r".*none\.h5: no such file; nearest: .*"),
        (["resume", "short.h5"], r".*short\.h5: has come to day 0\.1\d* already, got day 0\.1 to end at; --until takes a later one"),
        (["resume", "short.h5", "--until", "0.05"], r".*has come to day 0\.1\d* already, got day 0\.05.*"),
        (["branch", "short.h5", "--at", "2", "-o", "b.h5"], r"--at: must be after day 0 and up to 0\.1\d*, .*, got day 2.*"),
        (["branch", "short.h5", "--at", "0.1", "-o", "long.h5"], r".*long\.h5: exists already.*"),
        (["branch", "short.h5", "--at", "0.1", "-o", "short.h5", "--overwrite"], r".*cannot take the place of its ancestor.*"),
        (["branch", "short.h5", "--at", "0.05", "--set", "blast.x=1", "-o", "b.h5"], r".*unknown key; nearest: 'blasts'.*"),
        (["resume", "short.h5", "--until", "0.2", "--set", "seed=3"], r"--set seed=3: a run .* keeps its scenario; .*abm branch.*"),
        (["rerun", "short.h5", "-o", "none/x.h5"], r".*not an existing folder"),
        (["rerun", "short.h5", "-o", "long.h5"], r".*long\.h5: exists already.*"),
    ],
)
def test_what_cannot_be(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    last = said.err.splitlines()[-1]
    assert re.fullmatch(message, last), last
    assert not Path("b.h5").exists()
