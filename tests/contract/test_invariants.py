# SPDX-License-Identifier: Apache-2.0
"""What must hold at every moment: cells and sites agree, books balance, nothing appears or is lost unbooked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abm.celltypes import BLAST, CAR_T, CD19_NEGATIVE_BLAST
from abm.model import TherapyModel
from abm.processes.process import Process
from abm.state.columns import NEVER
from abm.state.kinds import KINDS, MAX_KIND
from abm.state.ledger import SIGNS, Entry
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.state.state import State
from abm.units import TICKS_PER_HOUR
from tests.small_scenarios import SHIPPED, everything, small

IDLE = {"motility", "cytokines", "toxicity", "neurotoxicity", "weighting", "compaction"}
"""Processes that move no body cell from one kind or place to another."""
CARRIERS = {"trafficking", "csf_flow"}
"""Processes that only carry cells between places."""


LIGHT = np.isin(np.arange(MAX_KIND + 1), [kind.code for kind in KINDS if kind.home == "light"])
"""Kinds without rows: displaced ones are lost, others go to the blood."""


class Watched:
    """A process whose state is checked, and whose stock of body cells is compared, after each run."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.name, self.period = process.name, process.period
        self.ticks, self.saw_synapse = 0, False

    def run(self, state: State) -> None:
        before = state.stock()
        self.process.run(state)
        state.check()
        after = state.stock()
        self.ticks += self.period
        self.saw_synapse |= bool((state.motile.array("kill_at") != NEVER).any())
        if self.name in IDLE:
            np.testing.assert_array_equal(after, before, err_msg=f"{self.name} at tick {state.tick}")
        if self.name in CARRIERS:
            np.testing.assert_array_equal(after.sum(axis=1), before.sum(axis=1), err_msg=f"{self.name} at tick {state.tick}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TherapyModel:
    """Return a model after two days, checked after every process."""
    model = TherapyModel(everything(tmp_path_factory.mktemp("everything")), threads=1)
    model.state.check()
    model.schedule.processes, model.schedule.coarse = (
        tuple(Watched(process) for process in listed) for listed in (model.schedule.processes, model.schedule.coarse)
    )
    model.run()
    return model


class TestWithEverythingOn:
    def test_every_process_ran(self, model: TherapyModel) -> None:
        names = [process.name for process in model.schedule.processes]
        assert len(set(names)) == len(names)
        assert set(names) > IDLE | CARRIERS
        for fine, coarse in zip(model.schedule.processes, model.schedule.coarse, strict=True):
            assert isinstance(fine, Watched)
            assert isinstance(coarse, Watched)
            assert fine.ticks + coarse.ticks == 2 * 24 * TICKS_PER_HOUR
            assert min(fine.ticks, coarse.ticks) > 0

    def test_it_was_worth_checking(self, model: TherapyModel) -> None:
        book = model.state.ledger.book
        given = [detail["treatment"] for _, kind, detail in model.state.events if kind in ("treatment", "infusion")]
        assert sorted(set(given)) == ["car_t_infusion", "corticosteroid", "etanercept", "lymphodepletion", "tocilizumab"]
        assert {detail["product"] for _, kind, detail in model.state.events if kind == "infusion"} == {1, 2, 3}
        for place in (MARROW, CSF, PERIPHERY):
            for entry in (Entry.BIRTH, Entry.DIED, Entry.KILLED, Entry.ARRIVED, Entry.DEPARTED, Entry.SPLIT, Entry.MERGED):
                assert book[:, place, entry].sum() > 0, (place, entry)
        for entry in Entry:
            assert entry is Entry.REMOVED or book[..., entry].sum() > 0, entry
        assert book[CD19_NEGATIVE_BLAST.code, MARROW, Entry.KILLED] > 0
        assert any(isinstance(process, Watched) and process.saw_synapse for process in model.schedule.processes)

    def test_books_add_up(self, model: TherapyModel) -> None:
        ledger = model.state.ledger
        assert (ledger.book >= 0).all()
        np.testing.assert_array_equal(ledger.balance(), model.state.stock())
        np.testing.assert_array_equal((ledger.book * SIGNS).sum(axis=2), model.state.stock())
        by_kind = ledger.book.sum(axis=1)
        left = by_kind[:, Entry.DEPARTED] + np.where(LIGHT, 0, by_kind[:, Entry.DISPLACED])
        np.testing.assert_array_equal(by_kind[:, Entry.ARRIVED], left)
        assert ledger.total(Entry.MATURED_IN) == ledger.total(Entry.MATURED_OUT)
        assert by_kind[BLAST.code, Entry.ANTIGEN_OUT] == by_kind[CD19_NEGATIVE_BLAST.code, Entry.ANTIGEN_IN]
        assert by_kind[BLAST.code, Entry.ANTIGEN_IN] == by_kind[CD19_NEGATIVE_BLAST.code, Entry.ANTIGEN_OUT] == 0

    def test_body_variables_repeat_the_books(self, model: TherapyModel) -> None:
        ledger, events = model.state.ledger, model.state.events
        infused = [detail["cells"] for _, kind, detail in events if kind == "infusion"]
        assert ledger.total(Entry.INFUSED) == ledger.total(Entry.INFUSED, CAR_T.code) == sum(infused)
        assert sum(infused) == round((3e8 + 1e9 + 1e9) * 20)
        assert model.state.body["kills"][0] == ledger.total(Entry.KILLED)
        assert ledger.total(Entry.KILLED, CAR_T.code) == 0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_hold_hourly(path: Path) -> None:
    model = TherapyModel(small(path), threads=1)
    model.state.check()
    hours = []

    def check(running: TherapyModel) -> None:
        running.state.check()
        hours.append(running.day)

    model.run(until_days=1, watch=check)
    assert len(hours) == round(24 - model.scenario.start)
