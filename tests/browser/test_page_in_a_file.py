# SPDX-License-Identifier: Apache-2.0
"""The player in one file, opened from the disk with the network off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abm.playback.player import write_page
from abm.state.kinds import KIND_BITS
from tests.browser.conftest import OpenPage
from tests.unit.playback.player.recorded import BLAST, DAYS, marrow_view, write_run
from tests.unit.playback.player.test_embedding import noisy_run

pytestmark = pytest.mark.browser


def test_it_works_without_server_and_network(run_file: Path, tmp_path: Path, open_page: OpenPage) -> None:
    written = write_page(run_file, tmp_path / "known.html")
    page = open_page(written.as_uri(), offline=True)
    assert page.text("#run-about").endswith(f"all {DAYS} views")
    for day in range(DAYS):
        page.wait_for_day(day)
        blasts = int(np.count_nonzero((marrow_view(day) & KIND_BITS) == BLAST))
        assert page.legend().get(BLAST, 0) == blasts
        assert page.read("[...player.panes[0].shown.get('codes').levels]") == marrow_view(day)[:, :, 4].reshape(-1).tolist()
        page.press("ArrowRight")
    page.press("Home", " ")
    page.wait_for_day(6)
    page.press("3")
    page.until(lambda: page.page.query_selector(".volume"))
    assert len(np.unique(page.pixels(".volume").reshape(-1, 3), axis=0)) > 20
    page.press("1")
    page.change(lambda: page.page.select_option("#colour", "exhaustion"))
    assert "cells as recorded on day 6" in page.text("article[data-place=marrow] .pane-note")


def test_of_a_large_lattice_it_says_what_it_holds(tmp_path: Path, open_page: OpenPage) -> None:
    written = write_page(noisy_run(tmp_path / "large.h5", (64, 64, 32), 40), tmp_path / "large.html", megabytes=0.9)
    page = open_page(written.as_uri(), offline=True)
    assert "all 40 views" in page.text("#run-about")
    assert page.page.query_selector(".plane").is_disabled()
    page.press("3")
    page.until(lambda: "holds no volume" in page.text(".pane"))
    page.change(lambda: page.press("2"))
    assert page.read("player.panes[0].shown.get('codes').shape") == [64, 64]


def test_two_runs_in_one_file(run_file: Path, tmp_path: Path, open_page: OpenPage) -> None:
    other = write_run(tmp_path / "other.h5", days=3)
    page = open_page(write_page(other, tmp_path / "two.html", compare=run_file).as_uri(), offline=True)
    page.press("End")
    page.wait_for_day(6)
    assert page.legend(2)[BLAST] == int(np.count_nonzero((marrow_view(6) & KIND_BITS) == BLAST))
    assert page.legend(0)[BLAST] == int(np.count_nonzero((marrow_view(2) & KIND_BITS) == BLAST))
