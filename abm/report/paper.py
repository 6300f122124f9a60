# SPDX-License-Identifier: Apache-2.0
"""A report as a PDF: pages of A4, text that can be searched, figures as lines and not as pixels.

It is set by matplotlib alone, in its own letters (DejaVu), which hold Latin, Greek and Cyrillic; others become boxes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_pdf import PdfPages

from abm.report.document import Block, Code, Document, Fold, Heading, Note, Paragraph, Picture, Table, Tiles
from abm.report.typesetting import ACCENT, INK, MONO, QUIET, SOFT, WIDTH, Pages, wrapped, wrapped_mono

_TITLE, _SECTION, _PART, _TEXT, _SMALL, _TINY, _FINE = 19.0, 13.0, 10.0, 9.0, 8.0, 7.2, 6.2
"""Sizes of letters [pt]."""
_LEADING = 1.42
"""Distance of lines over the size of letters."""
_PAD = 3.2
"""Above and below the words of a row of a table [pt]."""
_KEPT = 4
"""Rows of a table that stay with their heading."""
_GUTTER = 18.0
_COLUMN = (WIDTH - _GUTTER) / 2
"""Room between two columns of a long text, and the width of each [pt]."""
_TILES = 3
"""Tiles beside each other."""
_FONTS: Any = {"pdf.fonttype": 42, "pdf.compression": 6, "font.family": "DejaVu Sans"}
_NOTHING_OF_NOW: Any = {"CreationDate": None, "ModDate": None, "Creator": "abm"}


def write_pdf(document: Document, path: Path) -> None:
    """Set a report on pages of A4.

    Parameters
    ----------
    document : Document
    path : Path
    """
    with rc_context(_FONTS), PdfPages(path, metadata={**_NOTHING_OF_NOW, "Title": document.title}) as file:
        pages = Pages(file, document.footer)
        _head(pages, document)
        for number, block in enumerate(document.blocks):
            following = document.blocks[number + 1] if number + 1 < len(document.blocks) else None
            _set(pages, block, following)
        pages.end()


def _head(pages: Pages, document: Document) -> None:
    _lines(pages, document.title, _TITLE, weight="bold")
    pages.skip(2.0)
    for text in (document.subtitle, document.caution):
        _lines(pages, text, _TEXT, colour=QUIET)
    pages.skip(6.0)
    pages.rule(ACCENT, 2.0)
    pages.skip(10.0)


def _set(pages: Pages, block: Block, following: Block | None) -> None:
    if isinstance(block, Heading):
        _heading(pages, block, following)
    elif isinstance(block, Paragraph):
        _lines(pages, block.text, _TEXT)
        pages.skip(5.0)
    elif isinstance(block, Note):
        _boxed(pages, wrapped(block.text, _TEXT, WIDTH - 20.0), _TEXT, "#fff6e0", rim="#e69f00")
    elif isinstance(block, Tiles):
        _tiles(pages, block)
    elif isinstance(block, Table):
        _table(pages, block)
    elif isinstance(block, Picture):
        _picture(pages, block)
    elif isinstance(block, Code):
        _boxed(pages, wrapped_mono(block.text, _SMALL, WIDTH - 20.0), _SMALL, SOFT, family=MONO)
    elif isinstance(block, Fold):
        _heading(pages, Heading(block.title), None)
        _columns(pages, wrapped_mono(block.text, _FINE, _COLUMN))


def _heading(pages: Pages, block: Heading, following: Block | None) -> None:
    """Set a heading, on a page with the beginning of what follows."""
    size = _SECTION if block.level == 1 else _PART
    after = _height_of(following) if isinstance(following, Picture) else 70.0
    if isinstance(following, Heading):
        after = 110.0
    pages.need(size * _LEADING + 14.0 + after)
    pages.skip(14.0 if block.level == 1 else 7.0, unless_at_top=True)
    pages.text(block.text, size, weight="bold", colour=ACCENT if block.level == 1 else INK)
    pages.skip(size * _LEADING)
    if block.level == 1:
        pages.rule("#d9dee3", 0.8)
        pages.skip(6.0)
    else:
        pages.skip(1.0)


def _lines(pages: Pages, text: str, size: float, *, colour: str = INK, weight: str = "normal") -> None:
    for line in wrapped(text, size, WIDTH, weight):
        pages.need(size * _LEADING)
        pages.text(line, size, colour=colour, weight=weight)
        pages.skip(size * _LEADING)


def _boxed(pages: Pages, lines: list[str], size: float, fill: str, *, rim: str = "", family: str = "") -> None:
    """Set a few lines on a coloured ground."""
    height = len(lines) * size * _LEADING + 10.0
    pages.need(min(height, 300.0) + 6.0)
    pages.box(0.0, WIDTH, height, fill)
    if rim:
        pages.box(0.0, 3.0, height, rim)
    pages.skip(5.0)
    for line in lines:
        pages.text(line, size, x=10.0, family=family)
        pages.skip(size * _LEADING)
    pages.skip(11.0)


def _columns(pages: Pages, lines: list[str]) -> None:
    """Set a long text in two columns."""
    step = _FINE * _LEADING
    while lines:
        pages.need(step)
        room = pages.lines(step)
        rows = min(room, (len(lines) + 1) // 2)
        for x, column in ((0.0, lines[:rows]), (_COLUMN + _GUTTER, lines[rows : 2 * rows])):
            for row, line in enumerate(column):  # one column after the other, as it is read when it is copied
                pages.text(line, _FINE, x=x, down=row * step, family=MONO)
        pages.skip(rows * step)
        lines = lines[2 * rows :]


def _tiles(pages: Pages, block: Tiles) -> None:
    gap, height = 8.0, 46.0
    wide = (WIDTH - gap * (_TILES - 1)) / _TILES
    for first in range(0, len(block.items), _TILES):
        pages.need(height + gap)
        for number, (what, value, when) in enumerate(block.items[first : first + _TILES]):
            left = number * (wide + gap)
            pages.box(left, wide, height, SOFT)
            pages.box(left, wide, 2.0, ACCENT)
            pages.text(what.upper(), 6.6, x=left + 8.0, down=7.0, colour=QUIET)
            pages.text(value, 12.5, x=left + 8.0, down=16.5, weight="bold")
            pages.text(when, 7.6, x=left + 8.0, down=33.0, colour=QUIET)
        pages.skip(height + gap)
    pages.skip(4.0)


def _table(pages: Pages, block: Table) -> None:
    total = sum(block.widths)
    wide = [WIDTH * width / total for width in block.widths]
    left = [sum(wide[:number]) for number in range(len(wide))]
    if any(block.heads):
        _row(
            pages,
            [wrapped(head, _SMALL, room - 8.0, "bold") for head, room in zip(block.heads, wide, strict=True)],
            left,
            colour=QUIET,
            weight="bold",
            rule=1.2,
        )
    for number, row in enumerate(block.rows):
        if len(row) == 1:
            pages.need(_together(block.rows[number + 1 :]))
            pages.skip(4.0)
            _row(pages, [[row[0]]], left, weight="bold")
            continue
        is_mono = [block.mono and column == len(row) - 1 for column in range(len(row))]
        cells = [
            wrapped_mono(cell, _TINY, room - 8.0) if mono else wrapped(cell, _SMALL, room - 8.0)
            for cell, room, mono in zip(row, wide, is_mono, strict=True)
        ]
        _row(pages, cells, left, mono=is_mono)
    pages.skip(9.0)


def _together(rows: tuple[tuple[str, ...], ...]) -> float:
    """Return the height of a heading within a table with the rows under it, or the first few of many [pt]."""
    under = next((number for number, row in enumerate(rows) if len(row) == 1), len(rows))
    return (1 + min(under, _KEPT)) * (_SMALL * _LEADING + 2 * _PAD) + 5.0


def _row(
    pages: Pages,
    cells: list[list[str]],
    left: list[float],
    *,
    colour: str = INK,
    weight: str = "normal",
    rule: float = 0.5,
    mono: list[bool] | None = None,
) -> None:
    step = _SMALL * _LEADING
    pages.need(max(len(cell) for cell in cells) * step + 2 * _PAD)
    pages.skip(_PAD)
    for number, (cell, x) in enumerate(zip(cells, left, strict=False)):
        is_mono = mono is not None and mono[number]
        for line, words in enumerate(cell):
            size, family = (_TINY, MONO) if is_mono else (_SMALL, "")
            pages.text(words, size, x=x, down=line * step, colour=colour, weight=weight, family=family)
    pages.skip(max(len(cell) for cell in cells) * step + _PAD - 2.0)
    pages.rule("#d9dee3", rule)
    pages.skip(0.8)


def _height_of(block: Picture) -> float:
    lines = 1 + len(wrapped(block.caption, _SMALL, WIDTH))
    return 72.0 * float(block.figure.get_figheight()) + lines * _SMALL * _LEADING + 16.0


def _picture(pages: Pages, block: Picture) -> None:
    pages.need(_height_of(block))
    pages.figure(block.figure)
    pages.skip(3.0)
    _lines(pages, block.title, _SMALL, weight="bold")
    _lines(pages, block.caption, _SMALL, colour=QUIET)
    pages.skip(13.0)
