# SPDX-License-Identifier: Apache-2.0
"""Serving a run until somebody ends it, and telling where it is to be seen."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from abm.errors import InputError
from abm.playback.player.recording import Recording
from abm.playback.player.server import PlayerServer
from abm.playback.runs import open_runs

_POLL = 0.2


def _say(words: str) -> None:
    print(words, flush=True)  # who reads the address from a pipe must not wait for it


@contextmanager
def open_recordings(file: str | Path, compare: str | Path | None = None) -> Iterator[list[Recording]]:
    """Open a run, or two that can be compared.

    Raises
    ------
    InputError
        No trajectory there, the same one twice, or runs that have no course in common.
    RunError
        A damaged file.
    """
    labels = [Path(file).stem]
    if compare is not None:
        if Path(file).exists() and Path(compare).exists() and Path(file).samefile(compare):
            raise InputError(f"--compare: {compare} is the run itself; give another one")
        with open_runs([file, compare]) as runs:
            labels = [run.label for run in runs]
    with ExitStack() as opened:
        recordings = []
        for path, label in zip([file, compare] if compare is not None else [file], labels, strict=True):
            recordings.append(Recording(path, label))
            opened.callback(recordings[-1].close)
        yield recordings


def serve(
    file: str | Path,
    *,
    compare: str | Path | None = None,
    port: int | None = None,
    browser: bool = True,
    tell: Callable[[str], object] = _say,
    started: Callable[[PlayerServer], object] | None = None,
) -> None:
    """Serve the player until it is interrupted.

    Parameters
    ----------
    file : str or pathlib.Path
        The trajectory, finished, interrupted or still growing.
    compare : str or pathlib.Path, optional
        Another, to be shown beside it.
    port : int, optional
        To listen on, 0 for any; the first free one from 8750 on if not given.
    browser : bool
        Whether to open the page, if this machine has a display.
    tell : callable
        Is given the words for the user, with the address.
    started : callable, optional
        Is given the server before it serves; for tests and for those who end it themselves.

    Raises
    ------
    InputError
        No trajectory there, or runs that cannot be compared.
    RunError
        A damaged file, or a port that is taken.
    """
    with open_recordings(file, compare) as recordings, PlayerServer(recordings, port) as server:
        tell(_words(server))
        if started is not None:
            started(server)
        if browser and _has_display():
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        try:
            server.serve_forever(_POLL)
        except KeyboardInterrupt:
            tell("player closed")


def _words(server: PlayerServer) -> str:
    runs = " and ".join(recording.path.name for recording in server.recordings)
    return (
        f"{runs}: {server.url}\n"
        f"from another machine: ssh -L {server.port}:127.0.0.1:{server.port} {_account()}, then the same address there\n"
        "Ctrl-C ends the player"
    )


def _account() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # a user without a name, as in some containers
        return socket.gethostname()


def _has_display() -> bool:
    """Whether a browser would open a window here, not in the terminal or on the far side of a connection."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
