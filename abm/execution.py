# SPDX-License-Identifier: Apache-2.0
"""Running a scenario as the command line does: progress, signals, replicates, and the summary."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from abm.celltypes import BLAST, CAR_T, CD19_NEGATIVE_BLAST, MATURE_B, PRE_B
from abm.errors import InputError, shown
from abm.machine import require_disk
from abm.model import TherapyModel, Watcher, check_end
from abm.playback.phrases import figure
from abm.playback.summary import summarise
from abm.progress import Progress
from abm.scenario import MAX_SEED, ScenarioFile, read_scenario
from abm.sizing import estimate, require_memory
from abm.trajectory import Trajectory, check_room

SEED_STRIDE = 1_000_003
"""Replicate k runs with seed + k times this prime: neighbouring seeds of a user stay apart."""
MOST_REPLICATES = 10_000


class Terminated(SystemExit):
    """The run was asked to end (SIGTERM, or SIGHUP of a closed terminal); the exit code says so as a shell would."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(128 + number)
        self._signal = signal.Signals(number).name

    def __str__(self) -> str:
        return f"ended by {self._signal}"


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
        The scenario or an argument cannot be used, or memory or disk have no room for the run.
    RunError
        A trajectory cannot be written.
    """
    loaded = read_scenario(scenario, overrides)
    first = loaded.scenario.seed if seed is None else seed
    if replicates > MOST_REPLICATES:
        raise InputError(f"--replicates: must be between 1 and {MOST_REPLICATES}, got {shown(replicates)}")
    if not 0 <= first + (replicates - 1) * SEED_STRIDE <= MAX_SEED:
        raise InputError(f"--seed: must be 0 to {MAX_SEED - (replicates - 1) * SEED_STRIDE}, got {first}")
    end = loaded.scenario.duration / 24 if until_days is None else until_days
    check_end(end, loaded.scenario.start / 24)
    paths = [Path(output)] if replicates == 1 else [_numbered(Path(output), k) for k in range(replicates)]
    for path in paths:  # before the first run, not days later
        check_room(path.resolve(), overwrite)
    require_memory(loaded.scenario)
    size = estimate(loaded.scenario, end)
    require_disk(paths[0], (replicates - 1) * size.file_bytes + size.disk_bytes)
    finished: list[Path] = []
    try:
        with _stoppable() as ends:
            for number, path in enumerate(paths):
                seed = first + number * SEED_STRIDE
                with _run_one(loaded, path, seed, threads, until_days, overwrite, quiet, ends) as trajectory:
                    finished.append(path)
                    if not quiet:
                        _tell(path, trajectory)
    except (KeyboardInterrupt, Terminated):
        if replicates > 1:
            names = ", ".join(str(path) for path in finished)
            _say(f"{len(finished)} of {replicates} replicates are finished{': ' if names else ''}{names}")
        raise
    return paths


def _run_one(
    loaded: ScenarioFile,
    path: Path,
    seed: int,
    threads: int | None,
    until_days: float | None,
    overwrite: bool,
    quiet: bool,
    ends: _Ends,
) -> Trajectory:
    end = loaded.scenario.duration / 24 if until_days is None else until_days

    def go(watch: Watcher) -> Trajectory:
        model = TherapyModel(loaded, seed, threads=threads)
        trajectory = model.run(path, until_days=end, overwrite=overwrite, command=sys.argv, watch=watch)
        assert trajectory is not None
        return trajectory

    return _watched(go, path, loaded.scenario.name, loaded.scenario.start / 24, end, quiet, ends)


def carry_on(
    source: Path, output: Path, go: Callable[[Watcher], Trajectory], *, until_days: float | None = None, quiet: bool, tell: bool = True
) -> None:
    """Resume, branch or make a run again as the command line does: with progress, signals, and the summary.

    Parameters
    ----------
    source : Path
        The trajectory to go on from.
    output : Path
        The one that is written.
    go : callable
        Does it, given who watches the model, and returns the trajectory.
    until_days : float, optional
        Day at which it ends; that of the source if not given [d].
    quiet, tell : bool
        Whether there is no progress, and whether there is a summary if there is.
    """
    with Trajectory.open(source) as before:
        name, start = str(before.provenance["scenario"]), before.first_day
        end = float(before.provenance["until_days"]) if until_days is None else until_days
    with _stoppable() as ends, _watched(go, output, name, start, end, quiet, ends) as trajectory:
        if tell and not quiet:
            _tell(output, trajectory)


def _watched(
    go: Callable[[Watcher], Trajectory], path: Path, label: str, start: float, end: float, quiet: bool, ends: _Ends
) -> Trajectory:
    seen: TherapyModel | None = None
    try:
        with Progress(end, label, quiet) as progress:
            progress.update(start, "laying out the marrow")

            def watch(model: TherapyModel) -> None:
                nonlocal seen
                seen = model
                if ends.wants_state():
                    model.keep_state()
                ends.check()
                progress.update(model.day, cells_text(model))

            return go(watch)
    except (KeyboardInterrupt, Terminated):
        _tell_where_it_stands(path, seen)
        raise


def _tell_where_it_stands(path: Path, model: TherapyModel | None) -> None:
    """Say how far an interrupted run got, and how to go on with it."""
    if model is None or not path.exists():
        _say("ended before anything was recorded")
    else:
        _say(f"ended at day {model.day:.1f}; what was recorded is in {path}; to go on: abm resume {shlex.quote(str(path))}")


def _tell(path: Path, trajectory: Trajectory) -> None:
    name = str(trajectory.provenance["scenario"])
    print(summarise(trajectory.observables, name, trajectory.events).text(), flush=True)
    print(_wrote(path, trajectory), flush=True)


def _wrote(path: Path, trajectory: Trajectory) -> str:
    """Say where the trajectory is, and how to see it where there is something to see."""
    if not any(len(trajectory.views(name)) > 1 for name in trajectory.header.compartments):
        return f"wrote {path}"
    words = ["abm", "play", str(path), "-o", str(path.with_suffix(".mp4"))]
    if path.with_suffix(".mp4").exists():
        words.append("--overwrite")
    return f"wrote {path}; see it with: {shlex.join(words)}"


def _say(message: str) -> None:
    """Write to standard error, if anybody still listens: a closed terminal must not change how a run ends."""
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)


def cells_text(model: TherapyModel) -> str:
    """Return the body's cells by kind in a few words, for a progress line."""
    stock = model.state.ledger.balance().sum(axis=1)
    car_t, blasts, negative = (float(stock[kind.code]) for kind in (CAR_T, BLAST, CD19_NEGATIVE_BLAST))
    b_cells = float(stock[PRE_B.code] + stock[MATURE_B.code])
    words = [f"CAR T {figure(car_t)}", f"blasts {figure(blasts)}", f"B {figure(b_cells)}"]
    if negative:
        words.insert(2, f"CD19- {figure(negative)}")
    return " · ".join(words)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}_{number:03d}{path.suffix}")


