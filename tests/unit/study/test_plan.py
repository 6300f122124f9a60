# SPDX-License-Identifier: Apache-2.0
"""How large a study will be, and the job array that does it."""

from __future__ import annotations

import os
import re
import signal as signals
import subprocess
from pathlib import Path

import pytest

from abm.errors import InputError
from abm.study import StudyFolder, read_study
from abm.study.array import export_array
from abm.study.clusters import job_options
from abm.study.plan import packed, plan
from abm.study.site import Site, read_site
from tests.small_studies import DOSES, laid_out, text_of, written

SITE = """\
cluster: slurm
memory: 1.5 GB
walltime: 90 min
queue: short
account: "lab 7"
directives: [--qos=low, --exclude=bad1]
prologue: [module load python, 'echo "it''s" on']
python: /opt/my python/bin/python
"""


def test_a_plan_counts_runs_time_and_disk(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, DOSES + "replicates: 4\n")).model
    base = study.base(tmp_path)
    found = plan(study, base)
    assert (found.points, found.runs, found.files, found.refused) == (3, 12, 36, ())
    assert 0 < found.seconds < 60
    lines = found.text(4).splitlines()
    assert lines[0] == "3 points, 12 runs"
    assert "by 4 at a time" in lines[1]
    assert plan(study, base, laid_out(tmp_path, DOSES + "replicates: 4\n").design) == found
    nothing = plan(study.model_copy(update={"keep": "nothing"}), base)
    assert nothing.kept_bytes < found.kept_bytes
    assert nothing.files == 24
    longer = plan(study.model_copy(update={"until": 240.0}), base)
    assert longer.seconds > found.seconds


def test_a_plan_tells_which_points_will_fail(tmp_path: Path) -> None:
    rest = "parameters:\n  - {path: blasts.marrow_fraction, values: [10 %, 60 %]}\n  - {path: effector_target_ratio, values: [0, 0.7]}\n"
    study = read_study(written(tmp_path, rest)).model
    found = plan(study, study.base(tmp_path))
    assert len(found.refused) == 1
    assert found.refused[0].startswith("warning: point 3 will fail: ")
    assert "at most 100 %" in found.text(1)


def test_runs_are_packed_into_tasks() -> None:
    assert packed(1.0, 5.0, 100) == 5
    assert packed(10.0, 5.0, 100) == 1
    assert packed(0.001, 5.0, 100) == 100
    assert packed(10.0, 5.0, 10_000, most_tasks=1000) == 10


def script_of(folder: StudyFolder, **options: object) -> str:
    return export_array(folder, **options).script.read_text(encoding="utf-8")  # type: ignore[arg-type]


def check_shell(path: Path) -> None:
    assert subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False).stderr == ""


def test_the_script_of_an_array(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, DOSES + "replicates: 4\nresources: {threads: 3}\n")
    made = export_array(folder, tasks=5, at_a_time=2)
    text = made.script.read_text(encoding="utf-8")
    check_shell(made.script)
    assert (made.tasks, made.runs_per_task, made.minutes) == (5, 3, 30)
    for line in (
        "#SBATCH --array=0-4%2",
        "#SBATCH --cpus-per-task=3",
        "#SBATCH --time=00:30:00",
        f"#SBATCH --output={folder.path}/logs/%A_%a.log",
    ):
        assert line in text.splitlines()
    assert f'-m abm study slice {folder.path} --task "$SLURM_ARRAY_TASK_ID" --of 5 &' in text
    assert (folder.path / "logs").is_dir()
    assert "partition" not in text
    assert max(index for index, line in enumerate(text.splitlines()) if line.startswith("#SBATCH")) < 14


def test_what_slurm_would_refuse_or_warn_at_once_is_refused(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, "replicates: 1500\n")
    with pytest.raises(InputError, match="--tasks: must be at most 1000, the largest array that Slurm takes by default, got 1200"):
        export_array(folder, tasks=1200)
    with pytest.raises(InputError, match="walltime must be at least 6 min"):
        export_array(folder, site=Site(cluster="slurm", walltime=0.05))


