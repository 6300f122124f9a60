# SPDX-License-Identifier: Apache-2.0
"""A study executed by workers of a Dask scheduler, on this machine or a cluster.

The unit of truth is the folder of the study. A scheduler only says who does what: a worker that is killed, a driver that is
killed, or a second driver cost at most the runs under way, and those go on from their last state.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any
from uuid import uuid4

from distributed import Client, Future, WorkerPlugin, wait
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from abm.errors import InputError, RunError
from abm.progress import Progress
from abm.study.folder import Run, StudyFolder
from abm.study.plan import packed, plan
from abm.study.serial import work_through
from abm.study.work import Outcome
from abm.trajectory.disk import write_error

TASK_SECONDS = 5.0
"""Expected time of a task [s]: long against what a scheduler costs (some ms), short against what is lost with a worker."""
TASKS_PER_WORKER = 4
"""At least, so that workers end at about the same time."""
LOOK_SECONDS = 0.5
"""Between two looks at what is done and whether to stop [s]."""
STOP_SECONDS = 60.0
"""Time that workers have to keep the states of their runs when the driver ends [s]."""
TASKS_AHEAD = 3
"""Tasks of each worker that the scheduler knows of: a worker that is done finds the next one waiting."""
BUSY_SECONDS = 1.0
"""Before runs that another process was at, such as a worker of a driver that was killed, are asked for again [s]."""
KILLED = "its workers were killed again and again while they were at it; too little memory?"
"""Error of a run that is given up."""
_closing = threading.Event()
_stopped: set[str] = set()


class KeepsStates(WorkerPlugin):  # type: ignore[misc]  # distributed has no types
    """Lets a worker that is closed, such as before the end of its job, end its runs with their states kept."""

    name = "abm keeps states"

    def setup(self, worker: Any) -> None:
        """Let the worker take runs; a plugin of an earlier driver was taken out before."""
        _closing.clear()

    def teardown(self, worker: Any) -> None:
        """Ask the runs to end."""
        _closing.set()


@dataclass
class Batch:
    """Runs of one task, and how often it was lost with its worker."""

    runs: list[Run]
    lost: int = 0


@dataclass
class Execution:
    """The driver of a study.

    Parameters
    ----------
    folder : StudyFolder
    client : distributed.Client
        Of the scheduler.
    workers : int
        Runs at a time, by which tasks are packed.
    quiet : bool
        Show no progress.
    """

    folder: StudyFolder
    client: Client
    workers: int
    quiet: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    _batches: dict[Any, Batch] = field(default_factory=dict)
    _name: str = ""

    def run(self, asked: Callable[[], bool] = lambda: False) -> list[Outcome]:
        """Do all runs that are not done.

        Parameters
        ----------
        asked : callable
            Whether to stop; looked at now and then. Workers then keep the states of their runs.

        Returns
        -------
        list of Outcome

        Raises
        ------
        RunError
            The folder cannot be written, or the scheduler is gone; what is done is safe.
        """
        done = self.folder.done()
        waiting = list({run.key: run for run in self.folder.runs if run.key not in done}.values())
        self.outcomes = []
        if not waiting:
            return []
        self.begin()
        size = packed_size(self.folder, len(waiting), self.workers)
        batches = [waiting[first : first + size] for first in range(0, len(waiting), size)]
        with Progress(len(waiting), self.folder.study.name, self.quiet, counted="runs") as progress:
            progress.update(0, self._text())
            self._work_through(batches, asked, lambda: progress.update(len(self.outcomes), self._text()))
            busy = {outcome.number for outcome in self.outcomes if outcome.status == "busy"}
            if busy and not asked():
                time.sleep(BUSY_SECONDS)
                self.outcomes = [outcome for outcome in self.outcomes if outcome.number not in busy]
                again = [[run] for run in waiting if run.number in busy]
                self._work_through(again, asked, lambda: progress.update(len(self.outcomes), self._text()))
        return self.outcomes

    def _work_through(self, batches: list[list[Run]], asked: Callable[[], bool], tell: Callable[[], None]) -> None:
        """Give tasks to the workers, some ahead of those that they are at, until all are done or it is asked to stop."""
        rest = iter(batches)
        ahead = TASKS_AHEAD * self.workers + 1
        while True:
            for runs in islice(rest, max(0, ahead - len(self._batches))):
                self.submit(runs)
            if not self._batches:
                return
            self.settle()
            tell()
            if asked():
                self.stop()
                return

    def begin(self) -> None:
        """Let the workers take runs, and keep the states of these when they are closed."""
        self._name = uuid4().hex
        self.client.register_plugin(KeepsStates())

    def submit(self, runs: Sequence[Run]) -> None:
        """Give runs to the workers, as one task."""
        self._submit(Batch([*runs]))

    def settle(self) -> list[Outcome]:
        """Wait a moment for tasks to be done; return what became of their runs.

        Raises
        ------
        RunError
            The folder cannot be written, or the scheduler is gone.
        """
        before = len(self.outcomes)
        try:
            for future in wait([*self._batches], LOOK_SECONDS, return_when="FIRST_COMPLETED").done:
                self._settle(future)
        except TimeoutError:
            pass
        except (CancelledError, CommClosedError):
            raise RunError("the scheduler is gone; what is done is safe, abm study resume goes on") from None
        return self.outcomes[before:]

    def drop(self) -> None:
        """Take back the tasks that no worker has begun; what becomes of the others is no longer told."""
        self.client.cancel([*self._batches], force=False)
        self._batches.clear()

    def stop(self) -> None:
        """Let the workers keep the states of their runs, and end."""
        with suppress(Exception):  # whoever is gone keeps nothing
            self.client.run(stop_work, self._name)
        with suppress(Exception):
            begun = {key for keys in self.client.processing().values() for key in keys}
            self.client.cancel([future for future in self._batches if future.key not in begun], force=False)
            left = [future for future in self._batches if future.key in begun]
            for future in wait(left, STOP_SECONDS).done if left else ():
                self.outcomes += future.result()
        self._batches.clear()

    def _submit(self, batch: Batch) -> None:
        future = self.client.submit(run_batch, str(self.folder.path), self.folder.stamp, batch.runs, self._name, pure=False)
        self._batches[future] = batch

    def _settle(self, future: Future) -> None:
        """Take the outcomes of a task; what was lost with its worker is done again."""
        batch = self._batches.pop(future)
        try:
            outcomes = future.result()
        except KilledWorker as error:
            if len(batch.runs) > 1 or not batch.lost:
                for run in batch.runs:
                    self._submit(Batch([run], batch.lost + 1))
            else:
                self._give_up(batch.runs[0], error)
        else:
            self.outcomes += outcomes
            if len(outcomes) < len(batch.runs):  # its worker was closed, as before the end of its job
                self._submit(Batch(batch.runs[len(outcomes) :]))

    def _give_up(self, run: Run, error: Exception) -> None:
        result = {"status": "failed", "error": KILLED, "traceback": str(error), "settings": list(run.settings), "cost": {}}
        try:
            self.folder.publish(run, result, None)
        except OSError as trouble:
            raise write_error(trouble, f"writing {self.folder.path}", "what is done is safe") from None
        self.outcomes.append(Outcome(run.number, "failed", 0.0, KILLED))

    def _text(self) -> str:
        failed = sum(outcome.status == "failed" for outcome in self.outcomes)
        return f"{failed} failed" if failed else ""


def packed_size(folder: StudyFolder, runs: int, workers: int) -> int:
    """Return how many runs of a study make a task."""
    wanted = folder.study.resources.runs_per_task
    if wanted is not None:
        return wanted
    size = packed(plan(folder.study, folder.base, folder.design).seconds, TASK_SECONDS, runs)
    return max(1, min(size, runs // (TASKS_PER_WORKER * workers)))


def run_batch(path: str, stamp: str, runs: Sequence[Run], driver: str) -> list[Outcome]:
    """Do the runs of a task for a driver; called in a worker.

    Raises
    ------
    RunError
        The study is not to be seen here, is another by now, or cannot be written.
    """
    folder = _opened(path, stamp)
    folder.require_stamp(stamp)
    return work_through(folder, runs, lambda: _closing.is_set() or driver in _stopped)


@lru_cache(maxsize=4)
def _opened(path: str, stamp: str) -> StudyFolder:
    """Return a study, read once by each worker as long as it is the same."""
    try:
        return StudyFolder(path)
    except InputError as error:
        raise RunError(f"worker on {socket.gethostname()}: {error}; do all machines share the folder?") from None


def stop_work(driver: str) -> None:
    """Let this process end the runs of a driver after the hour that is being simulated; called in a worker."""
    _stopped.add(driver)
