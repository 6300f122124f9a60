# SPDX-License-Identifier: Apache-2.0
"""A short form of the campaign (``make faults``, docs/faults.md): a few faults of each kind, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from abm.continuation import resume
from abm.model import TherapyModel
from abm.scenario import read_scenario
from abm.trajectory import TrajectoryWriter
from tests.faults import damage, refusals
from tests.faults.campaign import Campaign, Row
from tests.faults.patient import SETTINGS, TASKS, WHOLE, Stop
from tests.small_scenarios import ROOT

CASES = [case for number, case in enumerate(refusals.CASES) if not case.ends_whole or number % 3 == 0]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    untouched = TrajectoryWriter.__init__
    yield Campaign(tmp_path_factory.mktemp("faults"), seed=3)
    TrajectoryWriter.__init__ = untouched  # type: ignore[method-assign]


def harmless(row: Row) -> bool:
    assert row.problems == []
    return row.identical == row.injected >= 1


def test_killed_at_a_call(campaign: Campaign) -> None:
    assert harmless(campaign.kills_at_calls(TASKS["a finished run carried on"], 2))


def test_killed_at_random(campaign: Campaign) -> None:
    assert harmless(campaign.kills_at_random(TASKS["a run"], 1))


def test_an_end_between_the_last_record_and_the_last_checkpoint(tmp_path: Path) -> None:
    """The run goes on from the checkpoint before that end."""
    rare = (f"record.{series}=4 h" for series in ("observables", "view", "cells", "fields"))
    seldom = read_scenario(ROOT / "scenarios" / "quickstart.yaml", [*SETTINGS, *rare])

    def stop(model: TherapyModel) -> None:
        model.keep_state()
        if model.steps == 3:
            raise Stop

    with pytest.raises(Stop):
        TherapyModel(seldom, threads=1).run(tmp_path / "cut.h5", until_days=WHOLE, watch=stop)
    whole = TherapyModel(seldom, threads=1).run(tmp_path / "whole.h5", until_days=0.02)
    with resume(tmp_path / "cut.h5", until_days=0.02, threads=1) as found:
        assert whole is not None
        assert found.digest() == whole.digest()
    whole.close()


def test_full_disk(campaign: Campaign) -> None:
    assert harmless(campaign.full_disks(TASKS["a finished run carried on"], 1))


@pytest.mark.parametrize("harm", [damage.flipped, damage.flipped_value, damage.truncated])
@pytest.mark.parametrize("where", damage.KINDS)
def test_damage_is_noticed(campaign: Campaign, tmp_path: Path, harm: damage.Damage, where: str) -> None:
    count = 4 if harm is damage.flipped else 2
    if harm is damage.flipped_value and where.startswith("index"):
        harm = damage.flipped  # it holds texts alone
    row = damage.damaged(campaign.library, tmp_path / "x", where, harm, count, seed=5, mended=0)
    assert row.problems == []
    assert row.found["unnoticed"] == 0
    assert row.found["noticed"] == count or harm is damage.flipped


@pytest.mark.parametrize("where", [where for where in damage.KINDS if where != "index of a run in progress"])
def test_damage_is_mended_as_check_says(campaign: Campaign, tmp_path: Path, where: str) -> None:
    row = damage.damaged(campaign.library, tmp_path / "x", where, damage.spoilt, 1, seed=5, mended=1)
    assert row.problems == []
    assert row.mended == "1 of 1"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.fault}-{case.command[0]}")
def test_what_cannot_go_on_says_so(campaign: Campaign, tmp_path: Path, case: refusals.Case) -> None:
    said, problems = refusals.outcome_of(case, campaign.library, tmp_path / "x" / "run.h5")
    assert problems == []
    assert said or case.ends_whole or case.lay_out.__name__ == "read_only"
