# SPDX-License-Identifier: Apache-2.0
"""The SLURM of the tests does what a SLURM does, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.configuration import LONGEST_SOCKET, URGENT
from tests.cluster.slurm_box import Box, BoxError, slurm_box

pytestmark = pytest.mark.cluster

# Says what happens to it; a warned job asks to be started again, and the second time it ends at once.
WARNED = """#!/bin/bash
#SBATCH --requeue --open-mode=append --output={folder}/said
trap 'echo warned; scontrol requeue $SLURM_JOB_ID' USR1
echo "started ${{SLURM_RESTART_COUNT:-0}}"
[ "$SLURM_RESTART_COUNT" ] && exit 0
sleep 600 &
while true; do wait; done
"""


def script(folder: Path, text: str) -> Path:
    path = folder / "job.sh"
    path.write_text(text)
    return path


def said(folder: Path) -> list[str]:
    """What a job wrote, without what SLURM adds to it; the job writes soon."""
    wait_for(folder / "said")
    return [line for line in (folder / "said").read_text().splitlines() if not line.startswith("slurmstepd")]


def wait_for(path: Path) -> None:
    patience = time.monotonic() + 30
    while not (path.exists() and path.stat().st_size) and time.monotonic() < patience:
        time.sleep(0.1)


def living(process: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_waits_for_jobs_with_the_cpus_asked_for(box: Box) -> None:
    assert box.node() == "idle"
    told = subprocess.run(
        ["sinfo", "-h", "-p", "box", "-o", "%c %D"], env=os.environ | box.environment, text=True, capture_output=True, check=True
    )
    assert told.stdout.split() == ["2", "1"]


def test_an_array_runs_each_of_its_tasks(box: Box, tmp_path: Path) -> None:
    numbers = script(tmp_path, f"#!/bin/bash\necho $SLURM_ARRAY_TASK_ID >{tmp_path}/$SLURM_ARRAY_TASK_ID\n")
    job = box.sbatch(numbers, "--array=1-3", "--output=/dev/null")
    assert box.wait(job, 60) == "COMPLETED"
    assert [(tmp_path / name).read_text() for name in "123"] == ["1\n", "2\n", "3\n"]
    assert box.state(f"{job}_2") == "COMPLETED"


def test_an_array_is_as_far_as_its_last_task_and_as_bad_as_its_worst(box: Box, tmp_path: Path) -> None:
    job = box.sbatch(script(tmp_path, "#!/bin/bash\nexit $((SLURM_ARRAY_TASK_ID == 2))\n"), "--array=1-3", "--output=/dev/null")
    assert box.wait(job, 60) == "FAILED"
    assert box.state(f"{job}_3") == "COMPLETED"


def test_a_cancelled_job_ends(box: Box, tmp_path: Path) -> None:
    job = box.sbatch(script(tmp_path, "#!/bin/bash\nsleep 600\n"), f"--output={tmp_path}/said")
    box.wait(job, 30, "RUNNING")
    assert box.jobs() == [job]
    box.cancel(job)
    assert box.wait(job, 30) == "CANCELLED"
    assert box.jobs() == []


def test_a_warned_job_that_requeues_itself_runs_again(box: Box, tmp_path: Path) -> None:
    job = box.sbatch(script(tmp_path, WARNED.format(folder=tmp_path)))
    assert said(tmp_path) == ["started 0"]  # from then on it listens
    box.warn(job)
    box.hasten(job)
    assert box.wait(job, 60) == "COMPLETED"
    assert said(tmp_path) == ["started 0", "warned", "started 1"]


def test_an_urgent_job_takes_the_place_of_another_which_is_warned_and_runs_again(box: Box, tmp_path: Path) -> None:
    job = box.sbatch(script(tmp_path, WARNED.format(folder=tmp_path)), f"--ntasks={box.cpus}", "--signal=B:USR1@1")
    assert said(tmp_path) == ["started 0"]
    other = box.sbatch(script(tmp_path, "#!/bin/bash\n"), f"--ntasks={box.cpus}", f"--partition={URGENT}", f"--output={tmp_path}/other")
    box.hasten(job)
    assert box.wait(other, 60) == "COMPLETED"
    assert box.wait(job, 60) == "COMPLETED"
    assert said(tmp_path) == ["started 0", "warned", "started 1"]


def test_a_wait_that_is_too_long_says_what_the_job_does(box: Box, tmp_path: Path) -> None:
    job = box.sbatch(script(tmp_path, "#!/bin/bash\nsleep 600\n"), f"--output={tmp_path}/said")
    with pytest.raises(BoxError, match=rf"job {job} is not COMPLETED but:\nJobId={job}"):
        box.wait(job, 0.5, "COMPLETED")
    box.cancel(job)


# A process that leaves the job's session and does not listen.
STUBBORN = """#!/bin/bash
setsid bash -c "trap '' TERM; echo \\$\\$ >{folder}/process; while true; do sleep 1; done" &
wait
"""


def break_off(box: Box, folder: Path, before: list[int]) -> None:
    box.sbatch(script(folder, STUBBORN.format(folder=folder)), f"--output={folder}/said")
    wait_for(folder / "process")
    before += box.processes()
    assert int((folder / "process").read_text()) in before
    raise RuntimeError("in the middle")


def test_nothing_is_left_after_an_exception(tmp_path: Path) -> None:
    before: list[int] = []
    with pytest.raises(RuntimeError, match="in the middle"), slurm_box(tmp_path / "box") as box:
        break_off(box, tmp_path, before)
    assert len(before) >= 5
    assert not any(living(each) for each in before)


@pytest.mark.parametrize("daemon", ["munged", "slurmctld", "slurmd"])
def test_it_stops_when_a_daemon_is_dead_already(tmp_path: Path, daemon: str) -> None:
    box = Box(tmp_path / "box")
    box.start()
    before = box.processes()
    os.kill(int((box.folder / f"{daemon}.pid").read_text()), signal.SIGKILL)
    box.stop()
    assert not any(living(each) for each in before)
    box.stop()  # where nothing runs there is nothing to do


def test_two_run_side_by_side_and_one_in_a_used_folder(box: Box, tmp_path: Path) -> None:
    folder = tmp_path / "box"
    for _ in range(2):
        with slurm_box(folder, cpus=5) as second:
            assert second.wait(second.sbatch(script(tmp_path, "#!/bin/bash\n"), f"--output={tmp_path}/said"), 30) == "COMPLETED"
            with pytest.raises(BoxError, match="runs here already"):
                Box(folder).start()
    assert box.node() == "idle"


def test_a_folder_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match="too long a path"):
        Box(tmp_path / ("x" * LONGEST_SOCKET)).start()


def test_a_daemon_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    box = Box(tmp_path / "box", cpus=-1)
    try:
        with pytest.raises(BoxError, match=r"slurmctld failed \(1\)[\s\S]*start.log: .*-1"):
            box.start()
        assert box.processes() == []
    finally:
        box.stop()


def test_the_command_line_starts_tells_and_stops(tmp_path: Path) -> None:
    def run(action: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "tests.cluster.slurm_box", action, "--folder", str(tmp_path / "box")]
        return subprocess.run(line, text=True, capture_output=True)

    assert run("install").returncode == 0
    assert run("status").returncode == 1
    try:
        assert run("start").stdout == f"export SLURM_CONF={tmp_path}/box/slurm.conf\n"
        assert "node idle" in run("status").stdout
        refused = run("start")
        assert refused.returncode == 1
        assert refused.stderr.startswith("slurm_box: ")
    finally:
        assert run("stop").returncode == 0
    assert Box(tmp_path / "box").processes() == []
