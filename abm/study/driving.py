# SPDX-License-Identifier: Apache-2.0
"""A study executed as the command line does: with progress and signals."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from abm.execution import Terminated
from abm.extensions import require_installed
from abm.progress import Progress
from abm.study.array import AGAIN
from abm.study.folder import StudyFolder
from abm.study.packages import study_packages
from abm.study.serial import ended_by_signals, slice_of, tally, work_through
from abm.study.work import Outcome


def drive(folder: StudyFolder, where: str = "local", workers: int | None = None, *, quiet: bool = False) -> list[Outcome]:
    """Do all runs of a study that are not done.

    Parameters
    ----------
    folder : StudyFolder
    where : str
        ``local``, the address of a scheduler, or a file that describes a cluster.
    workers : int, optional
        Runs at a time on this machine, all cores if not given; 0 does them one after the other in this process.
    quiet : bool
        Show no progress.

    Raises
    ------
    InputError
        The cluster cannot be used, or its workers would not know what the scenario uses.
    RunError
        The folder cannot be written; what is done is safe.
    KeyboardInterrupt, Terminated
        A signal ended it; the runs under way have kept their states.
    """
    folder.tidy()
    if folder.done().issuperset(run.key for run in folder.runs):
        return []
    if workers == 0:
        return _here(folder, quiet)
    require_installed(folder.base.scenario)
    with study_packages():
        from abm.study.clusters import connected
        from abm.study.execution import Execution

    with connected(where, workers, folder) as (client, at_a_time):
        execution = Execution(folder, client, at_a_time, quiet)
        with ended_by_signals() as ending:
            outcomes = execution.run(ending.asked)
        if ending.signal is not None:
            _end(folder, ending.signal, quiet)
        return outcomes


def _here(folder: StudyFolder, quiet: bool) -> list[Outcome]:
    done: list[Outcome] = []
    with ended_by_signals() as ending, Progress(len(folder.runs), folder.study.name, quiet, counted="runs") as progress:

        def tell(outcome: Outcome) -> None:
            done.append(outcome)
            progress.update(len(done))

        progress.update(0)
        outcomes = work_through(folder, folder.runs, ending.asked, tell)
        busy = {outcome.number for outcome in outcomes if outcome.status == "busy"}
        if busy and not ending.asked():  # those of a driver that was killed are free by now
            again = work_through(folder, [folder.runs[number] for number in sorted(busy)], ending.asked)
            outcomes = [outcome for outcome in outcomes if outcome.number not in busy] + again
    if ending.signal is not None:
        _end(folder, ending.signal, quiet)
    return [outcome for outcome in outcomes if outcome.status != "there"]


def drive_slice(path: Path, task: int, tasks: int) -> int:
    """Do the runs of one task of a job array; return the exit code.

    Parameters
    ----------
    path : Path
        The folder of the study.
    task, tasks : int
        Number of the task, and of all.

    Returns
    -------
    int
        0; 75 if the task was warned before its end and is to be queued again; 1 if a run of it was under way elsewhere.
    """
    folder = StudyFolder(path)
    folder.require_version()
    runs = slice_of(folder.runs, task, tasks)
    with ended_by_signals() as ending:
        outcomes = work_through(folder, runs, ending.asked, lambda outcome: print(_line(outcome), flush=True))
    print(f"{tally(outcomes)}; {len(runs) - len(outcomes)} left", flush=True)
    if ending.signal == getattr(signal, "SIGUSR1", None) and len(outcomes) < len(runs):
        return AGAIN
    if ending.signal is not None:
        return 128 + ending.signal
    return int(any(outcome.status == "busy" for outcome in outcomes))


def _line(outcome: Outcome) -> str:
    words = f"run {outcome.number}: {outcome.status}"
    if outcome.status in ("finished", "failed"):
        words += f" in {outcome.seconds:.1f} s"
    return f"{words}: {outcome.error}" if outcome.error else words


def _end(folder: StudyFolder, number: int, quiet: bool) -> None:
    if not quiet:
        print(f"ended; the runs under way have kept their states; to go on: abm study resume {folder.path}", file=sys.stderr, flush=True)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise Terminated(number)
