# SPDX-License-Identifier: Apache-2.0
"""``abm report`` as a user types it: a run, a branch, a run that was cut short, a study, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from abm.cli import main
from abm.study import drive
from tests.small_scenarios import ROOT
from tests.small_studies import laid_out

QUICKSTART = str(ROOT / "scenarios" / "quickstart.yaml")
SMALL = [
    *("--set", "marrow.shape=[12, 12, 12]", "--set", "csf.shape=[16, 8, 4]", "--set", "start=0 d", "--until", "0.2"),
    *("--set", "treatments=[{type: car_t_infusion, day: 0, dose: 1e6 cells/kg}]"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run."""
    folder = tmp_path_factory.mktemp("reporting")
    assert main(["run", QUICKSTART, "-o", str(folder / "run.h5"), "--quiet", *SMALL]) == 0
    return folder


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_a_run_as_html_and_pdf(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix, start in ((".html", b"<!DOCTYPE html>"), (".pdf", b"%PDF")):
        assert main(["report", "run.h5", "-o", f"run{suffix}"]) == 0
        assert capsys.readouterr().out.startswith(f"wrote run{suffix} (0.")
        assert (folder / f"run{suffix}").read_bytes().startswith(start)
    text = (folder / "run.html").read_text(encoding="utf-8")
    for words in ("quickstart", "CAR T infusion", "abm rerun run.h5", "dose 1e6 cells/kg", "12 × 12 × 12 sites"):
        assert words in text, words


def test_a_branch_and_a_closed_block(folder: Path) -> None:
    assert main(["branch", "run.h5", "--at", "0.1", "--set", "treatments[1]={type: tocilizumab, day: 0.15}", "-o", "toci.h5", "-q"]) == 0
    assert main(["report", "toci.h5", "-o", "toci.html"]) == 0
    assert "A branch of run.h5" in (folder / "toci.html").read_text(encoding="utf-8")
    dish = str(ROOT / "scenarios" / "coculture.yaml")
    assert main(["run", dish, "-o", "dish.h5", "-q", "--set", "marrow.shape=[10, 10, 6]", "--until", "0.3"]) == 0
    assert main(["report", "dish.h5", "-o", "dish.html"]) == 0
    assert "aplasia" not in (folder / "dish.html").read_text(encoding="utf-8")


def test_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = laid_out(tmp_path)
    drive(made, workers=0, quiet=True)
    assert main(["report", str(made.path), "-o", str(tmp_path / "s.html")]) == 0
    assert "Courses by dose" in (tmp_path / "s.html").read_text(encoding="utf-8")


def test_what_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there.html").write_text("mine")
    (tmp_path / "empty").mkdir()
    for arguments, said in (
        (["run.h5", "-o", str(tmp_path / "there.html")], "exists already"),
        (["run.h5", "-o", str(tmp_path / "x.txt")], "allowed: .html, .pdf"),
        (["run.h5", "-o", str(tmp_path / "no" / "x.pdf")], "does not exist"),
        (["ran.h5", "-o", str(tmp_path / "x.pdf")], "nearest: 'run.h5'"),
        ([str(tmp_path / "empty"), "-o", str(tmp_path / "x.pdf")], "is not the folder of a study"),
        ([QUICKSTART, "-o", str(tmp_path / "x.pdf")], "quickstart.yaml"),
    ):
        assert main(["report", *arguments]) == 2, arguments
        assert said in capsys.readouterr().err
    assert (tmp_path / "there.html").read_text() == "mine"
    assert main(["report", "run.h5", "-o", str(tmp_path / "there.html"), "--overwrite"]) == 0


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--help"]) == 0
    assert "abm report my.h5 -o my.pdf" in capsys.readouterr().out
