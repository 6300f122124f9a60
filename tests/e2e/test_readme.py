# SPDX-License-Identifier: Apache-2.0
"""What the README and the help texts tell a user to type can be typed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from abm.cli.branch import branch
from abm.cli.check import check
from abm.cli.compare import compare
from abm.cli.diff import diff
from abm.cli.doctor import doctor
from abm.cli.export import export
from abm.cli.info import info
from abm.cli.new import new
from abm.cli.options import Command
from abm.cli.play import play
from abm.cli.report import report
from abm.cli.rerun import rerun
from abm.cli.resume import resume
from abm.cli.run import run
from abm.cli.schema import schema
from abm.cli.validate import validate
from abm.playback.frames import SMALLEST
from abm.scenario import STARTER, load_scenario
from tests.small_scenarios import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
HELPS = [branch, check, compare, diff, doctor, export, info, new, play, report, rerun, resume, run, schema, validate]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    """Return the abm commands of a text as lists of words, without comments."""
    lines = [re.split(r"\s{2,}|\s[|>]", line.strip())[0] for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("abm ")]


def parses(words: list[str]) -> None:
    """Check that the command line takes the words; --help ends it before anything is done."""
    done = subprocess.run(
        [sys.executable, "-m", *words, "--help"], env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), words
    assert f"Usage: abm {words[1]}" in done.stdout


def test_python_examples_run_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    examples = blocks("python")
    assert len(examples) == 2
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(examples)],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    table, last = done.stdout.rstrip().rsplit("\n", 1)
    assert table.split()[:4] == ["mrd", "car_t_blood", "il6", "day"]
    n_dim, most_divisions = (int(word) for word in last.split())
    assert n_dim > 0
    assert most_divisions >= 0


def test_commands_of_the_readme_parse() -> None:
    found = [words for text in blocks("bash") for words in commands(text)]
    assert {words[1] for words in found} == {command.name for command in HELPS} - {"rerun"} | {"study"}
    for words in found:
        parses(words)


@pytest.mark.parametrize("command", HELPS, ids=lambda command: command.name)
def test_examples_of_the_help_parse_and_name_scenarios_that_are_there(command: Command) -> None:
    found = commands(command.examples)
    assert found
    for words in found:
        parses(words)
        for word in words:
            if word.startswith("scenarios/"):
                assert list(ROOT.glob(word)), word


def test_settings_in_examples_fit_the_scenario_to_start_from(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(STARTER, encoding="utf-8")
    texts = [*blocks("bash"), *(command.examples for command in HELPS)]
    settings = [words[at + 1] for text in texts for words in commands(text) for at, word in enumerate(words) if word == "--set"]
    assert len(settings) >= 3
    for setting in settings:
        assert load_scenario(path, [setting]) != load_scenario(path)


def test_a_movie_can_be_as_small_as_the_command_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "abm", "play", "x.h5", "-o", "x.gif", "--width", str(SMALLEST[0] - 1)],
        env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert re.search(rf"'--width': .*\b{SMALLEST[0]}\b", done.stderr)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (
            "demo",
            [
                "abm run scenarios/grupp2013_patient2.yaml -o patient2.h5 --overwrite",
                "abm play patient2.h5 -o patient2.mp4 --overwrite",
            ],
        ),
        ("test", ["python -m pytest -n 2"]),
    ],
)
def test_make_would_do_it(target: str, wanted: list[str]) -> None:
    # --always-make: as in a fresh clone, whatever has been built in this one
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", target], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"make {target} " in README
    lines = [re.sub(r"^\S*/(?=python )", "", line.strip()) for line in done.stdout.splitlines()]
    for command in wanted:
        assert any(line.endswith(command) for line in lines), done.stdout
        if command.startswith("abm "):
            parses(command.split())
    assert any(line.startswith('echo "installing into ') for line in lines)
    build = next(number for number, line in enumerate(lines) if "build_ext --inplace" in line)
    assert build < min(number for number, line in enumerate(lines) if line.endswith(tuple(wanted)))


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        assert (ROOT / link.split("#")[0]).exists(), link
