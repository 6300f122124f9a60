# SPDX-License-Identifier: Apache-2.0
"""The package under ``examples/`` built, installed and used as a user would, and packages that are broken."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import abm
from abm import openings
from abm.errors import InputError
from abm.extensions import OPENINGS, scale_effect
from abm.scenario import Scenario
from abm.trajectory import Trajectory
from abm.treatments import OTHERS as TREATMENTS
from tests.small_scenarios import ROOT

EXAMPLE = ROOT / "examples" / "extension"
SCENARIO = str(EXAMPLE / "safety_switch.yaml")
SMALL = ("marrow.shape=[10, 10, 10]", "csf=null", "start=0 d", "treatments[0].day=0", "treatments[2]={type: rimiducid, day: 0.1}")
SETTINGS = [word for setting in SMALL for word in ("--set", setting)]


def run(*words: str, site: Path | None = None, folder: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with a folder of packages, or without."""
    path = os.pathsep.join(str(one) for one in (ROOT, site) if one is not None)
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "100", **variables}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def told(done: subprocess.CompletedProcess[str], code: int = 0) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the example installed, from a copy of its source as it is."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    options = ["--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check"]
    told(run("-m", "pip", "install", *options, "--target", str(folder / "site"), str(folder / "source")))
    return folder / "site"


