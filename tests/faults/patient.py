# SPDX-License-Identifier: Apache-2.0
"""The run that is put through faults: a whole patient, tiny, that writes often; and what each task must end with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partialmethod
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abm.continuation import branch, resume
from abm.errors import AbmError
from abm.model import TherapyModel
from abm.scenario import ScenarioFile, read_scenario
from abm.trajectory import Trajectory, TrajectoryWriter, check, pack
from abm.trajectory.index import FINISHED, read_index
from abm.trajectory.schema import BEFORE_ALL, EVENTS
from abm.trajectory.source import Source
from abm.trajectory.standing import source_of_parts
from tests.small_scenarios import ROOT

SETTINGS = (
    "marrow.shape=[8, 8, 8]",
    "csf.shape=[8, 8, 4]",
    "start=-2 h",
    "treatments[0].day=-2 h",
    "record.view=2 h",
    "record.cells=2 h",
    "record.fields=3 h",
)
HALF, WHOLE = 0.03, 0.084
"""Days to which a run goes, and to which it is carried on: 43 minutes and two hours after the infusion."""
CUT_HOURS = 2
BRANCHED = 0.02
CHANGE = "treatments[2]={type: tocilizumab, day: 0.05}"
Contents = dict[str, tuple[NDArray[np.int64], dict[str, list[bytes]]]]


class Stop(Exception):
    """Ends a run from outside."""


@cache
def scenario() -> ScenarioFile:
    """Return the scenario; read once, so that forked processes need not."""
    return read_scenario(ROOT / "scenarios" / "quickstart.yaml", SETTINGS)


def write_often() -> None:
    """Close a segment at each recording, in this process."""
    TrajectoryWriter.__init__ = partialmethod(TrajectoryWriter.__init__, segment_bytes=1)  # type: ignore[method-assign, assignment]


def keep_often(model: TherapyModel) -> None:
    """Ask for a checkpoint each hour."""
    model.keep_state()


def run_to(path: Path, until: float, watch: Callable[[TherapyModel], None] = keep_often) -> None:
    run = TherapyModel(scenario(), threads=1).run(path, until_days=until, watch=watch, overwrite=True)
    assert run is not None
    run.close()


def resume_to(path: Path, until: float) -> None:
    resume(path, until_days=until, threads=1, watch=keep_often).close()


def branch_from(ancestor: Path, path: Path) -> None:
    branch(ancestor, path, at_day=BRANCHED, overrides=[CHANGE], threads=1, overwrite=True, watch=keep_often).close()


class Library:
    """Runs to begin with and to compare with, made without any fault.

    Parameters
    ----------
    folder : Path
        Where to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

        def stop(model: TherapyModel) -> None:
            keep_often(model)
            if model.steps == CUT_HOURS:
                raise Stop

        run_to(folder / "whole.h5", WHOLE)
        run_to(folder / "half.h5", HALF)
        with suppress(Stop):
            run_to(folder / "cut.h5", WHOLE, stop)
        branch_from(folder / "whole.h5", folder / "branch.h5")
        self.digests = {name: read_index(folder / f"{name}.h5").digest for name in ("whole", "branch")}
        self.contents = {name: contents_of(folder / f"{name}.h5") for name in ("whole", "branch")}

    def copy(self, name: str, path: Path) -> None:
        """Lay out a copy of a run, finished or not."""
        shutil.copy(self.folder / f"{name}.h5", path)
        parts = self.folder / f"{name}.h5.parts"
        if parts.exists():
            shutil.copytree(parts, path.with_name(f"{path.name}.parts"))

    def safe_tick(self, name: str) -> int:
        """Return up to when the records of a run stand if it is carried on: not what is there only because it is the end."""
        path = self.folder / f"{name}.h5"
        closing = read_index(path).closing
        with Trajectory.open(path) as found:
            last = max(int(series.ticks[-1]) for series in found._source.series.values())
        return last if closing is None else closing - 1


