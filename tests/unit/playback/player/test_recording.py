# SPDX-License-Identifier: Apache-2.0
"""What the player reads of a run: layers, cells on a site, histories, descriptions, and a run that goes on."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abm.clinic.courses import APLASIA, MRD_LIMIT
from abm.errors import InputError, RunError
from abm.playback.player import cells as cells_module
from abm.playback.player import highest as highest_module
from abm.playback.player import recording as recording_module
from abm.playback.player.layers import CD19_SCALE, EXHAUSTED, FIELD_SCALE
from abm.playback.player.recording import Recording
from abm.playback.sections import thin_axis
from abm.trajectory import Trajectory, TrajectoryWriter
from abm.units import TICKS_PER_DAY
from tests.unit.playback.player.recorded import (
    CELL_DAYS,
    DAYS,
    GUEST_SITE,
    MARROW,
    TRACKED,
    field,
    header,
    marrow_view,
    tracked_site,
    write_day,
    write_run,
)


def opened(content: bytes) -> tuple[dict[str, Any], np.ndarray]:
    length = struct.unpack("<I", content[:4])[0]
    head = json.loads(content[4 : 4 + length])
    return head, np.frombuffer(content[4 + length :], np.uint8).reshape(head["shape"])


def test_a_frame_is_that_of_the_file_with_its_counts(recording: Recording) -> None:
    for day in range(DAYS):
        head, levels = opened(recording.frame("marrow", "codes", day, "whole"))
        np.testing.assert_array_equal(levels, marrow_view(day))
        assert head["tick"] == day * TICKS_PER_DAY
        codes, numbers = np.unique(marrow_view(day), return_counts=True)
        assert head["counts"] == [[int(code), int(number)] for code, number in zip(codes, numbers, strict=True)]


def test_counts_are_those_of_the_whole_frame_whatever_is_cut(recording: Recording) -> None:
    whole, _ = opened(recording.frame("marrow", "codes", 3, "whole"))
    plane, levels = opened(recording.frame("marrow", "codes", 3, "plane:1:2"))
    assert plane["counts"] == whole["counts"]
    np.testing.assert_array_equal(levels, marrow_view(3)[:, 2, :])


def test_a_layer_of_cells_shows_each_where_it_stands(recording: Recording) -> None:
    head, levels = opened(recording.frame("marrow", "exhaustion", 1, "whole"))
    assert head["tick"] == CELL_DAYS[1] * TICKS_PER_DAY
    assert levels[tracked_site(3)] == 1 + 5
    assert head["cells"] == [["working", 1, 1000], ["exhausted", 0, 0]]
    last = opened(recording.frame("marrow", "exhaustion", 2, "whole"))[1]
    assert last[tracked_site(6)] == EXHAUSTED


def test_of_guests_on_one_site_the_heavier_is_shown(recording: Recording) -> None:
    head, levels = opened(recording.frame("marrow", "clone", 0, "whole"))
    assert levels[GUEST_SITE] == 9
    assert head["cells"] == [[1, 2, 1010], [9, 1, 30]]
    head, levels = opened(recording.frame("marrow", "cd19", 0, "whole"))
    assert levels[GUEST_SITE] == CD19_SCALE.levels(np.array([1000.0]))[0]
    assert levels[9, 9, 0] == 1  # a blast without CD19
    assert head["cells"] == [["with CD19", 2, 40], ["blasts and B cells without", 1, 1000]]
    assert head["median"] == 1000.0


def test_a_coarse_field_covers_the_sites_of_its_voxels(recording: Recording) -> None:
    head, levels = opened(recording.frame("marrow", "field/ifn_gamma", 2, "whole"))
    assert levels.shape == MARROW
    high, low = FIELD_SCALE.levels(np.array([56.0, 0.1]))
    assert (levels[:2, :2, :2] == high).all()
    assert (levels == high).sum() == 8
    assert levels[2, 0, 0] == low
    assert head["range"] == pytest.approx([0.1, field(6).max()], rel=1e-3)


def test_levels_of_a_scale_are_near_their_values() -> None:
    values = np.array([0.0, 1e-3, 0.5, 80.0, 1e9, np.nan])
    levels = FIELD_SCALE.levels(values)
    assert levels.tolist()[:2] == [1, 1]
    assert levels[4] == 254
    back = FIELD_SCALE.low * (FIELD_SCALE.high / FIELD_SCALE.low) ** ((levels[2:4] - 1) / 253)
    assert back == pytest.approx([0.5, 80.0], rel=0.04)


def test_the_cells_of_a_site_full_one_first(recording: Recording) -> None:
    here = recording.cells_at("marrow", 1, tracked_site(3))
    assert here["tick"] == 3 * TICKS_PER_DAY
    assert [cell["uid"] for cell in here["cells"]] == [TRACKED]
    assert (
        here["cells"][0] | {"programme": "effector", "divisions": 5.0, "weight": 1000, "position": [45.0, 45.0, 45.0]}
        == here["cells"][0]
    )
    guests = recording.cells_at("marrow", 1, GUEST_SITE)
    assert [(cell["uid"], cell["guest"]) for cell in guests["cells"]] == [(6, True), (5, True)]
    assert recording.cells_at("marrow", 1, (11, 0, 0))["cells"] == []


def test_the_history_of_a_cell(recording: Recording) -> None:
    found = recording.history(TRACKED)
    assert [line["tick"] for line in found["history"]] == [day * TICKS_PER_DAY for day in CELL_DAYS]
    assert [line["divisions"] for line in found["history"]] == [2.0, 5.0, 8.0]
    assert [line["programme"] for line in found["history"]] == ["effector", "effector", "exhausted"]
    assert (found["looked"], found["frames"]) == (3, 3)
    assert recording.history(12345)["history"] == []


def test_a_history_is_bounded_work(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_module, "MOST_ROWS", 6)
    found = recording.history(TRACKED)
    assert (found["looked"], found["frames"]) == (2, 3)
    assert [line["tick"] // TICKS_PER_DAY for line in found["history"]] == [0, 6]


def test_the_description_names_limits_treatments_and_events(recording: Recording) -> None:
    told = recording.description()
    json.dumps(told, allow_nan=False)
    rules = {rule["label"]: rule["value"] for panel in told["panels"] for rule in panel["rules"]}
    assert rules["MRD limit"] == MRD_LIMIT
    assert rules["B-cell aplasia"] == APLASIA
    assert {panel["title"] for panel in told["panels"]} >= {"Marrow", "Blood", "Cytokine release", "Acute phase"}
    assert [given["name"] for given in told["treatments"]] == ["CAR T infusion"]
    assert [(event["day"], event["text"]) for event in told["events"]] == [(2.0, "CRS grade 1, before 0")]
    assert [place["name"] for place in told["places"]] == ["marrow", "csf"]
    assert told["places"][0]["layers"]["state"] == [day * TICKS_PER_DAY for day in CELL_DAYS]


def test_without_cells_and_fields_there_are_views(tmp_path: Path) -> None:
    found = Recording(write_run(tmp_path / "plain.h5", everything=False), "plain")
    assert list(found.description()["places"][0]["layers"]) == ["codes"]
    with pytest.raises(InputError, match="no layer 'cd91'"):
        found.frame("marrow", "cd91", 0, "whole")
    with pytest.raises(InputError, match="no frame 0 of cells"):
        found.cells_at("marrow", 0, (0, 0, 0))
    found.close()


@pytest.mark.parametrize(
    ("place", "layer", "number", "cut", "told"),
    [
        ("periphery", "codes", 0, "whole", "no place 'periphery'"),
        ("marow", "codes", 0, "whole", "allowed: marrow, csf"),
        ("marrow", "codes", DAYS, "whole", f"has {DAYS} frames"),
        ("marrow", "codes", -1, "whole", "number -1"),
        ("marrow", "codes", 0, "plane:2:8", "12x10x8"),
    ],
)
def test_what_cannot_be_asked(recording: Recording, place: str, layer: str, number: int, cut: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        recording.frame(place, layer, number, cut)


def test_volumes_in_memory_are_bounded(run_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "VOLUME_BYTES", 3 * int(np.prod(MARROW)))
    found = Recording(run_file, "known")
    for day in range(DAYS):
        found.frame("marrow", "codes", day, "plane:2:0")
    assert 0 < found._volumes.bytes <= 3 * int(np.prod(MARROW))
    found.close()


def test_a_run_that_goes_on_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "_GLANCE", 0.0)
    path = tmp_path / "growing.h5"
    with TrajectoryWriter(path, header()) as writer:
        write_day(writer, 0)
        writer.flush()
        found = Recording(path, "growing")
        first = found.standing()
        assert first["status"] == "running"
        write_day(writer, 1)
        writer.flush()
        second = found.standing()
        assert second["stamp"] != first["stamp"]
        assert found.description()["places"][0]["layers"]["codes"] == [0, TICKS_PER_DAY]
    last = found.standing()
    assert last["status"] == "finished"
    assert last["version"] == first["version"]
    found.close()


def test_another_run_under_the_same_name_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "_GLANCE", 0.0)
    path = write_run(tmp_path / "mine.h5")
    found = Recording(path, "mine")
    before = found.standing()
    write_run(tmp_path / "other.h5", days=2, provenance={"scenario": "another", "seed": 5}).replace(path)
    after = found.standing()
    assert after["version"] != before["version"]
    assert found.description()["name"] == "another"
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        found.standing()
    found.close()


def test_a_truncated_file_stays_told_until_another_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "_GLANCE", 0.0)
    path = write_run(tmp_path / "cut.h5")
    found = Recording(path, "cut")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 3)
    for ask in (found.standing, found.standing, lambda: found.frame("marrow", "codes", 6, "whole"), found.description):
        with pytest.raises(RunError, match="damaged or truncated"):
            ask()
    write_run(tmp_path / "good.h5").replace(path)
    assert found.standing()["status"] == "finished"
    assert opened(found.frame("marrow", "codes", 6, "whole"))[0]["tick"] == 6 * TICKS_PER_DAY
    found.close()


def test_a_run_without_any_frame(tmp_path: Path) -> None:
    found = Recording(write_run(tmp_path / "none.h5", days=0), "none")
    told = found.description()
    assert [place["layers"] for place in told["places"]] == [{}, {}]
    assert (told["panels"], told["first"], told["last"]) == ([], 0, 0)
    found.close()


@pytest.mark.parametrize("points", [1500, 20])
def test_values_of_courses_are_those_of_the_file_at_every_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: int) -> None:
    monkeypatch.setattr("abm.playback.player.describing.MOST_POINTS", points)
    path = tmp_path / "odd.h5"
    sampled = np.cumsum(np.random.default_rng(3).integers(1, 400, 200))
    with TrajectoryWriter(path, header()) as writer:
        for number, tick in enumerate(sampled):
            writer.observables(int(tick), dict.fromkeys(header().observables, 0.1 + number))
            if number % 7 == 0:
                writer.view(int(tick) + 1, "marrow", marrow_view(0))
    found = Recording(path, "odd")
    told = found.description()
    courses = [course for panel in told["panels"] for course in panel["courses"]]
    il6 = next(course for course in courses if course["label"].startswith("IL-6"))
    with Trajectory.open(path) as run:
        known = run.observables["il6"]
        moments = run.views("marrow").ticks if points < len(sampled) else np.arange(sampled[0], sampled[-1] + 2)
    assert set(il6["ticks"]) <= set(sampled.tolist())
    for tick in moments:
        last = np.searchsorted(il6["ticks"], tick, side="right") - 1
        assert il6["values"][last] == pytest.approx(known.loc[: tick / TICKS_PER_DAY].iloc[-1], rel=1e-3)
    found.close()


def test_the_highest_concentrations_are_told_from_the_start(recording: Recording) -> None:
    assert recording.description()["highest"] == {"ifn_gamma": pytest.approx(field(6).max())}


def test_looking_for_the_highest_concentration_is_bounded_work(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abm.playback.player.highest.MOST_VALUES", field(0).size)
    looked: list[int] = []
    read = highest_module._highest
    monkeypatch.setattr(highest_module, "_highest", lambda frames, number: (looked.append(number), read(frames, number))[1])
    assert recording.description()["highest"] == {"ifn_gamma": pytest.approx(field(6).max())}
    assert recording.description()["highest"] == {"ifn_gamma": pytest.approx(field(6).max())}
    assert looked == [0, 2]


def test_a_place_opens_across_the_axis_of_movies(recording: Recording) -> None:
    for place in recording.description()["places"]:
        assert place["axis"] == thin_axis(tuple(place["shape"]))


def test_the_reader_agrees(run_file: Path) -> None:
    with Trajectory.open(run_file) as run:
        np.testing.assert_array_equal(run.views("marrow")[4], marrow_view(4))
