# SPDX-License-Identifier: Apache-2.0
"""A treatment that the package does not know: one class, read from a mapping, given, remembered, acting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import abm
from abm.errors import InputError
from abm.extensions import (
    BLAST,
    TICKS_PER_HOUR,
    Entry,
    State,
    Stream,
    Treatment,
    bolus,
    draw_number,
    drug_key,
    quantity,
    rate_of,
    scale_effect,
    set_value,
    unregister,
)
from abm.scenario import Scenario, load_scenario, read_scenario, scenario_from_text
from abm.yamlfile import json_schema

TEXT = """\
abm: 1
name: x
duration: 1 d
body: {weight: 20 kg}
marrow: {shape: [12, 12, 12]}
csf: null
blasts: {marrow_fraction: 50 %}
treatments:
  - {type: blastocidin, when: blasts_total >= 10 for 1 h, share: 25 %}
  - {type: tocilizumab, day: 0.5}
"""


class Blastocidin(Treatment):
    """Kills a share of the blasts at once and damps cytokine secretion for a while."""

    type: Literal["blastocidin"] = "blastocidin"
    share: float = quantity(0.5, "1", bounds=(0, 1), about="blasts killed at once", source="assumption: test")
    half_life: float = quantity(6, "h", bounds=(0.1, 100), about="half-life", source="assumption: test")

    def begin(self, state: State, index: int) -> dict[str, Any]:
        table = state.sessile
        rows = np.flatnonzero(table.array("kind") == BLAST.code)
        uids = table.array("uid")[rows]
        dies = state.draws.uniform(Stream.TREATMENT, state.tick, uids, draw_number(index, 0)) < self.share
        state.remove("sessile", rows[dies], Entry.DRUG_KILLED)
        return {"killed": int(dies.sum()), "of": len(rows)}

    def act(self, state: State, index: int, since: int) -> None:
        level = bolus(1.0, rate_of(self.half_life), since / TICKS_PER_HOUR)
        set_value(state, drug_key(index, "level"), level)
        scale_effect(state, "effect_secretion", 1.0 - 0.5 * level)


@pytest.fixture(autouse=True)
def blastocidin() -> Iterator[None]:
    assert abm.register(Blastocidin) is Blastocidin
    yield
    unregister(Blastocidin)


def test_a_new_treatment_runs_beside_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT, encoding="utf-8")
    model = abm.TherapyModel(read_scenario(path), threads=1, check=True)
    before = len(model.state.sessile)
    trajectory = model.run(tmp_path / "x.h5")
    assert trajectory is not None
    with trajectory:
        given = [event for event in trajectory.events if event["kind"] == "treatment"]
        assert [(event["day"] * 24, event["detail"]["treatment"]) for event in given] == [(1.0, "blastocidin"), (12.0, "tocilizumab")]
        killed, of = (given[0]["detail"][name] for name in ("killed", "of"))
        assert abs(killed - of / 4) < 4 * np.sqrt(of * 0.25 * 0.75)
        assert of > before / 3
        (noted,) = trajectory.provenance["extensions"]
        assert noted["name"] == "blastocidin"
        assert noted["package"] == f"({__name__})"
        resolved = trajectory.header.scenario
    state = model.state
    assert state.body["drug_0_level"][0] == np.float64(bolus(1.0, rate_of(6.0), 23.0 - 1 / 6))
    assert abs(state.body["effect_secretion"][0] - (1 - 0.5 * state.body["drug_0_level"][0])) < 1e-12
    assert state.body["il6r_occupancy"][0] > 0.99
    assert scenario_from_text(resolved, "x").scenario == model.scenario
    with abm.resume(tmp_path / "x.h5", until_days=1.1, threads=1) as more:
        assert more.last_day == pytest.approx(1.1, abs=0.01)
    unregister(Blastocidin)
    with pytest.raises(InputError, match=r"x\.h5: was made with treatment 'blastocidin' of \(.*\).*register them as then"):
        abm.resume(tmp_path / "x.h5", until_days=1.2)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("blastocidin", "blastocydin", "treatments[0].type: must be one of 'car_t_infusion', 'lymphodepletion', 'tocilizumab', "
         "'etanercept', 'corticosteroid', 'blastocidin', got 'blastocydin'; nearest: 'blastocidin'"),
        ("share: 25 %", "share: 250 %", "treatments[0].share: must be between 0 and 1, got '250 %', which is 2.5"),
        ("share:", "shares:", "treatments[0].shares: unknown key; nearest: 'share'; allowed: day, when, type, share, half_life"),
        ("when: blasts_total", "when: blast_total", "treatments[0].when: unknown observable 'blast_total'; nearest: 'blasts_total'"),
    ],
)  # fmt: skip
def test_mistakes_are_told_as_with_any_other(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_scenario(path)
    assert str(error.value).startswith(f"{path}:9:")
    assert message in str(error.value)


def test_it_is_in_the_schema_and_gone_afterwards() -> None:
    assert "Blastocidin" in json.dumps(json_schema(Scenario))
    unregister(Blastocidin)
    assert "Blastocidin" not in json.dumps(json_schema(Scenario))
    with pytest.raises(ValueError, match=r"must be one of .*, got 'blastocidin'; or it is of a package that is not installed"):
        Scenario(name="x", treatments=[{"type": "blastocidin", "day": 1.0}])


def test_what_is_registered_again_from_the_same_place_replaces_it() -> None:
    def cell_of_a_notebook(default: float) -> type[Treatment]:
        class Cure(Treatment):
            """A cure."""

            type: Literal["cure"] = "cure"
            share: float = quantity(default, "1", bounds=(0, 1), about="share", source="assumption: test")

            def act(self, state: State, index: int, since: int) -> None:
                """Do nothing."""

        return abm.register(Cure)

    for default in (0.25, 0.75):
        cure = cell_of_a_notebook(default)
        (given,) = Scenario(name="x", treatments=[{"type": "cure", "day": 1.0}]).treatments
        assert given.share == default
    unregister(cure)

    class Other(Treatment):
        """Of the same name, from another place."""

        type: Literal["blastocidin"] = "blastocidin"

        def begin(self, state: State, index: int) -> dict[str, Any]:
            """Do nothing."""
            return {}

    with pytest.raises(InputError, match=r"treatment 'blastocidin': \(.*\) has one of that name already; choose another name"):
        abm.register(Other)


def test_what_is_no_treatment_is_refused() -> None:
    class Nameless(Treatment):
        """No name."""

    class Ours(Treatment):
        """A name of the package."""

        type: Literal["tocilizumab"] = "tocilizumab"

        def act(self, state: State, index: int, since: int) -> None:
            """Do nothing."""

    class Idle(Treatment):
        """Nothing to do."""

        type: Literal["idle"] = "idle"

    with pytest.raises(InputError, match="class Idle does nothing: it needs `act`, which is called every ten minutes, or `begin`, once"):
        abm.register(Idle)
    with pytest.raises(InputError, match='class Nameless needs a name for scenarios, such as: type: Literal\\["my_name"\\] = "my_name"'):
        abm.register(Nameless)
    with pytest.raises(InputError, match="treatment 'tocilizumab': abm has one of that name already"):
        abm.register(Ours)
    for thing in (Treatment, object, 3):
        with pytest.raises(InputError, match=r"register takes a subclass of abm\.extensions\.Treatment"):
            abm.register(thing)
