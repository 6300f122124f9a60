# SPDX-License-Identifier: Apache-2.0
"""Several runs side by side: which may be, what they are called, the table of milestones and the figure."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from abm.clinic.courses import MRD_LIMIT
from abm.errors import InputError, RunError
from abm.playback.marks import Treatment
from abm.playback.milestones import milestones
from abm.playback.overlay import LOOKS, plot_comparison, shared_panels
from abm.playback.runs import merged, open_runs
from abm.playback.timecourses import TimeAxis, draw_treatments_of_runs
from tests.unit.playback.several_runs import REMISSION, write_run

UNTREATED = {
    "mrd": [0.5, 0.6, 0.7],
    "car_t_blood": [0.0, 0.0, 0.0],
    "b_cells_blood": [200.0, 200.0, 200.0],
    "crs_grade": [0.0, 0.0, 0.0],
}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Write a run in remission, and one that is not treated and was stopped on day 2."""
    return [
        write_run(tmp_path / "treated.h5", REMISSION, [("CAR T infusion", 0.0), ("tocilizumab", 2.0)]),
        write_run(tmp_path / "not.h5", UNTREATED, [], finish=False, seed=2),
    ]


class TestWhichRuns:
    def test_they_are_called_as_their_files(self, files: list[Path]) -> None:
        with open_runs(files) as runs:
            assert [(run.label, run.trajectory.path) for run in runs] == [("treated", files[0]), ("not", files[1])]
        with pytest.raises(InputError, match="has been closed"):
            _ = runs[0].trajectory.observables

    def test_files_of_one_name_are_called_by_their_paths(self, tmp_path: Path) -> None:
        paths = []
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir()
            paths.append(write_run(tmp_path / folder / "run.h5", REMISSION))
        with open_runs(paths) as runs:
            assert [run.label for run in runs] == [str(path) for path in paths]

    @pytest.mark.parametrize(
        ("count", "labels", "told"),
        [
            (1, None, "two runs or more, got 1"),
            (2, ["a"], "one for each of the 2 runs, got 1"),
            (2, ["a", "b", "c"], "one for each of the 2 runs, got 3"),
            (2, ["a", "a"], "names that differ, got 'a' twice"),
            (2, ["a", " "], "names that differ, got an empty one"),
        ],
    )
    def test_refused(self, files: list[Path], count: int, labels: list[str] | None, told: str) -> None:
        with pytest.raises(InputError, match=told), open_runs(files[:count], labels):
            pass

    def test_a_run_beside_itself_needs_names(self, files: list[Path]) -> None:
        with pytest.raises(InputError, match="twice"), open_runs([files[0], files[0]]):
            pass
        with open_runs([files[0], files[0]], ["one", "other"]) as runs:
            assert len(runs) == 2

    def test_a_patient_and_a_closed_block_have_no_course_in_common(self, files: list[Path], tmp_path: Path) -> None:
        block = write_run(tmp_path / "block.h5", {"kills_total": [0.0, 1.0]}, [], body=False)
        with pytest.raises(InputError, match=r"treated\.h5 is a patient \(marrow, periphery\); .*block\.h5 is a closed block \(marrow\)"), \
                open_runs([files[0], block]):
            pass  # fmt: skip

    def test_no_such_file(self, files: list[Path], tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"nto\.h5: no such file; nearest: 'not\.h5'"), open_runs([files[0], tmp_path / "nto.h5"]):
            pass


@pytest.mark.parametrize(
    ("lists", "every"),
    [
        (["ab", "ab"], "ab"),
        (["ac", "abc"], "abc"),
        (["abd", "acd"], "acbd"),
        (["", "ab"], "ab"),
        (["b", "ab"], "ab"),
        (["ab", "ba"], "ab"),
        (["ab", "c"], "cab"),
    ],
)
def test_merging_keeps_what_follows_what(lists: list[str], every: str) -> None:
    assert "".join(merged(list(each) for each in lists)) == every


