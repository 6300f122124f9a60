# SPDX-License-Identifier: Apache-2.0
"""Those who do runs that are asked for one by one: what is asked for again, what is taken back, and what ends the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from abm.errors import RunError
from abm.model import Watcher
from abm.study import simulators
from abm.study.folder import Run, StudyFolder
from abm.study.serial import Stopped
from abm.study.simulators import Elsewhere, Here
from abm.study.work import Outcome
from tests.unit.study.analytic import laid_out, put

KILLED = "too little memory?"


class Workers:
    """Stands in for the workers of a scheduler: every run comes to what is said of it, in the order in which they were given."""

    def __init__(self, folder: StudyFolder, *told: Outcome) -> None:
        self.folder, self.workers, self.told = folder, 4, [*told]
        self.calls: list[Any] = []

    def begin(self) -> None:
        self.calls.append("begin")

    def submit(self, runs: Sequence[Run]) -> None:
        self.calls.append([run.number for run in runs])

    def settle(self) -> list[Outcome]:
        return [self.told.pop(0)]

    def drop(self) -> None:
        self.calls.append("drop")

    def stop(self) -> None:
        self.calls.append("stop")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulators, "BUSY_SECONDS", 0.0)


def runs_of(folder: Path) -> tuple[StudyFolder, Run, Run]:
    found = laid_out(folder)
    one, other = (found.runs_of({"growth": growth, "dose": 1e6})[0][0] for growth in (0.1, 0.2))
    return found.simulations, one, other


def elsewhere(workers: Workers, asked: Callable[[], bool] = lambda: False) -> Elsewhere:
    return Elsewhere(workers, KILLED, asked)  # type: ignore[arg-type]


@pytest.mark.usefixtures("at_once")
def test_what_another_process_is_at_is_asked_for_again(tmp_path: Path) -> None:
    folder, one, other = runs_of(tmp_path)
    workers = Workers(folder, Outcome(one.number, "busy"), Outcome(other.number, "finished"), Outcome(one.number, "there"))
    crew = elsewhere(workers)
    assert crew.ahead == 5
    crew.submit([one, other])
    crew.submit([one])
    assert crew.under_way == 2
    assert [crew.settle() for _ in range(3)] == [set(), {other.key}, {one.key}]
    assert workers.calls == ["begin", [one.number], [other.number], [one.number]]
    assert crew.under_way == 0


def test_a_run_that_kills_its_workers_ends_the_search_and_is_no_result(tmp_path: Path) -> None:
    folder, one, _ = runs_of(tmp_path)
    put(folder, one, None)
    crew = elsewhere(Workers(folder, Outcome(one.number, "failed", 0.0, KILLED)))
    crew.submit([one])
    with pytest.raises(RunError, match="a run could not be done: too little memory"):
        crew.settle()
    assert folder.result_of(one) is None


def test_asked_to_stop_the_workers_keep_their_states(tmp_path: Path) -> None:
    folder, one, _ = runs_of(tmp_path)
    workers = Workers(folder)
    crew = elsewhere(workers, lambda: True)
    crew.submit([one])
    with pytest.raises(Stopped):
        crew.settle()
    assert workers.calls[-1] == "stop"


@pytest.mark.usefixtures("at_once")
def test_in_this_process_they_are_done_in_their_order_and_what_is_busy_last(tmp_path: Path) -> None:
    folder, one, other = runs_of(tmp_path)
    tried: list[int] = []

    def performer(_: StudyFolder, run: Run, watch: Watcher | None) -> Outcome:
        tried.append(run.number)
        return Outcome(run.number, "busy" if len(tried) == 1 else "finished")

    crew = Here(folder, performer=performer)
    crew.submit([one, other])
    assert [crew.settle() for _ in range(3)] == [set(), {other.key}, {one.key}]
    crew.submit([one])
    crew.drop()
    assert crew.under_way == 0
    with pytest.raises(Stopped):
        Here(folder, lambda: True).settle()
