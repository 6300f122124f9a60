# SPDX-License-Identifier: Apache-2.0
"""The player in one file: what it holds is what the run has, in no more than the size allowed."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abm.errors import InputError, RunError
from abm.playback.player import embedding, write_page
from tests.unit.playback.player.recorded import DAYS, MARROW, field, marrow_view, write_run


def held(page: Path) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="player-data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found
    return json.loads(found[1])


def frames_of(stream: dict[str, Any]) -> np.ndarray:
    found = []
    for block in stream["blocks"]:
        stacked = np.frombuffer(gzip.decompress(base64.b64decode(block)), np.uint8).reshape(-1, *stream["shape"])
        found.append(np.bitwise_xor.accumulate(stacked, axis=0))
    return np.concatenate(found)


def stream_of(data: dict[str, Any], place: str, layer: str, run: int = 0) -> dict[str, Any]:
    return next(each for each in data["streams"] if (each["run"], each["place"], each["layer"]) == (run, place, layer))


def test_a_small_run_is_held_whole(run_file: Path, tmp_path: Path) -> None:
    page = write_page(run_file, tmp_path / "known.html")
    data = held(page)
    views = stream_of(data, "marrow", "codes")
    np.testing.assert_array_equal(frames_of(views), [marrow_view(day) for day in range(DAYS)])
    assert [head["tick"] for head in views["heads"]] == data["runs"][0]["places"][0]["layers"]["codes"]
    assert views["cut"] == "whole"
    assert len(stream_of(data, "marrow", "field/ifn_gamma")["heads"]) == 3
    assert stream_of(data, "marrow", "field/ifn_gamma")["heads"][-1]["range"][1] == pytest.approx(field(6).max())


def test_it_asks_nobody_for_anything(run_file: Path, tmp_path: Path) -> None:
    text = write_page(run_file, tmp_path / "known.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=[\"'](?!data:)", text)
    assert "connect-src" not in text
    assert "default-src 'none'" in text
    assert "{{" not in text


def test_two_runs(run_file: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other.h5", days=3)
    data = held(write_page(other, tmp_path / "two.html", compare=run_file))
    assert [run["label"] for run in data["runs"]] == ["other", "known"]
    assert len(stream_of(data, "marrow", "codes", 0)["heads"]) == 3
    assert len(stream_of(data, "marrow", "codes", 1)["heads"]) == DAYS


def noisy_run(path: Path, shape: tuple[int, int, int], days: int) -> Path:
    from abm.trajectory import TrajectoryWriter
    from abm.units import TICKS_PER_DAY
    from tests.unit.playback.player.recorded import header

    dice = np.random.default_rng(1)
    places = {"marrow": {"shape": list(shape), "spacing_um": 10.0, "scale": 1.0}}
    with TrajectoryWriter(path, header(compartments=places)) as writer:
        for day in range(days):
            writer.view(day * TICKS_PER_DAY, "marrow", dice.integers(0, 10, shape, dtype=np.uint8))
    return path


def test_frames_are_left_out_evenly_until_it_is_small_enough(tmp_path: Path) -> None:
    run = noisy_run(tmp_path / "noisy.h5", (24, 24, 16), 300)
    page = write_page(run, tmp_path / "noisy.html", megabytes=0.8)
    assert 0.5e6 < page.stat().st_size <= 0.8e6
    place = held(page)["runs"][0]["places"][0]
    ticks = place["layers"]["codes"]
    assert place["recorded"] == {"codes": 300}
    assert embedding._ENOUGH <= len(ticks) < 300
    assert (ticks[0], ticks[-1]) == (0, 299 * 5760)
    assert max(np.diff(ticks)) <= 2 * min(np.diff(ticks))


def test_of_a_large_lattice_a_plane_and_a_projection_are_held(tmp_path: Path) -> None:
    run = noisy_run(tmp_path / "large.h5", (64, 64, 32), 40)
    page = write_page(run, tmp_path / "large.html", megabytes=0.9)
    assert page.stat().st_size <= 0.9e6
    data = held(page)
    assert data["runs"][0]["places"][0]["offers"] == {"codes": ["plane:2:16", "front:2:0"]}
    plane, front = data["streams"]
    assert plane["shape"] == front["shape"] == [64, 64]
    assert len(plane["heads"]) == len(front["heads"]) == len(data["runs"][0]["places"][0]["layers"]["codes"])


def test_a_run_without_frames(tmp_path: Path) -> None:
    data = held(write_page(write_run(tmp_path / "none.h5", days=0), tmp_path / "none.html"))
    assert data["streams"] == []


def test_a_name_with_markup_stays_a_name(tmp_path: Path) -> None:
    run = write_run(tmp_path / "x.h5", days=1, provenance={"scenario": "</script><script>alert(1)</script>"})
    page = write_page(run, tmp_path / "x.html")
    assert held(page)["runs"][0]["name"] == "</script><script>alert(1)</script>"
    assert "<script>alert" not in page.read_text(encoding="utf-8")


def test_it_is_written_whole_or_not_at_all(run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "known.html"
    target.write_text("before", encoding="utf-8")

    def fail(packer: Any, room: int) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embedding._Packer, "pack", fail)
    with pytest.raises(RunError, match="No space left"):
        write_page(run_file, target, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["known.html"]
    assert target.read_text(encoding="utf-8") == "before"


def test_sizes_and_names_that_cannot_be(run_file: Path, tmp_path: Path) -> None:
    for size, told in ((0.2, "at least 0.5"), (float("nan"), "at least 0.5"), (float("inf"), "at most 1000000"), (1e300, "at most")):
        with pytest.raises(InputError, match=told):
            write_page(run_file, tmp_path / "x.html", megabytes=size)
    assert np.prod(MARROW) < 300_000  # held whole above
