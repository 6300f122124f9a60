# SPDX-License-Identifier: Apache-2.0
"""Where two runs part: ``diff(a, b)`` compares all that two trajectories hold, value by value.

What counts is what the digest of a run counts: everything but how it was made. Values are compared by
their bits, but NaN equals NaN. One frame of each run is in memory at a time.
"""

from __future__ import annotations

from abm.trajectory.differences.diffing import diff
from abm.trajectory.differences.report import Difference, RunDiff, SeriesDiff, Setting

__all__ = ["Difference", "RunDiff", "SeriesDiff", "Setting", "diff"]