def test_a_site_decides_queue_memory_and_prologue(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    folder = laid_out(tmp_path)
    text = script_of(folder, site=read_site(tmp_path / "site.yaml"))
    check_shell(folder.path / "array.sbatch")
    lines = text.splitlines()
    for line in (
        "#SBATCH --partition=short",
        '#SBATCH --account="lab 7"',
        "#SBATCH --qos=low",
        "#SBATCH --exclude=bad1",
        "#SBATCH --mem=1500M",
    ):
        assert line in lines
    assert "#SBATCH --time=01:30:00" in lines
    assert (
        lines.index("module load python")
        < lines.index('echo "it\'s" on')
        < next(n for n, line in enumerate(lines) if "study slice" in line)
    )
    assert "'/opt/my python/bin/python' -m abm study slice" in text


@pytest.mark.parametrize("name", ["with space", "it's \"q\" $HOME; `x`", "ünï-µ back\\slash"])
def test_names_of_folders_reach_the_task_as_they_are(tmp_path: Path, name: str) -> None:
    folder = laid_out(tmp_path, DOSES, name)
    python = tmp_path / "p y"
    python.write_text(f"#!/bin/bash\nprintf '%s\\n' \"$@\" > {tmp_path}/said\n")
    python.chmod(0o755)
    made = export_array(folder, tasks=2, site=Site(cluster="slurm", python=str(python)))
    check_shell(made.script)
    subprocess.run(["bash", str(made.script)], env={**os.environ, "SLURM_ARRAY_TASK_ID": "1"}, check=True)
    said = (tmp_path / "said").read_text().splitlines()
    assert said == ["-m", "abm", "study", "slice", str(folder.path), "--task", "1", "--of", "2"]


def test_odd_folders_of_logs_are_quoted(tmp_path: Path) -> None:
    text = script_of(laid_out(tmp_path, DOSES, 'a "b" 5%'))
    assert f'#SBATCH --output="{tmp_path}/a \\"b\\" 5%%/logs/%A_%a.log"' in text.splitlines()


@pytest.mark.parametrize(("code", "queued", "ends"), [(0, False, 0), (75, True, 75), (138, True, 138), (1, False, 1), (143, False, 143)])
@pytest.mark.parametrize("signal", ["", "USR1", "TERM"])
def test_what_a_script_does_with_the_end_of_its_task(tmp_path: Path, code: int, queued: bool, ends: int, signal: str) -> None:
    folder = laid_out(tmp_path, DOSES)
    binary = tmp_path / "bin"
    binary.mkdir()
    trap = f"trap 'exit {code}' {signal}; touch {tmp_path}/ready; while :; do sleep 0.02; done" if signal else f"exit {code}"
    (binary / "python").write_text(f"#!/bin/bash\n{trap}\n")
    (binary / "scontrol").write_text(f'#!/bin/bash\necho "$@" > {tmp_path}/queued\n')
    for program in binary.iterdir():
        program.chmod(0o755)
    made = export_array(folder, tasks=1, site=Site(cluster="slurm", python=str(binary / "python")))
    environment = {**os.environ, "PATH": f"{binary}:{os.environ['PATH']}", "SLURM_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "0"}
    job = subprocess.Popen(["bash", str(made.script)], env=environment)
    if signal:
        while not (tmp_path / "ready").exists():
            pass
        subprocess.run(["kill", f"-{signal}", str(job.pid)], check=True)
    assert job.wait(120) == ends
    assert (tmp_path / "queued").exists() == queued
    if queued:
        assert (tmp_path / "queued").read_text() == "requeue 77\n"


@pytest.mark.parametrize("signal", ["USR1", "TERM"])
def test_a_signal_that_comes_before_the_task_is_known_reaches_it(tmp_path: Path, signal: str) -> None:
    made = export_array(laid_out(tmp_path, DOSES), tasks=1)
    text, placed = re.subn(r"^.* -m abm study slice .*&$", f"sleep 60 & kill -{signal} $$", made.script.read_text(), flags=re.MULTILINE)
    assert placed == 1
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "0"}
    (tmp_path / "scontrol").write_text("#!/bin/bash\n")
    (tmp_path / "scontrol").chmod(0o755)
    done = subprocess.run(["bash", "-c", text], env=environment, timeout=50, check=False)
    assert done.returncode == 128 + getattr(signals, f"SIG{signal}")


def test_an_array_is_refused(tmp_path: Path) -> None:
    folder = laid_out(tmp_path)
    with pytest.raises(InputError, match="--tasks: must be at most 3"):
        export_array(folder, tasks=4)
    with pytest.raises(InputError, match="'pbs'"):
        export_array(folder, site=Site(cluster="pbs"))


def test_an_array_is_not_larger_than_slurm_lets(tmp_path: Path) -> None:
    made = export_array(laid_out(tmp_path, "replicates: 2500\nresources: {runs_per_task: 1}\n"))
    assert (made.tasks, made.runs_per_task) == (834, 3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cluster: slum", "'slurm'"),
        ("memory: 8 GiB", "memory"),
        ("memory: lots", "memory"),
        ("walltime: 1 s", "walltime: must be between"),
        ("workers: 3", "unknown key; nearest: 'workers_per_job'"),
        ('queue: "a\\nb"', "one line"),
    ],
)
def test_what_is_wrong_with_a_site_is_told_with_its_place(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(("" if "cluster" in line else "cluster: slurm\n") + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"site\.yaml:\d:\d+: .*{words}"):
        read_site(path)


def test_jobs_of_a_batch_system(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, DOSES + "resources: {threads: 2}\n")
    options = job_options(Site(cluster="slurm", workers_per_job=4, memory="8 GB", account="lab", walltime=2.5), folder)
    assert (options["cores"], options["processes"], options["job_cpu"], options["memory"]) == (4, 4, 8, "8000 MB")
    assert (options["walltime"], options["account"]) == ("02:30:00", "lab")
    assert job_options(Site(cluster="sge", account="lab"), folder)["project"] == "lab"
    assert text_of().startswith("study: 1")
