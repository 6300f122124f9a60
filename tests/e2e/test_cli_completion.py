# SPDX-License-Identifier: Apache-2.0
"""What a real bash offers at the tab key, from the script that ``abm`` writes for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from abm.cli.completing import files
from tests.small_scenarios import ROOT

BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="needs bash")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an ``abm`` to call, its script for bash, and files to complete."""
    binary = tmp_path / "bin" / "abm"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m abm "$@"\n', encoding="utf-8")
    binary.chmod(0o755)
    work = tmp_path / "work"
    for name in ("my.h5", "my.yaml", "mice.h5ad", "notes.txt", "runs/deep/a.h5", "runs/deep/b.h5", "scenarios/x.yaml", ".hidden.h5"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).touch()
    script = run("abm", work, _ABM_COMPLETE="source_bash")
    assert "complete -o default" in script
    (tmp_path / "abm.bash").write_text(script, encoding="utf-8")
    return work


def run(command: str, folder: Path, **variables: str) -> str:
    """Run a command in bash and return what it says."""
    assert BASH is not None
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}", **variables}
    done = subprocess.run(
        [BASH, "--norc", "-c", command], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def offered(folder: Path, line: str) -> list[str]:
    """Return what the tab key offers at the end of a line, as bash calls the function that completes ``abm``."""
    words = line.split(" ")
    listed = " ".join(f"'{word}'" for word in words)
    command = f"source ../abm.bash; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _abm_completion abm"
    return run(command + ' && printf "%s\\n" "${COMPREPLY[@]}"', folder).split()


def test_commands(folder: Path) -> None:
    assert set(offered(folder, "abm r")) == {"run", "resume", "rerun", "report"}
    assert offered(folder, "abm doc") == ["doctor"]
    assert {"plan", "run", "status", "sensitivity", "calibrate"} <= set(offered(folder, "abm study "))
    assert offered(folder, "abm study run --w") == ["--workers"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("abm export my.h5 --to ", ["paraview", "anndata", "csv", "parquet", "ome-tiff"]),
        ("abm export my.h5 --to pa", ["paraview", "parquet"]),
        ("abm export my.h5 --compartment ", ["marrow", "csf", "periphery"]),
        ("abm play my.h5 --preset t", ["talk"]),
        ("abm export my.h5 --to nothing", []),
    ],
)
def test_words_of_options(folder: Path, line: str, words: list[str]) -> None:
    assert offered(folder, line) == words


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("abm info ", ["bin/", "my.h5", "runs/", "scenarios/"]),
        ("abm info m", ["my.h5"]),
        ("abm info .h", [".hidden.h5"]),
        ("abm info ru", ["runs/deep/a.h5", "runs/deep/b.h5"]),
        ("abm info runs/deep/b", ["runs/deep/b.h5"]),
        ("abm info nowhere/x", []),
        ("abm run ", ["bin/", "my.yaml", "runs/", "scenarios/"]),
        ("abm run sc", ["scenarios/x.yaml"]),
        ("abm validate my.yaml s", ["scenarios/x.yaml"]),
        ("abm diff my.h5 r", ["runs/deep/a.h5", "runs/deep/b.h5"]),
        ("abm run my.yaml -o ", []),  # a new name: as the shell always does
    ],
)
def test_files(folder: Path, line: str, names: list[str]) -> None:
    (folder / "bin").mkdir()  # empty
    assert offered(folder, line) == names


def test_names_that_need_quotes_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my run.h5").touch()
    (tmp_path / "mine.h5").touch()
    (tmp_path / "notes.txt").touch()
    assert files(".h5")("my") == []
    assert files(".h5")("") == ["mine.h5"]
    assert files(".h5")("mi") == ["mine.h5"]


def test_nothing_heavy_is_loaded_for_it(folder: Path) -> None:
    script = (
        "import sys, runpy\n"
        "try:\n    runpy.run_module('abm', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'abm.units', 'h5py', 'mesa', 'pandas', 'matplotlib', 'ruamel'} & set(sys.modules)))\n"
    )
    for words in ("abm ", "abm info m", "abm export my.h5 --to "):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "_ABM_COMPLETE": "complete_bash", "COMP_WORDS": words}
        environment["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False
        )
        assert done.stdout.splitlines()[-1] == "[]", (words, done.stdout, done.stderr)
