# SPDX-License-Identifier: Apache-2.0
"""The player's page as a test reads and drives it."""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.image import imread

from abm.state.kinds import KIND_BITS, SOLID, VOID
from abm.units import TICKS_PER_DAY

PATIENCE = 20.0
"""Time after which what does not come is a failure [s]; nothing is measured by it."""


def counts(view: np.ndarray) -> dict[int, int]:
    kinds, numbers = np.unique(view & KIND_BITS, return_counts=True)
    return {int(kind): int(number) for kind, number in zip(kinds, numbers, strict=True) if kind not in (VOID, SOLID)}


def shown(legend: dict[int, int]) -> dict[int, int]:
    return {kind: number for kind, number in legend.items() if number}


class PlayerPage:
    """A page in a browser.

    Attributes
    ----------
    complaints : list of str
        Errors and warnings in its console, but for those of the graphics driver.
    expected : tuple of str
        Parts of complaints that a test provokes.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.expected: tuple[str, ...] = ()
        self._heard: list[str] = []
        page.on("console", lambda line: self._heard.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._heard.append(f"exception: {error}"))

    @property
    def complaints(self) -> list[str]:
        return [
            line for line in self._heard if "GL Driver Message" not in line and not any(part in line for part in self.expected)
        ]

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.page.wait_for_selector("body[data-shown], body[data-state=failed]")

    def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until something holds, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not (found := holds()):
            assert time.monotonic() < deadline, f"it never came; the page says: {self.text('#banner')!r}"
            time.sleep(0.02)
        return found

    def read(self, script: str) -> Any:
        return self.page.evaluate(script)

    def text(self, selector: str) -> str:
        found = self.page.query_selector(selector)
        return found.inner_text() if found is not None else ""

    @property
    def day(self) -> float:
        """The day shown."""
        return float(self.page.get_attribute("body", "data-tick")) / TICKS_PER_DAY

    def wait_for_day(self, day: float) -> None:
        self.until(lambda: self.day == day)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def change(self, act: Callable[[], Any]) -> None:
        """Do something, and wait until what it changes is shown."""
        before = int(self.page.get_attribute("body", "data-shown"))
        act()
        self.until(lambda: int(self.page.get_attribute("body", "data-shown")) > before)

    def legend(self, column: int = 0) -> dict[int, int]:
        """Sites by code of their kind, as the legend tells them."""
        rows = self.page.query_selector_all("#legend tr[data-kind]")
        return {
            int(row.get_attribute("data-kind")): int(row.query_selector_all("td")[column].inner_text().replace(",", ""))
            for row in rows
        }

    def pixels(self, selector: str = "#panes canvas:not([hidden])") -> np.ndarray:
        """Return what is drawn there: uint8, shape (rows, columns, 3)."""
        picture = imread(BytesIO(self.page.query_selector(selector).screenshot()))
        return np.asarray(np.rint(255 * picture[..., :3]), dtype=np.uint8)

    def site_centre(self, column: int, row: int, pane: int = 0) -> tuple[float, float]:
        """Return where a site of a pane's picture is drawn [px of the page]."""
        box = self.page.query_selector_all("#panes .lattice")[pane].bounding_box()
        geometry = self.read(f"player.panes[{pane}].flat.geometry()")
        at = [(place + 0.5) * geometry["scale"] for place in (column, row)]
        return box["x"] + geometry["left"] + at[0], box["y"] + geometry["top"] + at[1]

    def colour_at(self, column: int, row: int, pane: int = 0) -> tuple[int, ...]:
        """Return the colour in the middle of a site."""
        x, y = self.site_centre(column, row, pane)
        box = self.page.query_selector_all("#panes .lattice")[pane].bounding_box()
        picture = imread(BytesIO(self.page.query_selector_all("#panes .lattice")[pane].screenshot()))
        found = picture[int(y - box["y"]), int(x - box["x"]), :3]
        return tuple(int(value) for value in np.rint(255 * found))
