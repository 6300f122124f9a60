# SPDX-License-Identifier: Apache-2.0
"""The command line from outside: help, exit codes, and what a mistake looks like to the one who made it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.unit.example_scenario import TEXT

ROOT = Path(__file__).parents[2]
# The command line with the small scenario class of the tests in place of the package's: what is
# tested here must not change with each new parameter.
WITH_EXAMPLE = """\
import sys
from tests.unit import example_scenario
sys.modules["abm.scenario"] = sys.modules["abm.sizing"] = example_scenario
import abm
abm.scenario = example_scenario
from abm.cli import main
sys.exit(main())
"""
COMMANDS = ["run", "resume", "branch", "rerun", "play", "export", "compare", "diff", "info", "validate", "schema", "new"]


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environment}
    settings.pop("ABM_TRACEBACK", None) if "ABM_TRACEBACK" not in environment else None
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=settings,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def abm(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "abm", *arguments, **environment)


def example(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-c", WITH_EXAMPLE, *arguments)


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = textwrap.dedent("""
        import sys
        from abm.cli import main
        code = main(["--help"])
        heavy = {"mesa", "pandas", "matplotlib.pyplot", "h5py", "scipy", "numpy"} & set(sys.modules)
        sys.exit(f"imported {heavy}" if heavy else code)
    """)
    done = python(tmp_path, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    for command in COMMANDS:
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_teaches_by_example(tmp_path: Path, command: str) -> None:
    done = abm(tmp_path, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"\n  Examples:\n    abm {command} " in done.stdout


def test_version(tmp_path: Path) -> None:
    from abm import __version__

    done = abm(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"abm {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Commands:"),
        (["rnu"], "No such command 'rnu'"),
        (["run", "x.yaml"], "Missing option '--output'"),
        (["run", "x.yaml", "-o", "x.h5", "--sed", "3"], "--seed"),
        (["run", "x.yaml", "-o", "x.h5", "--seed", "three"], "Invalid value for '--seed'"),
        (["run", "x.yaml", "-o", "x.h5", "--replicates", "0"], "Invalid value for '--replicates'"),
        (["run", "x.yaml", "-o", "x.h5", "--until", "-1"], "Invalid value for '--until'"),
        (["validate"], "Missing argument"),
        (["play", "x.h5"], "x.h5: no such file"),
        (["schema", "--all"], "--all"),
    ],
)
def test_wrong_usage_is_2(tmp_path: Path, arguments: list[str], told: str) -> None:
    done = abm(tmp_path, *arguments)
    assert done.returncode == 2
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["info", "nothing.h5"], ["play", "nothing.h5", "-o", "x.gif"]])
def test_a_missing_trajectory_is_2(tmp_path: Path, command: list[str]) -> None:
    done = abm(tmp_path, *command)
    assert done.returncode == 2
    assert "nothing.h5: no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_validate_tells_the_size_of_good_scenarios_and_all_that_is_wrong_with_others(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(
        TEXT.replace("dose: 1e6", "dose: -1e6").replace("seed:", "sed:"), encoding="utf-8"
    )
    done = example(tmp_path, "validate", "bad.yaml", "good.yaml", "lost.yaml")
    assert done.returncode == 2
    assert done.stdout == "good.yaml: valid; up to 64,000 agents, memory 6.4 MB, file 576 kB, about 1 h 46 min on one core\n"
    assert done.stderr == (
        "bad.yaml:3:1: sed: unknown key; nearest: 'seed'; allowed: name, seed, model, wrap, half_life, lattice, "
        "patient, motility, csf, body, treatments, extends\n"
        "bad.yaml:21:11: treatments[0].dose: must be between 0 and 1e9 cells/kg, got -1e6\n"
        "lost.yaml: no such file; nearest in '.': 'good.yaml'\n"
    )


def test_validate_with_overrides(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(TEXT, encoding="utf-8")
    done = example(tmp_path, "validate", "x.yaml", "--set", "lattice=[1, 1, 1]", "--set", "seed=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("x.yaml: valid; up to 1 agents")
    done = example(tmp_path, "validate", "x.yaml", "--set", "patient.wieght=3")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--set patient.wieght=3: unknown key; nearest: 'weight'; allowed: weight, sex, site\n"


def test_validate_warns_of_a_run_too_large_for_the_machine(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(TEXT, encoding="utf-8")
    done = example(tmp_path, "validate", "x.yaml", "--set", "lattice=[1000, 1000, 1001]")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == ["x.yaml: warning: too large"]


def test_schema_is_json_on_standard_output_or_in_a_file(tmp_path: Path) -> None:
    done = example(tmp_path, "schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert example(tmp_path, "schema", "-o", "s.json").returncode == 0
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == json.loads(done.stdout)


def test_new_writes_a_scenario_that_is_valid_and_never_replaces_one_unasked(tmp_path: Path) -> None:
    done = example(tmp_path, "new", "my.yaml")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "wrote my.yaml; check it with: abm validate my.yaml\n"
    assert example(tmp_path, "validate", "my.yaml").returncode == 0
    (tmp_path / "my.yaml").write_text("mine", encoding="utf-8")
    done = example(tmp_path, "new", "my.yaml")
    assert (done.returncode, done.stderr) == (2, "my.yaml: exists already; --overwrite replaces it\n")
    assert (tmp_path / "my.yaml").read_text(encoding="utf-8") == "mine"
    assert example(tmp_path, "new", "my.yaml", "--overwrite").returncode == 0
    assert (tmp_path / "my.yaml").read_text(encoding="utf-8") == example(tmp_path, "new").stdout
    done = example(tmp_path, "new", "none/my.yaml")
    assert (done.returncode, done.stderr) == (2, "none/my.yaml: there is no folder 'none'\n")


FAULTS = """\
import sys
from tests.unit import example_scenario
sys.modules["abm.scenario"] = sys.modules["abm.sizing"] = example_scenario
def load_scenario(path, overrides):
    {fault}
