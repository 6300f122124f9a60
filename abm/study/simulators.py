# SPDX-License-Identifier: Apache-2.0
"""Who does runs that are asked for one by one, as the search of a calibration goes on: this process, or workers of a scheduler."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from abm.errors import RunError
from abm.model import Watcher
from abm.study.folder import Run, StudyFolder
from abm.study.serial import Stopped, stops_when
from abm.study.work import Outcome, perform

if TYPE_CHECKING:
    from abm.study.execution import Execution

BUSY_SECONDS = 1.0
"""Before a run that another process is at, such as a worker of a driver that was killed, is asked for again [s]."""

Performer = Callable[[StudyFolder, Run, Watcher | None], Outcome]
"""What does a run and puts its result into the folder, as :func:`abm.study.work.perform`."""


class Simulators(Protocol):
    """Who does runs."""

    @property
    def ahead(self) -> int:
        """Runs that have to be under way for nobody to wait."""

    @property
    def under_way(self) -> int:
        """Runs that were asked for and are not done."""

    def submit(self, runs: Sequence[Run]) -> None:
        """Ask for runs; one that is under way is done once."""

    def settle(self) -> set[str]:
        """Wait a moment; return the keys of the runs that have been done.

        Raises
        ------
        RunError
            Results cannot be written, or workers are killed by what they are asked to do.
        Stopped
            The work was asked to end; the runs under way keep their states.
        """

    def drop(self) -> None:
        """Take back what has not been begun."""


class Here:
    """Does runs in this process, one after the other.

    Parameters
    ----------
    folder : StudyFolder
    asked : callable
        Whether to stop; looked at after each simulated hour.
    performer : callable
        What does a run; anything that puts a result into the folder will do.
    """

    ahead = 1

    def __init__(self, folder: StudyFolder, asked: Callable[[], bool] = lambda: False, performer: Performer = perform) -> None:
        self._folder = folder
        self._asked = asked
        self._performer = performer
        self._waiting: dict[str, Run] = {}

    @property
    def under_way(self) -> int:
        """Runs that were asked for and are not done."""
        return len(self._waiting)

    def submit(self, runs: Sequence[Run]) -> None:
        """Ask for runs."""
        self._waiting.update({run.key: run for run in runs})

    def settle(self) -> set[str]:
        """Do a run."""
        if self._asked():
            raise Stopped
        run = next(iter(self._waiting.values()))
        outcome = self._performer(self._folder, run, stops_when(self._asked))
        del self._waiting[run.key]
        if outcome.status == "busy":
            time.sleep(BUSY_SECONDS)
            self._waiting[run.key] = run
            return set()
        return {run.key}

    def drop(self) -> None:
        """Take back what has not been begun."""
        self._waiting.clear()


class Elsewhere:
    """Has runs done by the workers of a Dask scheduler.

    Parameters
    ----------
    execution : Execution
        Of the folder of the runs.
    killed : str
        Error of a run whose workers were killed.
    asked : callable
        Whether to stop.
    """

    def __init__(self, execution: Execution, killed: str, asked: Callable[[], bool] = lambda: False) -> None:
        self._execution = execution
        self._asked = asked
        self._runs: dict[int, Run] = {}
        self._killed = killed
        # a worker that is done finds the next run waiting
        self.ahead = execution.workers + math.ceil(execution.workers / 4)
        execution.begin()

    @property
    def under_way(self) -> int:
        """Runs that were asked for and are not done."""
        return len(self._runs)

    def submit(self, runs: Sequence[Run]) -> None:
        """Ask for runs, a task each."""
        for run in runs:
            if run.number not in self._runs:
                self._runs[run.number] = run
                self._execution.submit([run])

    def settle(self) -> set[str]:
        """Wait for workers."""
        if self._asked():
            self._execution.stop()
            raise Stopped
        done = set()
        for outcome in self._execution.settle():
            run = self._runs.pop(outcome.number)
            if outcome.error == self._killed:
                # of the machine, not of the particle: it must not decide what is accepted
                self._execution.folder.forget(run)
                raise RunError(f"{self._execution.folder.path}: a run could not be done: {outcome.error} What is done is safe.")
            if outcome.status == "busy":
                time.sleep(BUSY_SECONDS)
                self.submit([run])
            else:
                done.add(run.key)
        return done

    def drop(self) -> None:
        """Take back what has not been begun."""
        self._execution.drop()
        self._runs.clear()
