# SPDX-License-Identifier: Apache-2.0
"""The search of a calibration: the same whoever does the runs, in whatever order, and however often it is cut short."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from abm.cli import main
from abm.errors import InputError, RunError
from abm.model import Watcher
from abm.study import smc
from abm.study.calibrating import calibrate
from abm.study.calibration_folder import CalibrationFolder
from abm.study.folder import Run, StudyFolder
from abm.study.posterior import Posterior, read_posterior
from abm.study.work import Outcome
from tests.unit.study.analytic import CALIBRATION, DOSE, GROWTH, Instead, calibrated, growth_and_dose, laid_out, put, same, values_of, write

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Posterior:
    """Return what the calibration comes to without being cut short."""
    return calibrated(laid_out(tmp_path_factory.mktemp("straight")))


def test_the_parameters_that_made_the_data_are_found(straight: Posterior) -> None:
    for name, true in (("growth", GROWTH), ("dose", DOSE)):
        low, _, high = straight.interval(name)
        assert low < true < high, name
    assert all(straight.narrowed(factor) < 0.6 for factor in straight.factors)
    assert straight.uninformed() == []
    assert list(straight.generations["accepted"]) == [24] * 4
    assert straight.generations["epsilon"].is_monotonic_decreasing
    assert math.isinf(straight.generations["epsilon"][0])
    assert straight.table["weight"].sum() == pytest.approx(1.0)
    assert (straight.table["distance"] <= straight.generations["epsilon"].iloc[-1]).all()
    assert straight.table["growth"].between(0, 0.25).all()


def test_the_posterior_is_the_exact_one_where_that_is_known(tmp_path: Path) -> None:
    """Of a normal output with a flat prior, near zero distance, it is normal about the target with the spread of the output."""

    def normal(values: Mapping[str, float], noise: np.random.Generator) -> dict[str, float | None]:
        return {"mrd_day0.25": values["blasts.net_growth"] + 0.02 * noise.standard_normal()}

    kept = [line for line in CALIBRATION.splitlines()[:-3] if "dose" not in line and "peak" not in line]
    text = "\n".join(kept) + "\npopulation_size: 100\ngenerations: 9\nleast_epsilon: 0.3\n"
    found = calibrated(laid_out(tmp_path, text), Instead(normal))
    low, median, high = found.interval("growth")
    assert found.generations["epsilon"].iloc[-1] == 0.3
    spread = math.sqrt(0.02**2 + (0.3 * 0.01) ** 2 / 3)
    assert median == pytest.approx(0.15, abs=4 * spread / math.sqrt(found.effective))
    assert (high - low) / (2 * 1.645 * spread) == pytest.approx(1.0, abs=0.25)


class Shuffled:
    """Does several runs at a time, and tells of them in another order than they were asked for."""

    def __init__(self, folder: StudyFolder, ahead: int, seed: int) -> None:
        self.folder, self.ahead = folder, ahead
        self._random = random.Random(seed)
        self._waiting: dict[str, Run] = {}
        self.done: list[str] = []

    @property
    def under_way(self) -> int:
        return len(self._waiting)

    def submit(self, runs: Sequence[Run]) -> None:
        self._waiting.update({run.key: run for run in runs})

    def settle(self) -> set[str]:
        keys = self._random.sample(sorted(self._waiting), self._random.randint(1, len(self._waiting)))
        for key in keys:
            run = self._waiting.pop(key)
            if self.folder.result_of(run) is None:
                self.done.append(key)
                values = values_of(run)
                put(self.folder, run, growth_and_dose(values, np.random.default_rng(int(values["seed"]))))
        return set(keys)

    def drop(self) -> None:
        self._waiting.clear()


@pytest.mark.parametrize("ahead", [3, 17])
def test_the_result_is_the_same_whoever_is_done_first(ahead: int, straight: Posterior, tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    crew = Shuffled(folder.simulations, ahead, seed=ahead)
    smc.search(folder, crew)
    assert same(read_posterior(folder), straight)
    assert len(crew.done) == len(set(crew.done)) > straight.generations["tried"].sum()  # some in vain


def test_another_seed_gives_other_particles(straight: Posterior, tmp_path: Path) -> None:
    other = calibrated(laid_out(tmp_path, CALIBRATION.replace("seed: 3", "seed: 4")))
    assert not set(other.table["growth"]) & set(straight.table["growth"])


def test_random_numbers_of_the_caller_are_left_alone(tmp_path: Path) -> None:
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random(2)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    found = [np.random.random()]  # noqa: NPY002
    calibrated(laid_out(tmp_path, CALIBRATION.replace("generations: 4", "generations: 1")))
    assert [*found, np.random.random()] == list(expected)  # noqa: NPY002


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("after", [5, 60])
def test_cut_short_and_resumed_it_ends_as_it_would_have(after: int, straight: Posterior, tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    before = Instead(growth_and_dose, after, interrupt)
    with pytest.raises(KeyboardInterrupt):
        calibrate(folder, workers=0, quiet=True, performer=before)
    later = Instead(growth_and_dose)
    assert same(calibrated(laid_out(tmp_path), later), straight)
    keys = [run.key for run in (*before.done, *later.done)]
    assert len(keys) == len(set(keys)) == straight.generations["tried"].sum()


KILLED = """\
import os, signal, sys
from pathlib import Path
from tests.unit.study.test_calibration import Instead, calibrated, growth_and_dose, laid_out
calibrated(laid_out(Path(sys.argv[1])), Instead(growth_and_dose, 50, lambda: os.kill(os.getpid(), signal.SIGKILL)))
"""


def test_killed_and_resumed_it_ends_as_it_would_have(straight: Posterior, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    later = Instead(growth_and_dose)
    assert same(calibrated(laid_out(tmp_path), later), straight)
    assert len(later.done) == straight.generations["tried"].sum() - 50


def test_one_that_is_done_does_nothing_more_and_more_generations_go_on(straight: Posterior, tmp_path: Path) -> None:
    fewer = calibrated(laid_out(tmp_path, CALIBRATION.replace("generations: 4", "generations: 2")))
    assert len(fewer.generations) == 2
    performer = Instead(growth_and_dose)
    assert same(calibrated(laid_out(tmp_path), performer), straight)
    assert len(performer.done) == straight.generations["tried"][2:].sum()
    performer.done.clear()
    assert same(calibrated(laid_out(tmp_path), performer), straight)
    assert performer.done == []


def test_another_file_in_the_same_folder_begins_anew_but_repeats_no_run(tmp_path: Path) -> None:
    first = Instead(growth_and_dose)
    calibrated(laid_out(tmp_path, CALIBRATION.replace("generations: 4", "generations: 1")), first)
    second = Instead(growth_and_dose)
    changed = CALIBRATION.replace("generations: 4", "generations: 1").replace("value: 15 %", "value: 10 %").replace("size: 24", "size: 30")
    folder = laid_out(tmp_path, changed)
    assert not folder.history.exists()
    calibrated(folder, second)
    assert len(second.done) == 6
    assert len(list(folder.history.parent.iterdir())) == 2


def test_two_cannot_drive_one_calibration(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    with folder.held():
        with pytest.raises(InputError, match="is being written by this process"):
            calibrate(folder, workers=0)
        with pytest.raises(InputError, match="is being written by this process"):
            laid_out(tmp_path)


def test_a_damaged_history_is_told(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    folder.history.write_bytes(b"not a database" * 100)
    with pytest.raises(RunError, match=r"\.db: cannot be used: file is not a database; remove it"):
        calibrated(folder)


def test_a_history_cut_short_at_its_beginning_is_begun_again(straight: Posterior, tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    folder.history.touch()
    assert same(calibrated(folder), straight)


def test_particles_that_cannot_be_simulated_are_not_accepted(tmp_path: Path) -> None:
    class Failing(Instead):
        def __call__(self, folder: StudyFolder, run: Run, watch: Watcher | None) -> Outcome:
            if values_of(run)["blasts.net_growth"] > 0.16:
                return put(folder, run, None)
            return super().__call__(folder, run, watch)

    found = calibrated(laid_out(tmp_path), Failing(growth_and_dose))
    assert (found.table["growth"] <= 0.16).all()
    assert found.generations["tried"][0] > 24


def test_if_none_can_be_simulated_that_is_told(tmp_path: Path) -> None:
    def failing(folder: StudyFolder, run: Run, watch: Watcher | None) -> Outcome:
        return put(folder, run, None)

    folder = laid_out(tmp_path, CALIBRATION + "least_acceptance: 0.5\n")
    with pytest.raises(InputError, match="have a distance from the targets: 48 runs failed, the first: "):
        calibrate(folder, workers=0, quiet=True, performer=failing)


def test_a_generation_that_accepts_too_few_is_given_up(tmp_path: Path) -> None:
    def noise_alone(values: Mapping[str, float], noise: np.random.Generator) -> dict[str, float | None]:
        return {"mrd_day0.25": noise.random(), "car_t_blood_max": 1e7}

    folder = laid_out(tmp_path, CALIBRATION + "least_acceptance: 0.4\n")
    found = calibrated(folder, Instead(noise_alone))
    assert 1 < len(found.generations) < 4
    assert f"Ended after {len(found.generations)} of 4 generations: too few particles were accepted" in found.text()
    repeated = Instead(noise_alone)
    assert same(calibrated(folder, repeated), found)
    assert repeated.done == []


SMALL = CALIBRATION.replace("population_size: 24", "population_size: 2").replace("generations: 4", "generations: 2")


def test_workers_of_a_scheduler_give_what_this_process_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, SMALL)
    assert main(["study", "calibrate", str(path), "-o", str(tmp_path / "here"), "--workers", "0"]) == 0
    told = capsys.readouterr()
    assert "1 run a particle, about" in told.err
    assert "growth: 2 generations of 2 particles" in told.out
    assert main(["study", "calibrate", str(path), "-o", str(tmp_path / "there"), "--workers", "2", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert same(read_posterior(CalibrationFolder(tmp_path / "there")), read_posterior(CalibrationFolder(tmp_path / "here")))
