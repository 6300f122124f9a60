# SPDX-License-Identifier: Apache-2.0
"""Lines that fit, and pages that are filled."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from abm.playback.lettering import text_width
from abm.report.paper import _columns
from abm.report.typesetting import PAGE, Pages, wrapped, wrapped_mono

WORDS = st.lists(st.text(alphabet="abcdefgh$\\{}_^%", min_size=1, max_size=60), max_size=20).map(" ".join)


@given(WORDS, st.floats(40.0, 400.0))
def test_lines_are_no_wider_than_they_may_be_and_nothing_is_lost(text: str, width: float) -> None:
    lines = wrapped(text, 9.0, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(0.72 * text_width(line, 9.0) <= 1.03 * width + 9.0 for line in lines)


def test_lines_of_code_keep_their_indent() -> None:
    text = "a:\n  b: " + "word " * 20
    lines = wrapped_mono(text, 8.0, 150.0)
    assert lines[0] == "a:"
    assert lines[1].startswith("  b: word")
    assert all(line.startswith("    word") for line in lines[2:])
    assert max(map(len, lines)) <= 31


def test_a_page_is_turned_when_it_is_full() -> None:
    made = io.BytesIO()
    with PdfPages(made) as file:
        pages = Pages(file, "footer")
        for _ in range(100):
            pages.need(20.0)
            pages.text("words", 9.0)
            pages.skip(20.0)
        pages.end()
        assert file.get_pagecount() == 3


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_a_figure_is_set_where_the_page_has_come_to(layout: str | None) -> None:
    figure = Figure(figsize=(3.0, 2.0), layout=layout)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0)) if layout is None else figure.add_subplot()
    drawn = []

    class Spy:
        def __init__(self) -> None:
            self.draw = axes.draw

        def __call__(self, renderer: object) -> None:
            drawn.append(axes.get_window_extent().extents)
            self.draw(renderer)

    axes.draw = Spy()
    with PdfPages(io.BytesIO()) as file:
        pages = Pages(file, "")
        pages.figure(figure)
        pages.end()
    left, bottom, right, top = drawn[-1]
    assert 49.0 <= left < right <= 49.0 + 3 * 72 + 0.01
    assert PAGE[1] - 48.0 - 2 * 72 - 0.01 <= bottom < top <= PAGE[1] - 48.0 + 0.01
    assert figure.get_size_inches().tolist() == [3.0, 2.0]


def test_two_columns_are_written_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    text = Pages.text
    monkeypatch.setattr(Pages, "text", lambda pages, words, *rest, **looks: (written.append(words), text(pages, words, *rest, **looks)))
    lines = [f"line {number}" for number in range(301)]
    with PdfPages(io.BytesIO()) as file:
        pages = Pages(file, "")
        _columns(pages, lines)
        pages.end()
    assert written == lines
