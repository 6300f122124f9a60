# SPDX-License-Identifier: Apache-2.0
"""The scenario: what it refuses and where, its size, its texts, and the one to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from abm.errors import InputError
from abm.model import TherapyModel
from abm.recording import BYTES_PER_CELL, BYTES_PER_VALUE, BYTES_PER_VIEW_SITE
from abm.scenario import (
    BYTES_PER_ROW,
    BYTES_PER_SITE,
    N_OBSERVABLES,
    SECONDS_PER_SITE_DAY,
    STARTER,
    Scenario,
    load_scenario,
    read_scenario,
    resolved_text,
)
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.units import TICKS_PER_DAY
from abm.yamlfile import template
from tests.small_scenarios import SHIPPED

LAST_TICK = 2**24
"""Claims of sites carry the tick in 24 bits."""


def written(folder: Path, text: str) -> Path:
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str, *overrides: str) -> str:
    """Return the message, without the folder."""
    with pytest.raises(InputError) as caught:
        load_scenario(written(folder, text), overrides)
    return str(caught.value).replace(f"{folder}/", "")


BASE = """\
abm: 1
name: x
products:
  - costimulation: cd28
  - antigen: either
treatments:
  - type: car_t_infusion
    day: 0
    product: 2
  - type: tocilizumab
    when: crs_grade >= 3