example_scenario.load_scenario = load_scenario
from abm.cli import main
sys.exit(main(["validate", "x.yaml"]))
"""


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        (
            "1 / 0",
            1,
            "abm: unexpected ZeroDivisionError: division by zero\nA fault of abm; ABM_TRACEBACK=1 shows where",
        ),
        (
            "raise ImportError('no kernels')",
            1,
            "A fault of abm; ABM_TRACEBACK=1 shows where it arose.\nPart of the installation may be missing: abm doctor says",
        ),
        ("raise KeyboardInterrupt", 130, "interrupted\n"),
        ("raise MemoryError", 1, "abm: not enough memory\n"),
        ("from abm.errors import RunError; raise RunError('the disk is full')", 1, "the disk is full\n"),
    ],
)
def test_what_becomes_of_an_exception(tmp_path: Path, fault: str, code: int, told: str) -> None:
    done = python(tmp_path, "-c", FAULTS.format(fault=fault))
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_traceback_is_shown_when_asked_for(tmp_path: Path) -> None:
    done = python(tmp_path, "-c", FAULTS.format(fault="1 / 0"), ABM_TRACEBACK="1")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "in load_scenario" in done.stderr


def test_a_real_interrupt_is_130(tmp_path: Path) -> None:
    fault = "import os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(60)"
    done = python(tmp_path, "-c", FAULTS.format(fault=fault))
    assert done.returncode == 128 + signal.SIGINT
    assert "Traceback" not in done.stderr


def test_messages_survive_a_terminal_without_unicode(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(TEXT, encoding="utf-8")
    done = python(
        tmp_path, "-c", WITH_EXAMPLE, "validate", "x.yaml", "--set", "motility.speed=99", PYTHONIOENCODING="ascii"
    )
    assert done.returncode == 2
    assert done.stderr == "--set motility.speed=99: must be between 0 and 30 \\xb5m/min, got 99\n"


@pytest.mark.parametrize("target", ["full", "closed"])
def test_a_standard_output_that_takes_nothing_is_no_fault_of_ours(tmp_path: Path, target: str) -> None:
    """/dev/full has no space left; a closed one is not there at all."""
    redirection = {"full": "> /dev/full", "closed": ">&-"}[target]
    done = subprocess.run(
        f"{sys.executable} -m abm schema {redirection}", shell=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    told = "abm: standard output cannot be written, no space is left there; files that were written are whole\n"
    assert (done.returncode, done.stderr) == {"full": (1, told), "closed": (0, "")}[target]


class TestWithTheScenariosOfThePackage:
    """The real scenario class: only what must hold whatever its parameters are."""

    def test_new_then_validate(self, tmp_path: Path) -> None:
        assert abm(tmp_path, "new", "my.yaml").returncode == 0
        done = abm(tmp_path, "validate", "my.yaml")
        assert (done.returncode, done.stderr) == (0, "")

    def test_schema(self, tmp_path: Path) -> None:
        done = abm(tmp_path, "schema")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["additionalProperties"] is False

    @pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "scenarios").glob("*.yaml")))
    def test_scenarios_are_valid(self, tmp_path: Path, name: str) -> None:
        done = abm(tmp_path, "validate", str(ROOT / "scenarios" / name))
        assert (done.returncode, done.stderr) == (0, "")
