# SPDX-License-Identifier: Apache-2.0
"""Designs of studies: how many points, which values, the settings that make them, and the seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from abm.errors import InputError
from abm.scenario import ScenarioFile, scenario_from_text
from abm.study import StudyFile, StudyFolder, read_study
from abm.study.declaration import size_of
from abm.study.design import make_design, settings_of
from abm.study.factors import as_column, declaration_at, unit_at, value_at
from abm.units import from_base
from tests.small_studies import BASE, laid_out, text_of, written

PARAMETERS = """\
parameters:
  - {path: "treatments[0].dose", name: dose, range: [1e5, 1e7 cells/kg], scale: log}
  - {path: blasts.marrow_fraction, values: [10 %, 50]}
  - {path: "products[0].costimulation", values: [cd28, 4-1bb]}
"""
DESIGNS = {
    "{type: grid, levels: 5}": 5 * 2 * 2,
    "{type: latin_hypercube, points: 7}": 7,
    "{type: sobol_sequence, points: 6}": 6,
    "{type: one_at_a_time}": 7,
    "{type: sobol, samples: 8}": 8 * (4 + 2),
    "{type: sobol, samples: 8, second_order: true}": 8 * (2 * 4 + 2),
    "{type: morris, trajectories: 3, levels: 6}": 3 * (4 + 1),
    '{type: list, points: [{dose: 2e6, blasts.marrow_fraction: 0.3, "products[0].costimulation": cd28}]}': 1,
}
LISTED = """\
parameters: [{path: "treatments[0].dose", name: dose}, {path: blasts.marrow_fraction}, {path: "products[0].costimulation"}]
"""


def made(folder: Path, rest: str) -> tuple[StudyFile, ScenarioFile, pd.DataFrame]:
    study = read_study(written(folder, rest)).model
    base = study.base(folder)
    return study, base, make_design(study, base.scenario)


def values_made(study: StudyFile, base: ScenarioFile, table: pd.DataFrame) -> list[list[Any]]:
    """Return what scenarios hold that the settings of a design have made."""
    scenarios = [scenario_from_text(base.resolved, "x", each).scenario for each in settings_of(study, table, base.scenario)]
    return [[value_at(scenario, parameter.path) for parameter in study.parameters] for scenario in scenarios]


@pytest.mark.parametrize("design", DESIGNS)
def test_a_design_has_its_points_and_its_settings_make_their_values(tmp_path: Path, design: str) -> None:
    rest = (LISTED if "list" in design else PARAMETERS) + f"design: {design}\nreplicates: 2\n"
    study, base, table = made(tmp_path, rest)
    assert size_of(study) == DESIGNS[design] == table["point"].nunique()
    assert table["run"].tolist() == list(range(2 * DESIGNS[design]))
    assert table["point"].tolist() == [run // 2 for run in table["run"]]
    assert table["replicate"].tolist() == [run % 2 for run in table["run"]]
    names = [parameter.column for parameter in study.parameters]
    points = table.drop_duplicates("point")
    assert values_made(study, base, points) == points[names].to_numpy(dtype=object).tolist()
    assert points["dose"].between(1e5, 1e7).all()
    assert set(points["blasts.marrow_fraction"]) <= {0.3, 10.0, 50.0}
    # the same again, and the same after it has been on the disk
    pd.testing.assert_frame_equal(table, make_design(study, base.scenario))
    pd.testing.assert_frame_equal(table, StudyFolder.lay_out(read_study(tmp_path / "study.yaml"), tmp_path / "made").design)


def test_a_grid_has_every_value_with_every_other(tmp_path: Path) -> None:
    _, _, table = made(tmp_path, PARAMETERS + "design: {type: grid, levels: 3}\n")
    assert sorted(set(table["dose"])) == [1e5, 1e6, 1e7]
    assert len(table[["dose", "blasts.marrow_fraction", "products[0].costimulation"]].drop_duplicates()) == 12


def test_one_at_a_time_departs_from_the_scenario(tmp_path: Path) -> None:
    rest = PARAMETERS.replace("[10 %, 50]", "[10 %, 90 %, 0.5e2]")
    study, base, table = made(tmp_path, rest + "design: {type: one_at_a_time}\n")
    rows = values_made(study, base, table)
    assert rows[0] == [1e6, 50, "cd28"]
    assert rows[1:3] == [[1e5, 50, "cd28"], [1e7, 50, "cd28"]]
    assert rows[3:] == [[1e6, 10, "cd28"], rows[0], rows[0], [1e6, 50, "4-1bb"]]


AWKWARD: dict[str, tuple[str, str, list[Any], list[Any]]] = {
    # what: path, values as given, as in the table, as in the scenario
    "numbers": ("csf.blasts", "[0, 1e5 cells]", [0.0, 1e5], [0.0, 1e5]),
    "lists": ("marrow.shape", "[[12, 12, 12], [14, 12, 12]]", ["[12, 12, 12]", "[14, 12, 12]"], [[12, 12, 12], [14, 12, 12]]),
    "item of a list": ("marrow.shape[0]", "[12, 14]", [12, 14], [12, 14]),
    "whole numbers": ("record.view_depth", "[1, 16]", [1, 16], [1, 16]),
    "truth values": ("record.last_state", "[true, false]", [True, False], [True, False]),
    "words": ("products[0].costimulation", "[cd28, 4-1bb]", ["cd28", "4-1bb"], ["cd28", "4-1bb"]),
    "words like numbers": ("description", "['1e5', 'null']", ["1e5", "null"], ["1e5", "null"]),
    "units mixed": ("body.weight", "[30, 30500 g, 31 kg]", [30.0, 30.5, 31.0], [30.0, 30.5, 31.0]),
    "a group or none": ("csf", "[null, {shape: [16, 8, 4]}]", ["null", "{shape: [16, 8, 4]}"], []),
    "treatments": (
        "treatments",
        "[[], [{type: car_t_infusion, day: 0, dose: 1e6}], [{type: tocilizumab, when: crs_grade >= 2}]]",
        ["[]", "[{type: car_t_infusion, day: 0, dose: 1e6}]", '[{type: tocilizumab, when: "crs_grade >= 2"}]'],
        [],
    ),
    "one treatment more": ("treatments[1]", "[{type: tocilizumab, day: 0.1}, {type: corticosteroid, day: 0.2}]", [], []),
    "text with everything": ("description", "['a: \"b\" # [c] µ', '']", ['a: "b" # [c] µ', ""], ['a: "b" # [c] µ', ""]),
}


@pytest.mark.parametrize("what", AWKWARD)
def test_values_of_any_type_stay_what_they_are(tmp_path: Path, what: str) -> None:
    path, given, shown, expected = AWKWARD[what]
    rest = f'parameters:\n  - {{path: "{path}", name: x, values: {given}}}\nkeep: trajectories\n'
    text = text_of(rest).replace("csf: null", "csf.shape: [16, 8, 4]")
    (tmp_path / "study.yaml").write_text(text, encoding="utf-8")
    loaded = read_study(tmp_path / "study.yaml")
    folder = StudyFolder.lay_out(loaded, tmp_path / "made")
    base = loaded.model.base(tmp_path)
    if shown:
        assert folder.design["x"].tolist() == shown
        assert [type(value) for value in folder.design["x"].tolist()] == [type(value) for value in shown]
    values = loaded.model.parameters[0].values
    assert values is not None
    for run, value in zip(folder.runs, values, strict=True):
        direct = scenario_from_text(base.resolved, "x", [loaded.model.parameters[0].setting(value)]).scenario
        assert folder.scenario_of(run).scenario.model_copy(update={"seed": 1}) == direct
    if expected:
        assert [value_at(folder.scenario_of(run).scenario, path) for run in folder.runs] == expected
    assert len({run.key for run in folder.runs}) == len(folder.runs)
    pd.testing.assert_frame_equal(StudyFolder(tmp_path / "made").design, make_design(loaded.model, base.scenario))


def test_a_column_holds_values_of_one_type_as_they_are() -> None:
    assert as_column([1.0, 2.0]) == [1.0, 2.0]
    assert as_column([True, False]) == [True, False]
    assert as_column([1, True]) == ["1", "true"]
    assert as_column([1.0, None]) == ["1.0", "null"]
    assert as_column([1, 1 << 70]) == ["1", str(1 << 70)]
    assert as_column(["a", 1]) == ["a", "1"]


def test_a_range_of_whole_numbers_is_rounded(tmp_path: Path) -> None:
    study, base, table = made(
        tmp_path, "parameters: [{path: record.view_depth, range: [1, 4]}]\nkeep: trajectories\ndesign: {type: grid, levels: 4}\n"
    )
    assert table["record.view_depth"].tolist() == [1, 2, 3, 4]
    assert settings_of(study, table, base.scenario)[1] == ("record.view_depth=2",)


def test_the_plausible_range_is_taken_if_there_is_no_other(tmp_path: Path) -> None:
    _, base, table = made(tmp_path, "parameters: [{path: susceptibility}]\ndesign: {type: grid, levels: 2}\n")
    declared = declaration_at(base.scenario, "susceptibility")
    assert declared is not None
    assert isinstance(declared.json_schema_extra, dict)
    assert table["susceptibility"].tolist() == declared.json_schema_extra["plausible"]


def test_values_and_units_at_paths(tmp_path: Path) -> None:
    scenario = read_study(written(tmp_path)).model.base(tmp_path).scenario
    assert (value_at(scenario, "treatments[0].dose"), unit_at(scenario, "treatments[0].dose")) == (1e6, "cells/kg")
    assert value_at(scenario, "duration") == from_base(scenario.duration, "d")
    assert value_at(scenario, "marrow.shape[2]") == 12
    for nowhere in ("treatments[4].dose", "marrow.shape[3]", "body.wight", "csf.blasts", "body.weight.x", "body[0]"):
        assert value_at(scenario, nowhere) is None
        assert declaration_at(scenario, nowhere) is None or nowhere == "body[0]"


def seeds(folder: Path, rest: str) -> dict[tuple[Any, ...], int]:
    study, _, table = made(folder, rest)
    names = [parameter.column for parameter in study.parameters]
    return {(*row[names], row["replicate"]): row["seed"] for _, row in table.iterrows()}


def test_independent_points_have_seeds_of_their_own(tmp_path: Path) -> None:
    found = seeds(tmp_path, PARAMETERS + "replicates: 3\n")
    assert len(found) == 36
    assert len({*found.values()}) == 36
    assert all(0 <= seed < 1 << 63 for seed in found.values())


def test_common_random_numbers_are_those_of_the_replicate(tmp_path: Path) -> None:
    found = seeds(tmp_path, PARAMETERS + "replicates: 3\nrandom_numbers: common\n")
    assert len({*found.values()}) == 3
    assert all(found[key] == found[1e5, 10.0, "cd28", key[-1]] for key in found)


def test_the_seed_of_a_study_changes_all_seeds(tmp_path: Path) -> None:
    for numbers in ("independent", "common"):
        one = seeds(tmp_path, PARAMETERS + f"random_numbers: {numbers}\n")
        other = seeds(tmp_path, PARAMETERS + f"random_numbers: {numbers}\nseed: 2\n")
        assert one.keys() == other.keys()
        assert not {*one.values()} & {*other.values()}


def test_a_point_has_the_same_seed_wherever_it_stands(tmp_path: Path) -> None:
    grid = seeds(tmp_path, PARAMETERS + "design: {type: grid, levels: 2}\nreplicates: 2\n")
    more = seeds(tmp_path, PARAMETERS + "design: {type: grid, levels: 3}\nreplicates: 3\n")
    assert grid.items() <= more.items()
    lines = PARAMETERS.splitlines()
    other_order = seeds(
        tmp_path, "\n".join([lines[0], lines[3], lines[1], lines[2]]) + "\ndesign: {type: grid, levels: 2}\nreplicates: 2\n"
    )
    assert {(dose, share, kind, number): seed for (kind, dose, share, number), seed in other_order.items()} == grid
    points = "[{dose: 1e7, blasts.marrow_fraction: 50 %, 'products[0].costimulation': cd28}]"
    alone = seeds(tmp_path, LISTED + f"design: {{type: list, points: {points}}}\nreplicates: 2\n")
    assert alone.items() <= grid.items()
    renamed = seeds(tmp_path, PARAMETERS.replace("name: dose", "name: given") + "design: {type: grid, levels: 2}\nreplicates: 2\n")
    assert renamed == grid


def test_the_dummy_changes_nothing_but_the_seed(tmp_path: Path) -> None:
    study, base, table = made(tmp_path, PARAMETERS + "design: {type: sobol, samples: 8}\n")
    assert "dummy" not in table
    settings = settings_of(study, table, base.scenario)
    same = [(a, b) for a in range(len(table)) for b in range(a) if settings[a] == settings[b]]
    dummies = table["position.dummy"]
    assert any(dummies[a] != dummies[b] for a, b in same)
    assert table["seed"].nunique() == len(table)


def test_a_value_that_is_none_of_its_unit_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unit"):
        laid_out(tmp_path, "parameters: [{path: body.weight}]\ndesign: {type: list, points: [{body.weight: 3 d}]}\n")


def test_without_parameters_a_study_is_replicates(tmp_path: Path) -> None:
    study, base, table = made(tmp_path, "replicates: 4\n")
    assert size_of(study) == 1
    assert len(table) == 4
    assert settings_of(study, table, base.scenario) == [()] * 4
    assert table["seed"].nunique() == 4
    assert BASE.is_file()
