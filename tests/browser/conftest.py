# SPDX-License-Identifier: Apache-2.0
"""A Chromium without a window, and pages in it that may not complain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import chromium as chromium_program
from tests.browser.player_page import PlayerPage
from tests.unit.playback.player.recorded import write_run

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip
OpenPage = Callable[..., PlayerPage]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The system's Chromium, driven by playwright."""
    from playwright.sync_api import sync_playwright

    program = chromium_program()
    assert program is not None, "there is no Chromium: python -m tests.browser.chromium install"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of which all is known."""
    return write_run(tmp_path_factory.mktemp("run") / "known.h5")


@pytest.fixture
def open_page(chromium: Any) -> Iterator[OpenPage]:
    """Give a function that opens an address; at the end no page may have complained."""
    pages: list[PlayerPage] = []

    def start(url: str, *, offline: bool = False, **options: Any) -> PlayerPage:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_offline(offline)
        context.set_default_timeout(20_000)
        pages.append(PlayerPage(context.new_page()))
        pages[-1].open(url)
        return pages[-1]

    yield start
    for each in pages:
        each.page.context.close()
    assert [complaint for each in pages for complaint in each.complaints] == []
