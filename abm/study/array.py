# SPDX-License-Identifier: Apache-2.0
"""A study as a plain job array of Slurm, for sites that allow no workers that wait for work.

Task k of n does every n-th run of the study, from the k-th on, and passes over what is done. A task that is warned before its
end keeps the state of its run and puts itself into the queue again.
"""

from __future__ import annotations

import math
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from abm.errors import InputError
from abm.study.folder import StudyFolder
from abm.study.plan import packed, plan
from abm.study.sharing import replace_shared
from abm.study.site import LOGS, Site
from abm.trajectory.disk import write_error

TASK_SECONDS = 900.0
"""Expected time of a task [s]: a batch system takes half a second or more for each."""
MOST_TASKS = 1000
"""Size of an array that Slurm allows by default (MaxArraySize 1001)."""
WARNING_SECONDS = 120
"""Before its end, when a task is warned [s]: an hour is simulated and the state written within seconds."""
SHORTEST_MINUTES = 3 * WARNING_SECONDS // 60
"""The least wall time that a site may give [min]: a task that is warned as it starts would never come to its runs."""
MARGIN = 3.0
"""Wall time that a task may take, to its expected time."""
LEAST_MINUTES = 30
"""The least wall time of a task [min]."""
AGAIN, TOO_EARLY = 75, 138
"""Exit codes of a task that is to be queued again: EX_TEMPFAIL, and that of one that was warned before it could take note (SIGUSR1)."""
SCRIPT = "array.sbatch"

_TEMPLATE = """\
#!/bin/bash
# {name}: {runs} runs in {tasks} tasks. Submit with: sbatch {script}
# What is done is never done again: submit it once more after a failure, or after the study has grown.
#SBATCH --job-name=abm-study
#SBATCH --array=0-{last}{limit}
#SBATCH --cpus-per-task={threads}
#SBATCH --mem={memory}
#SBATCH --time={time}
#SBATCH --signal=B:USR1@{warning}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={logs}
{directives}{prologue}
task= told=
tell() {{ told=$1; if [ -n "$task" ]; then sleep 1; kill -"$1" $task; fi; }}  # a process loses what comes before its first instruction
trap 'tell USR1' USR1
trap 'tell TERM' TERM
{python} -m abm study slice {folder} --task "$SLURM_ARRAY_TASK_ID" --of {tasks} &
task=$!
early=$told
told=
[ -z "$early" ] || tell $early  # it came between the two lines above
code=0
wait $task || code=$?
while [ -n "$told" ]; do told=; code=0; wait $task || code=$?; done  # a signal ends a wait, not the task
if [ $code -eq {again} ] || [ $code -eq {too_early} ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
"""


@dataclass(frozen=True)
class Array:
    """What was exported.

    Parameters
    ----------
    script : Path
    tasks, runs_per_task : int
    minutes : int
        Wall time of a task [min].
    """

    script: Path
    tasks: int
    runs_per_task: int
    minutes: int


def export_array(
    folder: StudyFolder, *, tasks: int | None = None, at_a_time: int | None = None, site: Site | None = None
) -> Array:
    """Write the script of a job array that does a study.

    Parameters
    ----------
    folder : StudyFolder
    tasks : int, optional
        Tasks of the array; by the expected time of the runs if not given.
    at_a_time : int, optional
        Most tasks that run at once; as many as the site lets if not given.
    site : Site, optional
        Queue, account, wall time, memory, directives and prologue of the site.

    Raises
    ------
    InputError
        More tasks than runs, or a site without Slurm.
    RunError
        It cannot be written.
    """
    runs = len(folder.runs)
    size = plan(folder.study, folder.base, folder.design)
    each = max(folder.study.resources.runs_per_task or packed(size.seconds, TASK_SECONDS, runs), math.ceil(runs / MOST_TASKS))
    tasks = tasks or math.ceil(runs / each)
    if tasks > min(runs, MOST_TASKS):
        words = f"{runs}, the runs of the study" if runs <= MOST_TASKS else f"{MOST_TASKS}, the largest array that Slurm takes by default"
        raise InputError(f"--tasks: must be at most {words}, got {tasks}")
    each = math.ceil(runs / tasks)
    minutes = max(LEAST_MINUTES, math.ceil(MARGIN * each * size.seconds / 60))
    memory = f"{max(500, math.ceil(1.5 * size.memory_bytes / 1e6))}M"
    directives, prologue = [], ""
    if site is not None:
        if site.cluster != "slurm":
            raise InputError(f"--cluster: an array is one of Slurm, the file describes {site.cluster!r}")
        minutes, memory = math.ceil(site.walltime * 60), f"{site.megabytes}M"
        if minutes < SHORTEST_MINUTES:
            words = f"{SHORTEST_MINUTES} min, as tasks are warned {WARNING_SECONDS} s before their end"
            raise InputError(f"--cluster: walltime must be at least {words}; got {minutes} min")
        directives += [f"--partition={_of_slurm(site.queue)}"] if site.queue else []
        directives += [f"--account={_of_slurm(site.account)}"] if site.account else []
        directives += site.directives
        prologue = "".join(f"{line}\n" for line in site.prologue)
    script = folder.path / SCRIPT
    logs = folder.path / LOGS
    text = _TEMPLATE.format(
        name=folder.study.name, runs=runs, tasks=tasks, script=shlex.quote(str(script)), last=tasks - 1,
        limit="" if at_a_time is None else f"%{at_a_time}", threads=folder.study.resources.threads, memory=memory,
        time=f"{minutes // 60:02d}:{minutes % 60:02d}:00", warning=WARNING_SECONDS,
        logs=_of_slurm(str(logs).replace("%", "%%") + "/%A_%a.log"),
        directives="".join(f"#SBATCH {line}\n" for line in directives), prologue=prologue,
        python=shlex.quote((site.python if site is not None else None) or sys.executable),
        folder=shlex.quote(str(folder.path)), again=AGAIN, too_early=TOO_EARLY,
    )  # fmt: skip
    try:
        logs.mkdir(exist_ok=True)
        replace_shared(script, text.encode())
    except OSError as error:
        raise write_error(error, f"writing {script}", "what is done is safe") from None
    return Array(script, tasks, each, minutes)


def _of_slurm(text: str) -> str:
    """Return a value as a directive of Slurm takes it, where spaces end a word."""
    return text if re.fullmatch(r"[\w./%@:+=,-]+", text) else '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
