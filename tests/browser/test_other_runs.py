# SPDX-License-Identifier: Apache-2.0
"""The player in a real browser: runs that grow, stand side by side, lack something or go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from abm.playback.player.server import PlayerServer
from abm.trajectory import TrajectoryWriter
from tests.browser.conftest import OpenPage
from tests.browser.player_page import counts, shown
from tests.unit.playback.player.recorded import BLAST, MARROW, header, marrow_view, write_day, write_run
from tests.unit.playback.player.served import served

pytestmark = pytest.mark.browser


@pytest.fixture
def server(run_file: Path) -> Iterator[PlayerServer]:
    with served(run_file) as started:
        yield started


def test_a_growing_run_is_followed(tmp_path: Path, open_page: OpenPage) -> None:
    path = tmp_path / "growing.h5"
    with TrajectoryWriter(path, header()) as writer:
        write_day(writer, 0)
        writer.flush()
        with served(path) as server:
            page = open_page(server.url)
            assert page.text("#status") == "running"
            assert page.page.get_attribute("#live", "aria-pressed") == "true"
            for day in (1, 2):
                write_day(writer, day)
                writer.flush()
                page.wait_for_day(day)
                assert shown(page.legend()) == counts(marrow_view(day))
            page.press("Home")
            page.wait_for_day(0)
            assert page.page.get_attribute("#live", "aria-pressed") == "false"
            write_day(writer, 3)
            writer.finish()
            page.until(lambda: page.text("#status") == "finished")
            assert page.day == 0
            assert page.read("player.moments.ticks.length") == 4


def test_two_runs_side_by_side(run_file: Path, tmp_path: Path, open_page: OpenPage) -> None:
    line = {"file": run_file.name, "digest": "", "scenario": "", "until_days": 2.0}
    branch = write_run(tmp_path / "branch.h5", days=5, provenance={"scenario": "a branch", "ancestors": [line]})
    with served(branch, run_file) as server:
        page = open_page(f"{server.url}#day=6")
        assert [each.get_attribute("data-run") for each in page.page.query_selector_all(".pane")] == ["0", "1", "0", "1"]
        assert page.read("[...document.querySelectorAll('.legend, .side')].every((one) => one.scrollWidth <= one.clientWidth + 1)")
        assert shown(page.legend(0)) == counts(marrow_view(4))
        assert shown(page.legend(2)) == counts(marrow_view(6))
        words = [mark.get_attribute("data-words") for mark in page.page.query_selector_all(".mark")]
        assert any(each.startswith("day 2: the branch begins") for each in words)
        assert page.read("document.querySelectorAll('.course path[stroke-dasharray]').length") > 3


def test_other_shapes_and_days_side_by_side(run_file: Path, tmp_path: Path, open_page: OpenPage) -> None:
    places = header().compartments
    flat = {**places, "marrow": {**places["marrow"], "shape": [20, 30, 1]}}
    other = tmp_path / "flat.h5"
    with TrajectoryWriter(other, header(compartments=flat)) as writer:
        for tick in (0, 1000, 9000):
            writer.observables(tick, dict.fromkeys(header().observables, 1.0))
            writer.view(tick, "marrow", np.full((20, 30, 1), BLAST, np.uint8))
    with served(run_file, other) as server:
        page = open_page(f"{server.url}#day=1")
        assert shown(page.legend(0)) == counts(marrow_view(1))
        assert shown(page.legend(2)) == {BLAST: 600}
        page.press("2", "3", "1")
        page.until(lambda: page.page.query_selector(".lattice").is_visible())


def test_a_frame_that_cannot_be_had_is_told_and_the_next_is_shown(server: PlayerServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    page.expected = ("500", "400")
    page.page.route("**/frame?*frame=3*", lambda route: route.fulfill(status=500, body='{"error": "view/marrow is damaged"}'))
    page.read("player.frames.clear()")
    page.press("ArrowRight", "ArrowRight")
    page.wait_for_day(2)
    page.press("ArrowRight")
    page.until(lambda: "view/marrow is damaged" in page.text("#banner"))
    page.press("ArrowRight")
    page.wait_for_day(4)
    page.until(lambda: page.page.query_selector("#banner").is_hidden())


def test_a_file_that_is_removed_is_told(tmp_path: Path, open_page: OpenPage) -> None:
    path = write_run(tmp_path / "gone.h5")
    with served(path) as server:
        page = open_page(server.url)
        page.expected = ("400",)
        path.unlink()
        page.until(lambda: "no such file" in page.text("#banner"))


def test_of_a_truncated_file_that_alone_is_told(tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abm.playback.player.recording._GLANCE", 0.0)
    path = write_run(tmp_path / "cut.h5")
    with served(path) as server:
        page = open_page(server.url)
        page.expected = ("500", "400")
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 3)
        page.press("End")
        page.until(lambda: page.page.query_selector("#banner").is_visible())
        page.read("player.look()")
        assert "damaged or truncated" in page.text("#banner")
        assert "asked for number" not in page.text("#banner")


def test_that_another_run_is_shown_is_told_until_it_is_dismissed(
    tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abm.playback.player.recording._GLANCE", 0.0)
    path = write_run(tmp_path / "mine.h5")
    with served(path) as server:
        page = open_page(server.url)
        write_run(tmp_path / "other.h5", days=2, provenance={"scenario": "another", "seed": 5}).replace(path)
        page.until(lambda: "Another run took the place" in page.text("#banner"))
        page.until(lambda: page.text("#run-name") == "another")
        page.read("player.look()")
        page.press("ArrowRight")
        page.wait_for_day(1)
        assert "Another run took the place" in page.text("#banner")
        page.page.click("#banner button")
        assert page.page.query_selector("#banner").is_hidden()
        page.read("player.look()")
        assert page.page.query_selector("#banner").is_hidden()


def test_a_wrong_token_is_told_in_words(server: PlayerServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    page.expected = ("403",)
    answer = page.page.goto(server.url[:-3] + "xyz")
    assert answer.status == 403
    assert page.text("body") == "abm player: the token is missing or wrong; open the address that abm play printed"


@pytest.mark.parametrize("what", ["none", "views", "flat", "block"])
def test_what_is_missing_breaks_nothing(tmp_path: Path, open_page: OpenPage, what: str) -> None:
    path = tmp_path / "less.h5"
    if what == "none":
        write_run(path, days=0)
    elif what == "views":
        write_run(path, days=1, everything=False)
    else:
        shape = [20, 30, 1] if what == "flat" else list(MARROW)
        block = {"marrow": {"shape": shape, "spacing_um": 10.0, "scale": 1.0}}
        with TrajectoryWriter(path, header(compartments=block, observables={})) as writer:
            for day in range(2):
                writer.view(day * 5760, "marrow", np.full(shape, BLAST, np.uint8))
    with served(path) as server:
        page = open_page(server.url)
        for key in ("2", "3", "1", "c", "o", "End", "Home", " ", "ArrowRight"):
            page.press(key)
        if what == "none":
            assert "Nothing recorded yet" in page.text("#day")
            assert "No views were recorded" in page.text(".pane-empty")
        else:
            page.until(lambda: page.page.query_selector(".lattice").is_visible())
            assert page.legend()[BLAST] > 0
