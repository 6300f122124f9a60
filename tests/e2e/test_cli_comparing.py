# SPDX-License-Identifier: Apache-2.0
"""``abm diff`` and ``abm compare`` as a user types them: what they tell, and with which exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from abm.cli import main
from tests.small_scenarios import ROOT

QUICKSTART = str(ROOT / "scenarios" / "quickstart.yaml")
SMALL = [
    *("--set", "marrow.shape=[12, 12, 12]", "--set", "csf.shape=[16, 8, 4]", "--set", "start=0 d", "--until", "0.1"),
    *("--set", "treatments=[{type: car_t_infusion, day: 0, dose: 1e6 cells/kg}]"),
]


def abm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", "abm", *arguments],
        cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two runs that differ in their seed."""
    folder = tmp_path_factory.mktemp("comparing")
    done = abm(folder, "run", QUICKSTART, "-o", "run.h5", "--replicates", "2", "--quiet", *SMALL)
    assert done.returncode == 0, done.stderr
    return folder


def test_as_a_shell_sees_it(folder: Path) -> None:
    done = abm(folder, "diff", "run_000.h5", "run_001.h5")
    assert (done.returncode, done.stderr) == (1, "")
    assert "\n  seed " in done.stdout
    assert "\nfirst difference: day 0 (tick 0), observables: cells_" in done.stdout
    done = abm(folder, "diff", "run_000.h5", "run_000.h5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("identical: ")


class TestHere:
    """In this process, which is faster."""

    @pytest.fixture(autouse=True)
    def _here(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "110")

    def test_the_table(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["compare", "run_000.h5", "run_001.h5", "--label", "one", "--label", "other"]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        lines = said.out.splitlines()
        assert lines[0].split() == ["one", "other"]
        assert any(line.split()[:3] == ["blasts", "at", "start"] and line.count("day 0") == 2 for line in lines)
        assert max(map(len, lines)) <= 110

    def test_the_figure_is_never_written_over_unasked(self, capsys: pytest.CaptureFixture[str]) -> None:
        command = ["compare", "run_000.h5", "run_001.h5", "-o", "x.png"]
        assert main(command) == 0
        assert Path("x.png").read_bytes().startswith(b"\x89PNG")
        Path("x.png").write_text("mine", encoding="utf-8")
        assert main(command) == 2
        assert capsys.readouterr().err == "x.png: exists already; choose another name, or allow overwriting (--overwrite)\n"
        assert Path("x.png").read_text(encoding="utf-8") == "mine"
        assert main([*command, "--overwrite"]) == 0
        assert Path("x.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        ("command", "told"),
        [
            (["diff", "run_000.h5"], "Missing argument 'B'"),
            (["diff", "run_000.h5", "run_00.h5"], "run_00.h5: no such file; nearest: 'run_00"),
            (["diff", QUICKSTART, "run_000.h5"], "quickstart.yaml: is not an HDF5 file, so not a trajectory"),
            (["compare"], "Missing argument"),
            (["compare", "run_000.h5"], "a comparison needs two runs or more, got 1"),
            (["compare", "run_000.h5", "nothing.h5"], "nothing.h5: no such file"),
            (["compare", "run_000.h5", "run_001.h5", "--label", "a"], "--label: give one for each of the 2 runs, got 1"),
            (["compare", "run_000.h5", "run_001.h5", "-o", "x.gif"], "x.gif: cannot write a file that ends in '.gif'; allowed: .png"),
            (["compare", "run_000.h5", "run_001.h5", "-o", "run_001.h5", "--overwrite"], "run_001.h5: is the trajectory itself"),
        ],
    )
    def test_what_is_refused_is_2(self, folder: Path, command: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
        before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        assert main(command) == 2
        said = capsys.readouterr()
        assert told in said.err
        assert said.out == ""
        assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
