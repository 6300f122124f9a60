# SPDX-License-Identifier: Apache-2.0
"""Stopped and resumed equals uninterrupted, byte for byte: in every column, field, observable and event."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from abm.checkpointing import restore
from abm.continuation import resume
from abm.model import TherapyModel
from abm.scenario import ScenarioFile
from abm.trajectory import Trajectory
from abm.trajectory.checkpoints import checkpoint_ticks, load_checkpoint
from abm.trajectory.digest import DatasetHash
from tests.contract.shuffling import shuffle, state_digest
from tests.small_scenarios import ROOT, SHIPPED, everything, small

NAMES = ["everything", *(path.stem for path in SHIPPED)]
KILLED = """
import os, signal, sys
from pathlib import Path
from abm.model import TherapyModel
from abm.scenario import read_scenario

path, output, hour, seconds, until = sys.argv[1:]
hours = 0

def watch(model):
    global hours
    hours += 1
    if hours == int(hour):
        os.kill(os.getpid(), signal.SIGKILL)

TherapyModel(read_scenario(path), threads=1).run(
    output, until_days=float(until), watch=watch, checkpoint_seconds=float(seconds)
)
"""


class Stop(Exception):
    """Ends a run from outside."""


class Reference:
    """One scenario, its uninterrupted run, and a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        self.scenario = _scenario(name, folder)
        self.text = folder / "resolved.yaml"
        self.text.write_text(self.scenario.resolved, encoding="utf-8")
        self.until = 1.0 if name == "everything" else 0.5
        self.hours = round(24 * self.until - self.scenario.scenario.start)
        self.model = TherapyModel(self.scenario, threads=1)
        self.digest = _digest(self.model.run(folder / "whole.h5", until_days=self.until))
        # stopping points differ from scenario to scenario, and are the same each time
        self.chance = np.random.default_rng(NAMES.index(name))

    def stopped_at(self, hour: int) -> Path:
        """Run until some hour, and be stopped there as by a signal."""
        path = self.folder / f"stopped_{hour}.h5"
        model = TherapyModel(self.scenario, threads=1)

        def watch(running: TherapyModel) -> None:
            if running.steps == hour:
                raise Stop

        with pytest.raises(Stop):
            model.run(path, until_days=self.until, watch=watch, overwrite=True)
        return path


def _scenario(name: str, folder: Path) -> ScenarioFile:
    return everything(folder) if name == "everything" else small(ROOT / "scenarios" / f"{name}.yaml")


def _digest(trajectory: Trajectory | None) -> str:
    assert trajectory is not None
    with trajectory:
        assert trajectory.status == "finished"
        assert trajectory.digest() == trajectory.noted_digest
        return trajectory.noted_digest


@pytest.fixture(scope="module", params=NAMES)
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(request.param, tmp_path_factory.mktemp("resume"))


def test_stopped_and_resumed(reference: Reference) -> None:
    for hour in (1, reference.chance.integers(2, reference.hours)):
        path = reference.stopped_at(int(hour))
        with Trajectory.open(path) as cut:
            assert cut.status == "interrupted"
            assert len(cut.checkpoint_days) > 0
        assert _digest(resume(path, threads=2)) == reference.digest


def test_killed_and_resumed(reference: Reference) -> None:
    """SIGKILL, with checkpoints at each hour, and for some scenarios without any: from its start again."""
    seconds = float(reference.chance.choice([0, 1e9]))
    path = reference.folder / "killed.h5"
    hour = reference.chance.integers(2, reference.hours)
    command = [sys.executable, "-c", KILLED, reference.text, path, hour, seconds, reference.until]
    done = subprocess.run([str(word) for word in command], cwd=ROOT, check=False, timeout=120)
    assert done.returncode == -9
    with Trajectory.open(path) as cut:
        assert (len(cut.checkpoint_days) > 0) == (seconds == 0)
    with resume(path, threads=1) as found, Trajectory.open(reference.folder / "whole.h5") as whole:
        assert found.header.scenario == whole.header.scenario
        assert found.observables.equals(whole.observables)
        assert found.events == whole.events
        assert _contents(found) == _contents(whole)


def _contents(trajectory: Trajectory) -> dict[str, str]:
    """Return the hash of every dataset; the digest also knows the scenario's original text."""
    source = trajectory._source
    hashes = {}
    for series in source.series:
        for name, pieces in source.datasets(series):
            found = DatasetHash(source.series[series].datasets[name])
            for piece in pieces:
                found.update(piece)
            hashes[f"{series}/{name}"] = found.entry()[-1]
    return hashes


def test_carried_on_to_a_later_day(reference: Reference) -> None:
    """What was recorded only because it was the end is gone, whatever tick the end was."""
    day = float(reference.chance.uniform(0.1, 0.9)) * reference.until
    path = reference.folder / "shorter.h5"
    _digest(TherapyModel(reference.scenario, threads=1).run(path, until_days=day))
    assert _digest(resume(path, until_days=reference.until, threads=1)) == reference.digest


@pytest.mark.parametrize("reference", ["everything"], indirect=True)
def test_resumed_with_rows_in_another_order(reference: Reference) -> None:
    path = reference.stopped_at(reference.hours // 2)
    resumed = resume(path, threads=1, watch=lambda model: shuffle(model.state, model.state.tick))
    assert _digest(resumed) == reference.digest


def test_the_state_of_the_end_is_kept(reference: Reference) -> None:
    path = reference.folder / "whole.h5"
    with Trajectory.open(path) as whole:
        assert whole.checkpoint_days == [pytest.approx(reference.until)]
    model = TherapyModel(reference.scenario, threads=1)
    restore(model, load_checkpoint(path, checkpoint_ticks(path)[-1]))
    model.state.check()
    reference.model.state.events.clear()
    assert state_digest(model.state) == state_digest(reference.model.state)