@pytest.fixture(scope="module")
def made(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a short run of its scenario."""
    folder = tmp_path_factory.mktemp("made")
    words = ["run", SCENARIO, "-o", "my.h5", "--until", "0.25", "--threads", "1", "--quiet", *SETTINGS]
    told(run("-m", "abm", *words, site=site, folder=folder))
    return folder / "my.h5"


def copied(site: Path, folder: Path, version: str) -> Path:
    """Return a copy of the installed package that says to be of another version."""
    shutil.copytree(site, folder / "site")
    (metadata,) = (folder / "site").glob("*.dist-info/METADATA")
    metadata.write_text(metadata.read_text(encoding="utf-8").replace("Version: 1.0", f"Version: {version}"), encoding="utf-8")
    return folder / "site"


def package(folder: Path, name: str, entries: dict[str, str], source: str) -> Path:
    """Install a package of one module, with entry points ``group/name`` -> object."""
    module = name.replace("-", "_")
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    info = folder / f"{module}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n", encoding="utf-8")
    lines = [f"[{key.partition('/')[0]}]\n{key.partition('/')[2]} = {module}:{value}\n" for key, value in entries.items()]
    (info / "entry_points.txt").write_text("".join(lines), encoding="utf-8")
    return folder


class TestInstalled:
    def test_its_scenario_is_valid_with_it_and_not_without(self, site: Path) -> None:
        assert "safety_switch.yaml: valid;" in told(run("-m", "abm", "validate", SCENARIO, site=site))
        absent = ("no package that adds one is installed", "got 'rimiducid'; or it is of a package that is not installed\n")
        off = "ABM_EXTENSIONS=off is set, which leaves out what packages add"
        for variables, found, words in (({}, None, absent), ({"ABM_EXTENSIONS": "off"}, site, (off, f"got 'rimiducid'; or {off}"))):
            problems = told(run("-m", "abm", "validate", SCENARIO, site=found, **variables), code=2)
            assert f"other_cells[0]: no cell type can be had: abm has none here, and {words[0]}" in problems
            assert "treatments[2].type: must be one of 'car_t_infusion'" in problems
            assert words[1] in problems
        problem = told(run("-m", "abm", "validate", SCENARIO, site=site, ABM_EXTENSIONS="maybe"), code=2)
        assert "ABM_EXTENSIONS=maybe: must be one of 0, no, false, off, 1, yes, true, on" in problem

    def test_a_misspelt_name_is_told_the_nearest(self, site: Path) -> None:
        settings = ["--set", "treatments[2].type=rimiducit", "--set", "other_cells[0].type=plasmacell", "--set", "record.also=[cd19]"]
        problems = told(run("-m", "abm", "validate", SCENARIO, *settings, site=site), code=2)
        assert "'corticosteroid', 'rimiducid', got 'rimiducit'; nearest: 'rimiducid'" in problems
        assert "must be 'plasma_cell', got 'plasmacell'; nearest: 'plasma_cell'" in problems
        outputs = ["--set", "record.also=[cd19]"]
        assert "unknown observable 'cd19'; nearest: 'blast_cd19'" in told(run("-m", "abm", "validate", SCENARIO, *outputs, site=site), 2)

    def test_the_run_tells_what_it_was_made_with(self, made: Path) -> None:
        with Trajectory.open(made) as found:
            assert found.provenance["extensions"] == [
                {"what": what, "name": name, "package": "abm-example", "version": "1.0"}
                for what, name in (("treatment", "rimiducid"), ("observable", "blast_cd19"), ("cell type", "plasma_cell"))
            ]
            assert {"code": 16, "name": "plasma_cell", "label": "plasma cell", "colour": "#7a3b69"} in found.header.kinds
            assert found.header.observables["blast_cd19"]["unit"] == "molecules"
            assert (found.observables["cells_plasma_cell_marrow"] > 0).all()
            assert found.observables["blast_cd19"].between(6000, 11000).all()
            assert "rimiducid" in [event["detail"].get("treatment") for event in found.events]

    def test_it_is_read_without_the_package(self, made: Path) -> None:
        done = told(run("-m", "abm", "info", "my.h5", folder=made.parent))
        assert re.search(r"made by: +abm [\d.]+, abm-example 1\.0, ", done)
        told(run("-m", "abm", "check", "my.h5", folder=made.parent))

    def test_it_goes_on_with_the_package_alone(self, site: Path, made: Path, tmp_path: Path) -> None:
        shutil.copy(made, tmp_path / "my.h5")
        resume = ["-m", "abm", "resume", "my.h5", "--until", "0.3", "--threads", "1", "--quiet"]
        things = "treatment 'rimiducid', observable 'blast_cd19', cell type 'plasma_cell'"
        problem = told(run(*resume, folder=tmp_path), 2)
        assert f"my.h5: was made with {things} of abm-example 1.0, which is not installed here: install abm-example 1.0, " in problem
        assert "ABM_EXTENSIONS" not in problem
        assert "ABM_EXTENSIONS=0 is set" in told(run(*resume, site=site, folder=tmp_path, ABM_EXTENSIONS="0"), 2)
        other = copied(site, tmp_path, "1.1")
        assert "of abm-example 1.0; here is abm-example 1.1: install abm-example 1.0" in told(run(*resume, site=other, folder=tmp_path), 2)
        rerun = told(run("-m", "abm", "rerun", "my.h5", "-o", "again.h5", "--threads", "2", site=site, folder=tmp_path))
        assert "identical" in rerun or "same" in rerun
        told(run(*resume, site=site, folder=tmp_path))
        branch = ["branch", "my.h5", "--at", "0.08", "--set", "treatments[2].eliminated=50 %", "-o", "b.h5", "--quiet"]
        told(run("-m", "abm", *branch, site=site, folder=tmp_path))

    def test_who_does_not_use_it_has_the_same_run(self, site: Path, tmp_path: Path) -> None:
        digests = []
        script = "import sys, abm.extensions as e; [o.get(n) for o in e.OPENINGS.values() for n in o.names()]; " \
                 "from abm.cli import main; sys.exit(main(sys.argv[1:]))"  # fmt: skip
        words = ["run", str(ROOT / "scenarios" / "quickstart.yaml"), "--until", "0.05", "--threads", "1", "--quiet"]
        words += ["--set", "marrow.shape=[10, 10, 10]", "--set", "csf.shape=[16, 8, 4]"]
        for number, (found, begin) in enumerate([(None, ["-m", "abm"]), (site, ["-m", "abm"]), (site, ["-c", script])]):
            told(run(*begin, *words, "-o", f"{number}.h5", site=found, folder=tmp_path))
            with Trajectory.open(tmp_path / f"{number}.h5") as made:
                digests.append(made.noted_digest)
                assert "extensions" not in made.provenance
        assert digests[0] == digests[1] == digests[2]

    def test_editors_know_it_and_the_documents_do_not(self, site: Path) -> None:
        schema = json.loads(told(run("-m", "abm", "schema", site=site)))
        assert schema["$defs"]["Rimiducid"]["properties"]["dose"]["unit"] == "mg/kg"
        assert schema["properties"]["other_cells"]["items"]["properties"]["cd19_mean"]["unit"] == "molecules"
        without = told(run("-m", "abm", "schema"))
        assert "Rimiducid" not in without
        assert told(run("-m", "abm", "schema", site=site, ABM_EXTENSIONS="0")) == without
        script = "from docs.generate import TABLES; print(TABLES['scenario reference'](), TABLES['kinds'](), TABLES['observables']())"
        texts = [told(run("-c", script, site=found)) for found in (site, None)]
        assert texts[0] == texts[1]

    def test_its_own_tests_pass(self, site: Path) -> None:
        told(run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", site=site, folder=site.parent / "source"))


STUDY = f"""\
study: 1
name: switch
scenario: {SCENARIO}
set: {{marrow.shape: [8, 8, 8], csf: null, start: 0 d, "treatments[0].day": 0, record.observables: 1 h}}
parameters:
  - {{path: "treatments[2].eliminated", name: eliminated, values: [50 %, 90 %]}}
until: 0.1 d
outputs:
  - {{observable: blast_cd19, take: final}}
  - peak_car_t
"""


class TestInStudies:
    def test_workers_find_it_and_versions_are_not_mixed(self, site: Path, tmp_path: Path) -> None:
        (tmp_path / "s.yaml").write_text(STUDY, encoding="utf-8")
        study = ["-m", "abm", "study"]
        told(run(*study, "run", "s.yaml", "-o", "made", "--workers", "1", "--quiet", site=site, folder=tmp_path))
        status = told(run(*study, "status", "made", site=site, folder=tmp_path))
        assert "2 finished" in re.sub(r"\s+", " ", status)
        other = copied(site, tmp_path, "1.1")
        status = told(run(*study, "status", "made", site=other, folder=tmp_path))
        assert "2 finished" not in re.sub(r"\s+", " ", status)

    def test_keys_tell_versions_and_sources_apart(self, site: Path, tmp_path: Path) -> None:
        script = "from abm.extensions import identities; print(identities(open(r'{}').read()), identities('marrow: 1'))"
        other = copied(site, tmp_path, "1.1")
        edited = tmp_path / "edited"
        shutil.copytree(site, edited)
        with (edited / "abm_example" / "antigen.py").open("a", encoding="utf-8") as file:
            file.write("# edited\n")
        found = [told(run("-c", script.format(SCENARIO), site=one)) for one in (site, site, other, edited)]
        assert found[0] == found[1]
        assert len(set(found)) == 3
        assert all(one.endswith(" []\n") for one in found)
        assert "treatment rimiducid abm-example 1.0 " in found[0]

    def test_what_is_registered_is_not_for_workers(self, tmp_path: Path) -> None:
        script = """
import abm
from abm.extensions import observable
abm.register(observable("1", name="one")(lambda snapshot: 1.0))
from abm.study import StudyFolder, drive, read_study
folder = StudyFolder.lay_out(read_study("s.yaml"), "made")
try:
    drive(folder, workers=1, quiet=True)
except abm.errors.InputError as error:
    print(error)
print([outcome.status for outcome in drive(folder, workers=0, quiet=True)])
"""
        quickstart = ROOT / "scenarios" / "quickstart.yaml"
        text = STUDY.replace(SCENARIO, str(quickstart)).replace("record.observables: 1 h", "record.also: [one]")
        for old, new in (("blast_cd19", "one"), ("treatments[2].eliminated", "blasts.marrow_fraction"), ("eliminated", "burden")):
            text = text.replace(old, new)
        (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
        done = told(run("-c", script, folder=tmp_path)).splitlines()
        assert done == [
            "observable 'one': registered in this process, of which its workers know nothing; put it into a package "
            "(docs/extending.md), or do the runs in this process (workers=0)",
            "['finished', 'finished']",
        ]


CURE = """\
from typing import Literal
from abm.extensions import Treatment

class Cure(Treatment):
    "A cure."
    type: Literal["cure"] = "cure"

    def act(self, state, index, since):
        pass

class Tocilizumab(Treatment):
    "Not ours."
    type: Literal["tocilizumab"] = "tocilizumab"

    def begin(self, state, index):
        return {}
"""


@pytest.fixture
def site_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder of packages on the path of this process, which forgets them afterwards."""
    modules = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path / "site"
    for opening in OPENINGS.values():
        for name in opening.names():
            opening.discard(name)
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    openings._declared.cache_clear()


def problem_of(**parts: object) -> str:
    """Return what is wrong with a scenario; nothing if it is right."""
    openings._declared.cache_clear()  # as if the process had begun now
    try:
        Scenario(name="x", **parts)
    except InputError as error:
        return str(error)
    return ""


def given(treatment: str) -> dict[str, object]:
    return {"treatments": [{"type": treatment, "day": 1.0}]}


REMEDY = "mend or uninstall that package, or ABM_EXTENSIONS=0 leaves out what packages add"


@pytest.mark.parametrize(
    ("source", "value", "words"),
    [
        ("import nowhere_to_be_found", "Cure", "cannot be loaded: ModuleNotFoundError: No module named 'nowhere_to_be_found'; "),
        ("raise RuntimeError('on\\ntwo lines')", "Cure", "cannot be loaded: RuntimeError: on; "),
        ("raise SystemExit(3)", "Cure", "cannot be loaded: SystemExit: 3; "),
        ("x = (", "Cure", "cannot be loaded: SyntaxError: '(' was never closed"),
        (CURE, "Cures", "cannot be loaded: AttributeError: module 'broken' has no attribute 'Cures'; "),
        ("Cure = 3", "Cure", "must be a subclass of abm.extensions.Treatment, is 3; "),
        (CURE, "Tocilizumab", "calls itself 'tocilizumab', which must be the name of the entry point; "),
        (CURE.replace('"cure"', '"a cure"'), "Cure", "class Cure: type must consist of letters, digits and _, and not begin"),
        (CURE.replace("def act", "def acts"), "Cure", "class Cure does nothing: it needs `act`, which is called every"),
        (CURE.replace('type: Literal["cure"]', "type: str"), "Cure", "class Cure needs a name for scenarios, such as: type: Literal"),
    ],
)
def test_a_broken_package_is_told_and_hurts_nobody_else(source: str, value: str, words: str, site_here: Path) -> None:
    package(site_here, "broken", {"abm.treatments/cure": value}, source)
    problem = problem_of(**given("cure"))
    assert problem.startswith(f"treatment 'cure' of broken 2.0 (broken:{value}): {words}"), problem
    assert REMEDY in problem
    assert problem_of(**given("tocilizumab")) == ""


def test_a_broken_package_is_no_traceback_for_a_user(tmp_path: Path) -> None:
    site = package(tmp_path / "site", "broken", {"abm.treatments/cure": "Cure"}, "import nowhere_to_be_found")
    (tmp_path / "x.yaml").write_text("abm: 1\nname: x\ntreatments: [{type: cure, day: 1}]\n", encoding="utf-8")
    assert told(run("-m", "abm", "validate", "x.yaml", site=site, folder=tmp_path), 2).startswith("treatment 'cure' of broken 2.0")
    done = run("-m", "abm", "schema", site=site)
    assert json.loads(told(done))["additionalProperties"] is False
    assert done.stderr.startswith("left out: treatment 'cure' of broken 2.0")
    script = (tmp_path / "x.yaml").read_text(encoding="utf-8").replace("cure", "cura")
    (tmp_path / "y.yaml").write_text(script, encoding="utf-8")
    problem = told(run("-m", "abm", "validate", "y.yaml", site=site, folder=tmp_path), 2)  # its name is told without an import
    assert "'corticosteroid', 'cure', got 'cura'; nearest: 'cure', or it is of a package that is not installed" in problem
    done = run("-m", "abm", "validate", "x.yaml", site=site, folder=tmp_path, ABM_EXTENSIONS="0")
    assert "x.yaml:3:21: treatments[0].type: must be one of 'car_t_infusion'" in told(done, 2)


FAULTY = """\
from typing import Literal
from abm.extensions import Treatment, observable, scale_effect

class Cure(Treatment):
    "A cure."
    type: Literal["cure"] = "cure"
    factor: float = 1.0

    def act(self, state, index, since):
        if self.factor == 2:
            halved(0)
        scale_effect(state, "effect_secretion", self.factor)

def halved(number):
    return 1 / number

@observable("1")
def many(snapshot):
    "No number."
    return [1, 2]
"""


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("treatments=[{type: cure, day: 0, factor: 2.0}]", 1,
         "unexpected ZeroDivisionError: division by zero\nA fault of faulty 2.0 (treatment 'cure'); ABM_TRACEBACK=1 shows where"),
        ("treatments=[{type: cure, day: 0, factor: -5.0}]", 1,
         "effect 'effect_secretion': must be scaled by a finite factor of at least 0, got -5.0\nA fault of faulty 2.0 (treatment 'cure')"),
        ("record.also=[many]", 2, "observable 'many' of faulty 2.0: must return a number, got a list"),
    ],
)  # fmt: skip
def test_a_package_that_fails_while_a_run_is_made_is_named(setting: str, code: int, words: str, tmp_path: Path) -> None:
    site = package(tmp_path / "site", "faulty", {"abm.treatments/cure": "Cure"}, FAULTY)
    (site / "faulty-2.0.dist-info" / "entry_points.txt").write_text(
        "[abm.treatments]\ncure = faulty:Cure\n[abm.observables]\nmany = faulty:many\n", encoding="utf-8"
    )
    small = ["--set", "marrow.shape=[10, 10, 10]", "--set", "csf=null", "--set", setting]
    words_of_run = ["run", str(ROOT / "scenarios" / "quickstart.yaml"), "-o", "x.h5", "--until", "0.05", "--threads", "1", "--quiet"]
    assert words in told(run("-m", "abm", *words_of_run, *small, site=site, folder=tmp_path), code)


