# SPDX-License-Identifier: Apache-2.0
"""The player in a real browser: what it shows is what the file holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from abm.playback.palette import rgb
from abm.playback.player.server import PlayerServer
from abm.state.kinds import KIND_BITS, KINDS, SOLID
from abm.trajectory import Trajectory
from tests.browser.conftest import OpenPage
from tests.browser.player_page import PlayerPage, counts, shown
from tests.unit.playback.player.recorded import (
    BLAST,
    CAR_T,
    CSF,
    DAYS,
    TRACKED,
    csf_view,
    marrow_view,
    tracked_site,
)
from tests.unit.playback.player.served import served

pytestmark = pytest.mark.browser


@pytest.fixture
def server(run_file: Path) -> Iterator[PlayerServer]:
    with served(run_file) as started:
        yield started


@pytest.fixture
def page(server: PlayerServer, open_page: OpenPage) -> PlayerPage:
    return open_page(server.url)


def test_it_opens_at_the_first_frame(page: PlayerPage) -> None:
    assert page.page.title() == "known – abm player"
    assert page.text("#run-name") == "a known run"
    assert page.day == 0
    assert len(page.page.query_selector_all(".pane")) == 2
    assert page.text("#status") == "finished"
    assert page.page.query_selector("#banner").is_hidden()


def test_counts_are_those_of_the_file_on_every_day(page: PlayerPage, run_file: Path) -> None:
    with Trajectory.open(run_file) as run:
        for day in range(DAYS):
            page.wait_for_day(day)
            assert shown(page.legend(0)) == counts(run.views("marrow")[day])
            assert shown(page.legend(1)) == counts(run.views("csf")[day])
            page.press("ArrowRight")


def test_each_site_has_the_colour_of_its_kind(page: PlayerPage) -> None:
    view = marrow_view(0)
    for site in ((3, 9, 4), (5, 1, 4), (0, 9, 4)):
        code = int(view[site])
        expected = "#99aabb" if code & KIND_BITS == SOLID else KINDS[code & KIND_BITS].colour
        assert page.colour_at(site[0], site[1]) == tuple(int(value) for value in rgb(expected))


def test_keys_go_through_time(page: PlayerPage) -> None:
    for key, day in (
        ("End", 6),
        ("ArrowLeft", 5),
        ("Shift+ArrowLeft", 4),
        ("Home", 0),
        ("ArrowRight", 1),
        ("Shift+ArrowRight", 2),
    ):
        page.press(key)
        page.wait_for_day(day)
    assert page.text("#day") == "Day 2.0"


def test_the_slider_seeks(page: PlayerPage) -> None:
    slider = page.page.query_selector(".time")
    box = slider.bounding_box()
    page.page.mouse.move(box["x"] + 9, box["y"] + box["height"] / 2)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    page.page.mouse.up()
    page.wait_for_day(3)
    assert slider.get_attribute("aria-valuetext") == "day 3"


def test_a_click_on_a_course_seeks(page: PlayerPage) -> None:
    box = page.page.query_selector(".course > svg").bounding_box()
    page.page.mouse.click(box["x"] + box["width"] - 71, box["y"] + 30)
    page.wait_for_day(6)
    assert len(page.page.query_selector_all(".course")) >= 4


def test_marks_tell_of_treatments_and_events_and_lead_there(page: PlayerPage) -> None:
    words = [mark.get_attribute("data-words") for mark in page.page.query_selector_all(".mark")]
    assert words == ["day 2: CRS grade 1, before 0", "day 0: CAR T infusion"]
    page.page.query_selector(".mark").hover(force=True)
    assert page.text(".tip") == words[0]
    page.page.query_selector(".mark").click(force=True)
    page.wait_for_day(2)


def test_it_plays_to_the_end_and_stops(page: PlayerPage) -> None:
    page.page.select_option("#speed", "60")
    page.page.click("#play")
    page.wait_for_day(6)
    page.until(lambda: page.page.get_attribute("#play", "aria-label") == "Play (Space)")
    page.page.click("#loop")
    page.page.click("#play")
    page.until(lambda: 0 < page.day < 6)
    page.wait_for_day(6)
    page.until(lambda: page.day < 6)
    page.page.click("#play")


def test_another_layer_and_another_axis(page: PlayerPage) -> None:
    page.page.focus("article[data-place=marrow] .plane")
    page.change(lambda: page.press("Home"))
    assert "1 of 8" in page.text("article[data-place=marrow] .plane-words")
    assert page.read("[...player.panes[0].shown.get('codes').levels]") == marrow_view(0)[:, :, 0].reshape(-1).tolist()
    page.change(lambda: page.page.click("article[data-place=marrow] .pane-axis [data-value='0']"))
    assert page.read("[...player.panes[0].shown.get('codes').levels]") == marrow_view(0)[6].reshape(-1).tolist()


@pytest.mark.parametrize("cut", [("front", 0), ("front", 1), ("front", 2), ("density", 2)])
def test_the_page_cuts_as_the_server_does(page: PlayerPage, server: PlayerServer, cut: tuple[str, int]) -> None:
    what, axis = cut
    number = BLAST if what == "density" else 1 << CAR_T
    page.change(lambda: page.read(f"player.store.setPlane(player.runs[0].places[0], {{ axis: {axis} }})"))
    page.change(lambda: page.read(f"player.store.set({{ view: '{what}', density: {BLAST}, hidden: [{CAR_T}], tick: 5760 }})"))
    found = server.recordings[0].frame("marrow", "codes", 1, f"{what}:{axis}:{number}")
    assert (
        bytes(page.read("[...player.panes[0].shown.get('codes').levels]")) == found[4 + int.from_bytes(found[:4], "little") :]
    )


def test_a_large_lattice_is_fetched_in_cuts(run_file: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abm.playback.player.describing.MOST_WHOLE", 50)
    asked: list[str] = []
    with served(run_file) as server:
        answer = server.answer
        monkeypatch.setattr(server, "answer", lambda path, query: (asked.append(query.get("cut", "")), answer(path, query))[1])
        page = open_page(server.url)
        page.page.focus("article[data-place=marrow] .plane")
        page.change(lambda: page.press("ArrowRight"))
        assert page.read("[...player.panes[0].shown.get('codes').levels]") == marrow_view(0)[:, :, 5].reshape(-1).tolist()
        page.press("Escape", "3")
        page.until(lambda: page.page.query_selector(".volume"))
        assert shown(page.legend()) == counts(marrow_view(0))
    assert {"plane:2:4", "plane:2:5"} <= set(asked)
    assert "whole" not in asked


def test_three_dimensions_are_drawn_and_turn(page: PlayerPage) -> None:
    page.press("3")
    page.until(lambda: page.page.query_selector("article[data-place=marrow] .volume"))
    canvas = "article[data-place=marrow] .volume"
    first = page.pixels(canvas)
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 20
    box = page.page.query_selector(canvas).bounding_box()
    page.page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 220, box["y"] + 140)
    page.page.mouse.up()
    second = page.pixels(canvas)
    assert (first != second).any(axis=2).mean() > 0.02
    page.page.mouse.wheel(0, -600)
    page.until(lambda: (page.pixels(canvas) != second).any(axis=2).mean() > 0.02)


def test_without_webgl_it_says_so(server: PlayerServer, open_page: OpenPage) -> None:
    page = open_page(server.url)
    page.read("void (HTMLCanvasElement.prototype.getContext = ((get) => function (kind, ...rest) {"
              " return kind === 'webgl2' ? null : get.call(this, kind, ...rest); })(HTMLCanvasElement.prototype.getContext))")  # fmt: skip
    page.press("3")
    page.until(lambda: "3-D needs WebGL 2" in page.text("article[data-place=marrow]"))
    page.press("1")
    page.until(lambda: page.page.query_selector("article[data-place=marrow] .lattice").is_visible())


def test_pointing_tells_of_the_cell_and_a_click_of_its_history(page: PlayerPage) -> None:
    page.press("End")
    page.wait_for_day(6)
    page.page.mouse.move(*page.site_centre(*tracked_site(6)[:2]))
    page.until(lambda: page.page.query_selector(f"#inspector [data-uid='{TRACKED}']"))
    told = page.text("#inspector")
    for part in (
        "CAR T cell",
        "x 75, y 45, z 45 µm",
        "As recorded on day 6",
        "stands for",
        "1,000 cells",
        "exhausted",
        "in a synapse",
    ):
        assert part in told
    page.page.mouse.click(*page.site_centre(*tracked_site(6)[:2]))
    page.until(lambda: "recorded from day 0.0 to 6.0" in page.text("#inspector"))
    days = [row.inner_text().split("\t")[0] for row in page.page.query_selector_all("#inspector .history tbody tr")]
    assert days == ["0.0", "3.0", "6.0"]
    page.press("Escape")
    assert page.page.query_selector("#inspector").is_hidden()


@pytest.mark.parametrize("colour", ["state", "cd19", "clone", "exhaustion"])
def test_colours_of_cells_tell_the_day_of_their_frame(page: PlayerPage, colour: str) -> None:
    page.press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight")
    page.wait_for_day(4)
    page.change(lambda: page.page.select_option("#colour", colour))
    assert "cells as recorded on day 3" in page.text("article[data-place=marrow] .pane-note")
    assert "cells were not recorded here" in page.text("article[data-place=csf] .pane-note")
    expected = page.read(f"[...player.palettes[0].cells('{colour}').slice(4 * 255, 4 * 255 + 3)]")
    site = tracked_site(3)
    assert (list(page.colour_at(*site[:2])) == expected) == (colour in ("cd19", "clone"))


def test_a_cytokine_lies_over_the_cells_with_its_scale(page: PlayerPage) -> None:
    page.change(lambda: page.page.click("article[data-place=marrow] .pane-axis [data-value='2']"))
    page.change(lambda: page.read("player.store.setPlane(player.runs[0].places[0], { number: 0 })"))
    before = page.colour_at(0, 0)
    page.change(lambda: page.page.select_option("#overlay", "ifn_gamma"))
    assert page.colour_at(0, 0) != before
    assert "field of day 0" in page.text("article[data-place=marrow] .pane-note")
    assert "IFN-γ in the tissue" in page.text("#legend")
    assert "pg/mL" in page.text("#legend")


def test_a_kind_can_be_hidden(page: PlayerPage) -> None:
    before = page.colour_at(5, 1)
    page.change(lambda: page.page.click(f"#legend tr[data-kind='{BLAST}'] button"))
    assert page.colour_at(5, 1) == (255, 255, 255) != before
    assert page.legend()[BLAST] == counts(marrow_view(0))[BLAST]


def test_light_and_dark(server: PlayerServer, open_page: OpenPage) -> None:
    page = open_page(server.url, color_scheme="dark")
    assert page.read("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"
    page.press("d")
    page.until(lambda: page.read("getComputedStyle(document.body).backgroundColor") == "rgb(244, 245, 247)")
    assert page.page.get_attribute("html", "data-theme") == "light"


def test_the_address_keeps_the_view(server: PlayerServer, open_page: OpenPage) -> None:
    page = open_page(f"{server.url}#day=3&view=front&colour=state&plane-marrow=y2&speed=20")
    assert page.day == 3
    assert page.page.get_attribute("[data-value=front]", "aria-checked") == "true"
    assert page.read("player.store.plane(player.runs[0].places[0])") == {"axis": 1, "number": 2}
    page.press("End")
    page.until(lambda: "day=6" in page.read("location.hash"))
    assert re.search(r"colour=state.*speed=20", page.read("location.hash"))


def test_help_lists_the_keys(page: PlayerPage) -> None:
    page.press("?")
    assert page.page.query_selector("#shortcuts").is_visible()
    assert "play or pause" in page.text("#shortcuts")
    page.press("Escape")
    assert page.page.query_selector("#shortcuts").is_hidden()


def test_everything_that_is_pressed_has_a_name(page: PlayerPage) -> None:
    nameless = page.read(
        "[...document.querySelectorAll('button, select, input')].filter((one) =>"
        " !(one.getAttribute('aria-label') || one.innerText.trim() || one.labels?.length)).map((one) => one.outerHTML)"
    )
    assert nameless == []


def test_the_second_place_shows_its_own(page: PlayerPage) -> None:
    assert page.read("[...player.panes[1].shown.get('codes').levels]") == csf_view(0).reshape(CSF[:2]).reshape(-1).tolist()


def test_over_bone_no_cell_is_looked_for(page: PlayerPage) -> None:
    page.page.mouse.move(*page.site_centre(0, 9))
    page.until(lambda: "bone" in page.text("#inspector h3"))
    page.page.wait_for_load_state("networkidle")
    assert "No recorded cell" not in page.text("#inspector")


@pytest.mark.parametrize("high", [30, 60, 120])
def test_the_scale_bar_of_a_thin_pane_covers_no_site(page: PlayerPage, high: int) -> None:
    page.read(f"document.querySelectorAll('.pane-room').forEach((room) => {{ room.style.height = '{high}px'; }})")
    page.change(lambda: page.press("ArrowRight"))
    colours = [page.colour_at(column, row, 1) for column in range(CSF[0]) for row in range(CSF[1])]
    assert len(set(colours)) == 2  # room, and the one cell
    geometry = page.read("player.panes[1].flat.geometry()")
    assert geometry["high"] == high
    below = geometry["high"] - geometry["top"] - geometry["rows"] * geometry["scale"]
    beside = geometry["wide"] - geometry["left"] - geometry["columns"] * geometry["scale"]
    assert below >= 34 if high > 68 else beside >= 90


@pytest.mark.parametrize("width", [380, 760, 1024, 1920, 3840])
def test_nothing_runs_over_the_edge(server: PlayerServer, open_page: OpenPage, width: int) -> None:
    page = open_page(server.url, viewport={"width": width, "height": max(width * 9 // 16, 520)})
    assert {"colour by", "cytokine"} <= {each.inner_text() for each in page.page.query_selector_all(".field > span")}
    assert page.read("document.documentElement.scrollWidth") <= width
    parts = "main, .toolbar, .transport, .pane, .pane-controls, .side"
    assert page.read(f"[...document.querySelectorAll('{parts}')].every((one) => one.scrollWidth <= one.clientWidth + 1)")
