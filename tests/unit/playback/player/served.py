# SPDX-License-Identifier: Apache-2.0
"""Runs served on a free port of this machine for the time of a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from abm.playback.player.recording import Recording
from abm.playback.player.server import PlayerServer


@contextmanager
def served(*files: Path) -> Iterator[PlayerServer]:
    """Serve one run or two."""
    recordings = [Recording(file, file.stem) for file in files]
    try:
        with PlayerServer(recordings, port=0) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                thread.join()
    finally:
        for recording in recordings:
            recording.close()
