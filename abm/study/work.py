# SPDX-License-Identifier: Apache-2.0
"""One run of a study: begun, taken up where it was cut short, and put in its place when it is done.

Whoever executes a study calls :func:`perform`: this process, a worker of a scheduler, or a task of a job array.
"""

from __future__ import annotations

import errno
import gc
import math
import shutil
import time
import traceback
from pathlib import Path
from typing import Any, Literal, NamedTuple

from abm import provenance
from abm.clinic import ENDPOINTS, Courses
from abm.continuation import resume
from abm.errors import AbmError, InputError
from abm.machine import peak_memory, require_disk, reset_peak_memory
from abm.model import TherapyModel, Watcher
from abm.sizing import estimate
from abm.study.folder import TRAJECTORY, Run, StudyFolder
from abm.study.outputs import outputs_of
from abm.trajectory import Trajectory
from abm.trajectory.disk import FULL, write_error
from abm.trajectory.lock import BEAT_SECONDS, Holder, acquire, beat, live_holder, release

Status = Literal["finished", "failed", "there", "busy"]
COMMAND = "abm study run"
_OF_THE_DISK = {*FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}


class Outcome(NamedTuple):
    """What became of a run.

    Parameters
    ----------
    number : int
        Its row in the design.
    status : {"finished", "failed", "there", "busy"}
        Done now, failed now, done before, or under way in another process.
    seconds : float
        Wall time it took now [s].
    error : str
        Of one that failed, its first line.
    """

    number: int
    status: Status
    seconds: float = 0.0
    error: str = ""


def perform(folder: StudyFolder, run: Run, watch: Watcher | None = None) -> Outcome:
    """Do a run, unless it is done; what goes wrong in it is its result.

    Parameters
    ----------
    folder : StudyFolder
    run : Run
    watch : callable, optional
        Called after each simulated hour, with the model. If it raises, the run keeps its state and is taken up by who
        performs it next; the exception goes on.

    Raises
    ------
    InputError
        The study is run with another version of the code, or of another package that it uses.
    RunError
        Its folder cannot be written; the run keeps what there is of it.
    """
    try:
        return _perform(folder, run, watch)
    except OSError as error:
        raise write_error(error, f"doing run {run.number} of {folder.path}", "what is done is safe") from error


def _perform(folder: StudyFolder, run: Run, watch: Watcher | None) -> Outcome:
    start = time.perf_counter()
    folder.require_version()
    folder.require_same(run)
    if folder.result_of(run) is not None:
        return Outcome(run.number, "there")
    work = folder.work_of(run)
    work.mkdir(parents=True, exist_ok=True)
    try:
        mine = acquire(work)
    except InputError:
        return Outcome(run.number, "busy")
    try:
        if folder.result_of(run) is not None:  # in the meantime
            shutil.rmtree(work, ignore_errors=True)
            return Outcome(run.number, "there")
        if live_holder(work / TRAJECTORY) is not None:  # by hand, or on a machine that was silent for long
            return Outcome(run.number, "busy")
        gc.collect()  # a model is a ring of references: the one of the run before may still be there
        processor = time.process_time()
        reset_peak_memory()
        outcome: Status = "finished"
        try:
            result = _simulate(folder, run, beating(work, mine, watch))
        except Exception as error:
            trouble = disk_trouble(error)
            if trouble is not None:  # another exception: one that is its own cause, or that of its cause, hangs who looks for the first
                raise OSError(trouble.errno, trouble.strerror, trouble.filename) from error
            outcome, result = "failed", _failure(error)
        result["cost"] = {
            "seconds": round(time.perf_counter() - start, 3),
            "cpu_seconds": round(time.process_time() - processor, 3),
            "peak_mb": round(peak_memory() / 1e6, 1),
            **result.get("cost", {}),
        }
        result |= {"status": outcome, "settings": list(run.settings), "made_by": provenance.collect(0, 1, COMMAND)["software"]}
        kept = work / TRAJECTORY
        folder.publish(run, result, kept if outcome == "finished" and folder.study.keep != "nothing" else None)
        return Outcome(run.number, outcome, time.perf_counter() - start, result.get("error", ""))
    finally:
        release(work, mine)


def _simulate(folder: StudyFolder, run: Run, watch: Watcher | None) -> dict[str, Any]:
    with _trajectory_of(folder, run, watch) as trajectory:
        courses, seed = Courses(trajectory.observables), int(trajectory.provenance["seed"])
        every = {name: item.value(courses) for name, item in ENDPOINTS.items()}
        outputs = {**every, **outputs_of(courses, folder.study.outputs, seed)}
        return {
            "outputs": {name: value if math.isfinite(value) else None for name, value in outputs.items()},
            "digest": trajectory.noted_digest,
            "cost": {"file_mb": round(trajectory.path.stat().st_size / 1e6, 3)},
        }


def _trajectory_of(folder: StudyFolder, run: Run, watch: Watcher | None) -> Trajectory:
    """Return the finished trajectory of a run: found, carried on, or made from its start."""
    path = folder.work_of(run) / TRAJECTORY
    threads = folder.study.resources.threads
    scenario = folder.scenario_of(run)
    try:
        require_disk(path, estimate(scenario.scenario, run.until_days).disk_bytes)
    except InputError as error:  # of the disk, not of the run
        raise OSError(errno.ENOSPC, str(error)) from None
    if path.exists():
        try:
            found = Trajectory.open(path)
            if found.status == "finished":
                return found
            found.close()
            return resume(path, threads=threads, command=COMMAND, watch=watch)
        except AbmError as error:
            if disk_trouble(error) is not None:
                raise
        # damaged, or of another time: everything of it can be made again
        path.unlink(missing_ok=True)
        shutil.rmtree(path.with_name(f"{path.name}.parts"), ignore_errors=True)
    model = TherapyModel(scenario, threads=threads)
    made = model.run(path, until_days=run.until_days, overwrite=True, command=COMMAND, watch=watch)
    assert made is not None
    return made


def disk_trouble(error: BaseException) -> OSError | None:
    """Return what the system said of the disk, if that is why something failed: it is no result of a run."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _OF_THE_DISK:
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _failure(error: Exception) -> dict[str, Any]:
    first = f"{type(error).__name__}: {error}" if not isinstance(error, AbmError) else str(error)
    return {"error": first.splitlines()[0] if first else type(error).__name__, "traceback": traceback.format_exc()}


def beating(work: Path, mine: Holder, watch: Watcher | None) -> Watcher:
    """Return a watcher that tells other machines now and then that the run goes on."""
    beaten = time.monotonic()

    def watched(model: TherapyModel) -> None:
        nonlocal beaten
        if time.monotonic() - beaten >= BEAT_SECONDS:
            beat(work, mine)
            beaten = time.monotonic()
        if watch is not None:
            watch(model)

    return watched
