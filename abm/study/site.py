# SPDX-License-Identifier: Apache-2.0
"""The site file: a batch system, and the jobs in it that execute a study."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import Field

from abm.units import OneLine, Parameters, quantity
from abm.yamlfile import load

LOGS = "logs"
"""Folder, in that of the study, of what jobs say."""


class Site(Parameters):
    """A batch system, and the jobs in it that execute a study. A file of its own: the same study runs on a laptop."""

    cluster: Literal["slurm", "pbs", "lsf", "sge"] = Field(description="the batch system")
    jobs: int = Field(1, ge=1, le=10_000, description="jobs at a time")
    workers_per_job: int = Field(1, ge=1, le=1024, description="runs at a time in a job, which has as many cores (times threads of a run)")
    memory: OneLine = Field("2 GB", pattern=r"^\d+(\.\d+)? ?[MGT]B$", description="memory of a job, such as 8 GB")
    walltime: float = quantity(
        4, "h", bounds=(0.02, 720), about="after which a job ends; its runs keep their states, and another job takes them up",
        source="choice",
    )  # fmt: skip
    queue: OneLine | None = Field(None, description="queue or partition; that of the site if not given")
    account: OneLine | None = Field(None, description="account or project that pays")
    interface: OneLine | None = Field(None, description="network interface that connects nodes, such as ib0; the first if not given")
    directives: tuple[OneLine, ...] = Field((), description="further directives of the job script, such as --qos=low")
    prologue: tuple[str, ...] = Field((), description="lines of the job script before the worker starts, such as module load python")
    python: OneLine | None = Field(None, description="Python of the workers; the one that drives the study if not given")

    @property
    def megabytes(self) -> int:
        """Memory of a job [MB]."""
        return math.ceil(float(self.memory[:-2]) * {"M": 1, "G": 1000, "T": 1_000_000}[self.memory[-2]])


def read_site(path: str | Path) -> Site:
    """Read and check a site file.

    Raises
    ------
    InputError
        Everything that is wrong, one line each.
    """
    return load(path, Site).model
