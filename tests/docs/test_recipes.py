# SPDX-License-Identifier: Apache-2.0
"""The recipes of CONTRIBUTING.md, carried out word for word on a copy of the project.

A block whose first line names a file is that file, which is new; of a ``diff`` the first line names the
file to change; ``console`` blocks are run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import ENVIRONMENT, ROOT, Fence, fences

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = {match[1]: match[2] for match in re.finditer(r"^## Recipe \d: an? ([\w ]+)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)}
COPIED = (
    *("abm", "benchmarks", "docs", "examples", "notebooks", "packaging", "scenarios", "studies", "tests"),
    *("pyproject.toml", "setup.py", "README.md", "ARCHITECTURE.md", "LICENSE"),
)
BUILT = ("variant", "cython", "lib.*")
"""What the build keeps under ``build/``: with it only new kernels are compiled."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the project with its compiled kernels, times kept."""
    leave = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=leave)
        else:
            shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / "build").mkdir()
    for source in (path for pattern in BUILT for path in (ROOT / "build").glob(pattern)):
        if source.is_dir():
            shutil.copytree(source, tmp_path / "build" / source.name)
        else:
            shutil.copy2(source, tmp_path / "build" / source.name)
    (tmp_path / "CONTRIBUTING.md").write_text("", encoding="utf-8")
    return tmp_path


def change(path: Path, fence: Fence) -> None:
    """Carry out a diff: the lines of each part that are shown or taken away stand there once, and make way for the others."""
    text = path.read_text(encoding="utf-8")
    for part in fence.body.split("@@\n"):
        lines = part.splitlines(keepends=True)
        before, after = ("".join(line[1:] for line in lines if line[0] in marks) for marks in (" -", " +"))
        assert text.count(before) == 1, f"{path}: not there once:\n{before}"
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")


def carry_out(fence: Fence, folder: Path) -> None:
    path = folder / fence.path
    if fence.language == "diff":
        change(path, fence)
    elif fence.path:
        assert not path.exists(), f"{fence.path} is there already"
        path.write_text(fence.body, encoding="utf-8")
    else:
        assert fence.language == "console"
        for words in fence.commands():
            assert words[0] == "python"
            environment = {**ENVIRONMENT, "PYTHONPATH": str(folder)}
            done = subprocess.run(
                [sys.executable, *words[1:]], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=300, check=False
            )
            assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"


def test_there_are_four() -> None:
    assert list(RECIPES) == ["cell type", "treatment", "observable", "kernel"]


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_a_recipe_works(recipe: str, copy: Path) -> None:
    steps = fences(RECIPES[recipe])
    assert steps[-1].language == "console"
    for fence in steps:
        carry_out(fence, copy)


def test_new_files_are_as_the_linter_wants_them(copy: Path) -> None:
    for text in RECIPES.values():
        for fence in fences(text):
            if fence.language == "python":
                path = copy / fence.path
                path.write_text(fence.body, encoding="utf-8")
                command = [sys.executable, "-m", "ruff", "check", str(path)]
                done = subprocess.run(command, cwd=copy, capture_output=True, encoding="utf-8", timeout=60, check=False)
                assert done.returncode == 0, done.stdout


def test_every_command_of_the_table_is_a_target() -> None:
    targets = re.findall(r"^\| `make ([\w-]+)` \|", TEXT, re.MULTILINE)
    assert {"build", "test", "lint", "docs", "debug-test", "sanitize-test", "coverage"} <= set(targets)
    done = subprocess.run(["make", "-n", *targets], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, done.stderr
