# SPDX-License-Identifier: Apache-2.0
"""Runs of a study one after the other in this process: a slice of a job array, or a study without workers."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from abm.model import TherapyModel, Watcher
from abm.study.folder import Run, StudyFolder
from abm.study.work import Outcome, perform

ENDING = ("SIGUSR1", "SIGTERM", "SIGINT", "SIGHUP")
"""Signals at which work ends after the hour that is being simulated; a batch system sends the first as a warning."""


class Stopped(BaseException):
    """Work is to end here; the run under way has kept its state."""


def stops_when(asked: Callable[[], bool]) -> Watcher:
    """Return what ends a run between two simulated hours, once it is asked to."""

    def watch(model: TherapyModel) -> None:
        if asked():
            raise Stopped

    return watch


def work_through(
    folder: StudyFolder,
    runs: Iterable[Run],
    asked: Callable[[], bool] = lambda: False,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Do runs one after the other.

    Parameters
    ----------
    folder : StudyFolder
    runs : iterable of Run
    asked : callable
        Whether to stop; looked at after each simulated hour.
    tell : callable
        Told of each that is done.

    Returns
    -------
    list of Outcome
        As many as were done before it was asked to stop.
    """
    outcomes: list[Outcome] = []
    try:
        for run in runs:
            if asked():
                break
            outcomes.append(perform(folder, run, stops_when(asked)))
            tell(outcomes[-1])
    except Stopped:
        pass
    return outcomes


def slice_of(runs: Sequence[Run], task: int, tasks: int) -> list[Run]:
    """Return the runs of one of several tasks: every so many-th, so that each has some of every part of the design."""
    return list(runs[task::tasks])


def tally(outcomes: Iterable[Outcome]) -> str:
    """Say how many runs came to what."""
    found: Counter[str] = Counter(outcome.status for outcome in outcomes)
    words = {"finished": "finished", "failed": "failed", "there": "done before", "busy": "under way elsewhere"}
    return ", ".join(f"{found[status]} {words[status]}" for status in words if found[status]) or "nothing to do"


class Ending:
    """Remembers the first signal that asked to end."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._asked = threading.Event()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self.signal = self.signal or number
        self._asked.set()

    def asked(self) -> bool:
        """Return whether one has come."""
        return self._asked.is_set()


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Catch the signals that ask to end; those that are ignored stay so."""
    ending, before = Ending(), {}
    for number in (getattr(signal, name) for name in ENDING if hasattr(signal, name)):
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            with suppress(ValueError):  # not in the main thread, where signals do not arrive
                before[number] = signal.signal(number, ending)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
