# SPDX-License-Identifier: Apache-2.0
"""Files that extend others, and overrides of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from abm.errors import InputError
from abm.units import Parameters
from abm.yamlfile import dump, load, read_yaml
from tests.unit.example_scenario import TEXT, Example, Infusion, Motility, Patient, Tocilizumab
from tests.unit.yamlfile.reading import GOOD, read, refusal

ROOT_KEYS = "name, seed, model, wrap, half_life, lattice, patient, motility, csf, body, treatments"


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
        ("treatments[5].dose=1", "treatments: has no item [5]; items: [0] to [1]; [2]={...} adds one"),
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
    assert refusal(GOOD, "lattice[4]=1").endswith("lattice: has no item [4]; items: [0] to [2]; [3]={...} adds one")
    assert refusal(GOOD, "lattice[3]=1") == "--set lattice[3]=1: lattice: must have at most 3 items, not 4, got a list"
    assert refusal(text, "treatments[0].doses[2]=5").endswith("treatments[0].doses: has no item [2]; items: [0]; [1]={...} adds one")


def test_the_item_after_the_last_is_added() -> None:
    text = GOOD + "treatments:\n  - {type: tocilizumab}\n"
    assert read(text, "treatments[0].doses[1]=5").treatments[0].doses[-1] == 5.0
    read_model = read(text, "treatments[1]={type: tocilizumab}", "treatments[1].doses=[7]")
    assert [one.doses for one in read_model.treatments][1] == (7.0,)


def test_an_item_of_a_list_that_the_file_lacks_cannot_be_set() -> None:
    assert refusal(GOOD, "treatments[0].dose=3") == (
        "--set treatments[0].dose=3: treatments: is not in the file, so it has no item [0]; set the whole list"
    )