class TestMilestones:
    def test_a_column_per_run(self, files: list[Path]) -> None:
        with open_runs(files, ["3e6 per kg", "none"]) as runs:
            told = milestones(runs)
        lines = told.splitlines()
        assert lines[0].split() == ["3e6", "per", "kg", "none"]
        rows = {line[:30].strip(): line[lines[0].index("3e6") :] for line in lines}
        at = lines[0].index("none") - lines[0].index("3e6")
        cells = {what: (row[:at].strip(), row[at:].strip()) for what, row in rows.items()}
        assert cells["seed"] == ("1", "2")
        assert cells["recorded"] == ("day 0 to 4", "day 0 to 2")
        assert cells["status"] == ("-", "interrupted")
        assert cells["blasts at end"] == ("below 1 in 10,000 (1 in 100,000), day 4", "70 %, day 2")
        assert cells["MRD-negative (below 0.01 %)"] == ("first, day 2", "never for a day, to day 2")
        assert cells["peak"] == ("40 cells/µL, day 2", "-")
        assert cells["aplasia"] == ("below 10 cells/µL, lasts at the end,", "none: never below 10 cells/µL for a day,")
        assert [" ".join(line.split()) for line in lines if line.startswith("  CRS ")] == [
            "CRS of any grade, day 1 to 3 none, to day 2",
            "CRS of grade 2, the highest, day 2 to 3 -",
        ]
        assert cells["tocilizumab"] == ("once, day 2", "-")
        order = [line.strip() for line in lines if line and not line.startswith(" ")]
        assert order == ["Run", "Leukaemia in the marrow", "CAR T in blood", "B cells in blood", "Cytokine release", "Treatments given"]

    def test_narrow_columns_wrap_and_keep_days_whole(self, files: list[Path]) -> None:
        with open_runs(files) as runs:
            narrow, wide = milestones(runs, width=70), milestones(runs, width=200)
        assert max(map(len, narrow.splitlines())) <= 70
        assert len(narrow.splitlines()) > len(wide.splitlines())
        assert "\n" + " " * 31 in narrow
        assert not any(line.endswith(" day") for line in narrow.splitlines())
        assert sorted(narrow.split()) == sorted(wide.split())

    def test_rows_that_a_run_tells_twice_stay_apart(self, tmp_path: Path) -> None:
        twice = {"b_cells_blood": [200.0, 1.0, 1.0, 1.0, 50.0, 60.0, 70.0, 1.0, 1.0, 1.0]}
        once = {"b_cells_blood": [200.0, 1.0, 1.0, 1.0, 50.0, 60.0, 70.0, 80.0, 80.0, 80.0]}
        with open_runs([write_run(tmp_path / "once.h5", once, []), write_run(tmp_path / "twice.h5", twice, [])]) as runs:
            rows = [line for line in milestones(runs, width=160).splitlines() if line.startswith("  aplasia")]
        assert [row.split()[1:4] for row in rows] == [["below", "10", "cells/µL,"], ["-", "again,", "lasts"]]


