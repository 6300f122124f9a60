# SPDX-License-Identifier: Apache-2.0
"""The folder of a study: laid out whole or again, keys of runs, runs put in their places, versions of the code."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from abm.errors import InputError, RunError
from abm.study import Study, StudyFolder, read_study
from abm.study.folder import DESIGN, LAYOUT, RESULT, SCENARIO, STUDY, TRAJECTORY, Run
from tests.small_studies import BASE, DOSES, laid_out, text_of, written

RESULT_OF_A_RUN: dict[str, Any] = {"status": "finished", "outputs": {}, "settings": [], "cost": {}}


def keys(folder: Path, rest: str = DOSES, change: Callable[[str], str] = lambda text: text, name: str = "made") -> list[str]:
    path = folder / "study.yaml"
    path.write_text(change(text_of(rest)), encoding="utf-8")
    return [run.key for run in StudyFolder.lay_out(read_study(path), folder / name).runs]


def opened(path: Path) -> list[str] | None:
    """Return the keys of a study; None if its folder says that it is to be laid out again."""
    try:
        return [run.key for run in StudyFolder(path).runs]
    except InputError as error:
        if "lays it out again" in str(error) or "is not the folder of a study" in str(error):
            return None
        raise


def publish(folder: StudyFolder, run: Run, **more: Any) -> None:
    folder.publish(run, RESULT_OF_A_RUN | more, None)


def test_a_folder_opens_as_what_was_laid_out(tmp_path: Path) -> None:
    made = laid_out(tmp_path)
    opened = StudyFolder(tmp_path / "made")
    assert opened.runs == made.runs
    assert opened.study == made.study
    assert opened.stamp == made.stamp
    assert opened.base.scenario == read_study(tmp_path / "study.yaml").model.base(tmp_path).scenario
    assert (tmp_path / "made" / "original.yaml").read_text(encoding="utf-8") == (tmp_path / "study.yaml").read_text(encoding="utf-8")


def test_the_folder_needs_nothing_from_outside(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(BASE.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "study.yaml").write_text(text_of(DOSES, "s.yaml"), encoding="utf-8")
    StudyFolder.lay_out(read_study(tmp_path / "study.yaml"), tmp_path / "made")
    (tmp_path / "s.yaml").unlink()
    (tmp_path / "made").rename(tmp_path / "moved elsewhere")
    folder = StudyFolder(tmp_path / "moved elsewhere")
    assert [folder.scenario_of(run).scenario.treatments[0].dose for run in folder.runs] == [1e5, 1e6, 1e7]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is no such folder"),
        (lambda path: path.mkdir(), "is not the folder of a study"),
        (lambda path: path.write_text("x"), "there is no such folder"),
    ],
)
def test_no_study_to_open(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    make(tmp_path / "made")
    with pytest.raises(InputError, match=words):
        StudyFolder(tmp_path / "made")


def test_something_else_is_never_touched(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    for place in (tmp_path, path):
        with pytest.raises(InputError, match="holds something else"):
            StudyFolder.lay_out(read_study(path), place)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_an_empty_folder_and_missing_parents_will_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    laid_out(tmp_path, name="empty")
    laid_out(tmp_path, name="a/b/c")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="while laying out"):
        laid_out(tmp_path, name="file/made")


def test_layout_cut_short_anywhere_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace
    first, second = DOSES, DOSES.replace("1e5, ", "2e5, 3e5, ")
    before, wanted = keys(tmp_path, first, name="before"), keys(tmp_path, second, name="whole")
    left, places = 0, 0

    def interrupted(source: Any, target: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        replace(source, target)

    for begun in (False, True):
        for count in range(10):
            name = f"{begun}{count}"
            if begun:
                laid_out(tmp_path, first, name)
            left = count
            with monkeypatch.context() as patch:
                patch.setattr(os, "replace", interrupted)
                try:
                    laid_out(tmp_path, second, name)
                    break
                except KeyboardInterrupt:
                    places += 1
            found = opened(tmp_path / name)
            assert found is None or found in (wanted, before)
            if (tmp_path / name / LAYOUT).exists():  # nobody has asked for a study before
                assert keys(tmp_path, second, name=name) == wanted
    assert places > 8


@pytest.mark.parametrize("name", [STUDY, SCENARIO, DESIGN, LAYOUT, "version"])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_file_of_the_layout_that_is_not_as_it_was(tmp_path: Path, name: str, damage: str) -> None:
    laid_out(tmp_path)
    path = tmp_path / "made" / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-30] + b"\n")
    if (name, damage) == ("version", "changed"):
        return
    with pytest.raises(InputError, match=r"lays it out again|is not the folder of a study"):
        _ = StudyFolder(tmp_path / "made").runs
    if name != LAYOUT:
        assert len(laid_out(tmp_path).runs) == 3


SAME_KEYS: dict[str, Callable[[str], str]] = {
    "name": lambda text: text.replace("name: small", "name: other"),
    "description": lambda text: text + "source: x\n",
    "threads": lambda text: text + "resources: {threads: 2, runs_per_task: 5}\n",
    "outputs": lambda text: text.replace("peak_car_t, ", "blasts_at_end, "),
    "column": lambda text: text.replace("name: dose", "name: d"),
    "spelling": lambda text: text.replace("1e5", "100000.0").replace("0.3 d", "7.2 h"),
    "name of the scenario": lambda text: text.replace("  start: 0", "  start: 0\n  name: other\n  description: other\n  seed: 99"),
    "duration under until": lambda text: text.replace("  start: 0", "  start: 0\n  duration: 3 d"),
    "what is not recorded": lambda text: text.replace("  start: 0", "  start: 0\n  record.view: 1 h\n  record.view_depth: 3"),
}
OTHER_KEYS: dict[str, Callable[[str], str]] = {
    "until": lambda text: text.replace("0.3 d", "0.4 d"),
    "seed": lambda text: text + "seed: 2\n",
    "scenario": lambda text: text.replace("[12, 12, 12]", "[12, 12, 14]"),
    "values": lambda text: text.replace("[1e5, 1e6 cells/kg, 1e7]", "[2e5, 3e5, 4e5]"),
    "parameter": lambda text: text.replace("parameters:", "parameters:\n  - {path: body.weight, values: [35]}"),
    "kept": lambda text: text + "keep: trajectories\n",
    "random numbers": lambda text: text + "random_numbers: common\n",
    "how often observables are recorded": lambda text: text.replace("  start: 0", "  start: 0\n  record.observables: 2 h"),
}


@pytest.mark.parametrize("what", SAME_KEYS)
def test_what_decides_no_result_leaves_the_keys(tmp_path: Path, what: str) -> None:
    assert keys(tmp_path, change=SAME_KEYS[what], name="other") == keys(tmp_path)


@pytest.mark.parametrize("what", OTHER_KEYS)
def test_what_decides_results_changes_the_keys(tmp_path: Path, what: str) -> None:
    text = OTHER_KEYS[what](text_of(DOSES))
    assert text != text_of(DOSES)
    assert not {*keys(tmp_path, change=lambda _: text, name="other")} & {*keys(tmp_path)}


def test_the_order_of_parameters_decides_nothing(tmp_path: Path) -> None:
    one = "parameters:\n  - {path: body.weight, values: [30, 40]}\n  - {path: susceptibility, values: [1, 2]}\n"
    other = "parameters:\n  - {path: susceptibility, values: [1, 2]}\n  - {path: body.weight, values: [30, 40]}\n"
    assert {*keys(tmp_path, one, name="one")} == {*keys(tmp_path, other, name="other")}


def test_of_runs_of_which_nothing_is_kept_the_outputs_decide(tmp_path: Path) -> None:
    one = keys(tmp_path, DOSES + "keep: nothing\n", name="one")
    named = keys(tmp_path, DOSES.replace("take: max", "take: max, name: top") + "keep: nothing\n", name="named")
    endpoint = keys(tmp_path, DOSES.replace("peak_car_t", "peak_il6") + "keep: nothing\n", name="endpoint")
    other = keys(tmp_path, DOSES.replace("take: max", "take: min") + "keep: nothing\n", name="other")
    assert one == named == endpoint
    assert not {*one} & {*other}


def test_a_study_that_grows_keeps_what_is_done(tmp_path: Path) -> None:
    small = {*keys(tmp_path, DOSES + "replicates: 2\n")}
    assert small < {*keys(tmp_path, DOSES + "replicates: 3\n")}
    assert small < {*keys(tmp_path, DOSES.replace("1e5,", "1e5, 3e5,") + "replicates: 2\n")}


def test_results_are_put_in_their_places_whole(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    run = folder.runs[0]
    work = folder.work_of(run)
    work.mkdir(parents=True)
    (work / TRAJECTORY).write_bytes(b"content")
    assert folder.under_way() == [run.key]
    assert folder.result_of(run) is None
    folder.publish(run, RESULT_OF_A_RUN, work / TRAJECTORY)
    assert folder.done() == {run.key}
    assert folder.under_way() == []
    assert folder.result_of(run) == RESULT_OF_A_RUN
    assert (folder.place_of(run) / TRAJECTORY).read_bytes() == b"content"


def test_who_comes_second_leaves_what_is_there(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    publish(folder, folder.runs[0], outputs={"a": 1})
    publish(folder, folder.runs[0], outputs={"a": 2})
    assert folder.result_of(folder.runs[0]) == RESULT_OF_A_RUN | {"outputs": {"a": 1}}
    assert [one.name for one in folder.place_of(folder.runs[0]).parent.iterdir()] == [folder.runs[0].key]


def test_a_place_without_a_result_is_filled(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    folder.place_of(folder.runs[0]).mkdir(parents=True)
    publish(folder, folder.runs[0])
    assert folder.result_of(folder.runs[0]) == RESULT_OF_A_RUN


def test_a_damaged_result_is_told_with_what_to_do(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    publish(folder, folder.runs[0])
    (folder.place_of(folder.runs[0]) / RESULT).write_text("{")
    result = folder.result_of(folder.runs[0])
    assert result is not None
    assert result["status"] == "failed"
    assert "result.json: is damaged" in result["error"]
    ((run, _),) = Study(folder).failed()
    assert run.number == 0
    assert Study(folder).retry_failed() == 1
    assert folder.done() == set()


def test_a_place_without_a_result_is_not_done(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    publish(folder, folder.runs[0])
    (folder.place_of(folder.runs[0]) / RESULT).unlink()
    assert folder.done() == set()
    publish(folder, folder.runs[0])
    assert folder.done() == {folder.runs[0].key}


def test_a_study_that_is_laid_out_anew_takes_no_table_of_the_one_before(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    before = Study(folder)
    table = before.collect()
    laid_out(tmp_path, "parameters: [{path: body.weight, values: [20, 30]}]\n")
    with pytest.raises(RunError, match="was laid out anew"):
        before.keep(table)
    with pytest.raises(RunError, match="was laid out anew"):
        folder.require_stamp(folder.stamp)
    Study(StudyFolder(folder.path)).collect()


def test_a_run_is_forgotten_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path)
    publish(folder, folder.runs[0])
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda path, **options: None)  # as if killed before
        folder.forget(folder.runs[0])
    assert folder.done() == set()
    publish(folder, folder.runs[0])
    folder.forget(folder.runs[0])
    folder.forget(folder.runs[0])
    assert not any(folder.place_of(folder.runs[0]).parent.iterdir())


def test_what_killed_processes_left_of_runs_that_are_done_is_removed(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    publish(folder, folder.runs[0])
    for run in folder.runs[:2]:
        folder.work_of(run).mkdir(parents=True)
    folder.tidy()
    assert folder.under_way() == [folder.runs[1].key]


def test_another_version_of_the_code_does_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = laid_out(tmp_path)
    for run in folder.runs[:2]:
        publish(folder, run)
    monkeypatch.setattr("abm.study.folder.code_version", lambda: "9.9-other")
    again = StudyFolder(tmp_path / "made")
    with pytest.raises(InputError, match=r"is run with abm .*, this is 9\.9-other; abm study resume"):
        again.require_version()
    assert len(again.done()) == 2
    again.adopt()
    again.require_version()
    assert again.superseded == 2
    assert again.done() == set()
    assert Study(again).counts() == {"finished": 0, "failed": 0, "under way": 0, "waiting": 3}
    publish(again, again.runs[0])
    monkeypatch.undo()
    back = laid_out(tmp_path)
    assert back.superseded == 0
    assert len(back.done()) == 2


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = laid_out(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="disk full while laying out"):
        laid_out(tmp_path, name="other")
    with pytest.raises(RunError, match=r"disk full while writing .*table"):
        Study(folder).collect()
    monkeypatch.setattr("abm.study.folder.code_version", lambda: "9.9-other")
    with pytest.raises(RunError, match="disk full"):
        folder.adopt()


def test_pyarrow_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    for call in (lambda: laid_out(tmp_path, name="other"), lambda: StudyFolder(tmp_path / "made")):
        with pytest.raises(InputError, match=r"'pyarrow', which is not installed here: .*pip install '\.\[study\]'"):
            call()


def test_a_result_is_readable_by_people(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    publish(folder, folder.runs[0])
    text = (folder.place_of(folder.runs[0]) / RESULT).read_text(encoding="utf-8")
    assert json.loads(text) == RESULT_OF_A_RUN
    assert len(text.splitlines()) > 3
