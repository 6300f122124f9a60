# SPDX-License-Identifier: Apache-2.0
"""How far the recording of a run in progress has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abm.trajectory.hdf5 import missing_parts
from abm.trajectory.schema import BEFORE_ALL, EVENTS
from abm.trajectory.segments import segment_files
from abm.trajectory.source import Source


@dataclass
class Standing:
    """How far a recording has come.

    Parameters
    ----------
    segments : int
        Segments on the disk.
    ticks : dict
        Series -> tick of each of its frames.
    """

    segments: int = 0
    ticks: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def safe_tick(self) -> int:
        """Tick of the last frame, or ``BEFORE_ALL`` before the first."""
        return max((self.last(series) for series in self.ticks), default=BEFORE_ALL)

    @property
    def events(self) -> int:
        """Events on the disk."""
        return len(self.ticks.get(EVENTS, ()))

    def last(self, series: str) -> int:
        """Return the tick of the last frame of a series, or ``BEFORE_ALL``."""
        return int(self.ticks[series][-1]) if series in self.ticks else BEFORE_ALL

    def frames_until(self, tick: int) -> dict[str, int]:
        """Return how many frames of each series, events aside, there are up to a tick."""
        return {name: int(np.searchsorted(ticks, tick, side="right")) for name, ticks in self.ticks.items() if name != EVENTS}

    def short_of(self, tick: int, frames: dict[str, int], events: int) -> str:
        """Return the series of which less is there than was when a checkpoint was written, or ""."""
        found = self.frames_until(tick)
        short = [name for name, count in sorted(frames.items()) if found.get(name, 0) < count]
        return ", ".join([*short, EVENTS] if self.events < events else short)


def standing_of(path: Path) -> Standing:
    """Return how far the segments of a run in progress have come.

    Raises
    ------
    RunError
        One is damaged or missing.
    """
    source = source_of_parts(path)
    try:
        return Standing(len(source.files), {name: series.ticks for name, series in source.series.items()})
    finally:
        source.close()


def source_of_parts(path: Path) -> Source:
    """Return the series of a run in progress.

    Raises
    ------
    RunError
        A segment is damaged or missing.
    """
    return Source(all_segments(path))


def all_segments(path: Path) -> list[Path]:
    """Return the segments of a run in progress, in order.

    Raises
    ------
    RunError
        One is missing.
    """
    try:
        return segment_files(path)
    except FileNotFoundError as error:
        raise missing_parts(path, error) from None
