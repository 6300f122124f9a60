# SPDX-License-Identifier: Apache-2.0
"""Files that are no trajectory, files in the way, disks that are full: each has its message."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from abm.errors import AbmError, InputError, RunError
from abm.trajectory import Trajectory, TrajectoryWriter, pack
from abm.trajectory.lock import live_holder


def test_missing_file_names_the_nearest(recorded, tmp_path):
    recorded("patient_12.h5")
    with pytest.raises(InputError, match=r"no such file; nearest: 'patient_12\.h5'"):
        Trajectory.open(tmp_path / "patient_2.h5")
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        Trajectory.open(tmp_path / "nowhere" / "run.h5")


def test_what_is_no_trajectory_is_refused(tmp_path):
    text, foreign = tmp_path / "text.h5", tmp_path / "foreign.h5"
    text.write_text("name: not HDF5\n")
    with h5py.File(foreign, "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="not an HDF5 file"):
        Trajectory.open(text)
    with pytest.raises(InputError, match="HDF5 file of another program"):
        Trajectory.open(foreign)
    with pytest.raises(InputError, match="is a folder"):
        Trajectory.open(tmp_path)


def test_newer_format_is_refused(recorded):
    path = recorded()
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 2
        del file["schema"]  # a newer format may look quite different
    with pytest.raises(InputError, match="format 2; this version of abm reads up to 1"):
        Trajectory.open(path)


def test_segment_points_to_its_run(recorded):
    path = recorded(finish=False)
    with pytest.raises(InputError, match=r"is one segment of a run; open .*run\.h5 instead"):
        Trajectory.open(path.parent / "run.h5.parts" / "000000.h5")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95, 0.999])
def test_truncated_file_is_named(recorded, share):
    path = recorded()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(AbmError, match=r"run\.h5: is (damaged or truncated|not an HDF5 file)"):
        Trajectory.open(path)


def test_truncated_segment_is_named(recorded):
    path = recorded(finish=False, segment_bytes=1)
    segment = path.parent / "run.h5.parts" / "000004.h5"
    segment.write_bytes(segment.read_bytes()[:-100])
    with pytest.raises(RunError, match=r"000004\.h5: is damaged or truncated"):
        Trajectory.open(path)


def test_flipped_bit_never_passes_for_data(tmp_path, header):
    path = tmp_path / "run.h5"
    with TrajectoryWriter(path, header) as writer:
        writer.view(0, "marrow", np.random.default_rng(1).integers(0, 255, (100, 100, 10), dtype=np.uint8))
    with h5py.File(path) as file:
        where = file["view/marrow/frames"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[where + 50_000] ^= 1
    path.write_bytes(content)
    trajectory = Trajectory.open(path)
    with pytest.raises(RunError, match=r"run\.h5: is damaged: view/marrow/frames cannot be read"):
        trajectory.views("marrow")[0]


def test_missing_parts_are_named(recorded):
    path = recorded(finish=False, segment_bytes=1)
    parts = path.parent / "run.h5.parts"
    (parts / "000003.h5").rename(parts / "elsewhere")
    with pytest.raises(RunError, match=r"segments are missing: .*000003\.h5 is not there"):
        Trajectory.open(path)
    shutil.rmtree(parts)
    with pytest.raises(RunError, match=r"segments are missing: .*run\.h5\.parts is not there"):
        Trajectory.open(path)


def test_missing_index_is_named_and_its_segments_are_safe(recorded, header):
    path = recorded(finish=False)
    path.unlink()
    with pytest.raises(RunError, match=r"is missing, but .* holds segments"):
        Trajectory.open(path)
    with pytest.raises(InputError, match="holds segments of an earlier run"):
        TrajectoryWriter(path, header)
    assert (path.parent / "run.h5.parts" / "000000.h5").exists()


@pytest.mark.parametrize("finish", [True, False])
def test_earlier_run_is_only_overwritten_when_asked(recorded, header, record, finish):
    path = recorded(finish=finish)
    before = Trajectory.open(path).digest()
    with pytest.raises(InputError, match="exists already"):
        TrajectoryWriter(path, header)
    assert Trajectory.open(path).digest() == before
    assert not list(path.parent.glob("*.lock"))
    with TrajectoryWriter(path, header, overwrite=True) as writer:
        record(writer, 99)
    assert Trajectory.open(path).views("csf").ticks.tolist() == [99]
    assert [entry.name for entry in path.parent.iterdir()] == ["run.h5"]


def test_what_is_no_trajectory_is_never_overwritten(tmp_path, header):
    path = tmp_path / "scenario.yaml"
    path.write_text("precious: true\n")
    with pytest.raises(InputError, match="not an HDF5 file, so it is not overwritten"):
        TrajectoryWriter(path, header, overwrite=True)
    assert path.read_text() == "precious: true\n"
    with pytest.raises(InputError, match="in the way and not a file"):
        TrajectoryWriter(tmp_path, header, overwrite=True)


def test_two_writers(tmp_path, header):
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        writer.event(0, "first", {})
        for overwrite in (False, True):
            with pytest.raises(InputError, match="is being written by this process"):
                TrajectoryWriter(tmp_path / "run.h5", header, overwrite=overwrite)
    assert Trajectory.open(tmp_path / "run.h5").events[0]["kind"] == "first"


def test_two_writers_in_two_processes(tmp_path, header):
    code = "import sys; from abm.trajectory.lock import acquire; from pathlib import Path; "
    code += "acquire(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run.h5")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"locked\n"
        with pytest.raises(InputError, match=f"is being written by process {child.pid};"):
            TrajectoryWriter(tmp_path / "run.h5", header)
        child.kill()
        child.wait()
    TrajectoryWriter(tmp_path / "run.h5", header).finish()  # the lock was stale


@pytest.mark.parametrize(
    "content",
    ["", "{", '{"pid": 1, "host": "HERE", "started": "never"}', '{"pid": 99999999, "host": "HERE", "started": ""}'],
)
def test_stale_lock_is_taken_over(tmp_path, header, content):
    (tmp_path / "run.h5.lock").write_text(content.replace("HERE", os.uname().nodename))
    TrajectoryWriter(tmp_path / "run.h5", header).finish()
    assert not (tmp_path / "run.h5.lock").exists()


def test_lock_of_another_machine_is_respected(tmp_path, header):
    (tmp_path / "run.h5.lock").write_text('{"pid": 1, "host": "node-17", "started": "1"}')
    with pytest.raises(InputError, match="by process 1 on node-17; if that process is gone, wait 15 minutes or remove"):
        TrajectoryWriter(tmp_path / "run.h5", header)


@pytest.mark.parametrize(("silent", "job"), [(1000.0, ""), (0.0, "17")])
def test_a_lock_of_another_machine_is_stale_if_silent_or_of_the_same_job(tmp_path, header, silent, job, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    lock = tmp_path / "run.h5.lock"
    lock.write_text(f'{{"pid": 1, "host": "node-17", "started": "1", "job": "{job}"}}')
    os.utime(lock, times=(0, time.time() - silent))
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        assert live_holder(tmp_path / "run.h5") is not None
        os.utime(lock, times=(0, 0))
        writer.beat()
        assert lock.stat().st_mtime == 0  # not so soon
        monkeypatch.setattr("abm.trajectory.writer.BEAT_SECONDS", 0.0)
        writer.beat()
        assert time.time() - lock.stat().st_mtime < 60
    assert not lock.exists()


def test_path_that_cannot_be_written(tmp_path, header):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "run.h5", tmp_path / "no" / "run.h5"):
        with pytest.raises(InputError, match="is not an existing folder"):
            TrajectoryWriter(path, header)
    with pytest.raises(InputError, match="cannot be written"):
        TrajectoryWriter("/proc/run.h5", header)


# The disk under the test is too big to fill: a tiny file system of its own, or else a limit on the size of a file.


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _noise(tick: int) -> np.ndarray:
    return np.random.default_rng(tick).integers(0, 256, (300, 300), dtype=np.uint8)


def test_full_disk_while_running(small_disk, header):
    path = small_disk / "run.h5"
    message = r"disk full while writing .*h5; everything up to day .* is safe in .*run\.h5"
    writer = TrajectoryWriter(path, header)

    def run() -> None:
        with writer:
            for tick in range(0, 100 * 5760, 5760):
                writer.view(tick, "marrow", _noise(tick))
                writer.flush()

    with pytest.raises(RunError, match=message) as caught:
        run()
    with Trajectory.open(path) as trajectory:
        views = trajectory.views("marrow")
        assert len(views) > 10
        assert views.ticks[-1] == writer.safe_tick
        assert f"up to day {writer.safe_tick // 5760} is safe" in str(caught.value)
        for tick, frame in zip(views.ticks, views, strict=True):
            np.testing.assert_array_equal(frame, _noise(int(tick)))
        assert trajectory.status == "interrupted"
        assert "disk full" in trajectory.reason


def test_full_disk_before_the_first_segment(small_disk, header):
    path = small_disk / "run.h5"

    def fill() -> None:
        with (small_disk / "ballast").open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(1000))

    def run() -> None:
        with TrajectoryWriter(path, header) as writer:
            writer.view(0, "marrow", _noise(0))
            with pytest.raises(OSError, match="No space left"):
                fill()
            writer.view(1, "marrow", _noise(1))

    with pytest.raises(RunError, match=r"disk full while writing .*000000\.h5; nothing was recorded yet"):
        run()
    with Trajectory.open(path) as trajectory:
        assert (trajectory.status, len(trajectory.views("marrow"))) == ("interrupted", 0)
        assert trajectory.reason.startswith("disk full while writing ")
        assert "nothing was recorded yet" in trajectory.describe()
    assert not list((small_disk / "run.h5.parts").iterdir())


def test_full_disk_while_packing(small_disk, header):
    path = small_disk / "run.h5"
    writer = TrajectoryWriter(path, header, segment_bytes=1)
    for tick in range(14):
        writer.view(tick, "marrow", _noise(tick))
    with pytest.raises(RunError, match=r"disk full while packing .*abm\.trajectory\.pack"):
        writer.finish()
    assert not list(small_disk.glob("*.packing"))
    with Trajectory.open(path) as trajectory:
        before = trajectory.digest()
        assert (trajectory.status, len(trajectory.views("marrow"))) == ("interrupted", 14)
        assert "packing was cut short" in trajectory.reason
        with pytest.raises(RunError, match="disk full while packing"):
            pack(path)
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
        pack(path)
        assert trajectory.status == "finished"
        assert trajectory.digest() == before
        assert [entry.name for entry in small_disk.iterdir()] == ["run.h5"]


def test_full_disk_from_the_start(small_disk, header):
    (small_disk / "ballast").write_bytes(bytes(2**21))
    with pytest.raises(RunError, match=r"disk full while creating .*run\.h5; nothing was recorded"):
        TrajectoryWriter(small_disk / "run.h5", header)
    assert [entry.name for entry in small_disk.iterdir()] == ["ballast"]


FILE_LIMIT = """
import resource, sys
import numpy as np
from abm.errors import RunError
from abm.trajectory import Header, Trajectory, TrajectoryWriter
header = Header("", "", {}, [], {"marrow": {"shape": None}}, {}, {})
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
noise = lambda tick: np.random.default_rng(tick).integers(0, 256, (300, 300), dtype=np.uint8)
def attempt(path, sizes):
    tick = 0
    try:
        with TrajectoryWriter(path, header) as writer:
            for frames in sizes:
                for _ in range(frames):
                    writer.view(tick, "marrow", noise(tick))
                    tick += 1
                writer.flush()
    except RunError as error:
        print(str(error).split(" ; ")[0].replace(path, "RUN"))
    trajectory = Trajectory.open(path)
    for tick, frame in enumerate(trajectory.views("marrow")):
        assert (frame == noise(tick)).all()
    print(trajectory.status, len(trajectory.views("marrow")))
attempt(sys.argv[1] + "/a.h5", [1, 2, 3, 1])
attempt(sys.argv[1] + "/b.h5", [1, 1, 1])
"""


def test_limit_on_file_size_is_a_fault_like_a_full_disk(tmp_path):
    done = subprocess.run([sys.executable, "-c", FILE_LIMIT, str(tmp_path)], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert "file size limit reached while writing RUN.parts/000002.h5; everything up to day" in lines[0]
    assert lines[1] == "interrupted 3"
    assert "file size limit reached while packing RUN into one file" in lines[2]
    assert lines[3] == "interrupted 3"
