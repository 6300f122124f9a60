# SPDX-License-Identifier: Apache-2.0
"""What a study has come to: its table, outputs asked for later, failed runs, and files for other programs."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from abm.clinic import Courses
from abm.errors import InputError, RunError
from abm.study import Study, StudyFolder, drive, read_study
from abm.study.folder import RESULT, TABLE, TRAJECTORY
from abm.study.outputs import ObservableOutput, column_of, definition_of, outputs_of
from abm.study.results import COST
from abm.study.tables import write_table
from tests.small_studies import DOSES, laid_out, written

ONE = "outputs: [peak_car_t, {observable: il6, take: max, name: top}]\n"


def again(folder: Path, rest: str) -> Study:
    return Study(StudyFolder.lay_out(read_study(written(folder, rest)), folder / "made"))


def done(folder: Path, rest: str = DOSES) -> Study:
    study = again(folder, rest)
    drive(study.folder, workers=0, quiet=True)
    return study


def test_a_table_has_a_row_for_each_run_done_or_not(tmp_path: Path) -> None:
    study = again(tmp_path, DOSES)
    empty = study.table()
    assert empty["status"].tolist() == ["waiting"] * 3
    assert empty["il6_max"].isna().all()
    drive(study.folder, workers=0, quiet=True)
    table = study.table()
    assert list(table.columns) == [
        "run", "point", "replicate", "seed", "dose", "status", "peak_car_t", "il6_max", "digest", "error",
        "seconds", "cpu_seconds", "peak_mb", "file_mb", "key", "file",
    ]  # fmt: skip
    assert list(table.columns) == list(empty.columns)
    assert table["dose"].tolist() == [1e5, 1e6, 1e7]
    assert table["peak_car_t"].is_monotonic_increasing
    for run, il6 in enumerate(table["il6_max"]):
        with study.trajectory(run) as trajectory:
            assert trajectory.observables["il6"].max() == il6
    assert (table[list(COST)] > 0).all().all()
    assert [(study.folder.path / file).is_file() for file in table["file"]] == [True] * 3


def test_a_table_is_the_same_collected_or_not(tmp_path: Path) -> None:
    study = done(tmp_path)
    fresh, digest = study.table(), study.digest()
    collected = study.collect()
    assert collected.attrs == {}
    pd.testing.assert_frame_equal(fresh, collected)
    for place in study.folder.path.glob(f"runs/*/*/*/{RESULT}"):
        place.write_text("read no more")
    pd.testing.assert_frame_equal(fresh, study.table())
    assert study.table().to_csv() == fresh.to_csv()
    assert study.digest() == digest == study.digest(fresh)
    assert Study.open(study.folder.path).counts() == {"finished": 3, "failed": 0, "under way": 0, "waiting": 0}


def test_the_digest_is_of_results_not_of_costs(tmp_path: Path) -> None:
    study = done(tmp_path, ONE)
    digest = study.digest()
    path = study.folder.place_of(study.folder.runs[0]) / RESULT
    text = path.read_text()
    path.write_text(text.replace('"seconds": ', '"seconds": 1'))
    assert study.digest() == digest
    path.write_text(text.replace('"peak_car_t": ', '"peak_car_t": 1'))
    assert study.digest() != digest


@pytest.mark.parametrize("keep", ["observables", "trajectories"])
@pytest.mark.parametrize("collected", [False, True])
def test_outputs_asked_for_later_are_read_from_what_was_kept(tmp_path: Path, keep: str, collected: bool) -> None:
    study = done(tmp_path, ONE + f"keep: {keep}\n")
    if collected:
        study.collect()
    rest = ONE.replace("[", "[blasts_at_end, {observable: mrd, take: final}, ") + f"keep: {keep}\n"
    later = again(tmp_path, rest)
    assert drive(later.folder, workers=0, quiet=True) == []
    row = later.table().iloc[0]
    assert row["mrd_final"] == row["blasts_at_end"] > 0.4
    assert row["top"] == study.table()["top"][0] if not collected else row["top"] > 0


@pytest.mark.parametrize("collected", [False, True])
def test_a_name_given_to_another_output_holds_the_other(tmp_path: Path, collected: bool) -> None:
    study = done(tmp_path, ONE)
    if collected:
        study.collect()
    later = again(tmp_path, ONE.replace("observable: il6, take: max", "observable: mrd, take: final"))
    table = later.collect() if collected else later.table()
    with later.trajectory(0) as trajectory:
        assert table["top"][0] == trajectory.observables["mrd"].iloc[-1]


def test_of_a_study_that_keeps_nothing_runs_are_done_again_for_other_outputs(tmp_path: Path) -> None:
    study = done(tmp_path, ONE + "keep: nothing\n")
    assert not list(study.folder.path.rglob(TRAJECTORY))
    assert study.table()["file"].isna().all()
    assert drive(again(tmp_path, ONE.replace("peak_car_t", "peak_il6") + "keep: nothing\n").folder, workers=0, quiet=True) == []
    with pytest.raises(InputError, match="keeps nothing"):
        study.trajectory(0)
    later = done(tmp_path, ONE.replace("take: max", "take: min") + "keep: nothing\n")
    assert later.table()["top"][0] < study.table()["top"][0]


def test_an_output_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    study = done(tmp_path, ONE)
    (study.folder.place_of(study.folder.runs[0]) / TRAJECTORY).unlink()
    with pytest.raises(RunError, match=r"run 0: .*cannot be read; remove .*, and it is done again"):
        again(tmp_path, ONE.replace("peak_car_t", "{observable: mrd, take: final}")).table()


def test_what_is_kept(tmp_path: Path) -> None:
    views = {}
    for keep in ("nothing", "observables", "trajectories"):
        study = Study(laid_out(tmp_path, ONE + f"keep: {keep}\n", keep))
        drive(study.folder, workers=0, quiet=True)
        files = list(study.folder.path.glob(f"runs/**/{TRAJECTORY}"))
        assert len(files) == (keep != "nothing")
        if files:
            with study.trajectory(0) as trajectory:
                views[keep] = len(trajectory.views("marrow")), len(trajectory.observables)
    assert views["observables"] == (0, 9)
    assert views["trajectories"] == (3, 9)


def test_points_that_are_alike_are_runs_of_their_own(tmp_path: Path) -> None:
    study = done(tmp_path, "parameters: [{path: body.weight, values: [30, 30 kg, 31]}]\n" + ONE)
    table = study.table()
    assert table["seed"].nunique() == 3
    assert table["status"].tolist() == ["finished"] * 3
    assert table["digest"].nunique() == 3
    shared = again(tmp_path, "parameters: [{path: body.weight, values: [30, 30 kg, 31]}]\nrandom_numbers: common\n" + ONE)
    assert shared.table()["key"].nunique() == 2


def test_results_of_another_version_of_the_code_are_not_collected_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = done(tmp_path, DOSES)
    before = study.collect()
    monkeypatch.setattr("abm.study.folder.code_version", lambda: "0.1.0-another1")
    folder = StudyFolder(study.folder.path)
    folder.adopt()
    assert Study(folder).counts()["waiting"] == len(before)
    outputs = dict.fromkeys((definition_of(output) for output in folder.study.outputs), -7.0)
    for run in folder.runs:
        folder.publish(run, {"status": "finished", "outputs": outputs, "settings": [], "cost": {}, "digest": "x"}, None)
    made = Study(folder).collect()
    assert set(made["digest"]) == {"x"}
    assert set(made["peak_car_t"]) == {-7.0}


def test_assays_are_outputs_also_when_they_are_asked_for_later(tmp_path: Path) -> None:
    rest = DOSES.partition("outputs:")[0]
    asked = "outputs: [peak_car_t, {assay: car_t_flow, day: 0.3}, {observable: car_t_percent_cd3, take: value, day: 0.3, name: truth}]\n"
    at_once = done(tmp_path, rest + asked).table()
    (tmp_path / "later").mkdir()
    done(tmp_path / "later", rest + "outputs: [peak_car_t]\n")
    later = again(tmp_path / "later", rest + asked).table()
    assert at_once["car_t_flow_day0.3"].tolist() == later["car_t_flow_day0.3"].tolist()
    assert (at_once["car_t_flow_day0.3"] != at_once["truth"]).any()
    assert (at_once["car_t_flow_day0.3"] - at_once["truth"]).abs().max() < 2.0


def test_a_table_that_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    study = done(tmp_path, DOSES)
    study.collect()
    noted = (study.folder.path / TABLE).stat()
    study.collect()
    assert (study.folder.path / TABLE).stat().st_ino == noted.st_ino


def test_rows_of_runs_under_way(tmp_path: Path) -> None:
    study = again(tmp_path, DOSES)
    study.folder.work_of(study.folder.runs[1]).mkdir(parents=True)
    assert study.table()["status"].tolist() == ["waiting", "under way", "waiting"]


def test_failed_runs_are_told_and_done_again(tmp_path: Path) -> None:
    study = again(tmp_path, DOSES)
    run = study.folder.runs[1]
    study.folder.publish(run, {"status": "failed", "error": "e", "traceback": "t", "settings": [], "cost": {}}, None)
    drive(study.folder, workers=0, quiet=True)
    assert study.counts() == {"finished": 2, "failed": 1, "under way": 0, "waiting": 0}
    study.collect()
    assert [run.number for run, _ in study.failed()] == [1]
    assert study.table()["error"][1] == "e"
    assert study.retry_failed() == 1
    assert study.counts() == {"finished": 2, "failed": 0, "under way": 0, "waiting": 1}
    drive(study.folder, workers=0, quiet=True)
    assert study.counts()["finished"] == 3
    assert study.retry_failed() == 0


def test_trajectories_by_query(tmp_path: Path) -> None:
    study = done(tmp_path)
    assert study.trajectories("dose > 5e5 and dose < 5e6") == [study.folder.place_of(study.folder.runs[1]) / TRAJECTORY]
    assert study.trajectories("dose < 0") == []
    with pytest.raises(InputError, match=r"query 'dse > 1': .*nearest column: 'dose'"):
        study.trajectories("dse > 1")
    for query in ("dose >", "", "dose", "__import__('os')"):
        with pytest.raises(InputError, match="query"):
            study.trajectories(query)
    for run in (-1, 3):
        with pytest.raises(InputError, match="runs 0 to 2"):
            study.trajectory(run)


def test_a_table_that_was_damaged_is_made_anew(tmp_path: Path) -> None:
    study = done(tmp_path, ONE)
    digest = study.digest()
    (study.folder.path / TABLE).write_bytes(b"PAR1 junk")
    assert study.digest() == digest
    study.collect()
    assert study.digest() == digest


def test_tables_for_other_programs(tmp_path: Path) -> None:
    study = again(
        tmp_path,
        'parameters: [{path: treatments, values: [[], [{type: tocilizumab, day: 0}]]}, {path: description, values: ["a, \\"b\\"", é]}]\n',
    )
    table = study.table()
    for name in ("t.csv", "t.parquet"):
        write_table(table, tmp_path / name, overwrite=False)
        with pytest.raises(InputError, match="exists already; --overwrite"):
            write_table(table, tmp_path / name, overwrite=False)
        write_table(table, tmp_path / name, overwrite=True)
    read = pd.read_csv(tmp_path / "t.csv")
    assert (
        read["treatments"].tolist()
        == table["treatments"].tolist()
        == ["[]", "[]", "[{type: tocilizumab, day: 0}]", "[{type: tocilizumab, day: 0}]"]
    )
    assert read["description"].tolist()[:2] == ['a, "b"', "é"]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table)
    for name, words in (("t.xlsx", "must end with"), ("no/t.csv", "there is no folder")):
        with pytest.raises(InputError, match=words):
            write_table(table, tmp_path / name, overwrite=False)


def courses(**columns: list[float]) -> Courses:
    return Courses(pd.DataFrame(columns, index=pd.Index([0.0, 1.0, 2.0, 3.0], name="day")))


@pytest.mark.parametrize(
    ("take", "expected"),
    [("max", 7.0), ("min", 1.0), ("mean", 4.0), ("final", 3.0), ("day_of_max", 1.0), ("day_of_min", 2.0)],
)
def test_numbers_taken_from_a_course(take: Any, expected: float) -> None:
    output = ObservableOutput(observable="il6", take=take)
    assert output.value(courses(il6=[5.0, 7.0, 1.0, 3.0]), 0) == expected
    assert math.isnan(output.value(courses(mrd=[0.0] * 4), 0))
    assert output.value(courses(il6=[math.nan, 2.0, 2.0, math.nan]), 0) in (2.0, 1.0)


def test_the_value_of_a_day() -> None:
    output = ObservableOutput.model_validate({"observable": "il6", "take": "value", "day": "36 h"})
    assert output.value(courses(il6=[5.0, 7.0, 1.0, 3.0]), 0) in (7.0, 1.0)
    assert column_of(output) == "il6_day1.5"
    late = ObservableOutput.model_validate({"observable": "il6", "take": "value", "day": 9})
    assert math.isnan(late.value(courses(il6=[5.0, 7.0, 1.0, 3.0]), 0))


def test_outputs_are_kept_by_what_they_are() -> None:
    named = ObservableOutput(observable="il6", take="max", name="top")
    assert (column_of(named), definition_of(named)) == ("top", "il6_max")
    assert outputs_of(courses(il6=[1.0, 2.0, 3.0, 4.0]), [named, "peak_il6"], 0) == {"il6_max": 4.0, "peak_il6": 4.0}


def test_a_folder_can_be_copied_while_it_is_done(tmp_path: Path) -> None:
    study = done(tmp_path, ONE)
    shutil.copytree(study.folder.path, tmp_path / "copy of it")
    assert Study.open(tmp_path / "copy of it").digest() == study.digest()