@dataclass(frozen=True)
class Task:
    """Something that writes a trajectory.

    Parameters
    ----------
    name : str
        For the table.
    go : callable
        Does it, given the library and the path.
    begins_with : str
        The run of the library that it carries on, or "".
    ends_with : str
        The run of the library that it must end with.
    """

    name: str
    go: Callable[[Library, Path], None]
    begins_with: str = ""
    ends_with: str = "whole"

    def lay_out(self, library: Library, path: Path) -> int:
        """Make the folder and what is there before; return up to which tick it may not be lost."""
        path.parent.mkdir(parents=True)
        if not self.begins_with:
            return BEFORE_ALL
        library.copy(self.begins_with, path)
        return library.safe_tick(self.begins_with)

    def go_on(self, library: Library, path: Path) -> None:
        """Go on after a fault: resume it, or begin anew where nothing had been recorded."""
        if path.exists():
            with Trajectory.open(path) as found:
                if found.status == "finished" and found.digest() == library.digests[self.ends_with]:
                    pack(path)  # the fault came after the end: what it has left beside the file goes
                    return
                can_go_on = bool(found._source.series) and (found.provenance["begins_at_tick"] == 0 or bool(found.checkpoint_days))
            if can_go_on:
                resume_to(path, WHOLE)
                return
        self.go(library, path)


TASKS = {
    task.name: task
    for task in (
        Task("a run", lambda library, path: run_to(path, WHOLE)),
        Task("a resumed run", lambda library, path: resume_to(path, WHOLE), begins_with="cut"),
        Task("a finished run carried on", lambda library, path: resume_to(path, WHOLE), begins_with="half"),
        Task("a branch", lambda library, path: branch_from(library.folder / "whole.h5", path), ends_with="branch"),
    )
}


def contents_of(path: Path) -> Contents:
    """Return of each series the ticks, and the bytes of each frame of each dataset."""
    source = Source([path]) if read_index(path).state == FINISHED else source_of_parts(path)
    found: Contents = {}
    try:
        for name, series in source.series.items():
            bounds = series.offsets if series.flat else np.arange(len(series.ticks) + 1)
            datasets = {}
            for item in series.datasets:
                if item != "frame_offset":
                    rows = source.read(name, item, 0, series.length(item))
                    edges = bounds if item not in ("tick", "time") else np.arange(len(series.ticks) + 1)
                    texts = series.datasets[item].dtype is None
                    cut = [rows[first:last] for first, last in pairwise(edges)]
                    datasets[item] = ["\0".join(frame).encode() if texts else frame.tobytes() for frame in cut]
            found[name] = (series.ticks, datasets)
    finally:
        source.close()
    return found


def audit(path: Path, expected: Contents, safe: int) -> tuple[str, list[str]]:
    """Look at what a fault has left: is it readable, and is everything there that was said to be safe?

    Returns
    -------
    str
        ``"not begun"``, or the status of the trajectory.
    list of str
        What is wrong: nothing, one hopes.
    """
    if not path.exists():
        return "not begun", [] if safe == BEFORE_ALL else [f"the file is gone, though tick {safe} was safe"]
    try:
        with Trajectory.open(path) as trajectory:
            status = trajectory.status
        found = contents_of(path)
        report = check(path)
    except AbmError as error:
        return "unreadable", [str(error)]
    problems = [] if report.ok else [f"abm check: {report.text()}"]
    for name, (ticks, datasets) in expected.items():
        # an event at a tick is of the step that begins with it, and recorded when that has ended
        due = int(np.searchsorted(ticks, safe, side="left" if name == EVENTS else "right"))
        there, values = found.get(name, (ticks[:0], {}))
        count = len(there) if status != "finished" else min(len(there), due)
        if count < due:
            problems.append(f"{name}: {due} frames were safe, {count} are there")
        if not np.array_equal(there[:count], ticks[:count]):
            problems.append(f"{name}: other ticks")
        problems += [f"{name}/{item}: other values" for item, frames in values.items() if frames[:count] != datasets[item][:count]]
    return status, problems
