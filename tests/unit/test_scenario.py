# SPDX-License-Identifier: Apache-2.0
"""The scenario: what it refuses and where, its size, its texts, and the one to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from abm.errors import InputError
from abm.model import TherapyModel
from abm.scenario import STARTER, Scenario, load_scenario, read_scenario, resolved_text
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

    def test_a_treatment_before_the_start(self, tmp_path: Path) -> None:
        text = BASE.replace("day: 0", "day: -84 h") + "start: -2 d\n"
        told = refused(tmp_path, text)
        assert told == (
            "x.yaml:8:10: treatments[0].day: must not lie before the start of the run, day -2, got day -3.5; set start: -3.5 d"
        )
        assert load_scenario(written(tmp_path, text), ["start=-3.5 d"]).start == -84
        assert refused(tmp_path, text, "start=-81 h").endswith("day -3.375, got day -3.5; set start: -3.5 d")

    def test_more_parts_of_infusions_than_can_be_told_apart(self, tmp_path: Path) -> None:
        parts = f"shares: [{', '.join(['0.01'] * 100)}], share_days: [{', '.join(map(str, range(100)))}]"
        infusion = f"  - {{type: car_t_infusion, day: 0, {parts}}}\n"
        text = "abm: 1\nname: x\ntreatments:\n" + 2 * infusion
        assert len(load_scenario(written(tmp_path, text)).treatments) == 2
        told = refused(tmp_path, text + infusion)
        assert told == "x.yaml:4:3: treatments: must have at most 255 parts of infusions in all, got 300"

    @pytest.mark.parametrize(("name", "bad"), [(r"two\nlines", "000A"), (r"\e[31mred", "001B"), (r"a\u2028b", "2028")])
    def test_a_name_of_several_lines_or_with_control_characters(self, tmp_path: Path, name: str, bad: str) -> None:
        told = refused(tmp_path, BASE.replace("name: x", f'name: "{name}"'))
        assert told.startswith(f"x.yaml:2:7: name: must be one line of text without control characters, got U+{bad} in '")
        assert told.isprintable()
        assert load_scenario(written(tmp_path, BASE), ["name=Zoë 👩‍⚕️"]).name == "Zoë 👩‍⚕️"

    @pytest.mark.parametrize(
        ("override", "told"),
        [
            ("treatments[0].shares=[]", "must list at least one part, such as [1] for an undivided dose"),
            ("treatments[9].day=3", "treatments: has no item [9]; items: [0] to [1]; [2]={...} adds one"),
        ],
    )
    def test_overrides(self, tmp_path: Path, override: str, told: str) -> None:
        assert refused(tmp_path, BASE, override) == f"--set {override}: {told}"

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            (["csf.shape=[100000, 100000, 4]"], "--set csf.shape=[100000, 100000, 4]: must have at least one site along each axis, "),
            (["csf.shape=[4, 0, 4]"], "--set csf.shape=[4, 0, 4]: must have at least one site along each axis, "),
            (["marrow.shape=[1300, 1300, 1300]"], "--set marrow.shape=[1300, 1300, 1300]: must have at least one site along each"),
            (["marrow.spacing=50", "marrow.fat_radius=20"], "--set marrow.fat_radius=20: must be at least half the spacing, 25 µm"),
            (
                ["marrow.sinusoid_distance=30", "marrow.sinusoid_radius=15"],
                "--set marrow.sinusoid_radius=15: must be below half of sinusoid_distance, 15 µm, got 15 µm",
            ),
            (
                ["marrow.shape=[600, 600, 600]", "body.weight=0.5", "body.marrow_cells=1e8"],
                "--set marrow.shape=[600, 600, 600]: has room for 1.41372e8 cells, more than the 5e7 of the body's whole marrow",
            ),
            (["csf.blasts=1e12"], "--set csf.blasts=1e12: must be at most 20021248 cells, which fill the slab (csf.full_density, "),
            (["csf.full_density=0.001", "csf.blasts=1e5"], "--set csf.blasts=1e5: must be at most 32768 cells, which fill the slab"),
            (
                [
                    *("b_lineage.mature_life=10000 d", "b_lineage.maturation=100 %", "b_lineage.pre_b_fraction=20 %"),
                    *("b_lineage.pre_b_transit=0.1 d", "b_lineage.pro_b_transit=0.01 d"),
                ],
                "--set b_lineage.mature_life=10000 d: makes 3.4e+09 agents (mature B cells: also maturation, mature_pool, body.weight)",
            ),
            (["body.marrow_cells=1"], "--set body.marrow_cells=1: must be between 1e8 and 3e10 cells/kg, got 1"),
            (["weighting.lower=1e6"], "--set weighting.lower=1e6: must be a whole number between 1 and 2000, got 1e6"),
        ],
    )
    def test_what_no_machine_could_hold(self, tmp_path: Path, settings: list[str], told: str) -> None:
        assert refused(tmp_path, "abm: 1\nname: x\n", *settings).startswith(told)

    @pytest.mark.parametrize(
        "setting",
        ["start=1 d", "start=-61 d", "duration=0", "seed=-1", "seed=9223372036854775808", "abm=2", "marrow.shape=[4, 4]"],
    )
    def test_a_value_out_of_range(self, tmp_path: Path, setting: str) -> None:
        assert refused(tmp_path, BASE, setting).startswith(f"--set {setting}: must be ")


def test_a_product_that_the_file_leaves_to_its_default_can_be_set(tmp_path: Path) -> None:
    path = written(tmp_path, "abm: 1\nname: x\n")
    product = load_scenario(path, ["products[0].speed=4", "products[0].kill_duration[1]=40"]).products[0]
    assert product == Scenario(name="x", products=[{"speed": 4, "kill_duration": [25, 40]}]).products[0]
    assert refused(tmp_path, "abm: 1\nname: x\n", "products[1].speed=4") == (
        "--set products[1].speed=4: products: has no item [1]; items: [0]; [1]={...} adds one"
    )


def test_what_lies_after_the_end_is_told_and_not_refused(tmp_path: Path) -> None:
    text = BASE.replace("    day: 0\n", "    day: 0\n    shares: [0.5, 0.3, 0.2]\n    share_days: [0, 7, 14]\n    delay: 1\n")
    path = written(tmp_path, text + "  - type: etanercept\n    day: 30\n")
    assert load_scenario(path).never_given() == []
    assert load_scenario(path, ["duration=20 d"]).never_given() == ["treatments[2] (day 30) is not given: the run ends on day 20"]
    assert load_scenario(path, ["duration=8 d"]).never_given() == [
        "treatments[0]: 2 of 3 parts (from day 8) are not given: the run ends on day 8",
        "treatments[2] (day 30) is not given: the run ends on day 8",
    ]


def test_the_longest_run_has_a_tick_for_every_claim(tmp_path: Path) -> None:
    longest = load_scenario(written(tmp_path, BASE), ["duration=2800 d", "start=-60 d"])
    assert (longest.duration - longest.start) / 24 * TICKS_PER_DAY < LAST_TICK
    assert "must be between 0.01 and 2800 d" in refused(tmp_path, BASE, "duration=2801 d")


def test_places_follow_from_body_and_csf(tmp_path: Path) -> None:
    assert Scenario(name="x").places == (MARROW, CSF, PERIPHERY)
    assert Scenario(name="x", csf=None).places == (MARROW, PERIPHERY)
    assert Scenario(name="x", body=None).places == (MARROW,)


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
    small = load_scenario(path, ["marrow.shape=[12, 12, 12]", "csf.shape=[8, 4, 4]", "start=-0.2 d", "treatments[0].day=-0.2 d"])
    model = TherapyModel(small, threads=1, check=True)
    model.run(until_days=0.2)
    assert [detail["treatment"] for _, _, detail in model.state.events] == ["lymphodepletion", "car_t_infusion"]
    assert model.observe("car_t_total") == pytest.approx(35e6, rel=0.5)
