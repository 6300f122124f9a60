# SPDX-License-Identifier: Apache-2.0
"""The player's server: on the loopback interface alone, for those who know its token.

Every request, that for a script too, carries the token in its query. The name in ``Host`` must be one of
this machine's own, so that a page of somebody else whose name was made to point here gets nothing.
"""

from __future__ import annotations

import gzip
import hmac
import html
import json
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from abm.errors import AbmError, InputError, RunError
from abm.playback.player.packets import BoundedMemory, gzipped
from abm.playback.player.page import STATIC, require_parts, served_page, static_file
from abm.playback.player.recording import Recording

HOST = "127.0.0.1"
DEFAULT_PORT = 8750
ANSWER_BYTES = 64 * 2**20
"""Answers kept in memory [bytes]."""
_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
_TRIED_PORTS = 20
_IDLE = 120.0
"""Time after which an idle connection is closed [s]."""
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

Query = dict[str, str]
Answer = tuple[str, bytes]
"""Content type and content."""


class PlayerServer(ThreadingHTTPServer):
    """Serves one run, or two to be compared.

    Parameters
    ----------
    recordings : sequence of Recording
        One or two.
    port : int, optional
        Port to listen on, 0 for any free one; if not given the first free one from :data:`DEFAULT_PORT` on.

    Attributes
    ----------
    token : str
        Without it nothing is answered.

    Raises
    ------
    RunError
        The port is taken, or the installation lacks a part of the page.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, recordings: Sequence[Recording], port: int | None = None) -> None:
        require_parts()
        self.recordings = list(recordings)
        self.token = secrets.token_urlsafe(24)
        self.answers: BoundedMemory[bytes] = BoundedMemory(ANSWER_BYTES)
        ports = range(DEFAULT_PORT, DEFAULT_PORT + _TRIED_PORTS) if port is None else [port]
        for number, each in enumerate(ports, start=1):
            try:
                super().__init__((HOST, each), _Handler)
                break
            except OSError as error:
                if number == len(ports):
                    where = f"port {each}" if port is not None else f"ports {ports[0]} to {each}"
                    raise RunError(f"{where} cannot be listened on: {error.strerror}; --port chooses another") from None

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The address of the page, with its token."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that a browser dropped."""

    def run_of(self, query: Query) -> Recording:
        """Return the run that a request is about."""
        number = integer(query, "run", 0)
        if not 0 <= number < len(self.recordings):
            raise InputError(f"run must be 0 to {len(self.recordings) - 1}, got {number}")
        return self.recordings[number]

    def answer(self, path: str, query: Query) -> Answer | None:
        """Answer a request, or return None if there is nothing under its path."""
        if path == "/":
            return "text/html; charset=utf-8", served_page(self.token).encode()
        if path.startswith("/static/") and path.removeprefix("/static/") in STATIC:
            return static_file(path.removeprefix("/static/"))
        about: dict[str, Callable[[], Any]] = {
            "/runs": lambda: [recording.description() for recording in self.recordings],
            "/standing": lambda: [recording.standing() for recording in self.recordings],
            "/cells": lambda: self.run_of(query).cells_at(
                query.get("place", ""), integer(query, "frame"), (integer(query, "x"), integer(query, "y"), integer(query, "z"))
            ),
            "/history": lambda: self.run_of(query).history(integer(query, "uid")),
        }
        if path in about:
            return "application/json; charset=utf-8", json.dumps(about[path](), ensure_ascii=False, allow_nan=False).encode()
        if path == "/frame":
            recording = self.run_of(query)
            content = recording.frame(
                query.get("place", ""), query.get("layer", "codes"), integer(query, "frame"), query.get("cut", "whole")
            )
            return "application/octet-stream", content
        return None

    def remembered(self, path: str, query: Query) -> tuple[str, bytes] | None:
        """Return content type and gzipped content, frames from memory if they were sent lately."""
        key = None
        if path == "/frame":
            key = (self.run_of(query).version, tuple(sorted(query.items())))
            found = self.answers.get(key)
            if found is not None:
                return "application/octet-stream", found
        answer = self.answer(path, query)
        if answer is None:
            return None
        packed = gzipped(answer[1])
        if key is not None:
            self.answers.put(key, packed, len(packed))
        return answer[0], packed


def integer(query: Query, name: str, otherwise: int | None = None) -> int:
    """Return a whole number of a query.

    Raises
    ------
    InputError
        It is missing, or none.
    """
    text = query.get(name, "" if otherwise is None else str(otherwise))
    try:
        return int(text[:20])
    except ValueError:
        raise InputError(f"{name} must be a whole number, got {text[:20]!r}") from None


class _Handler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    server: PlayerServer
    protocol_version = "HTTP/1.1"
    server_version = "abm"
    sys_version = ""
    timeout = _IDLE

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if _name_of(self.headers.get("Host", "")) not in _OWN_NAMES:
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers to localhost alone")
            return
        token = query.pop("token", "")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "the token is missing or wrong; open the address that abm play printed")
            return
        try:
            answer = self.server.remembered(parts.path, query)
        except InputError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except (AbmError, OSError) as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        except Exception as error:  # a fault of the player ends one request, not the player, and is told in the page
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"unexpected {type(error).__name__}: {error}; a fault of abm")
        else:
            if answer is None:
                self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
            else:
                self._send(HTTPStatus.OK, answer[0], answer[1])

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        """Say why there is no answer: in words to who opens the page, to its modules as JSON."""
        if urlsplit(self.path).path == "/":
            told = f'<!doctype html><meta charset="utf-8"><title>abm player</title><p>abm player: {html.escape(why)}</p>\n'
            self._send(status, "text/html; charset=utf-8", gzipped(told.encode()))
            return
        content = json.dumps({"error": why}, ensure_ascii=False).encode()
        self._send(status, "application/json; charset=utf-8", gzipped(content))

    def _send(self, status: HTTPStatus, kind: str, packed: bytes) -> None:
        zipped = "gzip" in self.headers.get("Accept-Encoding", "")
        if not zipped:
            packed = gzip.decompress(packed)
        with suppress(ConnectionError, TimeoutError):  # the page no longer wants it
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if zipped:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(packed)))
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(packed)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep the terminal for what matters to its reader."""


def _name_of(host: str) -> str:
    """Return the name in a ``Host`` header, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()
