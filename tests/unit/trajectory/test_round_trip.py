# SPDX-License-Identifier: Apache-2.0
"""What goes in comes out, from one file or from many segments."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from abm.errors import InputError
from abm.trajectory import Header, Trajectory, TrajectoryWriter, pack

TICKS = range(0, 2400, 240)


@pytest.fixture(params=["finished", "segments"])
def trajectory(request, recorded):
    path = recorded(finish=request.param == "finished", segment_bytes=1)
    with Trajectory.open(path) as opened:
        yield opened


def test_header_comes_back(trajectory, header):
    assert trajectory.header == header
    assert trajectory.scenario_text == header.scenario
    assert trajectory.provenance == header.provenance
    assert (trajectory.first_day, trajectory.last_day) == (TICKS[0] / 5760, TICKS[-1] / 5760)


def test_observables_come_back(trajectory, content):
    frame = trajectory.observables
    assert list(frame.columns) == ["il6", "blasts_total"]
    assert frame.index.name == "day"
    expected = [content(tick)["observables"] for tick in TICKS]
    assert frame["il6"].tolist() == [row["il6"] for row in expected]
    days, values = trajectory.observable("blasts_total")
    assert values.tolist() == [row["blasts_total"] for row in expected]
    assert days.tolist() == [tick / 5760 for tick in TICKS]


@pytest.mark.parametrize("compartment", ["marrow", "csf"])
def test_views_come_back(trajectory, content, compartment):
    views = trajectory.views(compartment)
    assert len(views) == len(TICKS)
    assert views.ticks.tolist() == list(TICKS)
    for number in (3, 0, 9, -1):
        expected = content(TICKS[number])[compartment]
        assert views[number].dtype == np.uint8
        np.testing.assert_array_equal(views[number], expected)
    assert views.shape == content(0)[compartment].shape
    np.testing.assert_array_equal(views.at(day=0.19), content(1200)[compartment])
    assert [frame.tobytes() for frame in views] == [content(tick)[compartment].tobytes() for tick in TICKS]
    with pytest.raises(IndexError, match="10 frames"):
        views[10]
    with pytest.raises(InputError, match=r"from day 0 to 0\.375, asked for day 3"):
        views.at(day=3)


def test_cells_come_back_small(trajectory, content):
    frames = trajectory.cell_frames("marrow")
    assert frames.counts.tolist() == [len(content(tick)["cells"]["uid"]) for tick in TICKS]
    dtypes = {"uid": "int64", "kind": "uint8", "site": "int32", "cd19": "float16", "mood": "float32", "bound": "uint8"}
    for frame, tick in zip(frames, TICKS, strict=True):
        expected = content(tick)["cells"]
        assert frame.tick == tick
        assert len(frame) == len(expected["uid"])
        assert {name: str(values.dtype) for name, values in dict(frame).items()} == dtypes
        for name, values in expected.items():
            np.testing.assert_array_equal(frame[name], values.astype(dtypes[name]))


def test_cells_are_selected_by_kind_and_day(trajectory, content):
    expected = content(1200)["cells"]
    of_kind = expected["kind"] == 9
    cells = trajectory.cells("marrow", kind="car_t", day=1200 / 5760)
    assert len(cells) == of_kind.sum()
    np.testing.assert_array_equal(cells["uid"], expected["uid"][of_kind])
    assert trajectory.cells().tick == TICKS[-1]
    assert len(trajectory.cells(kind="blast")) + len(trajectory.cells(kind=9)) == len(trajectory.cells())
    with pytest.raises(InputError, match="unknown cell type 'cart'; nearest: 'car_t'"):
        trajectory.cells(kind="cart")
    with pytest.raises(KeyError, match="cd20"):
        trajectory.cells()["cd20"]
    with pytest.raises(InputError, match="no cells of csf"):
        trajectory.cells("csf")
    with pytest.raises(InputError, match="nearest: 'marrow'"):
        trajectory.cells("marow")


def test_fields_and_events_come_back(trajectory, content):
    field = trajectory.fields["marrow"]["il6"]
    assert field[4].dtype == np.float32
    np.testing.assert_array_equal(field[4], content(960)["field"])
    assert [event["detail"] for event in trajectory.events] == [{"cells": 10 * tick, "note": "µ"} for tick in TICKS]
    assert trajectory.events[1]["kind"] == "infusion"
    assert trajectory.events[1]["day"] == 240 / 5760


def test_description_says_what_is_there(trajectory):
    text = trajectory.describe()
    for words in (
        trajectory.status,
        "small",
        "seed 7",
        "10 frames of 6 × 5 × 4",
        "bytes per cell and frame",
        "infusion 10",
    ):
        assert words in text


def test_digest_knows_neither_segments_nor_packing_nor_provenance(recorded, header, tmp_path, record):
    many = recorded("many.h5", finish=False, segment_bytes=1)
    few = recorded("few.h5", finish=False)
    packed = recorded("packed.h5", segment_bytes=3000)
    assert len(list((tmp_path / "many.h5.parts").glob("*.h5"))) == 10
    assert len(list((tmp_path / "few.h5.parts").glob("*.h5"))) == 1
    digests = {Trajectory.open(path).digest() for path in (many, few, packed)}
    assert len(digests) == 1
    assert Trajectory.open(packed).noted_digest in digests
    assert Trajectory.open(recorded("longer.h5", range(0, 2401, 240))).digest() not in digests
    elsewhere = Header(**{**vars(header), "provenance": {"threads": 64}})
    with TrajectoryWriter(tmp_path / "elsewhere.h5", elsewhere) as writer:
        for tick in TICKS:
            record(writer, tick)
    assert Trajectory.open(tmp_path / "elsewhere.h5").digest() in digests


def test_digest_sees_every_dataset(recorded):
    path = recorded()
    before = Trajectory.open(path).digest()
    names: list[str] = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    assert len(names) > 25
    unseen = []
    for name in names:
        original = path.read_bytes()
        with h5py.File(path, "r+") as file:
            dataset = file[name]
            del dataset.attrs["sha256"]  # or else it would be refused
            if name in ("provenance", "schema"):
                text = dataset.asstr()[()]
                dataset[()] = text.replace("small", "large").replace("CD19 per cell", "CD20 per cell")
            elif dataset.dtype == object:
                dataset[(0,) * dataset.ndim] = '{"other": 1}'
            elif name.endswith("frame_offset"):
                dataset[1] += 1
            else:
                first = (0,) * dataset.ndim
                dataset[first] = 0 if dataset[first] else 1
        if Trajectory.open(path).digest() == before:
            unseen.append(name)
        path.write_bytes(original)
    assert unseen == ["provenance"]


def test_any_hdf5_tool_can_read_it(recorded, content):
    with h5py.File(recorded()) as file:
        assert file["observables/tick"][...].tolist() == list(TICKS)
        assert file["observables/time"][3] == 3.0
        assert file["observables/time"].attrs["unit"] == "h"
        assert file["observables/il6"].attrs["unit"] == "pg/mL"
        assert file["cells/marrow/cd19"].attrs["about"] == "CD19 per cell"
        offset = file["cells/marrow/frame_offset"]
        assert len(offset) == len(TICKS) + 1
        np.testing.assert_array_equal(
            file["cells/marrow/site"][offset[2] : offset[3]], content(TICKS[2])["cells"]["site"]
        )
        assert file["view/marrow/frames"].shape == (10, 6, 5, 4)
        assert file["fields/marrow/il6/frames"].compression == "gzip"

        def complain(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset) and "/" in name and not name.startswith("scenario/"):
                assert "unit" in item.attrs, name

        file.visititems(complain)


def test_chunk_is_about_one_frame(tmp_path, header):
    random = np.random.default_rng(0)
    with TrajectoryWriter(tmp_path / "run.h5", header, segment_bytes=1e6) as writer:
        for tick in range(20):
            writer.view(tick, "marrow", random.integers(0, 9, (50, 50, 40), dtype=np.uint8))
            writer.cells(tick, "marrow", {"uid": np.arange(20_000 + tick)})
    with h5py.File(tmp_path / "run.h5") as file:
        assert file["view/marrow/frames"].chunks == (1, 50, 50, 40)
        assert 15_000 < file["cells/marrow/uid"].chunks[0] < 25_000


def test_missing_observable_is_nan_and_unknown_one_is_refused(tmp_path, header):
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        writer.observables(0, {"il6": 1.5})
        with pytest.raises(InputError, match="unknown observable 'il-6'; nearest: 'il6'"):
            writer.observables(1, {"il-6": 1.0})
    frame = Trajectory.open(tmp_path / "run.h5").observables
    assert frame["il6"].tolist() == [1.5]
    assert np.isnan(frame["blasts_total"]).all()


def test_caller_may_reuse_its_arrays(tmp_path, header):
    sites = np.zeros((3, 3), np.uint8)
    uid = np.zeros(2, np.int64)
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        for tick in range(3):
            sites[:], uid[:] = tick, tick
            writer.view(tick, "marrow", sites)
            writer.cells(tick, "marrow", {"uid": uid})
    trajectory = Trajectory.open(tmp_path / "run.h5")
    assert [int(frame[0, 0]) for frame in trajectory.views("marrow")] == [0, 1, 2]
    assert [int(frame["uid"][1]) for frame in trajectory.cell_frames("marrow")] == [0, 1, 2]


def test_antigen_saturates(tmp_path, header):
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        writer.cells(0, "marrow", {"cd19": np.array([1e6, 8379.0, np.nan])})
    stored = Trajectory.open(tmp_path / "run.h5").cells()["cd19"]
    assert stored[0] == 65504
    assert stored[1] == pytest.approx(8379, rel=5e-4)
    assert np.isnan(stored[2])


def test_empty_run_and_empty_frames(tmp_path, header):
    with TrajectoryWriter(tmp_path / "empty.h5", header):
        pass
    with TrajectoryWriter(tmp_path / "no_cells.h5", header) as writer:
        writer.cells(0, "csf", {"uid": np.empty(0, np.int64), "kind": np.empty(0, np.uint8)})
    empty = Trajectory.open(tmp_path / "empty.h5")
    assert (empty.status, empty.last_day, empty.events, empty.fields) == ("finished", 0, [], {})
    assert len(empty.views("marrow")) == len(empty.observables) == len(empty.observable("il6")[1]) == 0
    assert "finished" in empty.describe()
    cells = Trajectory.open(tmp_path / "no_cells.h5").cells("csf", kind="car_t")
    assert len(cells) == len(cells["uid"]) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: w.view(1, "marow", np.zeros((2, 2), np.uint8)), "unknown compartment 'marow'; nearest: 'marrow'"),
        (lambda w: w.view(1, "marrow", np.zeros((2, 2))), "must be uint8 in 2 or 3 dimensions, got float64 in 2"),
        (
            lambda w: w.view(2, "marrow", np.zeros((2, 3), np.uint8)),
            r"first had frames uint8 \[2, 2\], got .* \[2, 3\]",
        ),
        (lambda w: w.view(0, "marrow", np.zeros((2, 2), np.uint8)), "ticks must increase, got 0 after 0"),
        (lambda w: w.view(-1, "marrow", np.zeros((2, 2), np.uint8)), "ticks must increase, got -1 after 0"),
        (lambda w: w.cells(1, "marrow", {"uid": [1], "kind": [6, 6]}), "of one length"),
        (lambda w: w.cells(1, "marrow", {"cd91": [1.0]}), "unknown column 'cd91'; nearest: 'cd19'"),
        (lambda w: w.cells(1, "marrow", {"uid": ["a"]}), "column 'uid': must be numbers"),
        (lambda w: w.field(1, "marrow", "a/b", np.zeros(2)), "without '/'"),
        (lambda w: w.event(1, "dose", {"cells": float("nan")}), "event 'dose': cannot be stored as JSON"),
        (lambda w: w.event(1, "dose", {"cells": object()}), "cannot be stored as JSON"),
        (lambda w: w.event(1, "", {}), "must be a word"),
    ],
)
def test_bad_input_is_named_and_harms_nothing(tmp_path, header, call, message):
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        writer.view(0, "marrow", np.zeros((2, 2), np.uint8))
        with pytest.raises(InputError, match=message):
            call(writer)
    trajectory = Trajectory.open(tmp_path / "run.h5")
    assert len(trajectory.views("marrow")) == 1
    assert trajectory.events == []


def test_header_with_an_impossible_name_is_refused(header):
    for name in ("tick", "a/b", ""):
        with pytest.raises(InputError, match="name in observables"):
            Header(**{**vars(header), "observables": {name: {"unit": "1", "about": ""}}})
    with pytest.raises(InputError, match="null character"):
        Header(**{**vars(header), "scenario": "a\0b"})
    with pytest.raises(InputError, match="provenance"):
        Header(**{**vars(header), "provenance": {"x": {1, 2}}})


def test_packing_leaves_a_finished_file_and_refuses_an_unfinished_run(recorded):
    finished = recorded("finished.h5")
    before = finished.read_bytes()
    pack(finished)
    assert finished.read_bytes() == before
    with pytest.raises(InputError, match="did not reach its end"):
        pack(recorded("cut.h5", finish=False))


def test_ticks_before_day_zero_are_negative_days(tmp_path, header):
    path = tmp_path / "run.h5"
    with TrajectoryWriter(path, header) as writer:
        for tick in (-5760, 0, 5760):
            writer.view(tick, "marrow", np.full((2, 2), tick // 5760 + 1, np.uint8))
    with Trajectory.open(path) as trajectory:
        views = trajectory.views("marrow")
        assert views.days.tolist() == [-1.0, 0.0, 1.0]
        assert int(views.at(day=-1)[0, 0]) == 0
