# SPDX-License-Identifier: Apache-2.0
"""The known run, read and served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from abm.playback.player.recording import Recording
from abm.playback.player.server import PlayerServer
from tests.unit.playback.player.recorded import write_run
from tests.unit.playback.player.served import served

Serve = Callable[..., PlayerServer]


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    return write_run(tmp_path_factory.mktemp("run") / "known.h5")


@pytest.fixture
def recording(run_file: Path) -> Iterator[Recording]:
    """The run as the player reads it."""
    found = Recording(run_file, "known")
    yield found
    found.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that serves some files until the test ends."""
    with ExitStack() as ending:
        yield lambda *files: ending.enter_context(served(*files))
