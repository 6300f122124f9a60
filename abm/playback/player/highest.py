# SPDX-License-Identifier: Apache-2.0
"""The highest concentration of each field, so that a colour means the same in all frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from abm.errors import RunError

if TYPE_CHECKING:
    from abm.trajectory import Trajectory
    from abm.trajectory.frames import Frames

MOST_VALUES = 20_000_000
"""Values of a field in a compartment that are looked at; of longer runs frames are left out, evenly."""


class HighestConcentrations:
    """Looks for the highest concentrations of a run, at each frame once however often it is asked while the run goes on."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int], float] = {}

    def of(self, trajectory: Trajectory) -> dict[str, float]:
        """Return the highest concentration of each field in any compartment [pg/mL].

        Parameters
        ----------
        trajectory : Trajectory
            Always the same run, which may have grown.
        """
        highest: dict[str, float] = {}
        for place, fields in trajectory.fields.items():
            for name, frames in fields.items():
                for number in _looked_at(frames):
                    key = (place, name, int(frames.ticks[number]))
                    if key not in self._found:
                        self._found[key] = _highest(frames, number)
                    highest[name] = max(highest.get(name, 0.0), self._found[key])
        return highest


def _looked_at(frames: Frames) -> list[int]:
    """Return numbers of frames, evenly spaced by a power of two, so that of a run that grows the same are looked at, and the last."""
    total, step = len(frames), 1
    while total * math.prod(frames.shape) > MOST_VALUES * step:
        step *= 2
    return sorted({*range(0, total, step), *range(total - 1, total)})


def _highest(frames: Frames, number: int) -> float:
    try:
        values = np.asarray(frames[number])
    except RunError:  # a damaged frame is told of where it is shown
        return 0.0
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else 0.0
