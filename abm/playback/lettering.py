# SPDX-License-Identifier: Apache-2.0
"""Words as pixels: text drawn once by matplotlib, to be pasted into many frames."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

DARK = "#1a1a1a"
GREY = "#5f5f5f"
_LINE, _BASELINE = 1.6, 0.3
"""Height of a line of text in units of its size, and its baseline as a share of that height."""
_RULER = Figure(figsize=(1, 1), dpi=100)


@lru_cache(maxsize=512)
def text_width(text: str, points: float, weight: str = "normal") -> float:
    """Return the width of a line of text at 100 dots per inch [px]."""
    renderer = FigureCanvasAgg(_RULER).get_renderer()  # type: ignore[no-untyped-call]
    words = _RULER.text(0, 0, text, size=points, weight=weight, parse_math=False)
    width = float(words.get_window_extent(renderer).width)
    words.remove()
    return width


def shorten(text: str, points: float, width: float, weight: str = "normal") -> str:
    """Cut text with an ellipsis where it is wider than ``width`` [px at 100 dots per inch]."""
    if text_width(text, points, weight) <= width:
        return text
    while text and text_width(text.rstrip() + "…", points, weight) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def text_pixels(text: str, points: float, dpi: float, *, weight: str = "normal") -> NDArray[np.uint8]:
    """Draw a line of text on white.

    All lines of one size have the same height and baseline, whatever their letters.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    figure, canvas = _canvas(text_width(text, points, weight) + 2, points, dpi)
    figure.text(0.0, _BASELINE, text, size=points, weight=weight, color=DARK, va="baseline", ha="left", parse_math=False)
    return drawn(canvas)


class Clock:
    """Numbers that change with each frame, put together from glyphs drawn once.

    Parameters
    ----------
    points : float
        Size of the letters.
    dpi : float
    """

    def __init__(self, points: float, dpi: float) -> None:
        self._points, self._dpi = points, dpi
        self._glyphs: dict[str, NDArray[np.uint8]] = {}

    def pixels(self, text: str) -> NDArray[np.uint8]:
        """Set a line of text; digits keep their place from one frame to the next."""
        return np.concatenate([self._glyph(letter) for letter in text], axis=1)

    def _glyph(self, letter: str) -> NDArray[np.uint8]:
        if letter not in self._glyphs:
            # The advance, not the width of the ink: a "1" takes as much room as a "0".
            advance = text_width(f"0{letter}0", self._points, "bold") - text_width("00", self._points, "bold")
            figure, canvas = _canvas(advance, self._points, self._dpi)
            figure.text(0.5, _BASELINE, letter, size=self._points, weight="bold", color=DARK, ha="center")
            self._glyphs[letter] = drawn(canvas)
        return self._glyphs[letter]


def _canvas(width: float, points: float, dpi: float) -> tuple[Figure, FigureCanvasAgg]:
    figure = Figure(figsize=(max(width, 1.0) / 100, _LINE * points / 72), dpi=dpi, facecolor="white")
    return figure, FigureCanvasAgg(figure)


def drawn(canvas: FigureCanvasAgg) -> NDArray[np.uint8]:
    """Draw a figure and return its pixels: uint8, shape (rows, columns, 3)."""
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.array(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