@pytest.mark.parametrize(
    ("name", "factor", "words"),
    [
        ("effect_secretions", 1, "effect 'effect_secretions' is unknown; nearest: 'effect_secretion'; those that can be scaled: "),
        ("il6r_occupancy", 0.5, r"effect 'il6r_occupancy' is set, not scaled \(set_value\)"),
        ("effect_tnf", float("nan"), "effect 'effect_tnf': must be scaled by a finite factor of at least 0, got nan"),
        ("effect_tnf", float("inf"), "got inf"),
    ],
)
def test_effects_are_scaled_by_what_can_be(name: str, factor: float, words: str) -> None:
    state = abm.TherapyModel(Scenario(name="x", marrow={"shape": [8, 8, 8]}, csf=None), threads=1).state
    with pytest.raises(ValueError, match=words):
        scale_effect(state, name, factor)


def test_names_that_are_taken(site_here: Path) -> None:
    package(site_here, "one", {"abm.treatments/cure": "Cure"}, CURE)
    assert problem_of(**given("cure")) == ""
    TREATMENTS.discard("cure")
    package(site_here, "another", {"abm.treatments/cure": "Cure"}, CURE)
    problem = problem_of(**given("cure"))
    assert problem.startswith("treatment 'cure': is declared by another 2.0 and one 2.0; uninstall one of them, or ABM_EXTENSIONS=0")
    package(site_here, "third", {"abm.treatments/tocilizumab": "Tocilizumab"}, CURE)
    problem = problem_of(**given("tocilizumab"))
    assert problem.startswith("treatment 'tocilizumab' of third 2.0 (third:Tocilizumab): abm has one of that name already; uninstall")
    assert problem_of(**given("etanercept")) == ""


def test_cell_types_that_share_a_code_are_not_used_together(site_here: Path) -> None:
    source = """\
from typing import Literal
from abm.extensions import CellType, OtherCells

class {0}(OtherCells):
    "Cells."
    kind = CellType(20, "{0}", "{0}", "sessile", "{0}", "#123456")
    type: Literal["{0}"] = "{0}"
"""
    for name in ("nk", "stroma"):
        package(site_here, f"abm-{name}", {f"abm.cell_types/{name}": name}, source.format(name))
    assert problem_of(other_cells=[{"type": "stroma", "marrow_fraction": "1 %"}]) == ""
    problem = problem_of(other_cells=[{"type": "stroma"}, {"type": "nk"}])
    assert problem.startswith("cell type 'nk' of abm-nk 2.0 (abm_nk:nk): cell type 'nk' (code 20) clashes with 'stroma' (code 20)")
    with pytest.raises(ValueError, match=r"other_cells\[1\]\.type: 'stroma' is listed twice"):
        Scenario(name="x", other_cells=[{"type": "stroma"}, {"type": "stroma"}])