class TestFigure:
    def test_a_panel_per_quantity_with_a_line_per_run(self, files: list[Path]) -> None:
        with open_runs(files, ["one", "two"]) as runs:
            panels = {panel.title: panel for panel in shared_panels(runs)}
        assert list(panels) == [
            "Marrow: leukaemia", "Blood: CAR T", "Blood: B cells", "Cytokine release: IL-6", "Cytokine release: CRS grade",
        ]  # fmt: skip
        both = panels["Marrow: leukaemia"].courses
        assert [(course.label, course.colour, course.style) for course in both] == [("one", *LOOKS[0]), ("two", *LOOKS[1])]
        assert both[0].values.tolist() == REMISSION["mrd"]
        assert both[1].values.tolist() == UNTREATED["mrd"]
        assert panels["Marrow: leukaemia"].rules == ((MRD_LIMIT, "MRD limit"),)
        assert panels["Cytokine release: IL-6"].rules == ()
        assert [course.label for course in panels["Blood: CAR T"].courses] == ["one"]  # nothing can be drawn of the other
        assert panels["Cytokine release: CRS grade"].courses[1].values.tolist() == [0.0] * 3

    def test_a_panel_reaches_as_far_as_the_runs(self, tmp_path: Path) -> None:
        higher = {**REMISSION, "il6": [3.0, 5e4, 100.0, 20.0, 3.0]}
        paths = [write_run(tmp_path / "low.h5", REMISSION), write_run(tmp_path / "high.h5", higher)]
        for order in (paths, paths[::-1]):
            with open_runs(order) as runs:
                panel = next(panel for panel in shared_panels(runs) if panel.title.endswith("IL-6"))
            assert panel.high > 5e4
            assert panel.low <= 3.0

    def test_the_looks_of_runs_differ_in_colour_and_neighbours_in_dashes(self) -> None:
        assert len({colour for colour, _ in LOOKS}) == len(LOOKS) == 6
        assert all(ours[1] != theirs[1] for ours, theirs in pairwise(LOOKS))

    @pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")])
    def test_written_in_each_format(self, files: list[Path], tmp_path: Path, suffix: str, magic: bytes) -> None:
        target = tmp_path / f"courses.{suffix}"
        with open_runs(files) as runs:
            plot_comparison(runs, target)
        assert target.read_bytes().startswith(magic)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([target.name, "not.h5", "not.h5.parts", "treated.h5"])

    def test_the_picture_shows_the_colours_of_both_runs(self, files: list[Path], tmp_path: Path) -> None:
        with open_runs(files) as runs:
            plot_comparison(runs, tmp_path / "x.png")
        pixels = np.rint(imread(tmp_path / "x.png")[..., :3] * 255).astype(int).reshape(-1, 3)
        for number, (colour, _) in enumerate(LOOKS):
            wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
            assert (np.abs(pixels - wanted).max(axis=1) <= 2).any() == (number < 2), colour

    def test_names_may_hold_anything_and_stand_row_by_row(self, tmp_path: Path) -> None:
        path = write_run(tmp_path / "x.h5", REMISSION)
        names = ["$x$ & y", "_hidden", "a long name, " * 6, "four", "five", "six"]
        with warnings.catch_warnings(), open_runs([path] * 6, names) as runs:
            warnings.simplefilter("error")
            figure = plot_comparison(runs, tmp_path / "x.png")
        figure.canvas.draw()
        legend = figure.legends[0]
        size = figure.get_size_inches() * figure.dpi
        boxes = {words.get_text(): words.get_window_extent() for words in legend.get_texts()}
        assert set(boxes) == set(names)
        assert all(box.x0 >= 0 and box.x1 <= size[0] and box.y1 <= size[1] for box in boxes.values())
        places = sorted(names, key=lambda name: (-round(boxes[name].y0, -1), boxes[name].x0))
        assert places == names
        highest = max(axes.get_window_extent().y1 for axes in figure.axes)
        assert min(box.y0 for box in boxes.values()) > highest

    def test_treatments_stand_under_each_other_in_the_colours_of_their_runs(self) -> None:
        axes = Figure().subplots()
        runs = [
            ("#111111", [Treatment("infusion", (0.0,)), Treatment("steroid", (5.0, 6.0))]),
            ("#222222", [Treatment("lymphodepletion", (-4.0,)), Treatment("infusion", (1.0,))]),
        ]
        marks = [mark for mark in draw_treatments_of_runs(axes, runs, TimeAxis(-4.0, 28.0)) if mark.get_marker() == "v"]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["lymphodepletion", "infusion", "steroid"]
        found = [(mark.get_color(), list(mark.get_xdata()), float(mark.get_ydata()[0])) for mark in marks]
        assert found == [
            ("#111111", [0.0], 0.75), ("#111111", [5.0, 6.0], 1.75), ("#222222", [-4.0], 0.25), ("#222222", [1.0], 1.25),
        ]  # fmt: skip

    def test_refused(self, files: list[Path], tmp_path: Path) -> None:
        with open_runs([files[0]] * 7, list("abcdefg")) as runs:
            with pytest.raises(InputError, match="up to 6 runs, got 7"):
                plot_comparison(runs, tmp_path / "x.png")
            assert milestones(runs).splitlines()[0].split() == list("abcdefg")
            with pytest.raises(InputError, match=r"x\.gif: cannot write a file that ends in '\.gif'; allowed: \.png, \.pdf, \.svg"):
                plot_comparison(runs[:2], tmp_path / "x.gif")
        empty = [write_run(tmp_path / f"{name}.h5", {"mrd": []}, []) for name in "ab"]
        with open_runs(empty) as runs:
            with pytest.raises(InputError, match="neither a nor b recorded any"):
                plot_comparison(runs, tmp_path / "x.png")
            assert "day 0" in milestones(runs)

    def test_a_folder_that_cannot_be_written(self, files: list[Path], tmp_path: Path) -> None:
        with open_runs(files) as runs, pytest.raises((InputError, RunError), match="does not exist"):
            plot_comparison(runs, tmp_path / "none" / "x.png")
