# SPDX-License-Identifier: Apache-2.0
"""Sequential Monte Carlo for a calibration, by pyABC (Toni et al. 2009, J R Soc Interface 6:187; Schälte et al. 2022, JOSS 7:4304).

pyABC proposes particles, weighs them and keeps their generations. Three parts of it are replaced, so that the same file gives the
same posterior however many workers there are, when they are done, and how often the search was cut short:

- **The sampler.** Proposal number k of generation t is drawn from random numbers that depend on the seed, t and k alone, and a
  generation is the first particles in the order of k that are accepted, not those that were done first. Workers look ahead;
  what they did in vain stays in the folder. (pyABC's own parallel samplers seed each worker by the clock.)
- **The model.** It looks up the results of a particle's runs. If some are not there, it says which, and the proposal is tried again
  when they are: runs are done by whoever does those of studies.
- **The thresholds.** The median distance of the generation before, read from the history, so that a search that is taken up
  again goes on with the same one.

The first generation is of the prior. Particles have positions in the unit cube, where the prior is even; the kernel of proposals is
pyABC's, a normal density about a particle of the generation before.
"""

from __future__ import annotations

import hashlib
import logging
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyabc
from sqlalchemy.exc import DatabaseError

from abm.errors import RunError
from abm.study.calibration_folder import CalibrationFolder
from abm.study.folder import Run
from abm.study.simulators import Simulators
from abm.study.targets import Reading, distance

EVERY = sys.float_info.max
"""Threshold of the first generation: whatever could be simulated."""
NUMBER, VALUE, MISSING = "number", "value", "missing"
"""What the history keeps of a particle: its number among the proposals, and what the runs of each target came to."""

Tell = Callable[[int, int, int, float], None]
"""Told of generation, particles accepted, particles tried, and threshold."""


class NotSimulated(Exception):
    """Runs of a particle are not done yet."""

    def __init__(self, runs: Sequence[Run]) -> None:
        super().__init__(f"{len(runs)} runs are not done")
        self.runs = runs


class Results(pyabc.Model):  # type: ignore[misc]  # pyabc has no types
    """Looks up what the runs of a particle came to."""

    def __init__(self, folder: CalibrationFolder) -> None:
        super().__init__("abm")
        self.folder = folder
        self.number = 0
        """Of the proposal that is being tried."""

    def sample(self, pars: Any) -> dict[str, float]:
        """Return what the history keeps of a particle; without readings if its scenario could not be simulated.

        Raises
        ------
        NotSimulated
            Runs are not done yet.
        """
        positions = {factor.name: float(pars[_key(number)]) for number, factor in enumerate(self.folder.factors)}
        runs = self.folder.runs_of(self.folder.values_of(positions))
        waiting = {run.key: run for replicates in runs for run in replicates if self.folder.result_of(run) is None}
        if waiting:
            raise NotSimulated([*waiting.values()])
        kept = {NUMBER: float(self.number)}
        for number, reading in enumerate(self.folder.readings_of(runs) or ()):
            kept |= {f"{VALUE}{number}": reading.value, f"{MISSING}{number}": reading.missing}
        return kept


