# SPDX-License-Identifier: Apache-2.0
"""What a report is made of: plain text, tables and figures, whatever file they are set in.

All text is plain: whoever sets it escapes what his format would take for markup.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Heading:
    """A heading of a section, or of a part of one (level 2).

    Parameters
    ----------
    text : str
    level : int
        1 or 2.
    """

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text.

    Parameters
    ----------
    text : str
    """

    text: str


@dataclass(frozen=True)
class Note:
    """Something that must be known before the rest is read.

    Parameters
    ----------
    text : str
    """

    text: str


@dataclass(frozen=True)
class Tiles:
    """The few results that are asked for first.

    Parameters
    ----------
    items : tuple of (str, str, str)
        What is told, how much, and when or of what.
    """

    items: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Table:
    """A table; a row of one cell is a heading over the rows that follow.

    Parameters
    ----------
    heads : tuple of str
        Of the columns; empty for a table without heads.
    rows : tuple of tuple of str
    widths : tuple of float
        Shares of the columns in the width.
    mono : bool
        Whether the last column is set in letters of one width, such as digests.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    mono: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure with its caption.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    title, caption : str
        What it shows, and what is seen and what its lines mean.
    """

    figure: Figure
    title: str
    caption: str


@dataclass(frozen=True)
class Code:
    """Lines to type.

    Parameters
    ----------
    text : str
    """

    text: str


@dataclass(frozen=True)
class Fold:
    """A long text that is not read through: folded in where that is possible, at the end of a page otherwise.

    Parameters
    ----------
    title, text : str
    """

    title: str
    text: str


Block = Heading | Paragraph | Note | Tiles | Table | Picture | Code | Fold


@dataclass
class Document:
    """A report.

    Parameters
    ----------
    title, subtitle : str
    caution : str
        What is to be known of all that follows.
    footer : str
        At the foot of each page.
    blocks : list
        In the order of reading.
    """

    title: str
    subtitle: str
    caution: str
    footer: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        """Add blocks at the end."""
        self.blocks += blocks
