# SPDX-License-Identifier: Apache-2.0
"""The page put together from its parts: for the server, which hands them out one by one, and whole, in one file.

Modules name each other ``player/...``; a map in the page says where each is: an address of the server, or
the module itself as a data URL, so that the same code runs from a file without a server.
"""

from __future__ import annotations

import base64
import json
import secrets
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from abm.errors import RunError

MODULES = (
    "cache", "colours", "controls", "courses", "cuts", "dom", "embedded_source", "frames", "heading", "http_source", "inspector",
    "lattice_view", "legend", "main", "pane", "store", "timeline", "volume_view", "words",
)  # fmt: skip
STYLE = "player.css"
_PAGE = "index.html"
_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
STATIC = frozenset({STYLE, *(f"{name}.js" for name in MODULES)})
"""Names that the server hands out; a name that is not here is not looked for."""


@cache
def _text(name: str) -> str:
    try:
        return (files("abm.playback.player") / "static" / name).read_text(encoding="utf-8")
    except OSError as error:
        raise RunError(
            f"the installation of abm is broken: abm/playback/player/static/{name} cannot be read ({error.strerror}); "
            "install abm again, with --force-reinstall"
        ) from None


def require_parts() -> None:
    """Read all parts of the page, so that one that is missing is told before anything is shown.

    Raises
    ------
    RunError
        The installation lacks one; it is named.
    """
    for name in (_PAGE, *sorted(STATIC)):
        _text(name)


def static_file(name: str) -> tuple[str, bytes]:
    """Return content type and content of one of :data:`STATIC`."""
    return _TYPES[name.rpartition(".")[2]], _text(name).encode()


def served_page(token: str) -> str:
    """Return the page that asks its server for everything else.

    Parameters
    ----------
    token : str
        Goes with every request.
    """
    nonce = secrets.token_urlsafe(16)
    where = {f"player/{name}": f"./static/{name}.js?token={quote(token)}" for name in MODULES}
    return _filled(
        policy=f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
        "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'",
        style=f'<link rel="stylesheet" href="static/{STYLE}?token={quote(token)}">',
        nonce=f' nonce="{nonce}"',
        importmap=json.dumps({"imports": where}),
        data="",
    )


def whole_page(data: Any) -> str:
    """Return the page with all its parts and a run in it, which asks nobody for anything.

    Parameters
    ----------
    data : JSON values
        As ``static/embedded_source.js`` reads them.
    """
    where = {f"player/{name}": _data_url(_text(f"{name}.js")) for name in MODULES}
    held = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return _filled(
        policy="default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'",
        style=f"<style>\n{_text(STYLE)}</style>",
        nonce="",
        importmap=json.dumps({"imports": where}),
        data=f'<script type="application/json" id="player-data">{held}</script>',
    )


def _filled(**parts: str) -> str:
    page = _text(_PAGE)
    for name, text in parts.items():
        page = page.replace("{{" + name + "}}", text)
    return page


def _data_url(text: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"
