# SPDX-License-Identifier: Apache-2.0
"""States kept beside a recording, and recordings that are cut, reopened and taken over.

That a run resumed from them equals an uninterrupted one: tests/contract/test_resume.py.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from abm.errors import InputError, RunError
from abm.trajectory import Checkpoint, Header, Trajectory, TrajectoryWriter, resumption, writer
from abm.trajectory.checkpoints import (
    checkpoint_files,
    checkpoint_path,
    checkpoint_ticks,
    load_checkpoint,
    read_checkpoint,
    verify_checkpoint,
    write_checkpoint,
)
from abm.trajectory.digest import digest
from abm.trajectory.hdf5 import parts_folder
from abm.trajectory.index import COMPLETE, RUNNING, read_index, write_index
from abm.trajectory.schema import BEFORE_ALL
from abm.trajectory.segments import segment_files
from abm.trajectory.source import Source

Record = Callable[[TrajectoryWriter, int], None]
TICKS = range(0, 2400, 240)
ARRAYS = {
    "clock": np.array([-240, 2**62], np.int64),
    "tables/motile/kind": np.arange(300, dtype=np.uint8),
    "tables/motile/none": np.empty(0, np.float32),
    "fields/marrow/il6": np.random.default_rng(1).normal(size=(7, 3, 5)),
    "fields/marrow/void": np.empty((0, 3, 5), np.float16),
    "body/half": np.array([np.nan, -0.0, 65504], np.float16),
    "body/flag": np.array([True, False]),
    "body/big": np.arange(6, dtype=">i4"),
    "body/strided": np.arange(24, dtype=np.uint64).reshape(4, 6)[:, ::2],
    "places/large": np.arange(3_000_000, dtype=np.int64),
}
NOTES = {"abm": "0", "seed": 7, "frames": {}, "events": 0, "words": "µ, and \" too"}


@pytest.fixture
def cut(recorded: Callable[..., Path]) -> Path:
    """Return a run that was cut short, in ten segments of a tick each."""
    return recorded("cut.h5", finish=False, segment_bytes=1)


def put(path: Path, tick: int, **arrays: np.ndarray) -> None:
    write_checkpoint(path, Checkpoint(tick, arrays or {"clock": np.array([tick])}, {"frames": {}, "events": 0}))


def files_of(path: Path) -> list[str]:
    """Return the names of all files of a run but for the room that is kept for its index."""
    return sorted(entry.name for entry in path.parent.rglob("*") if entry.name != "reserve")


class TestFile:
    def test_round_trip(self, cut: Path) -> None:
        write_checkpoint(cut, Checkpoint(-240, ARRAYS, NOTES))
        found = load_checkpoint(cut, -240)
        assert (found.tick, found.notes) == (-240, NOTES)
        assert set(found.arrays) == set(ARRAYS)
        for name, values in ARRAYS.items():
            assert found.arrays[name].dtype == values.dtype, name
            assert found.arrays[name].shape == values.shape, name
            assert found.arrays[name].tobytes() == np.ascontiguousarray(values).tobytes(), name

    def test_read_in_pieces_it_has_the_same_checksum(self, cut: Path) -> None:
        write_checkpoint(cut, Checkpoint(0, ARRAYS, NOTES))
        rows: list[tuple[str, int]] = []
        assert verify_checkpoint(checkpoint_path(cut, 0), 0, lambda dataset, count: rows.append((dataset.name, count))) == NOTES
        large = [count for name, count in rows if name.endswith("large")]
        assert sum(large) == 3_000_000
        assert max(large) * 8 <= 8 * 1024**2

    def test_they_are_listed_in_the_order_of_time(self, cut: Path) -> None:
        for tick in (480, -5760, 0, -240):
            put(cut, tick)
        (cut.with_name("cut.h5.parts") / "checkpoint_+9.h5.tmp").touch()
        assert checkpoint_ticks(cut) == [-5760, -240, 0, 480]
        assert list(checkpoint_files(cut)) == [-5760, -240, 0, 480]
        assert load_checkpoint(cut, -240).arrays["clock"].tolist() == [-240]
        with pytest.raises(InputError, match="has no checkpoint of tick 240"):
            load_checkpoint(cut, 240)

    @pytest.mark.parametrize("what", ["value", "notes", "tick", "array", "byte"])
    def test_damage_is_noticed(self, cut: Path, what: str) -> None:
        write_checkpoint(cut, Checkpoint(5760, ARRAYS, NOTES))
        path = checkpoint_path(cut, 5760)
        with h5py.File(path, "r+") as file:
            group = file["checkpoint/5760"]
            if what == "value":
                group["places/large"][1_500_000] += 1
            elif what == "notes":
                group.attrs["notes"] = group.attrs["notes"].replace("7", "8")
            elif what == "tick":
                group["clock"][0] += 1
            elif what == "array":
                del group["tables/motile/none"]
            where = group["places/large"].id.get_chunk_info(1).byte_offset
        if what == "byte":
            content = bytearray(path.read_bytes())
            content[where + 100] ^= 1
            path.write_bytes(content)
        for read in (lambda: read_checkpoint(path, 5760), lambda: verify_checkpoint(path, 5760, lambda dataset, rows: None)):
            with pytest.raises(RunError, match=r"checkpoint_\+5760\.h5: the checkpoint of day 1 is damaged: \w"):
                read()

    def test_it_is_there_whole_or_not_at_all(self, cut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(cut, 0, clock=np.array([1]))

        def full(*arguments: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        for name in ("pwrite", "fsync", "replace"):
            with monkeypatch.context() as patched:
                patched.setattr(os, name, full)
                with pytest.raises(OSError, match="No space left"):
                    put(cut, 0, clock=np.array([2]))
            assert load_checkpoint(cut, 0).arrays["clock"].tolist() == [1]
            assert not list(parts_folder(cut).glob("*.tmp"))


class TestBesideARecording:
    def test_they_are_packed_and_are_not_the_result(
        self, tmp_path: Path, header: Header, record: Record, recorded: Callable[..., Path]
    ) -> None:
        plain = Trajectory.open(recorded("plain.h5")).digest()
        with TrajectoryWriter(tmp_path / "run.h5", header) as recording:
            for tick in TICKS:
                record(recording, tick)
                if tick % 480 == 0:
                    recording.checkpoint(tick, ARRAYS, {"seed": 7})
                    assert recording.safe_tick == tick, "everything before it is safe"
            recording.drop_checkpoint(480)
            assert recording.checkpoints == [0, 960, 1440, 1920]
        with Trajectory.open(tmp_path / "run.h5") as run:
            assert run.checkpoint_days == pytest.approx([0, 1 / 6, 1 / 4, 1 / 3])
            assert run.digest() == run.noted_digest == plain
        found = load_checkpoint(tmp_path / "run.h5", 1440)
        assert found.notes["seed"] == 7
        np.testing.assert_array_equal(found.arrays["places/large"], ARRAYS["places/large"])

    def test_a_damaged_one_is_left_out_of_the_packed_file(self, tmp_path: Path, header: Header, record: Record) -> None:
        with TrajectoryWriter(tmp_path / "run.h5", header) as recording:
            for tick in (0, 240, 480):
                record(recording, tick)
                recording.checkpoint(tick, {"clock": np.array([tick])}, {})
            with h5py.File(checkpoint_path(tmp_path / "run.h5", 240), "r+") as file:
                file["checkpoint/240/clock"][0] = 3
        assert checkpoint_ticks(tmp_path / "run.h5") == [0, 480]
        assert Trajectory.open(tmp_path / "run.h5").status == "finished"

    def test_a_run_does_not_go_on_from_one_that_knows_more_than_is_there(self, tmp_path: Path, header: Header, record: Record) -> None:
        recording = TrajectoryWriter(tmp_path / "run.h5", header, segment_bytes=1)
        for tick in (0, 240, 480):
            record(recording, tick)
            recording.checkpoint(tick, {"clock": np.array([tick])}, {})
        recording.abort("")
        path = tmp_path / "run.h5"
        assert load_checkpoint(path, 480).arrays["clock"].tolist() == [480]
        segment_files(path)[-1].unlink()
        with pytest.raises(RunError, match=r"last segments are missing: the checkpoint of day 0\.08333 knows more of cells/marrow, fields"):
            load_checkpoint(path, 480)
        assert load_checkpoint(path, 240).arrays["clock"].tolist() == [240]
        segment_files(path)[-1].unlink()
        with pytest.raises(RunError, match="last segments are missing"):
            load_checkpoint(path, 240)


class TestCut:
    """A recording that is cut holds what one that was never longer holds."""

    @pytest.mark.parametrize("segment_bytes", [1, 5000, 32e6])
    @pytest.mark.parametrize("last", [-1, 0, 100, 239, 240, 719, 960, 2160, 9999])
    def test_frames(self, recorded: Callable[..., Path], header: Header, segment_bytes: float, last: int) -> None:
        path = recorded("run.h5", finish=False, segment_bytes=segment_bytes)
        expected = recorded("short.h5", ticks=range(0, min(last, TICKS[-1]) + 1, 240))
        for files in (segment_files(path), None):
            source = Source(files if files is not None else [recorded("whole.h5")])
            source.cut(last, last)
            assert digest(header, source) == Trajectory.open(expected).digest()
            for name, series in source.series.items():
                assert len(series.ticks) == series.length("tick") == series.length("time") == last // 240 + 1 if last < 2160 else 10
                if series.flat:
                    assert series.offsets[-1] == series.length("uid") == len(source.read(name, "uid", 0, 10**6))
            source.close()

    def test_events_apart(self, recorded: Callable[..., Path]) -> None:
        source = Source([recorded()])
        source.cut(480, 720)
        assert source.series["events"].ticks.tolist() == [0, 240, 480, 720]
        assert source.series["observables"].ticks.tolist() == [0, 240, 480]
        source.cut(480, -1)
        assert "events" not in source.series
        source.close()


class TestReopened:
    def end(self, recording: TrajectoryWriter, tick: int) -> None:
        """Record an end; events belong to the step that begins with their tick, and no step begins with the end."""
        recording.close_with(tick)
        recording.observables(tick, {"il6": float(tick)})
        recording.view(tick, "csf", np.full((8, 8), tick % 100, np.uint8))

    def record_end(self, path: Path, header: Header, record: Record, end: int, *, finish: bool) -> None:
        """Record a tick each hour, and at an end that was not due."""
        recording = TrajectoryWriter(path, header, segment_bytes=1)
        for tick in range(0, end, 240):
            record(recording, tick)
        self.end(recording, end)
        recording.checkpoint(end, {"clock": np.array([end])}, {})
        if finish:
            recording.finish()
        else:
            recording.flush()
            write_index(path, header, COMPLETE)  # as if it had been killed while it was packed
            path.with_name(path.name + ".lock").unlink()

    def test_what_stands_only_at_the_end_is_marked(self, tmp_path: Path, header: Header, record: Record) -> None:
        self.record_end(tmp_path / "run.h5", header, record, 500, finish=True)
        index = read_index(tmp_path / "run.h5")
        assert index.closing == 500
        with h5py.File(tmp_path / "run.h5") as file:
            assert file.attrs["closing"] == 500
        assert read_index(tmp_path / "run.h5").damage == ()

    @pytest.mark.parametrize("finish", [True, False])
    @pytest.mark.parametrize("leftovers", [True, False])
    def test_a_run_that_goes_further_gives_its_end_up(
        self, tmp_path: Path, header: Header, record: Record, recorded: Callable[..., Path], finish: bool, leftovers: bool
    ) -> None:
        path = tmp_path / "run.h5"
        self.record_end(path, header, record, 500, finish=finish)
        if finish and leftovers:  # of a packing that was killed before it had tidied up
            shutil.copytree(parts_folder(recorded("other.h5", finish=False, segment_bytes=1)), parts_folder(path))
            put(path, 99)
        recording = TrajectoryWriter(path, header, resume=True, until=2160)
        assert recording.safe_tick == 480
        assert recording.checkpoints == [500]
        recording.resume_at(load_checkpoint(path, 500))
        for tick in range(720, 2400, 240):
            record(recording, tick)
        recording.finish()
        with Trajectory.open(path) as run, Trajectory.open(recorded("whole.h5")) as whole:
            assert run.digest() == whole.digest()
        assert [entry.name for entry in tmp_path.glob("run.h5*")] == ["run.h5"]

    def test_a_run_that_goes_no_further_keeps_its_end(self, tmp_path: Path, header: Header, record: Record) -> None:
        path = tmp_path / "run.h5"
        self.record_end(path, header, record, 480, finish=False)
        before = Trajectory.open(path).digest()
        with TrajectoryWriter(path, header, resume=True, until=480) as recording:
            recording.resume_at(None)
            for tick in (0, 240):
                record(recording, tick)
            self.end(recording, 480)
        assert Trajectory.open(path).digest() == before
        assert read_index(path).closing == 480

    def test_an_end_that_was_interrupted_is_given_up_whole(self, tmp_path: Path, header: Header, record: Record) -> None:
        """Half of it was recorded, then the rest by a resumed run, which was killed in its turn."""
        path = tmp_path / "run.h5"
        recording = TrajectoryWriter(path, header, segment_bytes=1)
        record(recording, 0)
        recording.close_with(100)
        recording.observables(100, {"il6": 1})
        recording.abort("")
        recording = TrajectoryWriter(path, header, resume=True, until=100)
        recording.resume_at(None)
        self.end(recording, 100)
        recording.abort("")
        assert Trajectory.open(path).views("csf").ticks.tolist() == [0, 100]
        assert len(Trajectory.open(path).observables) == 2
        recording = TrajectoryWriter(path, header, resume=True, until=240)
        assert recording.safe_tick == 0
        recording.abort("")

    def test_a_complete_run_is_no_longer_complete_before_its_end_goes(
        self, tmp_path: Path, header: Header, record: Record, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If it is killed in between, nobody may pack it without its end."""
        path = tmp_path / "run.h5"
        self.record_end(path, header, record, 500, finish=False)
        states = []
        unlink = Path.unlink
        monkeypatch.setattr(Path, "unlink", lambda self, **options: (states.append(read_index(path).state), unlink(self, **options)))
        resumption.reopen(path, header, 720)
        assert states == [RUNNING]

    def test_nothing_is_recorded_twice(self, tmp_path: Path, header: Header, record: Record, recorded: Callable[..., Path]) -> None:
        path = tmp_path / "run.h5"
        recording = TrajectoryWriter(path, header, segment_bytes=1)
        for tick in range(0, 1200, 240):
            record(recording, tick)
            recording.event(tick, "another", {})
            if tick == 480:
                recording.checkpoint(tick, {"clock": np.array([tick])}, {})
        recording.abort("cut short")
        kept = load_checkpoint(path, 480)
        assert (kept.notes["events"], kept.notes["frames"]["observables"]) == (6, 3)
        for later in (960, 1440):
            put(path, later)  # of a state that is not gone on from
        with TrajectoryWriter(path, header, resume=True, until=2160) as recording:
            recording.resume_at(kept)
            assert recording.checkpoints == [480]
            for tick in range(480, 2400, 240):
                if tick > 480:
                    record(recording, tick)
                    recording.event(tick, "another", {})
                else:
                    recording.observables(tick, {"il6": -1.0})  # already there: not recorded again
        with Trajectory.open(path) as run, Trajectory.open(recorded("whole.h5")) as whole:
            assert run.observables.equals(whole.observables)
            assert len(run.events) == 20
            assert [event["kind"] for event in run.events] == ["infusion", "another"] * 10

    def test_from_the_start_again(self, cut: Path, header: Header, record: Record, recorded: Callable[..., Path]) -> None:
        with TrajectoryWriter(cut, header, resume=True, until=2640) as recording:
            recording.resume_at(None)
            for tick in range(0, 2880, 240):
                record(recording, tick)
        assert Trajectory.open(cut).digest() == Trajectory.open(recorded("long.h5", ticks=range(0, 2880, 240))).digest()

    @pytest.mark.parametrize("finish", [True, False])
    def test_a_full_disk_leaves_it_as_it_was(
        self, recorded: Callable[..., Path], header: Header, monkeypatch: pytest.MonkeyPatch, finish: bool
    ) -> None:
        path = recorded(finish=finish)
        before = Trajectory.open(path).digest()
        left = files_of(path)

        def full(*arguments: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(writer, "write_index", full)
        with pytest.raises(RunError, match=r"disk full while reopening .*run\.h5; what was recorded is safe"):
            TrajectoryWriter(path, header, resume=True, until=9999)
        assert Trajectory.open(path).digest() == before
        assert files_of(path) == left

    def test_a_scenario_that_is_not_what_was_written_is_not_gone_on_from(self, recorded: Callable[..., Path], header: Header) -> None:
        path = recorded(finish=False)
        content = path.read_bytes()
        assert content.count(b"seed: 7") == 1
        path.write_bytes(content.replace(b"seed: 7", b"seed: 8"))
        with pytest.raises(RunError, match="is damaged: /scenario/resolved: no run can go on from it"):
            TrajectoryWriter(path, header, resume=True, until=9999)
        assert len(Trajectory.open(path).observables) == 10, "what was recorded can be read"


class TestTakenOver:
    @pytest.mark.parametrize("finish", [True, False])
    @pytest.mark.parametrize("since", [0, 240, 1200, 2160])
    def test_it_begins_with_what_its_ancestor_holds(
        self, recorded: Callable[..., Path], header: Header, record: Record, finish: bool, since: int
    ) -> None:
        ancestor = recorded("ancestor.h5", finish=finish, segment_bytes=3000)
        with TrajectoryWriter(ancestor.with_name("branch.h5"), header, ancestor=ancestor, since=since) as recording:
            # what belongs to the tick of the branch it records itself
            assert recording.safe_tick == (since - 240 if since else BEFORE_ALL)
            for tick in range(since, 2400, 240):
                record(recording, tick)
        assert Trajectory.open(recording.path).digest() == Trajectory.open(recorded("whole.h5")).digest()

    @pytest.mark.parametrize("finish", [True, False])
    def test_an_end_is_not_taken_over(self, tmp_path: Path, header: Header, record: Record, finish: bool) -> None:
        TestReopened().record_end(tmp_path / "ancestor.h5", header, record, 500, finish=finish)
        with TrajectoryWriter(tmp_path / "branch.h5", header, ancestor=tmp_path / "ancestor.h5", since=500) as recording:
            assert recording.safe_tick == 480
            assert recording.checkpoints == []

    def test_a_damaged_ancestor_leaves_nothing_behind(self, cut: Path, header: Header) -> None:
        segment_files(cut)[3].write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        with pytest.raises(RunError, match=r"000003\.h5: is damaged or truncated"):
            TrajectoryWriter(cut.with_name("branch.h5"), header, ancestor=cut, since=2160)
        assert not list(cut.parent.glob("branch*"))


def test_arguments_are_plain(tmp_path: Path, header: Header) -> None:
    """Nothing that is no array of one dimension or more can be kept: the state is made of such."""
    with TrajectoryWriter(tmp_path / "run.h5", header) as recording:
        arrays: dict[str, Any] = {"clock": np.array(3)}
        with pytest.raises(TypeError):
            recording.checkpoint(0, arrays, {})
        assert recording.checkpoints == []
