# SPDX-License-Identifier: Apache-2.0
"""From the table of a study to sensitivity, tornado and response surface."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abm.errors import InputError
from abm.study import Study, StudyFolder
from abm.study.analysis import label_of, outputs_by_point, sensitivity, surface, tornado
from abm.study.folder import RESULT
from tests.small_studies import laid_out

PARAMETERS = """\
parameters:
  - {path: blasts.marrow_fraction, name: burden, range: [10 %, 50 %]}
  - {path: "treatments[0].dose", name: dose, range: [1e5, 1e7], scale: log}
outputs: [killed, {observable: il6, take: max}]
keep: nothing
"""


def invented(folder: StudyFolder, failed: int | None = None) -> Study:
    """Give every run a result: kills rise with the burden alone."""
    for run, row in zip(folder.runs, folder.design.to_dict("records"), strict=True):
        value = 10.0 + row["burden"] + 0.01 * (row["seed"] % 7)
        results = {"status": "failed" if run.number == failed else "finished", "settings": list(run.settings), "cost": {}}
        folder.publish(run, {**results, "outputs": {"killed": value, "il6_max": value}, "error": "", "digest": ""}, None)
        found = json.loads((folder.place_of(run) / RESULT).read_text())
        assert found["outputs"]["killed"] == value
    return Study(folder)


@pytest.mark.parametrize("design", ["{type: morris, trajectories: 6}", "{type: sobol, samples: 16}"])
def test_the_parameter_that_acts_is_told_from_the_one_that_does_not(tmp_path: Path, design: str) -> None:
    found = sensitivity(invented(laid_out(tmp_path, f"{PARAMETERS}design: {design}\n")), "killed")
    ranked = found.ranked
    assert ranked["name"].tolist()[0] == "burden"
    assert ranked.set_index("name")["above_noise"].to_dict() == {"burden": True, "dose": False, "dummy": False}
    assert "killed [cells]" in found.text()


def test_failed_runs_are_refused(tmp_path: Path) -> None:
    study = invented(laid_out(tmp_path, f"{PARAMETERS}design: {{type: morris, trajectories: 4}}\n"), failed=3)
    with pytest.raises(InputError, match="1 of"):
        sensitivity(study, "killed")


def test_tornado_and_surface_are_drawn_of_the_designs_that_suit_them(tmp_path: Path) -> None:
    one = invented(laid_out(tmp_path, f"{PARAMETERS}design: {{type: one_at_a_time}}\n", "one"))
    grid = invented(laid_out(tmp_path, f"{PARAMETERS}design: {{type: grid, levels: 3}}\nreplicates: 2\n", "grid"))
    assert outputs_by_point(grid, "killed").shape == (9, 2)
    tornado(one, "killed").savefig(tmp_path / "tornado.png")
    surface(grid, "killed", "dose", "burden", log=True).savefig(tmp_path / "surface.png")
    for wrong in (lambda: tornado(grid, "killed"), lambda: sensitivity(grid, "killed")):
        with pytest.raises(InputError, match="the design of the study is 'grid'"):
            wrong()


def test_names_that_are_not_there_are_told_with_the_nearest(tmp_path: Path) -> None:
    study = Study(laid_out(tmp_path, f"{PARAMETERS}design: {{type: grid, levels: 2}}\n"))
    with pytest.raises(InputError, match="nearest: 'killed'"):
        label_of(study, "kiled")
    with pytest.raises(InputError, match="nearest: 'dose'"):
        surface(study, "killed", "dos", "burden")
    assert label_of(study, "il6_max", log=True) == "log10 of il6_max [pg/mL]"
