# SPDX-License-Identifier: Apache-2.0
"""A run that is killed, at any moment and at any write, keeps every acknowledged frame.

One driver process forks a writer per trial: ``kill -9`` at random times, and exits placed before,
in the middle of and after chosen calls to the system. What the writer was told is safe it notes in
a file of its own, past the patched functions.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from abm.errors import InputError
from abm.trajectory import Trajectory, TrajectoryWriter, pack

DRIVER = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from abm.trajectory import Header, TrajectoryWriter

root, mode = Path(sys.argv[1]), sys.argv[2]
marrow = {"marrow": {"shape": None}}
header = Header("s", "s", {}, [], marrow, {"x": {"unit": "1", "about": ""}}, {"uid": {"unit": "", "about": ""}})
NAMES = ("replace", "write", "pwrite", "fsync", "open", "unlink", "mkdir", "rmdir", "ftruncate")
REAL = {name: getattr(os, name) for name in NAMES}
calls = []

def patch(stop, moment):
    def patched(name):
        def call(*args, **options):
            calls.append(name)
            if len(calls) == stop:
                if moment == "before":
                    os._exit(9)
                if moment == "middle" and name in ("write", "pwrite"):
                    REAL[name](args[0], bytes(args[1])[: len(args[1]) // 2], *args[2:])
                    os._exit(9)
                REAL[name](*args, **options)
                os._exit(9)
            return REAL[name](*args, **options)
        return call
    for name in NAMES:
        setattr(os, name, patched(name))

def run(folder, frames):
    folder.mkdir()
    told = REAL["open"](folder / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    writer = TrajectoryWriter(folder / "run.h5", header)
    for tick in range(frames):
        writer.observables(tick, {"x": tick})
        writer.view(tick, "marrow", np.full((9, 9), tick % 250, np.uint8))
        writer.cells(tick, "marrow", {"uid": np.arange(tick % 7) + tick})
        if tick % 3 != 1:
            writer.flush()
            REAL["write"](told, b"%d\\n" % tick)
    writer.finish()
    REAL["write"](told, b"finished\\n")

def fork(folder, frames, stop=0, moment=""):
    child = os.fork()
    if child == 0:
        try:
            if stop:
                patch(stop, moment)
            run(folder, frames)
            if moment == "never":
                (folder / "calls").write_text(" ".join(calls))
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child

if mode == "kill":
    chance = random.Random(5)
    for trial in range(12):
        child = fork(root / str(trial), 100_000)
        time.sleep(chance.uniform(0.02, 0.25))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
else:
    os.waitpid(fork(root / "count", 4, 10**9, "never"), 0)
    MOMENTS = ("before", "middle", "after")
    for stop, name in enumerate((root / "count" / "calls").read_text().split(), 1):
        for moment in MOMENTS if name in ("replace", "write") else (MOMENTS[stop % 3],):
            os.waitpid(fork(root / f"{stop}-{moment}", 4, stop, moment), 0)
"""


def _drive(tmp_path: Path, mode: str) -> list[Path]:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path), mode], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return sorted(folder for folder in tmp_path.iterdir() if folder.name != "count")


def _check(folder: Path) -> str:
    """Check that what the writer was told is there, and return how far the run came."""
    told = (folder / "told").read_text().split() if (folder / "told").exists() else []
    path = folder / "run.h5"
    if not path.exists():
        assert not told
        return "not begun"
    with Trajectory.open(path) as trajectory:
        assert trajectory.status == ("finished" if "finished" in told else trajectory.status)
        assert trajectory.status in ("finished", "interrupted")
        assert (trajectory.reason == "") == (trajectory.status == "finished")
        views = trajectory.views("marrow")
        acknowledged = max((int(tick) for tick in told if tick != "finished"), default=-1)
        assert len(views) > acknowledged, f"{folder.name}: told {acknowledged}, there are {len(views)}"
        assert len(trajectory.observables) == len(trajectory.cell_frames("marrow")) == len(views)
        assert views.ticks.tolist() == list(range(len(views)))
        for tick in {0, len(views) // 2, len(views) - 1} if len(views) else ():
            assert (views[tick] == tick % 250).all()
            np.testing.assert_array_equal(trajectory.cell_frames("marrow")[tick]["uid"], np.arange(tick % 7) + tick)
        assert trajectory.observables["x"].tolist() == list(range(len(views)))
        return trajectory.status


def test_kill_at_random_loses_nothing_acknowledged(tmp_path):
    folders = _drive(tmp_path, "kill")
    assert len(folders) == 12
    assert sum(_check(folder) == "interrupted" for folder in folders) >= 8
    assert max(len((folder / "told").read_text().split()) for folder in folders) > 5


def test_kill_at_any_write_loses_nothing_acknowledged(tmp_path, header):
    folders = _drive(tmp_path, "exit")
    found = {folder: _check(folder) for folder in folders}
    counts = {status: list(found.values()).count(status) for status in set(found.values())}
    assert len(folders) > 60
    assert set(counts) == {"not begun", "interrupted", "finished"}
    assert counts["interrupted"] > 40
    finishable = 0
    for number, (folder, status) in enumerate(found.items()):
        path = folder / "run.h5"
        if status == "interrupted":
            with Trajectory.open(path) as trajectory:
                if "packing" in trajectory.reason:
                    before = trajectory.digest()
                    pack(path)
                    assert trajectory.status == "finished"
                    assert trajectory.digest() == before
                    finishable += 1
                    continue
            with pytest.raises(InputError, match="exists already"):
                TrajectoryWriter(path, header)
        if number % 3:
            continue
        with TrajectoryWriter(path, header, overwrite=True) as writer:
            writer.event(3, "again", {})
        assert Trajectory.open(path).events[0]["kind"] == "again"
        assert sorted(entry.name for entry in folder.iterdir() if entry.name != "told") == ["run.h5"]
    assert finishable > 5
