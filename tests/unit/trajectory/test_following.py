# SPDX-License-Identifier: Apache-2.0
"""Reading while another process writes, and reading with little memory."""

from __future__ import annotations

import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

from abm.errors import InputError, RunError
from abm.trajectory import Trajectory, TrajectoryWriter
from abm.trajectory.schema import BEFORE_ALL


def test_reader_follows_a_run_to_its_end(tmp_path, header, record, content):
    writer = TrajectoryWriter(tmp_path / "run.h5", header)
    with Trajectory.open(tmp_path / "run.h5") as trajectory:
        views = trajectory.views("marrow")
        assert (trajectory.status, trajectory.reason, len(views)) == ("running", "", 0)
        for number in range(3):
            record(writer, number)
            trajectory.refresh()
            assert len(views) == number, "a frame that is not acknowledged must not be seen"
            writer.flush()
            trajectory.refresh()
            assert len(views) == number + 1
            np.testing.assert_array_equal(views[-1], content(number)["marrow"])
        writer.finish()
        # not refreshed yet, and the segments are gone
        np.testing.assert_array_equal(views[0], content(0)["marrow"])
        assert trajectory.status == "finished"
        assert len(trajectory.events) == 3


def test_reader_sees_the_end_without_being_told(tmp_path, header, record):
    writer = TrajectoryWriter(tmp_path / "run.h5", header)
    record(writer, 0)
    trajectory = Trajectory.open(tmp_path / "run.h5")
    writer.abort("the patient file is wrong")
    assert (trajectory.status, trajectory.reason) == ("interrupted", "the patient file is wrong")
    assert len(trajectory.views("csf")) == 1
    assert "wrong" in trajectory.describe()
    trajectory.close()
    with pytest.raises(InputError, match="closed"):
        trajectory.observable("il6")


def test_damage_is_told_by_every_look(tmp_path, header, record):
    path = tmp_path / "run.h5"
    writer = TrajectoryWriter(path, header)
    for number in range(9):
        record(writer, number)
    writer.finish()
    with Trajectory.open(path) as trajectory:
        damaged = tmp_path / "other.h5"
        damaged.write_bytes(path.read_bytes())
        with h5py.File(damaged, "r+") as file:
            names: list[str] = []
            file.visit(lambda name: names.append(name) if name.endswith("/tick") else None)
            del file[names[0]]
        damaged.replace(path)
        for _ in range(3):
            with pytest.raises((InputError, RunError), match=r"run\.h5"):
                trajectory.refresh()


def test_reader_keeps_up_with_a_busy_writer(tmp_path, header, record, content):
    """Reads race with new segments and with the packing; no read may fail or see a half frame."""
    path = tmp_path / "run.h5"
    writer = TrajectoryWriter(path, header, segment_bytes=1)

    def write() -> None:
        for tick in range(60):
            record(writer, tick)
        writer.finish()

    thread = threading.Thread(target=write)
    trajectory = Trajectory.open(path)
    thread.start()
    seen = 0
    while trajectory.status == "running":
        trajectory.refresh()
        views = trajectory.views("marrow")
        assert len(views) >= seen
        seen = len(views)
        if seen:
            np.testing.assert_array_equal(views[seen // 2], content(seen // 2)["marrow"])
            assert len(trajectory.observables) >= seen
    thread.join()
    assert (trajectory.status, len(trajectory.views("marrow"))) == ("finished", 60)


def test_an_exception_aborts_with_its_reason(tmp_path, header, record):
    writer = TrajectoryWriter(tmp_path / "run.h5", header)

    def run() -> None:
        with writer:
            record(writer, 480)
            raise ZeroDivisionError("no cells left")

    with pytest.raises(ZeroDivisionError):
        run()
    trajectory = Trajectory.open(tmp_path / "run.h5")
    assert (trajectory.status, trajectory.reason) == ("interrupted", "ZeroDivisionError: no cells left")
    assert trajectory.views("marrow").ticks.tolist() == [480]
    with pytest.raises(InputError, match="has ended"):
        writer.flush()


def test_a_segment_closes_by_age_and_only_between_ticks(tmp_path, header, record):
    writer = TrajectoryWriter(tmp_path / "run.h5", header, segment_seconds=0.0)
    record(writer, 0)
    assert writer.safe_tick == BEFORE_ALL
    record(writer, 5)
    assert writer.safe_tick == 0
    trajectory = Trajectory.open(tmp_path / "run.h5")
    assert {len(series.ticks) for series in trajectory._source.series.values()} == {1}
    writer.abort("enough")
    assert writer.safe_tick == 5


SEEK = """
import resource, sys
import numpy as np
from abm.trajectory import Header, Trajectory, TrajectoryWriter
marrow = {"marrow": {"shape": [1], "spacing_um": 1.0, "scale": 1.0}}
header = Header("", "", {}, [], marrow, {}, {"uid": {"unit": "", "about": ""}})
small = sys.argv[1] + ".small"
def write(path, frames):
    with TrajectoryWriter(path, header, segment_bytes=4e6) as writer:
        for tick in range(frames):
            writer.view(tick, "marrow", np.full((100, 100, 100), tick, np.uint8))
            writer.cells(tick, "marrow", {"uid": np.full(100_000, tick)})
def read(path):
    trajectory = Trajectory.open(path)
    views, cells = trajectory.views("marrow"), trajectory.cell_frames("marrow")
    for number in (len(views) - 1, 0, *range(3, len(views), 5)):
        assert views[number].max() == number
        assert cells[number]["uid"][-1] == number
    trajectory.digest()
write(small, 10)
read(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write(sys.argv[1], 100)
read(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_writing_packing_seeking_and_digest_need_bounded_memory(tmp_path):
    """180 MB of frames after 18 MB: the peak of memory must hardly move."""
    script = [sys.executable, "-c", SEEK, str(tmp_path / "run.h5")]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40_000  # kB