class Medians(pyabc.Epsilon):  # type: ignore[misc]
    """Thresholds: the median distance of the generation before, but not less than is near enough."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.least = least
        self.history: Any = None
        self._known: dict[int, float] = {0: EVERY}

    def __call__(self, t: int) -> float:
        """Return the threshold of a generation."""
        if t not in self._known:
            found = self.history.get_weighted_distances(t - 1)
            median = weighted_quantiles(found["distance"].to_numpy(), found["w"].to_numpy(), [0.5])[0]
            self._known[t] = max(float(median), self.least)
        return self._known[t]


class InOrder(pyabc.sampler.Sampler):  # type: ignore[misc]
    """Accepts particles in the order of their proposals, whoever simulates them and when."""

    def __init__(self, seed: int, results: Results, simulators: Simulators, tell: Tell, thresholds: Medians) -> None:
        super().__init__()
        self.seed = seed
        self.results = results
        self.simulators = simulators
        self.tell = tell
        self.thresholds = thresholds

    def sample_until_n_accepted(self, n: int, simulate_one: Callable[[], Any], t: int, *, max_eval: float = math.inf, **_: Any) -> Any:
        """Return the first particles that are accepted; fewer, and not ok, if these are not among ``max_eval``."""
        sample = self._create_empty_sample()
        ready: dict[int, Any] = {}
        waiting: dict[int, set[str]] = {}
        proposed = settled = 0

        def propose(number: int) -> None:
            try:
                ready[number] = self._tried(simulate_one, t, number)
            except NotSimulated as missing:
                waiting[number] = {run.key for run in missing.runs}
                self.simulators.submit(missing.runs)

        while sample.n_accepted < n and settled < max_eval:
            if proposed == settled:
                propose(proposed)
                proposed += 1
            if settled in ready:
                sample.append(ready.pop(settled))
                settled += 1
                self.tell(t, sample.n_accepted, settled, self.thresholds(t))
                continue
            # as many as workers wait for, unless enough of what is done already will be accepted
            while (
                self.simulators.under_way < self.simulators.ahead
                and proposed < max_eval
                and sample.n_accepted + sum(particle.accepted for particle in ready.values()) < n
            ):
                propose(proposed)
                proposed += 1
            done = self.simulators.settle()
            for number in [number for number, keys in waiting.items() if keys & done]:
                waiting[number] -= done
                if not waiting[number]:
                    del waiting[number]
                    ready[number] = self._tried(simulate_one, t, number, are_done=True)
            self.tell(t, sample.n_accepted, settled, self.thresholds(t))
        self.simulators.drop()
        self.nr_evaluations_ = settled
        sample.ok = sample.n_accepted >= n
        return sample

    def _tried(self, simulate_one: Callable[[], Any], t: int, number: int, *, are_done: bool = False) -> Any:
        """Return a proposal with its distance, whether it is accepted, and its weight."""
        self.results.number = number
        with random_numbers(self.seed, t, number):
            try:
                return simulate_one()
            except NotSimulated as missing:
                if not are_done:
                    raise
                for run in missing.runs:
                    self.results.folder.result_of(run, is_done=True)
        return self._tried(simulate_one, t, number)


@contextmanager
def random_numbers(seed: int, generation: int, number: int) -> Iterator[None]:
    """Let NumPy's global generator, from which pyABC and SciPy draw, depend on a seed, a generation and a proposal alone."""
    before = np.random.get_state()  # noqa: NPY002
    words = hashlib.sha256(f"{seed} {generation} {number}".encode()).digest()
    np.random.seed(np.frombuffer(words, dtype="<u4"))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def weighted_quantiles(values: Any, weights: Any, at: Sequence[float]) -> list[float]:
    """Return quantiles of weighted values, linear between the middles of their weights.

    Parameters
    ----------
    values, weights : ndarray of float64, shape (n,)
        Finite, and the sum of weights positive.
    at : sequence of float
        0 to 1.
    """
    order = np.lexsort((weights, values))
    ordered = weights[order] / weights.sum()
    middles = np.cumsum(ordered) - ordered / 2
    return [float(quantile) for quantile in np.interp(at, middles, values[order])]


def search(folder: CalibrationFolder, simulators: Simulators, tell: Tell = lambda *_: None) -> None:
    """Go on with a calibration until it ends.

    Parameters
    ----------
    folder : CalibrationFolder
    simulators : Simulators
        Who does the runs of particles.
    tell : callable
        Told of each step.

    Raises
    ------
    RunError
        The history cannot be read or written.
    Stopped
        It was asked to stop; what is done is safe.
    """
    logging.getLogger("ABC").setLevel(logging.WARNING)
    file = folder.file
    results, thresholds = Results(folder), Medians(file.least_epsilon)
    sampler = InOrder(file.seed, results, simulators, tell, thresholds)
    goals = folder.goals

    def off(simulated: dict[str, Any], _: dict[str, Any]) -> float:
        found = readings(simulated, len(goals))
        return math.inf if found is None else distance(goals, found, file.missing)

    priors = pyabc.Distribution({_key(number): pyabc.RV("uniform", 0.0, 1.0) for number in range(len(folder.factors))})
    found = pyabc.ABCSMC(
        results, priors, off, population_size=file.population_size, eps=thresholds, sampler=sampler,
        transitions=pyabc.MultivariateNormalTransition(), acceptor=pyabc.UniformAcceptor(),
    )  # fmt: skip
    try:
        begun = opened(folder.history)
        if begun is None:
            thresholds.history = found.new(address(folder.history), {})
            done = 0
        else:
            thresholds.history = found.load(address(folder.history), begun.id, {})
            done = begun.n_populations
        if done >= file.generations or (done and thresholds(done - 1) <= file.least_epsilon):
            return
        found.run(
            minimum_epsilon=file.least_epsilon, max_nr_populations=file.generations - done, min_acceptance_rate=file.least_acceptance
        )
    except DatabaseError as error:
        raise RunError(
            f"{folder.history}: cannot be used: {error.orig}; remove it and begin again: the runs are safe and are not repeated"
        ) from None


def opened(path: Path) -> Any:
    """Return the history of a calibration, None if no generation is done."""
    if not path.is_file():
        return None
    history = pyabc.History(address(path))
    return history if history.id is not None and history.n_populations > 0 else None


def readings(kept: dict[str, Any], targets: int) -> list[Reading] | None:
    """Return the readings of a particle from what the history keeps of it; None if it could not be simulated."""
    if f"{VALUE}0" not in kept:
        return None
    return [Reading(float(kept[f"{VALUE}{number}"]), float(kept[f"{MISSING}{number}"])) for number in range(targets)]


def address(path: Path) -> str:
    """Return the name of a file as that of a database."""
    return f"sqlite:///{path}"


def _key(number: int) -> str:
    """Return the name that pyABC has for a parameter: any name may stand in a file."""
    return f"p{number:03d}"
