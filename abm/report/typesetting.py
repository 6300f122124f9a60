# SPDX-License-Identifier: Apache-2.0
"""Pages of A4 that are filled from top to bottom: words, rules, boxes, and whole figures."""

from __future__ import annotations

import textwrap
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from abm.playback.lettering import text_width

PAGE = (595.276, 841.890)
"""A4 [pt]."""
MARGIN = 49.0
"""Left and right [pt]."""
WIDTH = PAGE[0] - 2 * MARGIN
_TOP, _BOTTOM = 48.0, 56.0
INK, QUIET, SOFT, ACCENT = "#1a1a1a", "#5f5f5f", "#f3f6f8", "#0b5c8a"
MONO = "DejaVu Sans Mono"
_MONO_WIDTH = 0.602
"""Width of a letter over its size."""
_POINTS_PER_PIXEL = 0.72
"""Of a measured width, which is in dots at 100 an inch."""
_FOOT = 7.0


@lru_cache(maxsize=4096)
def _width(word: str, size: float, weight: str) -> float:
    return _POINTS_PER_PIXEL * text_width(word, size, weight)


def wrapped(text: str, size: float, width: float, weight: str = "normal") -> list[str]:
    """Break text into lines no wider than ``width`` [pt]; words that are wider are broken."""
    lines: list[str] = []
    space = _width("n n", size, weight) - _width("nn", size, weight)
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for word in _pieces(paragraph.split(), size, width, weight):
            wide = _width(word, size, weight)
            if line and used + space + wide > width:
                lines.append(line)
                line, used = "", 0.0
            used += wide + (space if line else 0.0)
            line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def _pieces(words: list[str], size: float, width: float, weight: str) -> list[str]:
    """Break words that are wider than a line."""
    pieces: list[str] = []
    for word in words:
        while _width(word, size, weight) > width and len(word) > 1:
            cut = max(1, int(len(word) * width / _width(word, size, weight)) - 1)
            pieces.append(word[:cut])
            word = word[cut:]
        pieces.append(word)
    return pieces


def wrapped_mono(text: str, size: float, width: float) -> list[str]:
    """Break text in letters of one width into lines, keeping its own lines and their indents."""
    letters = max(8, int(width / (_MONO_WIDTH * size)))
    lines: list[str] = []
    for line in text.rstrip("\n").split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        lines += textwrap.wrap(line, letters, subsequent_indent=indent[: letters // 2], break_on_hyphens=False) or [""]
    return lines


class _Inset(Artist):
    """A whole figure drawn as part of another, its lower left corner at a place of the page [inches]."""

    def __init__(self, figure: Figure, left: float, bottom: float) -> None:
        super().__init__()
        self._inset, self._left, self._bottom = figure, left, bottom

    def draw(self, renderer: RendererBase) -> None:
        """Draw the figure with what draws the page, after its layout was found on a page of its own."""
        figure = self._inset
        figure.set_dpi(72.0)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for artist in figure.findobj(lambda each: bool(each.get_rasterized())):
            artist.set_rasterized(False)  # a page has no pixels of its own to draw them with
        wide, high = figure.get_size_inches()
        figure.bbox_inches.set_points(np.array([[self._left, self._bottom], [self._left + wide, self._bottom + high]]))
        try:
            figure.draw(renderer)
        finally:
            figure.bbox_inches.set_points(np.array([[0.0, 0.0], [wide, high]]))


class Pages:
    """The pages of a file, filled from top to bottom.

    Parameters
    ----------
    file : matplotlib.backends.backend_pdf.PdfPages
    footer : str
        At the foot of each page.
    """

    def __init__(self, file: PdfPages, footer: str) -> None:
        self._file, self._footer = file, footer
        self._number = 0
        self._begin()

    def _begin(self) -> None:
        self._number += 1
        self._page = Figure(figsize=(PAGE[0] / 72.0, PAGE[1] / 72.0), dpi=72.0, facecolor="white")
        self._y = PAGE[1] - _TOP

    def end(self) -> None:
        """Write the last page."""
        foot = wrapped(self._footer, _FOOT, WIDTH - 30.0)
        for line, words in enumerate(foot[:2]):
            self._words(words, _FOOT, MARGIN, 34.0 - 9.5 * line, QUIET, "normal", "")
        number = f"{self._number}"
        self._words(number, _FOOT, PAGE[0] - MARGIN - _width(number, _FOOT, "normal"), 34.0, QUIET, "normal", "")
        self._file.savefig(self._page)  # type: ignore[no-untyped-call]

    def need(self, height: float) -> None:
        """Go to the next page if less than some height is left on this one [pt]."""
        if self._y - height < _BOTTOM and self._y < PAGE[1] - _TOP:
            self.end()
            self._begin()

    def lines(self, step: float) -> int:
        """Return how many lines of some height are left on this page, at least one [pt]."""
        return max(1, int((self._y - _BOTTOM) / step))

    def skip(self, height: float, *, unless_at_top: bool = False) -> None:
        """Go down [pt]."""
        if not (unless_at_top and self._y >= PAGE[1] - _TOP):
            self._y -= height

    def text(
        self,
        words: str,
        size: float,
        *,
        x: float = 0.0,
        down: float = 0.0,
        colour: str = INK,
        weight: str = "normal",
        family: str = "",
    ) -> None:
        """Write a line of text, its top at the present height or below [pt]."""
        self._words(words, size, MARGIN + x, self._y - down - size, colour, weight, family)

    def _words(self, words: str, size: float, x: float, y: float, colour: str, weight: str, family: str) -> None:
        looks: Any = {"family": family} if family else {}
        self._page.text(x / PAGE[0], y / PAGE[1], words, size=size, color=colour, weight=weight, parse_math=False, **looks)

    def box(self, x: float, width: float, height: float, colour: str) -> None:
        """Fill a box that hangs from the present height [pt]."""
        self._rectangle(MARGIN + x, self._y - height, width, height, colour)

    def rule(self, colour: str, thickness: float) -> None:
        """Draw a line across the page [pt]."""
        self._rectangle(MARGIN, self._y - thickness, WIDTH, thickness, colour)
        self._y -= thickness

    def _rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        place = (x / PAGE[0], y / PAGE[1]), width / PAGE[0], height / PAGE[1]
        self._page.add_artist(Rectangle(*place, transform=self._page.transFigure, facecolor=colour, lw=0.0, zorder=-1.0))

    def figure(self, figure: Figure) -> None:
        """Set a figure, as wide as it is, at the present height."""
        high = 72.0 * figure.get_figheight()
        self._page.add_artist(_Inset(figure, MARGIN / 72.0, (self._y - high) / 72.0))
        self._y -= high
