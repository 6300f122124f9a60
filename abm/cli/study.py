# SPDX-License-Identifier: Apache-2.0
"""``abm study``: many runs of one scenario, planned, executed, collected and analysed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abm.cli.calibrate import calibrate
from abm.cli.completing import YAML_FILES
from abm.cli.options import Command, Overwrite, Quiet
from abm.cli.study_analysis import commands as analyses

if TYPE_CHECKING:
    import pandas as pd

    from abm.study.folder import StudyFolder
    from abm.study.results import Study

File = Annotated[Path, typer.Argument(metavar="STUDY", help="The study, a YAML file.", autocompletion=YAML_FILES)]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the study.")]
Where = Annotated[
    str,
    typer.Option(
        "--cluster", metavar="WHERE",
        help="local: this machine; an address such as tcp://10.0.0.1:8786: the Dask scheduler there; a YAML file: jobs of a batch system.",
    ),
]  # fmt: skip
Workers = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Runs at a time on this machine; 0: one after the other in this process.")
]

app = typer.Typer(name="study", no_args_is_help=True, rich_markup_mode=None, help="Run, follow and analyse parameter studies.")


def _plan(
    study: File,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Runs at a time.")] = 1,
) -> None:
    """Check a study, and tell its number of runs, and the time and disk that it will need."""
    from abm.study.declaration import read_study
    from abm.study.plan import plan

    loaded = read_study(study)
    typer.echo(f"{study}: valid; {plan(loaded.model, loaded.model.base(loaded.files[0].parent)).text(workers)}")


def _run(
    study: File,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder of the study; it is made.")],
    where: Where = "local",
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Execute a study.

    A folder that holds a study already is brought up to date: runs that are done and still wanted are not done again. Ctrl-C
    keeps the states of the runs under way; abm study resume goes on. A run that fails is recorded, the others are done, and the
    command ends with code 1.
    """
    from abm.study.declaration import read_study
    from abm.study.folder import StudyFolder

    _execute(StudyFolder.lay_out(read_study(study), output), output, where, workers, quiet)


def _resume(folder: Folder, where: Where = "local", workers: Workers = None, quiet: Quiet = False) -> None:
    """Go on with a study that was cut short, here or elsewhere."""
    from abm.study.folder import StudyFolder

    found = StudyFolder(folder)
    found.adopt()
    _execute(found, folder, where, workers, quiet)


def _execute(folder: StudyFolder, named: Path, where: str, workers: int | None, quiet: bool) -> None:
    from abm.errors import RunError
    from abm.study.driving import drive
    from abm.study.results import Study
    from abm.study.serial import tally

    if folder.superseded and not quiet:
        words = f"{folder.superseded} runs of another version of abm stay in the folder, but do not count: this one does all"
        typer.echo(words, err=True)
    outcomes = drive(folder, where, workers, quiet=quiet)
    study = Study(folder)
    table = study.collect()
    if not quiet:
        typer.echo(f"{tally(outcomes)}")
        typer.echo(_counts(study, table))
        typer.echo(f"wrote {named / 'table.parquet'}, a row for each of {len(table)} runs; results {study.digest(table)[:12]}")
    if failed := study.failed(table):
        run, result = failed[0]
        told = f"{len(failed)} of {len(table)} runs failed, the first of them run {run.number}: {result['error']}"
        raise RunError(f"{told}\nabm study status tells of all of them, abm study retry-failed does them again")


def _status(folder: Folder) -> None:
    """Tell how far a study has come, and which runs failed."""
    from abm.study.results import Study

    study = Study.open(folder)
    table = study.table()
    typer.echo(f"{study.declaration.name}: {_counts(study, table)}")
    for run, result in study.failed(table):
        typer.echo(f"run {run.number}: {result['error']}")


def _counts(study: Study, table: pd.DataFrame) -> str:
    return ", ".join(f"{count} {status}" for status, count in study.counts(table).items() if count)