"""


class TestWhatIsRefused:
    def test_the_base_itself_is_fine(self, tmp_path: Path) -> None:
        assert load_scenario(written(tmp_path, BASE)).products[1].antigen == "either"

    def test_a_product_that_is_not_there(self, tmp_path: Path) -> None:
        told = refused(tmp_path, BASE.replace("product: 2", "product: 3"))
        assert told == "x.yaml:9:14: treatments[0].product: must be at most 2 (products of the scenario), got 3"

    def test_treatments_in_a_closed_block(self, tmp_path: Path) -> None:
        told = refused(tmp_path, BASE + "body: null\n")
        assert told.startswith("x.yaml:7:3: treatments: a closed block (body: null) takes none; mix CAR T cells in")

    def test_a_rule_on_an_unknown_observable(self, tmp_path: Path) -> None:
        told = refused(tmp_path, BASE.replace("crs_grade", "crs_grad"))
        assert told.startswith("x.yaml:11:11: treatments[1].when: unknown observable 'crs_grad'; nearest: 'crs_grade'; known: ")

    def test_a_rule_on_a_place_that_is_not_there(self, tmp_path: Path) -> None:
        text = BASE.replace("crs_grade >= 3", "cells_car_t_csf > 0")
        assert load_scenario(written(tmp_path, text)).places == (MARROW, CSF, PERIPHERY)
        assert "unknown observable 'cells_car_t_csf'" in refused(tmp_path, text + "csf: null\n")

    def test_more_cells_than_the_marrow_holds(self, tmp_path: Path) -> None:
        cells = [
            "effector_target_ratio=2", "blasts.marrow_fraction=50 %", "macrophages.marrow_fraction=2 %",
            "b_lineage.pre_b_fraction=5 %", "b_lineage.pro_b_transit=0.6 d", "b_lineage.pre_b_transit=6 d",
            "host_t.marrow_fraction=10 %", "host_t.initial_pool=0.7",
        ]  # fmt: skip
        told = refused(tmp_path, BASE, *cells)
        wanted = 50 + 2 + 48 * (0.05 + 0.005 + 0.07) + 2 * (50 + 48 * 0.05)
        assert told.startswith("x.yaml:1:1: marrow: blasts, B lineage, ")
        assert told.endswith(f"must be at most 100 % of its cells, got {wanted:.4g} %")

    def test_everything_at_once(self, tmp_path: Path) -> None:
        text = BASE.replace("product: 2", "product: 9").replace("crs_grade", "fever").replace("name: x\n", "name: ''\nsed: 3\n")
        told = refused(tmp_path, text, "marrow.shape=[0, 4, 4]", "marrow.bone=0.8", "marrow.fat=0.2").splitlines()
        assert len(told) == 4  # what compares several parts waits until the parts themselves are right
        assert told[0].startswith("x.yaml:2:7: name: ")
        assert told[1].startswith("x.yaml:3:1: sed: unknown key; nearest: 'seed'")
        assert told[2] == "--set marrow.bone=0.8: with fat must leave room for cells, 0.9 at most, got 1"
        assert told[3] == (
            "--set marrow.shape=[0, 4, 4]: must have at least one site along each axis, at most 2147483647 in all, got [0, 4, 4]"
        )

    def test_a_bad_value_in_a_product_is_told_alone(self, tmp_path: Path) -> None:
        text = "abm: 1\nname: x\nproducts:\n  - speed: -1\n"
        assert refused(tmp_path, text) == "x.yaml:4:12: products[0].speed: must be between 0 and 60 µm/min, got -1"
        assert refused(tmp_path, text.replace("\n  - speed: -1", " []")) == (
            "x.yaml:3:11: products: must have at least 1 item, not 0, got a list"
        )

    def test_durations_the_wrong_way_round(self, tmp_path: Path) -> None:
        text = "abm: 1\nname: x\nproducts:\n  - kill_duration: [30, 20]\n"
        told = refused(tmp_path, text)
        assert told == "x.yaml:4:20: products[0].kill_duration: the shortest must not exceed the longest, got 30 and 20 min"

    @pytest.mark.parametrize(
        "setting",
        ["start=1 d", "start=-61 d", "duration=0", "seed=-1", "seed=9223372036854775808", "abm=2", "marrow.shape=[4, 4]"],
    )
    def test_a_value_out_of_range(self, tmp_path: Path, setting: str) -> None:
        assert refused(tmp_path, BASE, setting).startswith(f"--set {setting}: must be ")


def test_the_longest_run_has_a_tick_for_every_claim(tmp_path: Path) -> None:
    longest = load_scenario(written(tmp_path, BASE), ["duration=2800 d", "start=-60 d"])
    assert (longest.duration - longest.start) / 24 * TICKS_PER_DAY < LAST_TICK
    assert "must be between 0.01 and 2800 d" in refused(tmp_path, BASE, "duration=2801 d")


def test_places_follow_from_body_and_csf(tmp_path: Path) -> None:
    assert Scenario(name="x").places == (MARROW, CSF, PERIPHERY)
    assert Scenario(name="x", csf=None).places == (MARROW, PERIPHERY)
    assert Scenario(name="x", body=None).places == (MARROW,)


def test_the_size_of_a_run() -> None:
    scenario = Scenario(
        name="x", start=-2, duration=8, marrow={"shape": [10, 20, 30], "fat": 0.2, "bone": 0.1, "voids": 0.5},
        record={"observables": 2, "view": 4, "view_depth": 6, "cells": 5},
    )  # fmt: skip
    rows, days = 6000 * 0.7 * 0.5, 10
    assert scenario.estimate() == pytest.approx(
        {
            "cells": rows,
            "memory_bytes": 6000 * BYTES_PER_SITE + rows * BYTES_PER_ROW,
            "disk_bytes": 120 * N_OBSERVABLES * BYTES_PER_VALUE + 60 * 1200 * BYTES_PER_VIEW_SITE + 2 * rows * BYTES_PER_CELL,
            "seconds": 6000 * days * SECONDS_PER_SITE_DAY,
        }
    )
    off = scenario.model_copy(update={"record": type(scenario.record)(observables=0, view=0, cells=0)})
    assert off.estimate()["disk_bytes"] == 0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_read_and_their_resolved_text_gives_them_back(path: Path, tmp_path: Path) -> None:
    file = read_scenario(path)
    assert file.resolved == resolved_text(file.scenario)
    assert load_scenario(written(tmp_path, file.resolved)) == file.scenario
    assert path.read_text(encoding="utf-8") == file.original
    assert len(file.scenario.source) > 20


def test_shipped_scenarios_have_names_of_their_own() -> None:
    names = [load_scenario(path).name for path in SHIPPED]
    assert len(set(names)) == len(names) >= 9


def test_a_scenario_that_extends_another_differs_in_what_it_states() -> None:
    folder = SHIPPED[0].parent
    one, other = load_scenario(folder / "lee2014_patient12.yaml"), load_scenario(folder / "lee2014_patient14.yaml")
    assert one.treatments == other.treatments
    assert one.treatments
    assert one.marrow == other.marrow
    assert one.body != other.body
    assert one.products[0].division_budget < other.products[0].division_budget


@pytest.mark.parametrize("commented", [False, True])
def test_the_scenario_to_start_from_loads_and_runs(tmp_path: Path, commented: bool) -> None:
    path = written(tmp_path, template(Scenario, STARTER) if commented else STARTER)
    scenario = load_scenario(path)
    assert scenario.name == "my first patient"
    small = load_scenario(path, ["marrow.shape=[12, 12, 12]", "csf.shape=[8, 4, 4]", "start=-0.2 d"])
    model = TherapyModel(small, threads=1, check=True)
    model.run(until_days=0.2)
    assert [detail["treatment"] for _, _, detail in model.state.events] == ["lymphodepletion", "car_t_infusion"]
    assert model.observe("car_t_total") == pytest.approx(35e6, rel=0.5)
