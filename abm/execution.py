# SPDX-License-Identifier: Apache-2.0
"""Running a scenario as the command line does: progress, signals, replicates, and the summary."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from abm.celltypes import BLAST, CAR_T, CD19_NEGATIVE_BLAST, MATURE_B, PRE_B
from abm.errors import InputError
from abm.model import TherapyModel
from abm.playback.summary import summarise
from abm.progress import Progress
from abm.scenario import ScenarioFile, read_scenario
from abm.trajectory import Trajectory, check_room

SEED_STRIDE = 1_000_003
"""Replicate k runs with seed + k times this prime: neighbouring seeds of a user stay apart."""
MAX_SEED = 2**63 - 1


class Terminated(SystemExit):
    """The batch system or the user asked the run to end (SIGTERM); the exit code says so as a shell would."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)

    def __str__(self) -> str:
        return "ended by SIGTERM"


def run_scenario(
    scenario: str | Path,
    output: str | Path,
    *,
    seed: int | None = None,
    threads: int | None = None,
    until_days: float | None = None,
    overrides: Sequence[str] = (),
    replicates: int = 1,
    overwrite: bool = False,
    quiet: bool = False,
) -> list[Path]:
    """Run a scenario file once or several times, with progress on standard error and a summary on standard output.

    Parameters
    ----------
    scenario : path
        The YAML file.
    output : path
        Trajectory to write; replicates add ``_000``, ``_001`` and so on to its name.
    seed : int, optional
        In place of the scenario's.
    threads : int, optional
        Threads of the kernels; all cores if not given.
    until_days : float, optional
        Day to end at, in place of the scenario's [d].
    overrides : sequence of str
        ``path=value`` each.
    replicates : int
        Runs, each with a seed of its own.
    overwrite : bool
        Whether earlier trajectories there may be replaced.
    quiet : bool
        Neither progress nor summary.

    Returns
    -------
    list of Path
        The trajectories written.

    Raises
    ------
    InputError
        The scenario or an argument cannot be used.
    RunError
        A trajectory cannot be written.
    """
    loaded = read_scenario(scenario, overrides)
    first = loaded.scenario.seed if seed is None else seed
    if not 0 <= first + (replicates - 1) * SEED_STRIDE <= MAX_SEED:
        raise InputError(f"--seed: must be 0 to {MAX_SEED - (replicates - 1) * SEED_STRIDE}, got {first}")
    paths = [Path(output)] if replicates == 1 else [_numbered(Path(output), k) for k in range(replicates)]
    for path in paths:  # before the first run, not days later
        check_room(path.resolve(), overwrite)
    for number, path in enumerate(paths):
        with _run_one(loaded, path, first + number * SEED_STRIDE, threads, until_days, overwrite, quiet) as trajectory:
            if not quiet:
                print(summarise(trajectory.observables, loaded.scenario.name, trajectory.events).text())
                print(f"\nwrote {path}; see it with: abm play {path} -o {path.with_suffix('.mp4')}")
    return paths


def _run_one(
    loaded: ScenarioFile,
    path: Path,
    seed: int,
    threads: int | None,
    until_days: float | None,
    overwrite: bool,
    quiet: bool,
) -> Trajectory:
    end = loaded.scenario.duration / 24 if until_days is None else until_days
    model: TherapyModel | None = None
    try:
        with _terminable(), Progress(end, loaded.scenario.name, quiet) as progress:
            progress.update(loaded.scenario.start / 24, "laying out the marrow")
            model = TherapyModel(loaded, seed, threads=threads)
            trajectory = model.run(
                path,
                until_days=end,
                overwrite=overwrite,
                command=sys.argv,
                watch=lambda running: progress.update(running.day, cells_text(running)),
            )
    except (KeyboardInterrupt, Terminated):
        _tell_where_it_stands(path, model)
        raise
    assert trajectory is not None
    return trajectory


def _tell_where_it_stands(path: Path, model: TherapyModel | None) -> None:
    """Say how far an interrupted run got, and where its recording is."""
    if model is None or not path.exists():
        print("ended before anything was recorded", file=sys.stderr)
    else:
        print(f"ended at day {model.day:.1f}; what was recorded is in {path}: abm info {path}", file=sys.stderr)


def cells_text(model: TherapyModel) -> str:
    """Return the body's cells by kind in a few words, for a progress line."""
    stock = model.state.ledger.balance().sum(axis=1)
    car_t, blasts, negative = (float(stock[kind.code]) for kind in (CAR_T, BLAST, CD19_NEGATIVE_BLAST))
    b_cells = float(stock[PRE_B.code] + stock[MATURE_B.code])
    words = [f"CAR T {car_t:.2g}", f"blasts {blasts:.2g}", f"B {b_cells:.2g}"]
    if negative:
        words.insert(2, f"CD19- {negative:.2g}")
    return " · ".join(words)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}_{number:03d}{path.suffix}")


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that the trajectory is closed properly."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread, where signals do not arrive
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
