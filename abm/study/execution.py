# SPDX-License-Identifier: Apache-2.0
"""A study executed by workers of a Dask scheduler, on this machine or a cluster.

The unit of truth is the folder of the study. A scheduler only says who does what: a worker that is killed, a driver that is
killed, or a second driver cost at most the runs under way, and those go on from their last state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from distributed import Client, Future, WorkerPlugin, wait
from distributed.scheduler import KilledWorker

from abm.errors import RunError
from abm.progress import Progress
from abm.study.folder import Run, StudyFolder
from abm.study.plan import packed, plan
from abm.study.serial import work_through
from abm.study.work import Outcome

TASK_SECONDS = 5.0
"""Expected time of a task [s]: long against what a scheduler costs (some ms), short against what is lost with a worker."""
TASKS_PER_WORKER = 4
"""At least, so that workers end at about the same time."""
LOOK_SECONDS = 0.5
"""Between two looks at what is done and whether to stop [s]."""
STOP_SECONDS = 60.0
"""Time that workers have to keep the states of their runs when the driver ends [s]."""
_stopping = threading.Event()


class KeepsStates(WorkerPlugin):  # type: ignore[misc]  # distributed has no types
    """Lets a worker that is closed, such as before the end of its job, end its runs with their states kept."""

    name = "abm keeps states"

    def teardown(self, worker: Any) -> None:
        """Ask the runs to end."""
        stop_work()


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
        self.client.run(start_work)
        self.client.register_plugin(KeepsStates())
        size = packed_size(self.folder, len(waiting), self.workers)
        for first in range(0, len(waiting), size):
            self._submit(Batch(waiting[first : first + size]))
        with Progress(len(waiting), self.folder.study.name, self.quiet, counted="runs") as progress:
            progress.update(0, self._text())
            while self._batches:
                with suppress(TimeoutError):
                    for future in wait([*self._batches], LOOK_SECONDS, return_when="FIRST_COMPLETED").done:
                        self._settle(future)
                progress.update(len(self.outcomes), self._text())
                if asked():
                    self._stop()
                    break
        return self.outcomes

    def _stop(self) -> None:
        """Let the workers keep the states of their runs, and end."""
        self.client.cancel([future for future in self._batches if future.status == "pending"], force=False)
        with suppress(Exception):  # whoever is gone keeps nothing
            self.client.run(stop_work)
            until = time.monotonic() + STOP_SECONDS
            while time.monotonic() < until and any(self.client.processing().values()):
                time.sleep(LOOK_SECONDS)

    def _submit(self, batch: Batch) -> None:
        future = self.client.submit(run_batch, str(self.folder.path), self.folder.stamp, batch.runs, pure=False)
        self._batches[future] = batch

    def _settle(self, future: Future) -> None:
        """Take the outcomes of a task; what was lost with its worker is done again."""
        batch = self._batches.pop(future)
        try:
            self.outcomes += future.result()
        except KilledWorker as error:
            if len(batch.runs) > 1 or not batch.lost:
                for run in batch.runs:
                    self._submit(Batch([run], batch.lost + 1))
            else:
                self._give_up(batch.runs[0], error)
        except OSError as error:
            raise RunError(f"{self.folder.path}: cannot be written: {error.strerror or error}; what is done is safe") from None

    def _give_up(self, run: Run, error: Exception) -> None:
        message = "its workers were killed again and again while they were at it; too little memory?"
        result = {"status": "failed", "error": message, "traceback": str(error), "settings": list(run.settings), "cost": {}}
        self.folder.publish(run, result, None)
        self.outcomes.append(Outcome(run.number, "failed", 0.0, message))

    def _text(self) -> str:
        failed = sum(outcome.status == "failed" for outcome in self.outcomes)
        return f"{failed} failed" if failed else ""


def packed_size(folder: StudyFolder, runs: int, workers: int) -> int:
    """Return how many runs of a study make a task."""
    wanted = folder.study.resources.runs_per_task
    if wanted is not None:
        return wanted
    size = packed(plan(folder.study, folder.base).seconds, TASK_SECONDS, runs)
    return max(1, min(size, runs // (TASKS_PER_WORKER * workers)))


def run_batch(path: str, stamp: int, runs: Sequence[Run]) -> list[Outcome]:
    """Do the runs of a task; called in a worker."""
    return work_through(_opened(path, stamp), runs, _stopping.is_set)


@lru_cache(maxsize=4)
def _opened(path: str, stamp: int) -> StudyFolder:
    """Return a study, read once by each worker; the stamp tells whether it has changed since."""
    return StudyFolder(path)


def stop_work() -> None:
    """Let this process end its runs after the hour that is being simulated; called in a worker."""
    _stopping.set()


def start_work() -> None:
    """Take back :func:`stop_work`: workers of a scheduler that stays may be used again."""
    _stopping.clear()

