# SPDX-License-Identifier: Apache-2.0
"""The player in a real browser: what is shown is of the moment it is shown for, or says of which; and no cytokine is none."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from abm.playback.player import write_page
from abm.trajectory import Trajectory, TrajectoryWriter
from abm.units import TICKS_PER_DAY
from tests.browser.conftest import OpenPage
from tests.browser.player_page import counts, shown
from tests.unit.playback.player.recorded import DAYS, cells, header, marrow_view, write_run
from tests.unit.playback.player.served import served

pytestmark = pytest.mark.browser

NOTE = "article[data-place=marrow] .pane-note"


def odd_run(path: Path) -> Path:
    """Sampled at odd ticks, seen a tick after some of the samples."""
    with TrajectoryWriter(path, header()) as writer:
        for number, tick in enumerate(range(7, 2000, 83)):
            writer.observables(tick, dict.fromkeys(header().observables, 1.0 + number))
            if number % 2 == 0:
                writer.view(tick + number % 3, "marrow", marrow_view(0))
    return path


@pytest.mark.parametrize("whole", [False, True])
def test_the_values_beside_the_cells_are_of_their_moment(tmp_path: Path, open_page: OpenPage, whole: bool) -> None:
    path = odd_run(tmp_path / "odd.h5")
    with Trajectory.open(path) as run, served(path) as server:
        page = open_page(write_page(path, tmp_path / "odd.html").as_uri() if whole else server.url)
        known = run.observables["il6"]
        for tick in run.views("marrow").ticks:
            page.wait_for_day(tick / TICKS_PER_DAY)
            chips = page.page.query_selector_all(".chips li")
            il6 = next(chip.inner_text() for chip in chips if chip.inner_text().startswith("IL-6"))
            assert float(il6.split()[-1]) == known.loc[: tick / TICKS_PER_DAY].iloc[-1]
            page.press("ArrowRight")


def with_fields(path: Path) -> Path:
    """A field that begins on day 2, none of it in one half, and a hundredfold more a day later; cells from day 3 on."""
    with TrajectoryWriter(path, header()) as writer:
        for day in range(5):
            tick = day * TICKS_PER_DAY
            writer.observables(tick, dict.fromkeys(header().observables, 1.0))
            writer.view(tick, "marrow", marrow_view(day))
            if day >= 2:
                field = np.zeros((6, 5, 4), np.float32)
                field[3:] = 0.3 * 100 ** (day - 2)
                writer.field(tick, "marrow", "ifn_gamma", field)
            if day >= 3:
                writer.cells(tick, "marrow", cells(day))
    return path


def test_no_cytokine_is_none_and_colours_stay(tmp_path: Path, open_page: OpenPage) -> None:
    with served(with_fields(tmp_path / "fields.h5")) as server:
        page = open_page(f"{server.url}#day=2&plane-marrow=z0")
        empty, full = page.colour_at(1, 8), page.colour_at(10, 8)
        page.change(lambda: page.page.select_option("#overlay", "ifn_gamma"))
        assert page.colour_at(1, 8) == empty
        assert page.colour_at(10, 8) != full
        span = page.read("player.panes[0].fieldSpan")
        legend = page.page.inner_text("#legend .bar")
        page.page.mouse.move(*page.site_centre(1, 8))
        page.until(lambda: "IFN-γ: < 0.001 pg/mL" in page.text("#inspector"))
        page.page.mouse.move(*page.site_centre(10, 8))
        page.until(lambda: re.search(r"IFN-γ: about 0\.(29|3|31) pg/mL", page.text("#inspector")))
        page.press("End")
        page.wait_for_day(4)
        assert page.read("player.panes[0].fieldSpan") == span
        assert page.page.inner_text("#legend .bar") == legend


def test_of_a_faint_field_neither_colours_nor_their_bar_go_below_the_scale(tmp_path: Path, open_page: OpenPage) -> None:
    path = tmp_path / "faint.h5"
    with TrajectoryWriter(path, header()) as writer:
        writer.view(0, "marrow", marrow_view(0))
        writer.field(0, "marrow", "ifn_gamma", np.full((6, 5, 4), 0.05, np.float32))
    with served(path) as server:
        page = open_page(server.url)
        page.change(lambda: page.page.select_option("#overlay", "ifn_gamma"))
        assert page.read("player.panes[0].fieldSpan[0]") == 1
        ticks = page.page.query_selector_all("#legend .bar-ticks span")
        assert [each.inner_text() for each in ticks] == ["10⁻³", "0.01", "0.1"]
        assert "not drawn below 0.001" in page.text("#legend")


def test_nothing_is_shown_before_it_was_recorded(tmp_path: Path, open_page: OpenPage) -> None:
    with served(with_fields(tmp_path / "fields.h5")) as server:
        page = open_page(f"{server.url}#day=1&overlay=ifn_gamma&colour=state")
        assert page.read("[...player.panes[0].shown.keys()]") == ["codes"]
        assert "cells recorded from day 3" in page.text(NOTE)
        assert "field recorded from day 2" in page.text(NOTE)
        page.page.mouse.move(*page.site_centre(1, 8))
        page.until(lambda: "Cells one by one are recorded from day 3." in page.text("#inspector"))
        page.press("ArrowRight")
        page.wait_for_day(2)
        assert "field of day 2" in page.text(NOTE)
        assert "cells recorded from day 3" in page.text(NOTE)


def test_a_run_that_begins_later_is_not_there_before(run_file: Path, tmp_path: Path, open_page: OpenPage) -> None:
    late = tmp_path / "late.h5"
    with TrajectoryWriter(late, header()) as writer:
        for day in (2, 3):
            writer.observables(day * TICKS_PER_DAY, dict.fromkeys(header().observables, 1.0))
            writer.view(day * TICKS_PER_DAY, "marrow", marrow_view(day))
    with served(run_file, late) as server:
        page = open_page(f"{server.url}#day=1")
        second = "article[data-run='1'][data-place=marrow]"
        assert page.text(f"{second} .pane-empty") == "Recorded from day 2."
        assert page.page.query_selector(f"{second} .lattice").is_hidden()
        page.press("ArrowRight")
        page.wait_for_day(2)
        assert page.page.query_selector(f"{second} .lattice").is_visible()
        assert page.text(f"{second} .pane-empty") == ""


@pytest.mark.parametrize("whole", [False, True])
def test_a_run_that_has_ended_says_so(run_file: Path, tmp_path: Path, open_page: OpenPage, whole: bool) -> None:
    short = write_run(tmp_path / "short.h5", days=4)
    with served(short, run_file) as server:
        page = open_page(write_page(short, tmp_path / "x.html", compare=run_file).as_uri() if whole else server.url)
        page.press("End")
        page.wait_for_day(DAYS - 1)
        ended = "article[data-run='0'][data-place=marrow]"
        assert page.text(f"{ended} .pane-note") == "this run ended on day 3 · view of day 3"
        assert float(page.read(f"getComputedStyle(document.querySelector(\"{ended} canvas\")).opacity")) < 1
        assert page.text("article[data-run='1'][data-place=marrow] .pane-note") == ""
        il6 = next(chip.inner_text() for chip in page.page.query_selector_all(".chips li") if chip.inner_text().startswith("IL-6"))
        assert il6.split()[1] == "–"
        page.press("Home")
        page.wait_for_day(0)
        assert page.text(f"{ended} .pane-note") == ""


def test_a_view_of_another_day_says_so(tmp_path: Path, open_page: OpenPage) -> None:
    path = tmp_path / "sparse.h5"
    with TrajectoryWriter(path, header()) as writer:
        for day in range(4):
            writer.observables(day * TICKS_PER_DAY, dict.fromkeys(header().observables, 1.0))
            writer.view(day * TICKS_PER_DAY, "marrow", marrow_view(day))
            if day % 2 == 0:
                writer.view(day * TICKS_PER_DAY, "csf", np.zeros((16, 6, 1), np.uint8))
    page = open_page(write_page(path, tmp_path / "sparse.html").as_uri())
    page.press("End")
    page.wait_for_day(3)
    assert page.text("article[data-place=csf] .pane-note") == "view of day 2"
    assert shown(page.legend(0)) == counts(marrow_view(3))
    assert page.text(NOTE) == ""
