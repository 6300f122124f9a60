# SPDX-License-Identifier: Apache-2.0
"""Small tables for notebooks; whatever is shown is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_HEAD = "text-align:left;font-weight:600"
_CELL = "text-align:left;vertical-align:top"


def table(caption: str, rows: Iterable[tuple[str, object]]) -> str:
    """Return a table of names and values.

    Parameters
    ----------
    caption : str
        Written above it.
    rows : iterable of (str, object)
        Values are shown as text.
    """
    cells = "".join(
        f'<tr><th style="{_HEAD};{_CELL}">{escape(name)}</th><td style="{_CELL}">{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f"<table>{_caption(caption)}<tbody>{cells}</tbody></table>"


def grid(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of several columns.

    Parameters
    ----------
    caption : str
        Written above it.
    heads : sequence of str
        Of the columns.
    rows : iterable of sequence
        A value for each column, shown as text.
    """
    top = "".join(f'<th style="{_HEAD}">{escape(head)}</th>' for head in heads)
    cells = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{escape(str(value))}</td>' for value in row) + "</tr>" for row in rows
    )
    return f"<table>{_caption(caption)}<thead><tr>{top}</tr></thead><tbody>{cells}</tbody></table>"


def _caption(words: str) -> str:
    return f'<caption style="{_HEAD};caption-side:top;padding:0.3em 0">{escape(words)}</caption>'