def _collect(
    folder: Folder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A copy elsewhere, .csv or .parquet.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the table of a study, a row per run, done or not; also while it goes on."""
    from abm.study.results import Study

    study = Study.open(folder)
    table = study.table()
    if output is not None:
        from abm.study.tables import write_table

        write_table(table, output, overwrite=overwrite)  # first: the folder may be one that can only be read
        typer.echo(f"wrote {output}")
    study.keep(table)
    typer.echo(f"wrote {folder / 'table.parquet'}: {_counts(study, table)}; results {study.digest(table)[:12]}")


def _retry_failed(folder: Folder, where: Where = "local", workers: Workers = None, quiet: Quiet = False) -> None:
    """Do the runs that failed once more."""
    from abm.study.folder import StudyFolder
    from abm.study.results import Study

    found = StudyFolder(folder)
    found.require_version()
    count = Study(found).retry_failed()
    if count:
        _execute(found, folder, where, workers, quiet)
    else:
        typer.echo("no run has failed")


def _export_slurm(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A study, a YAML file, or the folder of one.", autocompletion=YAML_FILES)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="The folder of the study; it is made.")
    ] = None,
    tasks: Annotated[int | None, typer.Option(min=1, metavar="N", help="Tasks of the array; by the expected time if not given.")] = None,
    at_a_time: Annotated[int | None, typer.Option(min=1, metavar="N", help="Most tasks that run at once.")] = None,
    site: Annotated[
        Path | None, typer.Option("--cluster", metavar="FILE", help="Queue, account, walltime, memory, directives, prologue: a YAML file.")
    ] = None,
) -> None:
    """Write a job array that executes a study, for sites that allow no workers that wait for work."""
    from abm.errors import InputError
    from abm.study.array import export_array
    from abm.study.declaration import read_study
    from abm.study.folder import StudyFolder
    from abm.study.site import read_site

    if study.is_dir():
        folder = StudyFolder(study)
        folder.adopt()
    elif output is None:
        raise InputError("--output FOLDER is needed, in which the study is laid out")
    else:
        folder = StudyFolder.lay_out(read_study(study), output)
    made = export_array(folder, tasks=tasks, at_a_time=at_a_time, site=None if site is None else read_site(site))
    typer.echo(f"{made.tasks} tasks of up to {made.runs_per_task} runs, {made.minutes} minutes each")
    typer.echo(f"submit with: sbatch {shlex.quote(str(made.script))}; then: abm study status {shlex.quote(str(folder.path))}")


def _slice(
    folder: Folder,
    task: Annotated[int, typer.Option(min=0, metavar="K", help="Number of the task, from 0.")],
    of: Annotated[int, typer.Option(min=1, metavar="N", help="Number of tasks.")],
) -> None:
    """Do the runs of one task of a job array.

    Ends with code 75 after a warning (SIGUSR1): the task is to be queued again.
    """
    from abm.errors import InputError
    from abm.study.driving import drive_slice

    if task >= of:
        raise InputError(f"--task: must be at most {of - 1}, got {task}")
    code = drive_slice(folder, task, of)
    if code:
        raise typer.Exit(code)


_EXAMPLES = {
    "plan": "  abm study plan doses.yaml --workers 8",
    "run": """\
  abm study run doses.yaml -o doses                            # on all cores
  abm study run doses.yaml -o doses --cluster tcp://10.0.0.1:8786
  abm study run doses.yaml -o doses --cluster site.yaml        # jobs of a batch system""",
    "resume": "  abm study resume doses --workers 4",
    "status": "  abm study status doses",
    "collect": "  abm study collect doses -o doses.csv",
    "retry-failed": "  abm study retry-failed doses",
    "export-slurm": """\
  abm study export-slurm doses.yaml -o doses --tasks 100 --at-a-time 20
  sbatch doses/array.sbatch""",
    "slice": "  abm study slice doses --task 3 --of 100",
}
commands = [
    Command(name, function, f"\b\nExamples:\n{_EXAMPLES[name]}\n")
    for name, function in (
        ("plan", _plan),
        ("run", _run),
        ("resume", _resume),
        ("status", _status),
        ("collect", _collect),
        ("retry-failed", _retry_failed),
        ("export-slurm", _export_slurm),
        ("slice", _slice),
    )
]
for command in (*commands, *analyses, calibrate):
    app.command(command.name, epilog=command.examples)(command.function)
