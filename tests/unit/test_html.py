# SPDX-License-Identifier: Apache-2.0
"""What notebooks show of scenarios, models, trajectories and studies: tables, escaped."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import abm
from abm.html import grid, table
from abm.scenario import Scenario
from abm.settings import key_settings, treatments_planned
from tests.small_scenarios import SHIPPED, everything
from tests.small_studies import laid_out

NASTY = "<img onerror=x> & é"


class Cells(HTMLParser):
    """The rows of tables, and all tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        self.inside = tag in ("td", "th")
        if self.inside:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.inside = False


def test_tables_are_escaped() -> None:
    for text in (table(NASTY, [(NASTY, NASTY)]), grid(NASTY, (NASTY, "b"), [(NASTY, 1)])):
        cells = Cells(text)
        assert "img" not in cells.tags
        assert NASTY in cells.rows[-1]


def test_a_scenario() -> None:
    dose = {"type": "car_t_infusion", "day": 1.0, "dose": 2e6}
    rule = {"type": "tocilizumab", "when": "crs_grade >= 3"}
    cells = Cells(Scenario(name=NASTY, description=NASTY, body={"weight": 32.0}, treatments=[dose, rule])._repr_html_())
    assert "img" not in cells.tags
    assert ["body weight", "32 kg"] in cells.rows
    assert ["CAR T infusion", "day 1", "dose 2e6 cells/kg"] in cells.rows
    assert ["tocilizumab", "when crs_grade >= 3", "dose 8 mg/kg"] in cells.rows


def test_what_differs_from_the_default_is_told(tmp_path: Path) -> None:
    planned = treatments_planned(everything(tmp_path).scenario)
    assert planned[0] == (
        "lymphodepletion", "day -1", "regimen fludarabine and cyclophosphamide, duration 0.5 d, t survival 0.2",
    )  # fmt: skip
    assert planned[2] == ("CAR T infusion", "day 0.1, 0.3", "dose 1e9 cells/kg, product 2, shares [0.5, 0.5], share days [0.0, 0.2] d")


def test_every_shipped_scenario_has_its_settings() -> None:
    for path in SHIPPED:
        rows = dict(key_settings(abm.load_scenario(path)))
        assert {"blasts in the marrow", "marrow simulated", "days"} <= rows.keys(), path
        assert ("product 1" in rows) == (path.stem not in ("healthy_marrow", "untreated_ball")), path
        assert ("CD19 per blast, mean" in rows) == (path.stem != "healthy_marrow"), path


def test_a_model_and_a_trajectory(tmp_path: Path) -> None:
    small = {"marrow": {"shape": [8, 8, 8]}, "csf": None, "record": {"view": 0, "cells": 0}}
    scenario = Scenario(name=NASTY, body={"weight": 20.0}, blasts={"marrow_fraction": 30.0}, **small)
    model = abm.TherapyModel(scenario, threads=1)
    cells = Cells(model._repr_html_())
    assert cells.rows[0] == ["", "marrow", "periphery"]
    blasts = next(row for row in cells.rows if row[0] == "CD19+ blast")
    assert int(blasts[1].replace(",", "")) == model.observe("cells_blast_marrow")
    trajectory = model.run(tmp_path / "x.h5", until_days=1 / 12)
    assert trajectory is not None
    cells = Cells(trajectory._repr_html_())
    assert ["status", "finished"] in cells.rows
    assert "img" not in cells.tags
    trajectory.close()
    assert ["status", "closed"] in Cells(trajectory._repr_html_()).rows


def test_a_study(tmp_path: Path) -> None:
    rows = Cells(abm.Study(laid_out(tmp_path))._repr_html_()).rows
    assert ["varied", "dose"] in rows
    assert ["runs", "3 waiting"] in rows
