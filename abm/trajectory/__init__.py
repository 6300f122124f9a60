# SPDX-License-Identifier: Apache-2.0
"""The trajectory file: result of a run, source of every playback, one HDF5 file when finished.

Writing: :class:`TrajectoryWriter`. Reading, whether the run is still going, was cut short or is
finished: :class:`Trajectory`. The format is described in ``docs/file_format.md``. This package is
the only place that knows HDF5.
"""

from __future__ import annotations

from abm.trajectory.checking import Report, check
from abm.trajectory.checkpoints import Checkpoint
from abm.trajectory.differences import diff
from abm.trajectory.frames import CellFrame, CellFrames, Frames
from abm.trajectory.index import check_room
from abm.trajectory.packing import pack
from abm.trajectory.reader import Trajectory
from abm.trajectory.schema import FORMAT_VERSION, Header
from abm.trajectory.writer import TrajectoryWriter

__all__ = [
    "FORMAT_VERSION",
    "CellFrame",
    "CellFrames",
    "Checkpoint",
    "Frames",
    "Header",
    "Report",
    "Trajectory",
    "TrajectoryWriter",
    "check",
    "check_room",
    "diff",
    "pack",
]
