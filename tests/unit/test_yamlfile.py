# SPDX-License-Identifier: Apache-2.0
"""Reading scenarios: each kind of mistake by its exact message, merging, overriding, and writing back."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.errors import InputError
from abm.units import Parameters
from abm.yamlfile import dump, load, read_yaml, template
from tests.unit.example_scenario import STARTER, TEXT, Example, Infusion, Motility, Patient, Tocilizumab

GOOD = "name: a\npatient: {weight: 30}\n"
ROOT_KEYS = "name, seed, model, wrap, half_life, lattice, patient, motility, csf, body, treatments"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str | bytes, *overrides: str, name: str = "x.yaml", model: type[Parameters] = Example) -> Parameters:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(name, model, overrides).model


def refusal(text: str | bytes, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        read(text, *overrides)
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def test_a_whole_file() -> None:
    model = read(TEXT)
    assert model == Example(
        name="child, high burden",
        seed=20140210,
        half_life=2.5,
        lattice=(40, 40, 40),
        patient=Patient(weight=32.5, sex="female", site=(0.5, 1.0)),
        motility=Motility(speed=6, persistence="4 min", death=0.72, by_kind={"blast": 50, "host_t": 10}),
        csf=Motility(speed="0.2 mm/h"),
        treatments=(
            Infusion(dose=1e6, day=0),
            Tocilizumab(doses=(8, 8), when="crs_grade >= 3", repeats=2),
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  weight: 32.5",
            "  wieght: 32.5",
            "x.yaml:9:3: patient.weight: required key is missing; must be a number between 2 and 200 kg (Body weight)\n"
            "x.yaml:9:3: patient.wieght: unknown key; nearest: 'weight'; allowed: weight, sex, site",
        ),
        (
            "model: marrow",
            "model: marow",
            "x.yaml:4:8: model: must be one of 'marrow', 'block', got 'marow'; nearest: 'marrow'",
        ),
        ("sex: female", "sex: 3", "x.yaml:10:8: patient.sex: must be one of 'female', 'male' or null, got 3"),
        (
            "type: infusion",
            "type: infuson",
            "x.yaml:20:11: treatments[0].type: must be one of 'infusion', 'tocilizumab', "
            "got 'infuson'; nearest: 'infusion'",
        ),
        (
            "- type: tocilizumab\n    doses",
            "- doses",
            "x.yaml:23:5: treatments[1].type: required key is missing; must be one of 'infusion', 'tocilizumab'",
        ),
        (
            "dose: 1e6",
            "dose: -1e6",
            "x.yaml:21:11: treatments[0].dose: must be between 0 and 1e9 cells/kg, got -1e6",
        ),
        (
            "dose: 1e6",
            "dose: 5 d",
            "x.yaml:21:11: treatments[0].dose: must have a unit of cells per weight (cells/kg), got '5 d', a time",
        ),
        ("persistence: 4 min", "persistence: -4", "x.yaml:14:16: motility.persistence: must be at least 0 min, got -4"),
        ("death: 0.72 1/d", "death: .inf", "x.yaml:15:10: motility.death: must be a finite number, got inf"),
        (
            "death: 0.72 1/d",
            "death: {a: 1}",
            "x.yaml:15:10: motility.death: must be a number between 0 and 10 1/d, got a mapping",
        ),
        (
            "death: 0.72 1/d",
            "death: [1, 2]",
            "x.yaml:15:10: motility.death: must be a number between 0 and 10 1/d, got a list",
        ),
        (
            "death: 0.72 1/d",
            'death: "1"',
            "x.yaml:15:10: motility.death: must be a number without quotes, or text such as '1 1/d', got '1'",
        ),
        (
            "host_t: 0.1 1",
            "host_t: 3 1",
            "x.yaml:16:32: motility.by_kind.host_t: must be between 0 and 100 %, got '3 1', which is 300 %",
        ),
        ("[8, 8 mg/kg]", "[8, 99]", "x.yaml:24:16: treatments[1].doses[1]: must be between 0 and 12 mg/kg, got 99"),
        (
            "repeats: 2",
            "repeats: 9",
            "x.yaml:26:14: treatments[1].repeats: must be a whole number between 1 and 4, got 9",
        ),
        (
            "repeats: 2",
            "repeats: 2.5",
            "x.yaml:26:14: treatments[1].repeats: must be a whole number between 1 and 4, got 2.5",
        ),
        (
            "repeats: 2",
            "repeats: true",
            "x.yaml:26:14: treatments[1].repeats: must be a whole number between 1 and 4, got true",
        ),
        (
            "repeats: 2",
            'repeats: "2"',
            "x.yaml:26:14: treatments[1].repeats: must be a whole number between 1 and 4, got '2'",
        ),
        ("wrap: true", "wrap: yes", "x.yaml:5:7: wrap: must be true or false, got 'yes'"),
        ("half_life: 2.5", "half_life: .nan", "x.yaml:6:12: half_life: must be a finite number, got nan"),
        ("half_life: 2.5", "half_life: long", "x.yaml:6:12: half_life: must be a number, got 'long'"),
        ("name: child, high burden", "name: ''", "x.yaml:2:7: name: must have at least 1 character, got ''"),
        ("name: child, high burden", "name:", "x.yaml:2:1: name: must be text, got null"),
        (
            "seed: 20140210",
            "seed: 1e6",
            "x.yaml:3:7: seed: must be a whole number between 0 and 9223372036854775807, got 1e6",
        ),
        (
            "seed: 20140210",
            "seed: " + "9" * 5000,
            "x.yaml:3:7: seed: integer too large, at most 18446744073709551615; write a larger number as 1e30",
        ),
        (
            "[40, 40, 40]",
            "[40, 40.5]",
            "x.yaml:7:10: lattice: must be a list of 3 items, got 2\n"
            "x.yaml:7:15: lattice[1]: must be a whole number, got 40.5",
        ),
        ("[40, 40, 40]", "[1, 2, 3, 4]", "x.yaml:7:10: lattice: must have at most 3 items, not 4, got a list"),
        ("[40, 40, 40]", "40", "x.yaml:7:10: lattice: must be a list of 3 items, got 40"),
        ('csf:\n  speed: "0.2 mm/h"', "csf: fast", "x.yaml:17:6: csf: must be a mapping or null, got 'fast'"),
        ('csf:\n  speed: "0.2 mm/h"', "csf: [1]", "x.yaml:17:6: csf: must be a mapping or null, got a list"),
        ("csf:\n", "body: all\ncsf:\n", "x.yaml:17:7: body: must be a mapping or 'none', got 'all'; nearest: 'none'"),
        ("csf:\n", "body: {weight: 1}\ncsf:\n", "x.yaml:17:16: body.weight: must be between 2 and 200 kg, got 1"),
        ("[0.5, 1]", "[2, 1]", "x.yaml:9:3: patient: the site's first number must not exceed its second"),
        ("model: marrow", "model: block", "x.yaml:2:1: a block has no csf"),
        (
            "name: child",
            "nom: x\nname: child",
            f"x.yaml:2:1: nom: unknown key; nearest: 'name'; allowed: {ROOT_KEYS}, extends",
        ),
        ("wrap: true", "wrap: true\nseed: 2", "x.yaml:6:1: seed: duplicate key, first given at line 3, column 1"),
        (
            "sex: female",
            "sex: !!python/object:os.system male",
            "x.yaml:10:8: patient.sex: the tag '!!python/object:os.system' is not allowed; write the plain value",
        ),
        ("sex: female", "sex: *s", "x.yaml:10:8: patient.sex: the alias '*s' has no anchor '&s' before it"),
        (
            "[0.5, 1]",
            "&s [0.5, *s]",
            "x.yaml:11:18: patient.site[1]: the alias '*s' stands inside the value it repeats",
        ),
        (
            "sex: female",
            "<<: {a: 1}",
            "x.yaml:10:3: patient: merge keys ('<<') are not allowed; write the values out or use 'extends'",
        ),
        ("sex: female", "[a]: 1", "x.yaml:10:3: patient: a key must be plain text, not a list, a mapping or an alias"),
        (
            "  weight: 32.5",
            "\tweight: 32.5",
            "x.yaml:9:1: a tab stands where YAML allows only spaces; indent with spaces",
        ),
        (
            "wrap: true",
            "wrap: true: false",
            "x.yaml:5:11: not valid YAML: a second ':' on this line, or a wrong indentation; "
            "put text that holds ': ' in quotes",
        ),
        (
            "[40, 40, 40]",
            "[40, 40",
            "x.yaml:8:8: not valid YAML: expected ',' or ']', but got ':', "
            "parsing a flow sequence that starts at line 7, column 10",
        ),
        (
            "sex: female",
            " sex: female",
            "x.yaml:10:7: not valid YAML: a second ':' on this line, or a wrong indentation; "
            "put text that holds ': ' in quotes",
        ),
        ("wrap: true", "wrap true", "x.yaml:5:1: not valid YAML: ': ' is missing after this key"),
        ("wrap: true", ": true", f"x.yaml:5:1: '': unknown key; nearest: 'name'; allowed: {ROOT_KEYS}, extends"),
        ("wrap: true", "wrap: true\n---\nseed: 1", "x.yaml:6:1: a second document starts here; a file holds one"),
        (
            "wrap: true",
            "wrap: \x07",
            "x.yaml:5:7: character U+0007 is not allowed; remove it, or write it as an escape in double quotes",
        ),
        ("wrap: true", 'wrap: "\\UFFFFFFFF"', "x.yaml:5:1: not valid YAML from here on (OverflowError)"),
    ],
)
def test_one_mistake_in_a_file(old: str, new: str, message: str) -> None:
    assert refusal(changed(old, new)) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "x.yaml:1:1: the file is empty; it must be a mapping, lines of 'key: value'"),
        ("# nothing\n---\n", "x.yaml:1:1: the file is empty; it must be a mapping, lines of 'key: value'"),
        ("- a\n", "x.yaml:1:1: must be a mapping, lines of 'key: value', got a list"),
        ("\n  word\n", "x.yaml:2:3: must be a mapping, lines of 'key: value', got a single value"),
        (b"name: caf\xe9\n", "x.yaml:1:10: is not UTF-8 text (byte 0xe9)"),
        (b"\x89PNG\r\n\x1a\n\0\0", "x.yaml:1:1: is not UTF-8 text (byte 0x89)"),
        (b"name: a\nb: \0\0", "x.yaml:2:4: character U+0000 is not allowed; this is no text file"),
        (b"a" * (1 << 21), "x.yaml: is larger than 512 KiB, the most a YAML file may have"),
        (
            "a: &\n",
            "x.yaml:1:5: not valid YAML: expected alphabetic or numeric character, but found the end of the line, "
            "scanning an anchor that starts at line 1, column 4",
        ),
        (
            "a: [1\n",
            "x.yaml:2:1: not valid YAML: expected ',' or ']', but the text ends, "
            "parsing a flow sequence that starts at line 1, column 4",
        ),
        ("[a], [b]\n", "x.yaml:1:4: not valid YAML: this follows a value that is complete already"),
        (
            "- a\nb: 1\n",
            "x.yaml:2:1: not valid YAML: this line is indented otherwise than those it belongs to, "
            "parsing a block collection that starts at line 1, column 1",
        ),
        ("[" * 500_000, "x.yaml:1:42: nested deeper than 40 levels"),
        ("{a: " * 10_000, "x.yaml:1:165: nested deeper than 40 levels"),
        ("- " * 100_000, "x.yaml:1:83: nested deeper than 40 levels"),
    ],
)
def test_a_file_that_is_no_mapping(content: str | bytes, message: str) -> None:
    assert refusal(content) == message


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert refusal("\n".join(lines)) == "x.yaml:5:45: more than 100,000 values, repeated ones included"


def test_endless_problems_of_one_kind_are_cut_short() -> None:
    lines = refusal(GOOD + "name: b\n" * 1000).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "x.yaml:103:1: here and below are 900 more problems"


def test_aliases_cannot_nest_deeper_than_brackets() -> None:
    lines = ["a0: &a0 1"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 100)]
    assert refusal("\n".join(lines)) == "x.yaml:41:12: nested deeper than 40 levels"


def test_aliases_repeat_a_value() -> None:
    model = read("name: &n a\nmotility: &m {speed: 3}\ncsf: *m\npatient: {weight: 30}\n", "csf.speed=4")
    assert (model.motility.speed, model.csf.speed) == (180.0, 240.0)


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        changed("seed: 20140210", "seed: -1").replace("dose: 1e6", "dose: x").replace("wrap: true", "wrap: 1\nwrap: 2")
    )
    assert [line.split(": ")[0] for line in refusal(text).splitlines()] == [
        "x.yaml:3:7",
        "x.yaml:5:7",
        "x.yaml:6:1",
        "x.yaml:22:11",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lea.yaml", "lea.yaml: no such file; nearest in '.': 'lee.yaml'"),
        ("sub/x.yaml", "sub/x.yaml: no such file; 'sub' holds no .yaml file"),
        ("none/x.yaml", "none/x.yaml: no such file: there is no folder 'none'"),
        (".", ".: is a folder, not a file; nearest in '.': 'child.yml'"),
        ("pipe", "pipe: is not a regular file"),
        ("x" * 300, "x" * 300 + ": cannot be a file name: File name too long"),
    ],
)
def test_a_name_of_no_file(name: str, message: str) -> None:
    Path("lee.yaml").write_text(GOOD)
    Path("child.yml").write_text(GOOD)
    Path("sub").mkdir()
    os.mkfifo("pipe")
    for reader in (lambda: load(name, Example), lambda: read_yaml(name)):
        with pytest.raises(InputError) as caught:
            reader()
        assert str(caught.value) == message


def test_read_yaml_gives_plain_data() -> None:
    Path("x.yaml").write_text("a: [1, 2.5, 1e3, 0x10, 0o17, ~, yes, 'true', true, 12:30:00, 1_000]\nb: {1: x}\n")
    document = read_yaml("x.yaml")
    assert document.data == {
        "a": [1, 2.5, 1000.0, 16, 15, None, "yes", "true", True, "12:30:00", "1_000"],
        "b": {"1": "x"},
    }
    Path("x.yaml").write_text("a: 1\na: 2\n")
    with pytest.raises(InputError, match=r"^x\.yaml:2:1: a: duplicate key, first given at line 1, column 1$"):
        read_yaml("x.yaml")


def test_extends_merges_mappings_and_replaces_lists() -> None:
    Path("base").mkdir()
    Path("base/b.yaml").write_text(TEXT)
    model = read("extends: base/b.yaml\nname: child 2\nmotility: {speed: 7}\ntreatments: []\ncsf: null\n")
    assert model.name == "child 2"
    assert model.motility == Motility(speed=7, persistence=4, death=0.72, by_kind={"blast": 50, "host_t": 10})
    assert model.treatments == ()
    assert model.csf is None
    assert model.patient.sex == "female"


def test_extends_goes_on_and_on_relative_to_each_file() -> None:
    Path("one/two").mkdir(parents=True)
    Path("one/two/c.yaml").write_text(GOOD + "seed: 3\nhalf_life: 3\n")
    Path("one/b.yaml").write_text("extends: two/c.yaml\nseed: 2\n")
    Path("a.yaml").write_text("extends: one/b.yaml\nwrap: false\n")
    loaded = load("a.yaml", Example)
    assert (loaded.model.half_life, loaded.model.seed, loaded.model.wrap) == (3.0, 2, False)
    assert [str(file) for file in loaded.files] == ["a.yaml", "one/b.yaml", "one/two/c.yaml"]
    assert loaded.original == "extends: one/b.yaml\nwrap: false\n"
    assert loaded.resolved == dump(loaded.model)


def test_a_mapping_of_another_type_is_not_mixed_in() -> None:
    class Study(Parameters):
        first: Infusion | Tocilizumab

    Path("b.yaml").write_text("first: {type: infusion, dose: 3}\n")
    model = read("extends: b.yaml\nfirst: {type: tocilizumab}\n", model=Study)
    assert model.first == Tocilizumab()


def test_problems_in_a_base_stand_where_they_are() -> None:
    Path("b.yaml").write_text(GOOD.replace("30", "1") + "sed: 3\n")
    assert refusal("extends: b.yaml\nseed: x\n") == (
        "b.yaml:2:19: patient.weight: must be between 2 and 200 kg, got 1\n"
        f"b.yaml:3:1: sed: unknown key; nearest: 'seed'; allowed: {ROOT_KEYS}, extends\n"
        "x.yaml:2:7: seed: must be a whole number between 0 and 9223372036854775807, got 'x'"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("bse.yaml", "'bse.yaml': no such file; nearest in '.': 'base.yaml'"),
        ("x.yaml", "goes in a circle: x.yaml -> x.yaml"),
        ("base.yaml", "goes in a circle: x.yaml -> base.yaml -> x.yaml"),
        ("[base.yaml]", "must be the name of a YAML file, relative to this one"),
        ("''", "must be the name of a YAML file, relative to this one"),
    ],
)
def test_extends_that_leads_nowhere(value: str, message: str) -> None:
    Path("base.yaml").write_text("extends: ./x.yaml\n")
    where = "base.yaml:1:10" if "base.yaml ->" in message else "x.yaml:3:10"
    assert refusal(f"{GOOD}extends: {value}\n") == f"{where}: extends: {message}"


def test_an_endless_chain_is_refused() -> None:
    for index in range(20):
        Path(f"{index}.yaml").write_text(f"extends: {index + 1}.yaml\n")
    with pytest.raises(InputError, match=r"^15\.yaml:1:10: extends: a chain of more than 16 files$"):
        load("0.yaml", Example)


def test_overrides_set_values_of_every_shape_the_last_one_wins() -> None:
    model = read(
        TEXT,
        "seed=5",
        "seed=6",
        "motility.speed=7.5 µm/min",
        "treatments[1].doses=[1, 2]",
        "body.weight=50",
        "csf=null",
        "lattice[2]=1",
        "motility.by_kind.blast=20",
    )
    assert model.seed == 6
    assert model.motility.speed == 450.0
    assert model.treatments[1].doses == (1.0, 2.0)
    assert model.body == Patient(weight=50)
    assert model.csf is None
    assert model.lattice == (40, 40, 1)
    assert model.motility.by_kind == {"blast": 0.2, "host_t": 0.1}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("patient.wieght=3", "unknown key; nearest: 'weight'; allowed: weight, sex, site"),
        ("treatments[0].dose=-1", "must be between 0 and 1e9 cells/kg, got -1"),
        ("treatments[5].dose=1", "treatments: has no item [5]; items: [0] to [1]"),
        ("treatmnts[0].dose=1", f"treatmnts: unknown key; nearest: 'treatments'; allowed: {ROOT_KEYS}"),
        ("name", "must be path=value, such as treatments[0].dose=2e6"),
        ("=3", "must be path=value, such as treatments[0].dose=2e6"),
        ("a..b=3", "must be path=value, such as treatments[0].dose=2e6"),
        ("patient.weight=[1,", "not valid YAML: expected the node content, but the text ends"),
        ("patient.weight.x=3", "patient.weight: has no key 'x': it is a single value"),
        ("name[0]=3", "name: has no item [0]: it is a single value"),
        ("treatments.a=1", "treatments: has no key 'a': it is a list"),
        ("patient=", "must be a mapping, got null"),
        ("csf.zz=3", "unknown key; nearest: 'speed'; allowed: speed, persistence, death, by_kind"),
        ("patient.sex=!!int 3", "the tag '!!int' is not allowed; write the plain value"),
    ],
)
def test_an_override_that_cannot_be(override: str, message: str) -> None:
    assert refusal(TEXT, override) == f"--set {override}: {message}"


def test_an_item_of_a_default_list_can_be_set_though_the_file_lacks_it() -> None:
    model = read(GOOD, "lattice[2]=1", "patient.site[1]=3")
    assert model.lattice == (10, 10, 1)
    assert model.patient.site == (0.0, 3.0)
    text = GOOD + "treatments:\n  - {type: tocilizumab}\n"
    assert read(text, "treatments[0].doses[0]=5").treatments[0].doses == (5.0,)
    assert refusal(GOOD, "lattice[3]=1") == "--set lattice[3]=1: lattice: has no item [3]; items: [0] to [2]"
    assert refusal(text, "treatments[0].doses[1]=5").endswith("treatments[0].doses: has no item [1]; items: [0]")


def test_an_item_of_a_list_that_the_file_lacks_cannot_be_set() -> None:
    assert refusal(GOOD, "treatments[0].dose=3") == (
        "--set treatments[0].dose=3: treatments: is not in the file, so it has no item [0]; set the whole list"
    )


def test_a_dump_shows_declared_units() -> None:
    assert dump(Motility(by_kind={"blast": 50, "1 2": 5})) == (
        "speed: 6.0  # µm/min\npersistence: 5.0  # min\ndeath: 0.03  # 1/d\n"
        'by_kind:\n  blast: 50.0  # %\n  "1 2": 5.0  # %\n'
    )
    assert dump(Tocilizumab()) == "type: tocilizumab\ndoses: [8.0]  # mg/kg\nwhen: null\nrepeats: 1\n"


def fractions(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
KEYS = TEXTS.filter(lambda key: key.strip() != "")
PATIENTS = st.builds(
    Patient,
    weight=fractions(2, 200),
    sex=st.sampled_from([None, "female", "male"]),
    site=st.tuples(fractions(-1, 0), fractions(0, 1e300)),
)
MOTILITIES = st.builds(
    Motility,
    speed=fractions(0, 30),
    persistence=fractions(0, 1e300),
    death=fractions(0, 10),
    by_kind=st.dictionaries(KEYS, fractions(0, 100), max_size=3),
)
TREATMENTS = st.builds(Infusion, dose=fractions(0, 1e9), day=fractions(-30, 365)) | st.builds(
    Tocilizumab,
    doses=st.lists(fractions(0, 12), max_size=3).map(tuple),
    when=st.none() | TEXTS,
    repeats=st.integers(1, 4),
)
EXAMPLES = st.builds(
    Example,
    name=TEXTS,
    seed=st.integers(0, 2**63 - 1),
    wrap=st.booleans(),
    half_life=st.floats(allow_nan=False, allow_infinity=False),
    lattice=st.tuples(*[st.integers(-(2**63), 2**63)] * 3),
    patient=PATIENTS,
    motility=MOTILITIES,
    csf=st.none() | MOTILITIES,
    body=st.just("none") | PATIENTS,
    treatments=st.lists(TREATMENTS, max_size=3).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(EXAMPLES)
def test_what_is_dumped_loads_back_equal(tmp_path_factory: Callable, model: Example) -> None:
    path = tmp_path_factory.getbasetemp() / "dumped.yaml"
    path.write_text(dump(model), encoding="utf-8", newline="")
    assert load(path, Example).model == model


@pytest.mark.parametrize("base", ["", STARTER, TEXT])
def test_a_template_loads_as_it_stands_with_the_values_of_its_base(base: str) -> None:
    text = template(Example, base)
    model = read(text)
    if base:
        assert model == read(base)
    else:
        assert model == Example(name="name", patient=Patient(weight=101))


@pytest.mark.parametrize("base", ["", STARTER])
def test_a_template_loads_with_every_setting_switched_on(base: str) -> None:
    everything = re.sub(r"(?m)^( *)#(?=\S)", r"\1", template(Example, base))
    model = read(everything)
    assert [one.type for one in model.treatments] == ["infusion", "tocilizumab"]
    assert model.csf == Motility()


def test_a_template_tells_unit_range_and_source() -> None:
    text = template(Example, STARTER)
    assert (
        "#motility:\n"
        "  # Free speed. Between 0 and 30 µm/min, usually between 2 and 12. Source: Mulazzani 2019\n"
        "  #speed: 6.0  # µm/min\n"
    ) in text
    assert "# Name of the run. Must be text.\nname: my run\n" in text
    assert "  # How often at most. Must be a whole number between 1 and 4.\n" in text
