# SPDX-License-Identifier: Apache-2.0
"""The report of a study: what its design allows to be drawn, what failed, what is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abm.report import report
from abm.report.document import Document, Heading, Note, Picture, Table
from abm.report.study import study_document
from abm.report.study_figures import outputs_drawn
from abm.study import Study, StudyFolder, drive
from tests.small_studies import DOSES, laid_out
from tests.unit.report.test_run_report import texts

PARAMETERS = """\
parameters:
  - {path: "treatments[0].dose", name: dose, range: [1e5 cells/kg, 1e9 cells/kg], scale: log}
  - {path: blasts.marrow_fraction, name: "burden <&> $x_", range: [10 %, 60 %]}
outputs: [peak_car_t, relapse_day, {observable: mrd, take: final, name: left}]
"""


def written(folder: StudyFolder, *, failed: tuple[int, ...] = (), left: tuple[int, ...] = ()) -> Study:
    """Publish made-up results for the runs of a study, with a course that was recorded for none."""
    for run in folder.runs:
        if run.number in left:
            continue
        cost = {"seconds": 1.0, "cpu_seconds": 1.0, "peak_mb": 1.0, "file_mb": 0.0}
        if run.number in failed:
            result = {"status": "failed", "error": "too <many> cells", "traceback": "t", "settings": [], "cost": cost}
        else:
            value = 1.0 + run.number
            outputs = {"peak_car_t": value, "relapse_day": None, "mrd_final": 10.0**-value, "il6_max": value}
            result = {"status": "finished", "outputs": outputs, "digest": "d", "cost": cost}
        folder.publish(run, json.loads(json.dumps(result)), None)
    return Study(folder)


def pictures(made: Document) -> list[str]:
    return [block.title for block in made.blocks if isinstance(block, Picture)]


def table(made: Document, first: str) -> Table:
    return next(block for block in made.blocks if isinstance(block, Table) and block.heads[:1] == (first,))


def test_a_real_study_with_its_courses(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, DOSES)
    drive(folder, workers=0, quiet=True)
    made = study_document(Study(folder))
    assert [block for block in made.blocks if isinstance(block, Note)] == []
    assert [block.text for block in made.blocks if isinstance(block, Heading) and block.level == 1] == [
        "Question and design", "Results", "Figures", "Methods and limits", "Provenance", "How to reproduce",
    ]  # fmt: skip
    assert pictures(made) == ["Outputs by parameter", "Courses by dose"]
    assert table(made, "name").rows == (("dose", "treatments[0].dose", "100000, 1e6, 1e7 cells/kg"),)
    assert [row[0] for row in table(made, "dose [cells/kg]").rows] == ["100000", "1e6", "1e7"]
    assert Study(folder).digest() in texts(made)
    for suffix in (".html", ".pdf"):
        one, other = (report(folder.path, tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "other"))
        assert one == other


def test_a_plane_of_two_parameters(tmp_path: Path) -> None:
    study = written(laid_out(tmp_path, PARAMETERS + "design: {type: grid, levels: 3}\nreplicates: 2\n"))
    made = study_document(study)
    assert pictures(made) == ["peak_car_t over dose and burden <&> $x_", "left over dose and burden <&> $x_"]
    assert table(made, "output").rows[0] == ("peak_car_t [cells/µL]", "Most CAR T cells in blood", "9.5", "1 to 18", "18 of 18")
    assert table(made, "output").rows[1][2:] == ("none", "", "0 of 18")
    first = table(made, "dose [cells/kg]").rows[0]
    assert first == ("100000", "10", "1.5 (1 to 2)", "none", "0.055 (0.01 to 0.1)")
    text = report(study.folder.path, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "burden &lt;&amp;&gt; $x_" in text
    report(study.folder.path, tmp_path / "r.pdf")


@pytest.mark.parametrize(
    ("design", "title"),
    [
        ("design: {type: one_at_a_time}\n", "What each parameter alone does to peak_car_t"),
        ("design: {type: morris, trajectories: 3}\n", "What peak_car_t depends on"),
        ("design: {type: latin_hypercube, points: 6}\n", "peak_car_t over dose and burden <&> $x_"),
    ],
)
def test_other_designs(design: str, title: str, tmp_path: Path) -> None:
    study = written(laid_out(tmp_path, PARAMETERS + design))
    assert pictures(study_document(study))[0] == title
    report(study.folder.path, tmp_path / "r.pdf")


def test_failed_and_waiting_runs_are_told_and_what_cannot_be_drawn(tmp_path: Path) -> None:
    study = written(laid_out(tmp_path, PARAMETERS + "design: {type: morris, trajectories: 3}\n"), failed=(1,), left=(2, 3))
    made = study_document(study)
    notes = [block.text for block in made.blocks if isinstance(block, Note)]
    assert notes[0].startswith("This study is not finished: 2 of 12 runs are not done (0 under way).")
    assert notes[1].startswith("1 run failed and is left out")
    assert table(made, "run").rows[0][0::2] == ("1", "too <many> cells")
    assert pictures(made) == []
    assert "No figure of peak_car_t: " in texts(made)


def test_nothing_done_yet(tmp_path: Path) -> None:
    made = study_document(Study(laid_out(tmp_path)))
    assert "No run is finished yet." in texts(made)
    assert pictures(made) == []


def test_many_points_are_not_listed(tmp_path: Path) -> None:
    made = study_document(written(laid_out(tmp_path, PARAMETERS + "design: {type: grid, levels: 7}\n")))
    assert "The 49 points are too many to be listed here: abm study collect made -o table.csv" in texts(made)


def test_replicates_alone(tmp_path: Path) -> None:
    made = study_document(written(laid_out(tmp_path, "replicates: 3\noutputs: [peak_car_t]\n")))
    assert table(made, "output").rows[0][2:] == ("2", "1 to 3", "3 of 3")
    assert "Figures" not in [block.text for block in made.blocks if isinstance(block, Heading)]


def test_outputs_that_every_run_has_are_drawn_first(tmp_path: Path) -> None:
    study = written(laid_out(tmp_path, PARAMETERS))
    assert outputs_drawn(study, ["relapse_day", "peak_car_t"]) == ["peak_car_t"]


@pytest.mark.parametrize(
    ("replicates", "size", "laid"),
    [
        (1, "1 point, 1 run ·", "1 point, 1 run with a seed of its own."),
        (2, "1 point, 2 runs ·", "1 point, 2 runs with seeds of their own."),
    ],
)
def test_one_point_is_told_in_the_singular(replicates: int, size: str, laid: str, tmp_path: Path) -> None:
    one = f"outputs: [peak_car_t]\nreplicates: {replicates}\nrandom_numbers: independent\n"
    made = study_document(Study(laid_out(tmp_path, one)))
    assert size in made.subtitle
    assert laid in texts(made)
