# SPDX-License-Identifier: Apache-2.0
"""How large a study will be: runs, time, disk, tasks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abm.errors import InputError
from abm.machine import size_text
from abm.progress import duration_text
from abm.scenario import ScenarioFile, scenario_from_text
from abm.sizing import FILE_BYTES, estimate
from abm.study.declaration import StudyFile, size_of
from abm.study.design import make_design, settings_of
from abm.study.folder import RECORDED
from abm.units import from_base

if TYPE_CHECKING:
    import pandas as pd

SAMPLED = 50
"""Points whose runs are estimated; the others are as they are on average."""
START_SECONDS = 0.15
"""Before and after the simulation of a run: its scenario read, its marrow laid out, its result written; measured on a small one."""
ROW_BYTES = 4096
"""Of a run of which nothing is kept: its result, in a block of the file system."""


@dataclass(frozen=True)
class Plan:
    """The size of a study.

    Parameters
    ----------
    points, runs : int
    seconds : float
        Expected processor time of a run [s].
    memory_bytes : float
        Most that a run needs [bytes].
    kept_bytes : float
        Of a run when it is done [bytes].
    work_bytes : float
        Of a run while it goes on [bytes].
    files : int
        Files and folders of the whole study.
    refused : tuple of str
        Of the points that were looked at, those whose values do not go together, and why.
    """

    points: int
    runs: int
    seconds: float
    memory_bytes: float
    kept_bytes: float
    work_bytes: float
    files: int
    refused: tuple[str, ...] = ()

    def text(self, workers: int) -> str:
        """Say it in a few lines.

        Parameters
        ----------
        workers : int
            Runs at a time.
        """
        whole = self.seconds * self.runs
        lines = [
            f"{self.points:,} points, {self.runs:,} runs",
            f"about {duration_text(self.seconds)} a run on one core; "
            f"{_hours(whole)} in all, {_hours(whole / workers)} by {workers} at a time",
            f"memory {size_text(self.memory_bytes)} a run",
            f"disk {size_text(self.kept_bytes * self.runs)} in {self.files:,} files and folders, "
            f"and {size_text(self.work_bytes * workers)} while runs go on",
        ]
        return "\n".join([*lines, *self.refused])


def plan(study: StudyFile, base: ScenarioFile, design: pd.DataFrame | None = None) -> Plan:
    """Estimate the size of a study from a sample of its points.

    Parameters
    ----------
    study : StudyFile
    base : ScenarioFile
        The scenario that is varied.
    design : pandas.DataFrame, optional
        That of the study, if it is at hand.
    """
    points = size_of(study)
    if design is None:
        design = make_design(study.model_copy(update={"replicates": 1}), base.scenario)
    chosen = design[design["replicate"] == 0].iloc[:: max(1, math.ceil(points / SAMPLED))]
    until = None if study.until is None else from_base(study.until, "d")
    sizes, refused = [], []
    for point, settings in zip(chosen["point"], settings_of(study, chosen, base.scenario), strict=True):
        try:
            scenario = scenario_from_text(base.resolved, "scenario", [*settings, *RECORDED[study.keep]])
        except InputError as error:
            refused.append(f"warning: point {point} will fail: {error}")
            continue
        sizes.append(estimate(scenario.scenario, until))
    seconds = math.fsum(size.seconds for size in sizes) / max(len(sizes), 1) + START_SECONDS
    file = math.fsum(size.file_bytes for size in sizes) / max(len(sizes), 1)
    runs = points * study.replicates
    return Plan(
        points=points,
        runs=runs,
        seconds=seconds,
        memory_bytes=max((size.memory_bytes for size in sizes), default=0.0),
        kept_bytes=ROW_BYTES + (0.0 if study.keep == "nothing" else file),
        work_bytes=max((size.disk_bytes for size in sizes), default=FILE_BYTES),
        files=runs * (2 if study.keep == "nothing" else 3),
        refused=tuple(refused),
    )


def packed(seconds: float, aim: float, runs: int, most_tasks: int = 1_000_000) -> int:
    """Return how many runs to put into one task, so that it takes about ``aim`` seconds and tasks are not too many."""
    return max(1, min(math.floor(aim / seconds), runs), math.ceil(runs / most_tasks))


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return duration_text(seconds) if hours < 100 else f"{float(f'{hours:.2g}'):,.0f} hours"
