# SPDX-License-Identifier: Apache-2.0
"""``check``: what is damaged is noticed, and named by dataset, frame and day; what is not is left in peace."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from abm.cli import main
from abm.errors import InputError, RunError
from abm.trajectory import Header, Trajectory, TrajectoryWriter, check
from abm.trajectory.hdf5 import parts_folder
from abm.trajectory.segments import segment_path

Record = Callable[[TrajectoryWriter, int], None]
STATE = {"clock": np.arange(5), "cells/uid": np.arange(1000)}


@pytest.fixture
def finished(tmp_path: Path, header: Header, record: Record) -> Path:
    """Return a finished run of ten ticks with two checkpoints."""
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        record_all(writer, record)
    return tmp_path / "run.h5"


@pytest.fixture
def cut(tmp_path: Path, header: Header, record: Record) -> Path:
    """Return the same run cut short, in segments of a tick each."""
    writer = TrajectoryWriter(tmp_path / "cut.h5", header, segment_bytes=1)
    record_all(writer, record)
    writer.abort("a stone fell on it")
    return tmp_path / "cut.h5"


def record_all(writer: TrajectoryWriter, record: Record) -> None:
    for tick in range(0, 2400, 240):
        record(writer, tick)
        if tick in (480, 1920):
            writer.checkpoint(tick, STATE, {})


def flip(file: Path, dataset: str, chunk: int = 0) -> None:
    """Change a byte in the middle of a chunk, behind the back of HDF5."""
    with h5py.File(file) as opened:
        found = opened[dataset].id.get_chunk_info(chunk)
    content = bytearray(file.read_bytes())
    content[found.byte_offset + found.size // 2] ^= 1
    file.write_bytes(content)


def change(file: Path, *, checksums: bool = True, **datasets: Any) -> None:
    """Write other values, as a program that knows HDF5 but no checksums would."""
    with h5py.File(file, "r+") as opened:
        for name, value in datasets.items():
            dataset = opened[name]
            dataset[(0,) * dataset.ndim if np.ndim(value) == 0 else ...] = value
        if not checksums:
            forget_checksums(opened)


def datasets_of(opened: h5py.File) -> list[str]:
    names: list[str] = []
    opened.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def forget_checksums(opened: h5py.File) -> None:
    """Make it a file of the first version of this package, which knew only the digest of the whole."""
    for name in datasets_of(opened):
        opened[name].attrs.pop("sha256", None)
    opened.attrs.pop("sha256", None)
    opened.attrs.pop("digest", None)


class TestWhole:
    def test_finished(self, finished: Path) -> None:
        report = check(finished)
        assert (report.ok, report.status) == (True, "finished")
        assert report.text() == "ok, finished, day 0 to 0.375, 2 checkpoints"

    def test_interrupted(self, cut: Path) -> None:
        report = check(cut)
        assert (report.ok, report.status) == (True, "interrupted")
        assert report.text() == f"ok, interrupted, day 0 to 0.375, 10 segments, 2 checkpoints; abm resume {cut} goes on with it"

    def test_running(self, tmp_path: Path, header: Header, record: Record) -> None:
        writer = TrajectoryWriter(tmp_path / "run.h5", header)
        assert check(tmp_path / "run.h5").text() == "ok, running, nothing recorded, 0 segments, 0 checkpoints"
        record(writer, 240)
        writer.checkpoint(240, STATE, {})
        assert check(tmp_path / "run.h5").text() == "ok, running, day 0.04167, 1 segment, 1 checkpoint"
        writer.abort("")

    def test_empty(self, tmp_path: Path, header: Header) -> None:
        TrajectoryWriter(tmp_path / "run.h5", header).finish()
        assert check(tmp_path / "run.h5").text() == "ok, finished, nothing recorded, 0 checkpoints"

    def test_files_without_checksums_are_held_against_their_digest_alone(self, finished: Path) -> None:
        with h5py.File(finished, "r+") as file:
            digest = file.attrs["digest"]
            forget_checksums(file)
            file.attrs["digest"] = digest
        assert check(finished).ok
        change(finished, **{"view/csf/frames": 77})
        assert check(finished).damage == ("the digest is not the one noted when the run was packed: something is missing",)

    def test_segments_without_checksums(self, cut: Path) -> None:
        for file in parts_folder(cut).glob("0*.h5"):
            change(file, checksums=False)
        assert check(cut).ok

    def test_a_run_that_is_finished_meanwhile(self, tmp_path: Path, header: Header, record: Record) -> None:
        path = tmp_path / "run.h5"
        writer = TrajectoryWriter(path, header, segment_bytes=1)

        def write() -> None:
            record_all(writer, record)
            writer.finish()

        thread = threading.Thread(target=write)
        thread.start()
        statuses = []
        while not statuses or statuses[-1] != "finished":
            report = check(path)
            assert report.ok, report.text()
            statuses.append(report.status)
        thread.join()
        assert check(path).ok

    def test_memory_does_not_grow_with_the_file(self, tmp_path: Path, header: Header) -> None:
        with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
            for tick in range(16):
                writer.view(tick, "marrow", np.full((2000, 2000), tick, np.uint8))
        check(tmp_path / "run.h5")
        tracemalloc.start()
        try:
            assert check(tmp_path / "run.h5").ok
            assert tracemalloc.get_traced_memory()[1] < 30e6, "of 64 MB"
        finally:
            tracemalloc.stop()

    def test_progress_goes_from_nothing_to_nearly_all(self, finished: Path) -> None:
        told: list[tuple[float, float]] = []
        check(finished, progress=lambda done, total: told.append((done, total)))
        done = [one for one, _ in told]
        assert done == sorted(done)
        assert {total for _, total in told} == {finished.stat().st_size}
        assert 0 < done[0] < done[-1] <= finished.stat().st_size


class TestDamagedRecords:
    def test_a_frame_is_named(self, tmp_path: Path, header: Header) -> None:
        noise = np.random.default_rng(1).integers(0, 255, (8, 300, 300), dtype=np.uint8)
        with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
            for number, frame in enumerate(noise):
                writer.view(-5760 + 2880 * number, "marrow", frame)
        flip(tmp_path / "run.h5", "view/marrow/frames", 5)
        report = check(tmp_path / "run.h5")
        assert report.damage == ("view/marrow/frames cannot be read in frame 5 (day 1.5)",)
        again = tmp_path / "run_again.h5"
        assert report.text().endswith(f"; all else is whole; abm rerun {tmp_path / 'run.h5'} -o {again} makes it again, to the byte")
        flip(tmp_path / "run.h5", "view/marrow/frames", 1)
        assert check(tmp_path / "run.h5").damage == ("view/marrow/frames cannot be read in frames 1 to 5 (day -0.5 to 1.5)",)

    def test_the_frames_of_cells_are_named(self, tmp_path: Path, header: Header) -> None:
        with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
            for tick in range(4):
                uid = np.random.default_rng(tick).integers(0, 2**62, 10_000)
                writer.cells(tick * 5760, "marrow", {"uid": uid, "kind": np.full(10_000, 6, np.uint8)})
        flip(tmp_path / "run.h5", "cells/marrow/uid", 2)
        report = check(tmp_path / "run.h5")
        assert report.damage == ("cells/marrow/uid cannot be read in frame 2 (day 2)",)
        with Trajectory.open(tmp_path / "run.h5") as run:
            assert len(run.cells(day=1)["uid"]) == len(run.cells(day=2)["kind"]) == 10_000
            with pytest.raises(RunError, match="cells/marrow/uid cannot be read"):
                run.cells(day=2)["uid"]

    @pytest.mark.parametrize(
        ("dataset", "value"),
        [
            ("observables/il6", 1e9), ("observables/tick", -1), ("events/detail", "{}"), ("cells/marrow/uid", 3),
            ("view/csf/frames", 33), ("fields/marrow/il6/frames", 1e9), ("cells/marrow/frame_offset", 1),
        ],
    )  # fmt: skip
    def test_other_values_are_noticed_by_all_who_read_them_whole(
        self, finished: Path, cut: Path, header: Header, dataset: str, value: Any
    ) -> None:
        change(finished, **{dataset: value})
        assert any(text.startswith(f"{dataset} is not what was written") for text in check(finished).damage)
        segment = segment_path(cut, 3)
        change(segment, **{dataset: value})
        assert check(cut).damage[0].startswith(f"000003.h5: {dataset} is not what was written")
        for path in (finished, cut):
            with pytest.raises(RunError, match=rf"is damaged: /?{dataset} is not what was written"):
                Trajectory.open(path).digest()
        with pytest.raises(RunError, match=rf"000003\.h5: is damaged: /?{dataset} is not what was written"):
            TrajectoryWriter(cut, header, resume=True, until=9999).finish()

    @pytest.mark.parametrize("path", ["scenario/resolved", "scenario/original", "provenance", "schema"])
    def test_texts(self, finished: Path, cut: Path, path: str) -> None:
        for file in (finished, cut):
            with h5py.File(file, "r+") as opened:
                text = opened[path].asstr()[()]
                opened[path][()] = text.replace("small", "smell").replace("CD19 per", "CD20 per")
            report = check(file)
            assert f"/{path} is not what was written" in report.damage
            assert "again" in report.remedy
            assert "resume" not in report.remedy

    def test_attributes(self, cut: Path) -> None:
        with h5py.File(cut, "r+") as file:
            file.attrs["reason"] = "a stone fell on its foot"
        assert check(cut).damage == ("a root attribute is not what was written",)

    def test_every_file_and_every_dataset_has_a_checksum(self, finished: Path, cut: Path) -> None:
        for path in (finished, cut, *parts_folder(cut).glob("*.h5")):
            with h5py.File(path) as file:
                assert "sha256" in file.attrs
                for name in datasets_of(file):
                    # those of a checkpoint share one
                    assert name.startswith("checkpoint/") or "sha256" in file[name].attrs, name

    def test_units(self, finished: Path) -> None:
        with h5py.File(finished, "r+") as file:
            file["observables/il6"].attrs["unit"] = "ng/mL"
        assert check(finished).damage == ("unit or description of observables/il6 is not that of the schema",)

    def test_a_dataset_that_cannot_be_opened_does_not_hide_the_others(self, finished: Path) -> None:
        content = bytearray(finished.read_bytes())
        with h5py.File(finished) as file:
            where = h5py.h5o.get_info(file["cells/marrow/site"].id).addr
        content[where + 20] ^= 1
        finished.write_bytes(content)
        report = check(finished)
        assert "cells/marrow/site cannot be read" in report.damage[0]
        with Trajectory.open(finished) as run:
            assert len(run.cells(day=0)["uid"]) > 0
            for read in (lambda: run.cells(day=0)["site"], run.digest, run.describe):
                with pytest.raises(RunError, match=r"is damaged: cells/marrow.* cannot be read"):
                    read()

    def test_a_series_that_is_gone(self, finished: Path) -> None:
        with h5py.File(finished, "r+") as file:
            del file["events"]
        assert check(finished).damage == ("the digest is not the one noted when the run was packed: something is missing",)

    def test_many_faults_make_one_line(self, finished: Path) -> None:
        change(finished, **{f"cells/marrow/{name}": 99 for name in ("uid", "site", "mood", "cd19", "bound")})
        text = check(finished).text()
        assert "\n" not in text
        assert text.count("is not what was written") == 4
        assert ", and 1 more; all else is whole" in text


class TestInconsistent:
    """What no checksum tells: a file written wrongly, or by another program."""

    @pytest.mark.parametrize(
        ("dataset", "value", "told"),
        [
            ("observables/tick", 9999, "observables/tick does not increase"),
            ("events/tick", 9999, "events/tick does not increase"),
            ("view/csf/time", 3.0, "view/csf/time does not agree with its ticks"),
            ("cells/marrow/frame_offset", 1, "cells/marrow/frame_offset does not fit 10 frames"),
            ("cells/marrow/kind", 17, "cells/marrow/kind: there is no cell type 17"),
        ],
    )
    def test_values(self, finished: Path, dataset: str, value: Any, told: str) -> None:
        change(finished, checksums=False, **{dataset: value})
        assert told in check(finished).damage

    def test_datasets(self, finished: Path) -> None:
        with h5py.File(finished, "r+") as file:
            forget_checksums(file)
            del file["observables/il6"]
            file["cells/elsewhere"] = file["cells/marrow"]
            file["view/marrow/other"] = np.zeros(10)
            values = file["view/csf/frames"][:9]
            del file["view/csf/frames"]
            file["view/csf/frames"] = values
            file["cells/marrow/uid"].attrs["unit"] = ""
            rows = len(file["cells/marrow/mood"])
            del file["cells/marrow/mood"]
            file["cells/marrow/mood"] = np.zeros(rows + 1)
        found = check(finished).damage
        for told in (
            "observables/il6 is missing",
            "cells/elsewhere: 'elsewhere' is not in the schema",
            "unit or description of view/marrow/other is not that of the schema",
            "view/csf/frames has 9 rows in place of 10",
            f"cells/marrow/mood has {rows + 1} rows in place of {rows}",
        ):
            assert told in found


class TestSegments:
    def test_missing(self, cut: Path) -> None:
        segment_path(cut, 4).unlink()
        report = check(cut)
        assert report.damage == ("000004.h5 is missing",)
        assert report.readable == "what was recorded before, up to 000003.h5, is whole"
        assert report.remedy == f"remove what comes after 000003.h5 from cut.h5.parts, and abm resume {cut} makes it again, to the byte"

    def test_the_last_ones_missing(self, cut: Path) -> None:
        for number in (8, 9):
            segment_path(cut, number).unlink()
        report = check(cut)
        assert len(report.damage) == 1
        assert report.damage[0].startswith("the last segments are missing, as the checkpoint of day 0.3333 knows more of cells/marrow, ")
        assert report.remedy == f"abm resume {cut} makes it again, to the byte"

    def test_the_first_one_damaged(self, cut: Path) -> None:
        segment_path(cut, 0).write_bytes(b"")
        report = check(cut)
        assert report.damage[0] == "000000.h5: the file is not an HDF5 file, so not a trajectory"
        assert report.remedy.startswith("remove all segments from cut.h5.parts, and abm resume ")

    def test_exchanged(self, cut: Path) -> None:
        one, other = segment_path(cut, 2), segment_path(cut, 5)
        os.rename(one, one.with_name("aside"))
        os.rename(other, one)
        os.rename(one.with_name("aside"), other)
        damage = check(cut).damage
        assert damage[0].startswith("000002.h5: is another segment by its number")
        assert "begins before the end of an earlier segment" in damage[1]

    def test_with_other_datasets(self, cut: Path) -> None:
        with h5py.File(segment_path(cut, 7), "r+") as file:
            forget_checksums(file)
            del file["cells/marrow/mood"]
        assert "000007.h5: cells/marrow has other datasets than in earlier segments" in check(cut).damage

    def test_of_a_run_that_goes_on(self, tmp_path: Path, header: Header, record: Record) -> None:
        writer = TrajectoryWriter(tmp_path / "run.h5", header, segment_bytes=1)
        record_all(writer, record)
        segment_path(writer.path, 4).unlink()
        assert check(writer.path).remedy.startswith("once the run has ended: remove what comes after 000003.h5")
        writer.abort("")

    def test_all_gone(self, cut: Path) -> None:
        for file in parts_folder(cut).iterdir():
            file.unlink()
        parts_folder(cut).rmdir()
        report = check(cut)
        assert report.damage == ("cut.h5.parts is not there",)
        assert report.remedy == "the run has to be started again (--overwrite)"

    def test_without_an_index(self, cut: Path) -> None:
        cut.unlink()
        report = check(cut)
        assert report.damage[0].startswith("the file is missing, but ")


class TestCheckpoints:
    def test_damaged_beside_segments(self, cut: Path) -> None:
        with h5py.File(parts_folder(cut) / "checkpoint_+1920.h5", "r+") as file:
            file["checkpoint/1920/clock"][0] = 7
        report = check(cut)
        assert report.damage == ("the checkpoint of day 0.3333 is damaged: its checksum differs",)
        assert report.readable == "all that was recorded is whole"
        assert report.remedy == f"abm resume {cut} goes on from another state, or from the start"

    def test_damaged_in_a_finished_file(self, finished: Path) -> None:
        flip(finished, "checkpoint/480/cells/uid")
        report = check(finished)
        assert len(report.damage) == 1
        assert report.damage[0].startswith("the checkpoint of day 0.08333 is damaged: ")
        assert (report.readable, report.remedy) == ("all that was recorded is whole", "a run goes on from another state, or from the start")


class TestCommand:
    def test_all_are_told_and_the_worst_counts(self, finished: Path, cut: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["check", str(finished), str(cut)]) == 0
        assert capsys.readouterr().out == f"{finished}: {check(finished).text()}\n{cut}: {check(cut).text()}\n"
        flip(finished, "cells/marrow/uid")
        assert main(["check", str(finished), str(cut)]) == 1
        out = capsys.readouterr().out.splitlines()
        told = "damaged: cells/marrow/uid cannot be read in frames 0 to 9 (day 0 to 0.375); all else is whole; abm rerun "
        assert out[0].startswith(f"{finished}: {told}")
        assert out[1].startswith(f"{cut}: ok")
        assert main(["check", str(finished), "nowhere.h5", str(cut)]) == 2
        said = capsys.readouterr()
        assert len(said.out.splitlines()) == 2
        assert "nowhere.h5: no such file" in said.err

    def test_quiet(self, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["check", "--quiet", str(finished)]) == 0
        flip(finished, "cells/marrow/uid")
        assert main(["check", "--quiet", str(finished)]) == 1
        assert capsys.readouterr() == ("", "")

    def test_what_is_no_trajectory(self, tmp_path: Path) -> None:
        (tmp_path / "x.h5").write_text("no", encoding="utf-8")
        with pytest.raises(InputError, match="is not an HDF5 file"):
            check(tmp_path / "x.h5")
