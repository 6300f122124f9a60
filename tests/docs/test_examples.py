# SPDX-License-Identifier: Apache-2.0
"""The examples of the documents run as they stand, from the top of each page to its end.

A YAML example whose first line is a comment with a name is that file: a scenario, or what its first key says; any other
is a part of a scenario and is read as one that extends ``my.yaml``.
"""

from __future__ import annotations

import doctest
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import abm
from abm.study import read_study
from abm.study.calibration import read_calibration
from abm.study.site import read_site
from tests.docs.markdown import ENVIRONMENT, ROOT, Fence, fences
from tests.small_scenarios import small

PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
QUICKSTART = ROOT / "scenarios" / "quickstart.yaml"
TRAJECTORIES = {"file_format.md": "run.h5", **dict.fromkeys(("export.md", "faults.md", "movies.md", "player.md"), "my.h5")}
"""Pages that read a run, and the name they have for it."""
READERS: dict[str, Callable[[Path], Any]] = {"study": read_study, "calibration": read_calibration, "cluster": read_site}
"""What reads a file that begins with a key; any other is a scenario."""
NEEDS = "# needs "
"""Begins an example for which the tests do not have all it needs."""
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def try_yaml(fence: Fence) -> None:
    if fence.path:
        Path(fence.path).write_text(fence.text, encoding="utf-8")
        if fence.path == "wrong.yaml":
            return
    path = Path(fence.path or "part.yaml")
    if not fence.path:
        path.write_text(f"extends: my.yaml\n{fence.text}", encoding="utf-8")
    READERS.get(fence.text.split("\n", 1)[-1].partition(":")[0], abm.load_scenario)(path)


def try_console(fence: Fence) -> None:
    commands = fence.commands()
    assert commands
    for words in commands:
        assert words[0] == "abm", words
        done = subprocess.run(
            [sys.executable, "-m", *words], env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=300, check=False
        )
        assert done.returncode == 0, (words, done.stderr)


def try_python(fence: Fence, page: str, names: dict[str, Any]) -> None:
    if ">>>" not in fence.text:
        exec(compile(fence.text, page, "exec", dont_inherit=True), names)  # an example without output: a script
        return
    example = doctest.DocTestParser().get_doctest(fence.text, names, page, page, fence.line)
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=told.append, clear_globs=False)
    names.update(example.globs)
    assert result.failed == 0, "".join(told)


def try_page(page: str, *, everything: bool = False) -> None:
    if page in TRAJECTORIES:
        abm.TherapyModel(small(QUICKSTART), threads=1).run(TRAJECTORIES[page], until_days=1)
    names: dict[str, Any] = {}
    for fence in fences((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if fence.language == "yaml":
            try_yaml(fence)
        elif fence.language == "console":
            try_console(fence)
        elif fence.language == "python":
            if everything or not fence.text.startswith(NEEDS):
                try_python(fence, page, names)
        else:
            assert fence.language == "", f"{page}:{fence.line}: nothing tries a block of {fence.language!r}"


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try_page(page)


@pytest.mark.export
@pytest.mark.filterwarnings("default")  # of packages that are not ours
def test_those_that_need_squidpy_or_graphics_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try_page("export.md", everything=True)
    drawn = ["courses.png", "marrow.png", "neighbours.png", "slice.png"]
    assert sorted(one.name for one in tmp_path.glob("*.png")) == drawn


def test_the_guide_to_scenarios_shows_every_section_and_treatment() -> None:
    shown = "\n".join(fence.text for fence in fences((ROOT / "docs" / "scenario.md").read_text(encoding="utf-8")))
    for word in ("body:", "marrow:", "csf:", "blasts:", "b_lineage:", "host_t:", "macrophages:", "products:", "record:"):
        assert word in shown, word
    for treatment in ("lymphodepletion", "car_t_infusion", "tocilizumab", "corticosteroid"):
        assert f"type: {treatment}" in shown, treatment
