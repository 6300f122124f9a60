# SPDX-License-Identifier: Apache-2.0
"""A report as one HTML file that needs nothing else: style and figures are in it; light, dark, or on paper."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from abm.report.document import Block, Code, Document, Fold, Heading, Note, Paragraph, Picture, Table, Tiles

_STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--quiet:#5f5f5f;--line:#d9dee3;--back:#ffffff;--soft:#f3f6f8;--accent:#0b5c8a;--note:#fff6e0}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e6;--quiet:#a9adb2;--line:#3a4048;--back:#15181c;--soft:#1f242a;--accent:#7cc0e8;
--note:#3a3017}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2.2rem 1.2rem 3rem;max-width:56rem;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
header{border-bottom:3px solid var(--accent);margin-bottom:1.4rem;padding-bottom:.8rem}
h1{font-size:1.85rem;line-height:1.2;margin:0 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:2.4rem 0 .7rem;color:var(--accent);border-bottom:1px solid var(--line);padding-bottom:.25rem}
h3{font-size:1.02rem;margin:1.6rem 0 .4rem}
p{margin:.5rem 0;max-width:48rem;overflow-wrap:anywhere}
.subtitle,figcaption,footer{color:var(--quiet)}
.note{background:var(--note);border-left:4px solid #e69f00;padding:.6rem .9rem;margin:.8rem 0;max-width:none}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:.7rem;margin:1rem 0 1.2rem}
.tile{background:var(--soft);border-radius:.5rem;padding:.65rem .85rem;border-top:3px solid var(--accent)}
.tile .what{font-size:.8rem;color:var(--quiet);text-transform:uppercase;letter-spacing:.03em}
.tile .value{font-size:1.25rem;font-weight:650;line-height:1.25;overflow-wrap:anywhere}
.tile .when{font-size:.88rem;color:var(--quiet)}
table{border-collapse:collapse;width:100%;margin:.6rem 0 1rem;font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:break-word}
thead th{border-bottom:2px solid var(--line);font-size:.85rem;color:var(--quiet);font-weight:600}
tr.part th{padding-top:.9rem;font-weight:650}
.wide{overflow-x:auto}
td.mono{overflow-wrap:anywhere}
td.mono,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.82rem}
figure{margin:1.1rem 0 1.6rem;break-inside:avoid}
figure img{width:100%;height:auto;display:block;background:#fff;border:1px solid var(--line);border-radius:.4rem;padding:.4rem}
figcaption{font-size:.9rem;margin-top:.4rem;max-width:48rem}
figcaption b{color:var(--ink)}
pre{background:var(--soft);border-radius:.4rem;padding:.7rem .9rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
details{margin:1rem 0}
summary{cursor:pointer;font-weight:600}
footer{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:.7rem;font-size:.85rem}
@media print{body{max-width:none;padding:0;font-size:11pt}h2,h3,summary{break-after:avoid}tr,.tile,.note{break-inside:avoid}
.tile,.note,pre{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
""".strip()
_SALT: Any = {"svg.fonttype": "path", "svg.hashsalt": "abm", "path.simplify": True}
"""Letters as paths look the same everywhere; identifiers do not change from one writing to the next."""
_NO_DATE: Any = {"Date": None, "Creator": None}


def html_text(document: Document) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    document : Document
    """
    body = "\n".join(_block(block) for block in document.blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<header>\n"
        f"<h1>{escape(document.title)}</h1>\n"
        f'<p class="subtitle">{escape(document.subtitle)}<br>{escape(document.caution)}</p>\n</header>\n<main>\n'
        f"{body}\n</main>\n<footer>{escape(document.footer)}</footer>\n</body>\n</html>\n"
    )


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        tag = f"h{block.level + 1}"
        return f"<{tag}>{escape(block.text)}</{tag}>"
    if isinstance(block, Paragraph):
        return f"<p>{escape(block.text)}</p>"
    if isinstance(block, Note):
        return f'<p class="note">{escape(block.text)}</p>'
    if isinstance(block, Tiles):
        return f'<div class="tiles">{"".join(_tile(*item) for item in block.items)}</div>'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Picture):
        caption = f"<b>{escape(block.title)}.</b> {escape(block.caption)}"
        return (
            f'<figure><img alt="{escape(block.title)}" src="{_data(block.figure)}"><figcaption>{caption}</figcaption></figure>'
        )
    if isinstance(block, Code):
        return f"<pre><code>{escape(block.text)}</code></pre>"
    assert isinstance(block, Fold)
    return f"<details><summary>{escape(block.title)}</summary>\n<pre>{escape(block.text)}</pre></details>"


def _tile(what: str, value: str, when: str) -> str:
    parts = (("what", what), ("value", value), ("when", when))
    return '<div class="tile">' + "".join(f'<div class="{name}">{escape(text)}</div>' for name, text in parts) + "</div>"


def _table(block: Table) -> str:
    columns = "".join(f'<col style="width:{100 * width / sum(block.widths):.1f}%">' for width in block.widths)
    heads = "".join(f"<th>{escape(head)}</th>" for head in block.heads)
    rows = "\n".join(_row(block, row) for row in block.rows)
    top = f"<thead><tr>{heads}</tr></thead>" if block.heads else ""
    return f'<div class="wide"><table><colgroup>{columns}</colgroup>{top}<tbody>\n{rows}\n</tbody></table></div>'


def _row(block: Table, row: tuple[str, ...]) -> str:
    if len(row) == 1:
        return f'<tr class="part"><th colspan="{len(block.widths)}">{escape(row[0])}</th></tr>'
    last = len(row) - 1
    looks = [' class="mono"' if block.mono and number == last else "" for number in range(len(row))]
    return "<tr>" + "".join(f"<td{look}>{escape(cell)}</td>" for look, cell in zip(looks, row, strict=True)) + "</tr>"


def _data(figure: Figure) -> str:
    """Return a figure as the address of an image that holds it: its style and names stay its own."""
    made = io.BytesIO()
    with rc_context(_SALT):
        figure.savefig(made, format="svg", metadata=_NO_DATE)
    return f"data:image/svg+xml;base64,{base64.b64encode(made.getvalue()).decode()}"
