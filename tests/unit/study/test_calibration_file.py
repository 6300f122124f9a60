# SPDX-License-Identifier: Apache-2.0
"""The calibration file: what is refused, how targets are read, and which runs a particle has."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from abm.errors import InputError
from abm.study.calibration import read_calibration
from abm.study.calibration_folder import CalibrationFolder
from abm.study.keys import deciding, key_of
from abm.study.targets import Goal, Reading, Target, distance
from tests.unit.study.analytic import CALIBRATION, laid_out, write


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("patient.yaml\n", "nobody.yaml\n", "scenario: cannot be used"),
        ("blasts.net_growth", "blasts.net_grow", "parameters[0].path: blasts.net_grow"),
        ("range: [0, 0.25]", "range: [0.25, 0]", "needs finite ends with low < high"),
        ("range: [0, 0.25]", "range: [0, 900]", "blasts.net_growth cannot be 900.0: must be between -0.2 and 2 1/d"),
        ("range: [0, 0.25]", "values: [0, 0.25]", "parameters[0].values: a prior needs a range"),
        ("range: [0, 0.25]", "range: [0, 0.25], scale: log", "a log scale needs ends above 0"),
        ("name: dose", "name: growth", "'growth' names another column of the table already"),
        ("name: dose", "name: weight", "'weight' names another column of the table already"),
        ("blasts.net_growth", "seed", "cannot be varied: seeds of runs follow"),
        ("observable: mrd", "observable: mrt", "targets[0].output.observable: unknown observable 'mrt'; nearest: 'mrd'"),
        ("{observable: car_t_blood, take: max}", "peak_car", "unknown endpoint 'peak_car'; nearest: 'peak_car_t'"),
        ("day: 0.25", "day: 3", "its runs last from day 0 to day 0.333333, so that there is nothing on day 3"),
        ("sd: 1 %", "sd: 0", "targets[0]: sd must be above 0, got 0"),
        ("sd: 1 %", "sd: 1 d", "targets[0]: sd must have a unit of number (1, %), got '1 d', a time"),
        ("sd: 0.2,", "sd: 10 cells/µL,", "targets[1]: sd must have a unit of number"),
        ("value: 1e7,", "value: -2,", "targets[1]: value must be above 0, as log is true, got -2"),
        ("value: 15 %,", "value: 15, unit: kg,", "targets[0]: value must have a unit of number"),
        ("source: made up, name: peak", "name: peak", "targets[1].source: required key is missing"),
        ("source: made up}", "source: made up, set: {blasts.net_growth: 0.1}}", "is calibrated, so that a target cannot set it"),
        ("source: made up}", "source: made up, set: {body.weight: 1 g}}", "targets[0].set: must be between 0.5 and 300 kg, got '1 g'"),
        ("source: made up}", "source: made up, set: {treatments: []}}", "targets[0].set: with it treatments[0].dose cannot be 100000"),
        ("population_size: 24", "population_size: 1", "population_size: must be a whole number between 2"),
        ("population_size: 24", "particles: 40", "particles: unknown key"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_where_it_stands(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert CALIBRATION.count(old) == 1
    path = write(tmp_path, CALIBRATION.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_calibration(path)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")


def test_without_a_range_the_prior_is_the_plausible_range_of_the_declaration(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, CALIBRATION.replace(", range: [0, 0.25]", ""))
    assert (folder.factors[0].low, folder.factors[0].high, folder.factors[0].unit) == (-0.012, 0.273, "1/d")


@pytest.mark.parametrize(
    ("goal", "values", "reading", "off"),
    [
        (Goal("a", "d", 10.0, 2.0), [13.0], Reading(13.0, 0.0), 1.5),
        (Goal("a", "d", 10.0, 2.0), [7.0, 9.0], Reading(8.0, 0.0), -1.0),
        (Goal("a", "d", 10.0, 2.0), [None, 9.0, math.nan, 15.0], Reading(12.0, 0.5), 1.0),
        (Goal("a", "1", 1e-3, 0.5, True), [1e-2], Reading(1e-2, 0.0), 2.0),
        (Goal("a", "1", 1e-3, 0.5, True), [1e-2, 1e-4], Reading(1e-3, 0.0), 0.0),
        (Goal("a", "1", 1e-3, 0.5, True), [1e-2, 0.0], Reading(1e-2, 0.5), 2.0),
    ],
)
def test_a_reading_and_how_far_it_is_off(goal: Goal, values: list[float | None], reading: Reading, off: float) -> None:
    found = goal.read(values)
    assert found.missing == reading.missing
    assert found.value == pytest.approx(reading.value, rel=1e-12)
    assert goal.off(found.value) == pytest.approx(off, abs=1e-12)
    expected = math.sqrt(found.missing * 30.0**2 + (1 - found.missing) * off**2)
    assert distance([goal], [found], 30.0) == pytest.approx(expected, rel=1e-12)


def test_the_distance_is_the_root_mean_square_and_counts_what_did_not_happen() -> None:
    goals = [Goal("a", "1", 0.0, 1.0), Goal("b", "1", 0.0, 2.0), Goal("c", "1", 5.0, 1.0)]
    assert distance(goals, [Reading(3.0, 0.0), Reading(-8.0, 0.0), Reading(5.0, 0.0)], 100.0) == pytest.approx(5.0 / math.sqrt(3.0))
    never = goals[0].read([None, math.nan])
    assert math.isnan(never.value)
    assert distance(goals[:1], [never], 100.0) == 100.0


@pytest.mark.parametrize(
    ("fields", "unit", "published", "sd"),
    [
        ({"value": 0.4, "sd": 0.1}, "1", 0.4, 0.1),
        ({"value": "40 %", "sd": "10 %"}, "1", 0.4, 0.1),
        ({"value": 40, "sd": 10.0, "unit": "%"}, "1", 0.4, 0.1),
        ({"value": 2, "sd": 12, "unit": "h"}, "d", 2 / 24, 0.5),
        ({"value": 40, "sd": 0.5, "unit": "%", "log": True}, "1", 0.4, 0.5),
    ],
)
def test_numbers_come_in_the_unit_of_their_output(fields: dict[str, Any], unit: str, published: float, sd: float) -> None:
    goal = Target(output="relapse", source="made up", **fields).goal(unit)
    assert (goal.published, goal.sd) == pytest.approx((published, sd), rel=1e-12)


def test_targets_of_one_patient_share_their_runs_and_those_of_others_have_their_own(tmp_path: Path) -> None:
    more = "  - {output: killed, value: 1, sd: 1, source: made up, set: {body.weight: 40 kg}, until: 4 h}\n"
    folder = laid_out(tmp_path, CALIBRATION.replace("population_size", f"{more}replicates: 2\npopulation_size"))
    mrd, peak, other = folder.runs_of({"growth": 0.1, "dose": 1e6})
    assert mrd == peak
    assert len({run.key for run in (*mrd, *other)}) == 4 == folder.runs_of_particle()
    seeds = [setting for run in (*mrd, *other) for setting in run.settings if setting.startswith("seed=")]
    assert len(set(seeds)) == 4
    decided = deciding(folder.simulations.study, folder.base.scenario)
    assert [key_of(decided, run.settings) for run in (*mrd, *other)] == [run.key for run in (*mrd, *other)]
    scenario = folder.simulations.scenario_of(other[0]).scenario
    assert (scenario.body.weight, scenario.duration, scenario.blasts.net_growth) == (40.0, 4.0, 0.1 / 24)  # type: ignore[union-attr]
    assert folder.runs_of({"growth": 0.1, "dose": 1e6}) == [mrd, peak, other]
    assert not {run.key for run in mrd} & {run.key for run in folder.runs_of({"growth": 0.1, "dose": 1.1e6})[0]}
    assert folder.seconds_of_particle() > 0


def test_a_whole_number_stays_one(tmp_path: Path) -> None:
    text = CALIBRATION.replace("  - {path: blasts.net_growth, name: growth, range: [0, 0.25]}", "  - {path: marrow.shape, range: [8, 12]}")
    with pytest.raises(InputError, match=r"marrow\.shape cannot be"):
        laid_out(tmp_path, text)
    whole = CALIBRATION.replace("path: blasts.net_growth, name: growth, range: [0, 0.25]", 'path: "marrow.shape[0]", range: [8, 16]')
    folder = laid_out(tmp_path / "whole", whole)
    assert folder.values_of({"marrow.shape[0]": 0.3, "dose": 0.5})["marrow.shape[0]"] == 10


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "growth").mkdir()
    (tmp_path / "growth" / "thesis.tex").touch()
    with pytest.raises(InputError, match="holds something else than a calibration"):
        laid_out(tmp_path)
    with pytest.raises(InputError, match="is not the folder of a calibration"):
        CalibrationFolder(tmp_path / "growth")
