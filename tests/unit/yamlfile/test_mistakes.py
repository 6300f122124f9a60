# SPDX-License-Identifier: Apache-2.0
"""Each kind of mistake in one file, by its exact message."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from abm.errors import InputError
from abm.yamlfile import load, read_yaml
from tests.unit.example_scenario import TEXT, Example, Infusion, Motility, Patient, Tocilizumab
from tests.unit.yamlfile.reading import GOOD, changed, read, refusal

ROOT_KEYS = "name, seed, model, wrap, half_life, lattice, patient, motility, csf, body, treatments"


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
            "x.yaml:3:7: seed: must be a whole number between 0 and 9223372036854775807, got 1e6 "
            "(with an exponent or a point, which makes a decimal number in YAML)",
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
