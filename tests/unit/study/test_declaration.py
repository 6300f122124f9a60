# SPDX-License-Identifier: Apache-2.0
"""Study files: what is refused, where in the file, and with which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from abm.errors import InputError
from abm.study import read_study
from abm.study.declaration import StudyFile, size_of
from abm.yamlfile import dump, load_text
from tests.e2e.test_malformed_scenarios import DAMAGE, watchdog
from tests.small_scenarios import ROOT
from tests.small_studies import BASE, DOSES, text_of, written

LINE = re.compile(r"^(\d+\.yaml:\d+:\d+: .|study\.yaml: .)")
DOSE = '{path: "treatments[0].dose", range: [1e5, 1e7]}'
WRONG = {
    "no name": ("study: 1\nscenario: x.yaml\n", ["1:1: name: required key is missing"]),
    "unknown key": (text_of("replicate: 3\n"), ["11:1: replicate: unknown key", "'replicates'"]),
    "future format": ("study: 2\nname: a\nscenario: x.yaml\n", ["1:8: study: must be", "got 2"]),
    "no scenario": ("name: a\nscenario: nowhere.yaml\n", ["2:11: scenario: cannot be used", "nowhere.yaml", "no such file"]),
    "scenario is a folder": ("name: a\nscenario: .\n", ["2:11: scenario: cannot be used", "folder"]),
    "set, unknown path": (
        f"name: a\nscenario: {BASE}\nset: {{marow.shape: [12, 12, 12]}}\n",
        ["3:20: set.marow.shape: ", "unknown key", "'marrow'"],
    ),
    "set, two wrong values": (
        f"name: a\nscenario: {BASE}\nset:\n  blasts.marrow_fraction: 150 %\n  body.weight: 3 miles\n",
        ["4:27: set.blasts.marrow_fraction: must be between", "5:16: set.body.weight: unknown unit"],
    ),
    "path, unknown": (
        text_of("parameters:\n  - {path: blasts.marow_fraction, range: [0, 1]}\n"),
        ["12:12: parameters[0].path", "'marrow_fraction'"],
    ),
    "path, empty": (text_of("parameters:\n  - {path: '', range: [0, 1]}\n"), ["12:12: parameters[0].path: must be a path"]),
    "path, beyond the list": (
        text_of('parameters:\n  - {path: "treatments[7].dose", range: [1e5, 1e7]}\n'),
        ["12:12: parameters[0].path", "has no item [7]"],
    ),
    "path twice": (
        text_of(f"parameters:\n  - {DOSE}\n  - {{path: 'treatments[0].dose', name: b, values: [1e6]}}\n"),
        ["13:12", "is varied already"],
    ),
    "path of a part, then of the whole": (
        text_of(f"parameters:\n  - {DOSE}\n  - {{path: 'treatments[0]', values: [{{type: car_t_infusion, day: 0, dose: 2e6}}]}}\n"),
        ["13:12: parameters[1].path: takes the place of 'treatments[0].dose'; put it before"],
    ),
    "seed": (text_of("parameters:\n  - {path: seed, name: s, values: [1, 2]}\n"), ["12:12", "replicates are runs of other seeds"]),
    "duration under until": (text_of("parameters:\n  - {path: duration, range: [1, 2]}\n"), ["12:12", "until"]),
    "not recorded": (text_of("parameters:\n  - {path: record.view, range: [1, 2]}\n"), ["12:12", "has no effect", "keep: trajectories"]),
    "range and values": (text_of("parameters:\n  - {path: blasts.marrow_fraction, range: [0, 1], values: [0.5]}\n"), ["12:5", "not both"]),
    "range reversed": (text_of("parameters:\n  - {path: blasts.marrow_fraction, range: [50 %, 0.1]}\n"), ["12:43", "low < high"]),
    "range, out of bounds": (
        text_of("parameters:\n  - {path: blasts.marrow_fraction, range: [0, 150 %]}\n"),
        ["12:43", "between 0 and 100 %"],
    ),
    "range, one end": (text_of("parameters:\n  - {path: blasts.marrow_fraction, range: [0]}\n"), ["12:43", "range"]),
    "range, unit of another dimension": (
        text_of("parameters:\n  - {path: body.weight, range: [3 d, 4 d]}\n"),
        ["12:32", "must have a unit of body weight"],
    ),
    "range of words": (text_of('parameters:\n  - {path: "products[0].costimulation", range: [0, 1]}\n'), ["12:48", "cd28"]),
    "log scale from 0": (text_of("parameters:\n  - {path: body.weight, range: [0, 40], scale: log}\n"), ["12:32", "above 0"]),
    "no plausible range": (
        text_of("parameters:\n  - {path: marrow.shape}\n"),
        ["12:12: parameters[0].path: marrow.shape has no plausible range"],
    ),
    "values, two wrong": (
        text_of("parameters:\n  - path: blasts.marrow_fraction\n    values: [10 %, 1000, 7 d, 2]\n"),
        ["13:20: parameters[0].values[1]: ", "13:26: parameters[0].values[2]: "],
    ),
    "values of a whole number": (
        text_of("parameters:\n  - {path: record.view_depth, values: [2, 2.5]}\nkeep: trajectories\n"),
        ["12:43", "whole number", "got 2.5"],
    ),
    "values, none": (text_of("parameters:\n  - {path: body.weight, values: []}\n"), ["12:33", "at least 1 item"]),
    "name of a column": (
        text_of("parameters:\n  - {path: body.weight, name: status, range: [30, 40]}\n"),
        ["12:5", "'status' names another column"],
    ),
    "name of the dummy": (text_of("parameters:\n  - {path: body.weight, name: dummy, range: [30, 40]}\n"), ["12:5", "'dummy'"]),
    "output twice": (text_of("outputs: [peak_il6, peak_il6]\n"), ["11:21: outputs[1]: 'peak_il6' names another column"]),
    "unknown endpoint": (text_of("outputs: [peak_il7]\n"), ["11:11: outputs[0]: unknown endpoint 'peak_il7'", "nearest: 'peak_il6'"]),
    "unknown observable": (text_of("outputs: [{observable: mrdd, take: max}]\n"), ["11:24: outputs[0].observable", "nearest: 'mrd'"]),
    "a day without runs": (
        text_of("outputs: [{observable: mrd, take: value, day: 2}]\n"),
        ["11:47: outputs[0].day: runs go from day 0 to day 0.3, got 2"],
    ),
    "unknown assay": (
        text_of("outputs: [{assay: mrd_flwo, day: 0.2}]\n"),
        ["11:19: outputs[0].assay: unknown assay 'mrd_flwo'; nearest: 'mrd_flow'"],
    ),
    "assay without a day": (text_of("outputs: [{assay: mrd_flow}]\n"), ["11:11: outputs[0].day", "required"]),
    "assay and take": (text_of("outputs: [{assay: mrd_flow, day: 0.2, take: max}]\n"), ["11:39: outputs[0].take: unknown key"]),
    "value without a day": (text_of("outputs: [{observable: mrd, take: value}]\n"), ["11:11: outputs[0]", "needs a day"]),
    "unknown take": (text_of("outputs: [{observable: mrd, take: median}]\n"), ["11:", "'mean'"]),
    "nothing recorded": (
        text_of("").replace("  start: 0", "  start: 0\n  record.observables: 0"),
        ["4:11: scenario: records no observables"],
    ),
    "unknown design": (text_of("design: {type: sobel, samples: 4}\n"), ["11:16: design.type", "'sobol'"]),
    "samples, no power of two": (
        text_of(f"parameters: [{DOSE}]\ndesign: {{type: sobol, samples: 100}}\n"),
        ["12:32: design.samples", "64 and 128"],
    ),
    "levels, odd": (text_of(f"parameters: [{DOSE}]\ndesign: {{type: morris, levels: 5}}\n"), ["12:32: design.levels", "multiple of 2"]),
    "design without parameters": (text_of("design: {type: latin_hypercube, points: 5}\n"), ["11:9: design: needs parameters"]),
    "too many runs": (
        text_of(f"parameters: [{DOSE}]\ndesign: {{type: latin_hypercube, points: 1000000}}\nreplicates: 11\n"),
        ["12:9: design: 1,000,000 points and 11 replicates make 11,000,000 runs", "10,000,000"],
    ),
    "too many points of a grid": (
        text_of(
            "parameters:\n"
            + "".join(f"  - {{path: blasts.{name}, range: [0, 0.1]}}\n" for name in ("marrow_fraction", "death"))
            + "design: {type: grid, levels: 10000}\n"
        ),
        ["runs; must be at most 10,000,000"],
    ),
    "one at a time from outside": (
        text_of('parameters:\n  - {path: "treatments[0].dose", range: [2e6, 1e7]}\ndesign: {type: one_at_a_time}\n'),
        ["12:5: parameters[0]: the scenario's 1e6 lies outside the range, 2e6 to 1e7"],
    ),
    "one at a time from another value": (
        text_of('parameters:\n  - {path: "products[0].costimulation", values: [4-1bb]}\ndesign: {type: one_at_a_time}\n'),
        ["12:5: parameters[0]: the scenario's cd28 is not among the values"],
    ),
    "list, no value": (
        text_of("parameters: [{path: body.weight, name: kg}]\ndesign: {type: list, points: [{kg: 30}, {}]}\n"),
        ["12:41: design.points[1]: has no value of 'kg'"],
    ),
    "list, misspelt": (
        text_of("parameters: [{path: body.weight, name: kg}]\ndesign: {type: list, points: [{kgs: 30}]}\n"),
        ["12:37: design.points[0].kgs: is not among the parameters; nearest: 'kg'", "has no value of 'kg'"],
    ),
    "list, wrong values": (
        text_of("parameters: [{path: body.weight, name: kg}]\ndesign: {type: list, points: [{kg: -1}, {kg: 2 d}]}\n"),
        [
            "12:36: design.points[0].kg: body.weight cannot be -1: must be between",
            "12:46: design.points[1].kg: body.weight: must have a unit",
        ],
    ),
    "list, path": (
        text_of("parameters: [{path: body.wight, name: kg}]\ndesign: {type: list, points: [{kg: 30}, {kg: 31}]}\n"),
        ["12:36: design.points[0].kg: body.wight cannot be 30: unknown key; nearest: 'weight'"],
    ),
    "list, not together": (
        text_of("parameters: [{path: effector_target_ratio, name: ratio}]\ndesign: {type: list, points: [{ratio: 0.1}, {ratio: 90}]}\n"),
        ["12:45: design.points[1]: scenario:", "at most 100 %"],
    ),
    "list, with a range": (
        text_of("parameters: [{path: body.weight, name: kg, range: [30, 40]}]\ndesign: {type: list, points: [{kg: 30}]}\n"),
        ["11:14: parameters[0]: has its values in the list of points"],
    ),
    "until, too short": (text_of("").replace("0.3 d", "0 d"), ["10:8: until: must be between 0.01"]),
    "replicates, none": (text_of("replicates: 0\n"), ["11:13: replicates: "]),
    "seed, negative": (text_of("seed: -1\n"), ["11:7: seed: "]),
    "keep, unknown": (text_of("keep: everything\n"), ["11:7: keep: ", "'trajectories'"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, what: str) -> None:
    text, expected = WRONG[what]
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as told:
        read_study(path)
    for words in expected:
        assert words in str(told.value), told.value
    for line in str(told.value).splitlines():
        assert re.match(rf"{re.escape(str(path))}:\d+:\d+: ", line), line


def test_all_is_told_at_once(tmp_path: Path) -> None:
    parameters = "parameters:\n  - {path: blasts.marow_fraction, range: [0, 1]}\n  - {path: body.weight, values: [-1, 2 d]}\n"
    path = written(tmp_path, parameters + "outputs: [{observable: mrdd, take: max}]\ndesign: {type: sobol, samples: 3}\n")
    with pytest.raises(InputError) as told:
        read_study(path)
    places = [line.removeprefix(f"{path}:").split(":")[0] for line in str(told.value).splitlines()]
    assert sorted(places) == ["12", "13", "13", "14", "15"]


def test_listed_points_are_tried_as_a_whole(tmp_path: Path) -> None:
    parameters = 'parameters: [{path: start}, {path: "treatments[0].day", name: day}]\n'
    assert size_of(read_study(written(tmp_path, parameters + "design: {type: list, points: [{start: -3, day: -2 d}]}\n")).model) == 1
    with pytest.raises(InputError, match=r"12:48: design\.points\[0\]\.day: .*must not lie before the start"):
        read_study(written(tmp_path, parameters + "design: {type: list, points: [{start: -3, day: -4}]}\n"))


def test_names_are_checked_though_the_scenario_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("name: a\nscenario: nowhere.yaml\noutputs: [peak_il6, peak_il6]\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"(?s)(nowhere.*names another|names another.*nowhere)"):
        read_study(path)


def test_the_scenario_is_found_beside_the_study_wherever_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ein Ordner, 'häufig' benannt"
    folder.mkdir()
    (folder / "szenario ä.yaml").write_text(BASE.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "study.yaml").write_text("name: µ\nscenario: szenario ä.yaml\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert read_study(folder.relative_to(tmp_path) / "study.yaml").model.name == "µ"


def test_a_study_is_written_out_and_read_to_an_equal_one(tmp_path: Path) -> None:
    rest = DOSES + "design: {type: grid, levels: 4}\nkeep: nothing\nreplicates: 3\nseed: 12345678901234567\nresources: {threads: 2}\n"
    study = read_study(written(tmp_path, rest)).model
    assert load_text(dump(study), "again", StudyFile).model == study
    assert study.until == pytest.approx(7.2)


def test_the_example_studies_are_valid() -> None:
    for path in (ROOT / "studies").glob("*.yaml"):
        if "study:" in path.read_text(encoding="utf-8"):
            assert size_of(read_study(path).model) > 1


def test_only_some_of_very_many_values_are_tried(tmp_path: Path) -> None:
    values = ", ".join(str(30 + number / 1000) for number in range(5000))
    with watchdog(b"5000 values"):
        assert size_of(read_study(written(tmp_path, f"parameters: [{{path: body.weight, values: [{values}]}}]\n")).model) == 5000
        with pytest.raises(InputError, match=r"parameters\[0\]\.values\[5000\]: body.weight: unknown unit"):
            read_study(written(tmp_path, f"parameters: [{{path: body.weight, values: [{values}, 3 parsec]}}]\n"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(DAMAGE)
def test_a_damaged_study_is_refused_with_positions_or_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: list) -> None:
    rest = DOSES + "  - {observable: il6, take: value, day: 0.2}\ndesign: {type: grid, levels: 4}\nkeep: nothing\nreplicates: 3\nseed: 4\n"
    raw = text_of(rest.replace("outputs: [peak_car_t, {observable: il6, take: max}]", "outputs:\n  - peak_car_t"), "0000.yaml").encode()
    for mutate, where, other in damage:
        raw = mutate(raw, where, other) or b"\n"
    monkeypatch.chdir(tmp_path)
    Path("0000.yaml").write_text(BASE.read_text(encoding="utf-8"), encoding="utf-8")
    Path("1.yaml").write_bytes(raw)
    with watchdog(raw):
        try:
            read_study("1.yaml")
        except InputError as error:
            for line in str(error).splitlines():
                assert LINE.match(line), line
