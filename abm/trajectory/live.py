# SPDX-License-Identifier: Apache-2.0
"""The files of a run whose writer may be at work: new segments appear, and all vanish on packing."""

from __future__ import annotations

from pathlib import Path

from abm.trajectory.hdf5 import missing_file, missing_parts
from abm.trajectory.index import FINISHED, Index, read_index, stamp_of
from abm.trajectory.segments import segment_files
from abm.trajectory.source import Source

_TRIES = 5
"""Readings of the index before segments that are not there are called missing: it may be being packed."""


class LiveSource(Source):
    """The series of a run, running, cut short or finished.

    Parameters
    ----------
    path : Path
        The file of the run.

    Raises
    ------
    InputError
        No such file, not a trajectory, or of a newer format.
    RunError
        Damaged, truncated, or its segments are missing.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.index: Index
        self.load()

    def load(self) -> None:
        """Read the index and the extent of every series anew."""
        missing: FileNotFoundError | None = None
        for _ in range(_TRIES):
            index = read_index(self.path)
            try:
                self.reset([self.path] if index.state == FINISHED else segment_files(self.path))
            except FileNotFoundError as error:
                missing = error
                continue
            self.index = index  # not before: what is damaged is told again by the next look
            if not self.replaced():  # segments only go after the index has been replaced
                return
        raise missing_parts(self.path, missing)

    def replaced(self) -> bool:
        """Whether another file stands under the name than the one that was read."""
        try:
            return stamp_of(self.path) != self.index.stamp
        except FileNotFoundError:
            raise missing_file(self.path) from None

    def refresh(self) -> None:
        """Look for segments that were added, or for the packed file."""
        if not self.replaced():
            if self.index.state == FINISHED:
                return
            try:
                for file in segment_files(self.path, len(self.files)):
                    self.add(file)
                return
            except FileNotFoundError:
                pass
        self.load()

    def recover(self, error: FileNotFoundError) -> None:
        """Find the rows again after a file has vanished."""
        if not self.replaced():
            raise missing_parts(self.path, error)
        self.load()