class _Ends:
    """Ends a run when a signal asks for it: while it is carried on, after the hour under way, with its state kept.

    A second signal ends it at once; later ones are held back while the recording is closed.
    """

    def __init__(self) -> None:
        self._asked: int | None = None
        self._running = False
        self._state_wanted = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._asked is not None and not self._running:
            _say("closing the recording; one moment, please")
        elif self._asked is not None or not self._running:
            self._asked, self._running = number, False
            self.check()
        else:
            self._asked = number
            _say("ending after the hour that is being simulated; once more ends at once")

    def keep_state(self, number: int, frame: FrameType | None) -> None:
        """Note that a checkpoint is asked for."""
        self._state_wanted = True

    def wants_state(self) -> bool:
        """Return whether a checkpoint was asked for since the last look."""
        wanted, self._state_wanted = self._state_wanted, False
        return wanted

    def check(self) -> None:
        """Raise what a signal asked for; again, if the exception got lost on its way."""
        self._running = self._asked is None
        if self._asked == signal.SIGINT:
            raise KeyboardInterrupt
        if self._asked is not None:
            raise Terminated(self._asked)


@contextmanager
def _stoppable() -> Iterator[_Ends]:
    """End at Ctrl-C, SIGTERM and SIGHUP with a trajectory that is closed properly; keep the state at SIGUSR1.

    A signal that is ignored stays so: SIGHUP under nohup, SIGINT in the background.
    """
    ends, before = _Ends(), {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"):  # the last two are unknown to Windows
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) in (signal.SIG_IGN, None):
            continue
        with suppress(ValueError):  # not in the main thread, where signals do not arrive
            before[number] = signal.signal(number, ends.keep_state if name == "SIGUSR1" else ends)
    try:
        yield ends
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
