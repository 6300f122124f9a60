# SPDX-License-Identifier: Apache-2.0
"""When the state of a run is kept, and how a run goes on from it."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import abm
from abm.errors import RunError
from abm.state import archive
from abm.trajectory import Checkpoint, TrajectoryWriter
from abm.trajectory.schema import day_text
from abm.units import TICKS_PER_HOUR

if TYPE_CHECKING:
    from abm.model import TherapyModel

CHECKPOINT_SECONDS = 600.0
"""Wall time between two checkpoints of a run that goes on [s]."""
KEPT = 2
"""Checkpoints of a run that goes on: the last, and the one before in case that one is damaged."""


class Checkpoints:
    """Keep the states of a run as its scenario asks, and the last ones in case it is cut short.

    Parameters
    ----------
    model : TherapyModel
        The run.
    writer : TrajectoryWriter
        Where its states go.
    seconds : float
        Wall time between two of them [s].
    """

    def __init__(self, model: TherapyModel, writer: TrajectoryWriter, seconds: float = CHECKPOINT_SECONDS) -> None:
        record = model.scenario.record
        self.model = model
        self.writer = writer
        self.seconds = seconds
        self.period = max(round(record.checkpoints), 1) * TICKS_PER_HOUR if record.checkpoints else 0
        self.keeps_last = record.last_state
        self._begins = int(writer.header.provenance["begins_at_tick"])
        self._last = time.monotonic()
        self._tick = -1

    def begin(self) -> None:
        """Keep the state from which the recording begins, unless that is the start: what has led to it is not in the file."""
        if 0 < self._begins == self.model.state.tick:
            self._write()

    def look(self, *, asked: bool = False) -> None:
        """Keep the state if it is time, or asked for; what is due has been recorded. Called after each hour."""
        self.writer.beat()
        if asked or self._is_wanted(self.model.state.tick) or time.monotonic() - self._last >= self.seconds:
            self.keep()

    def keep(self) -> None:
        """Keep the state now, and drop those that are no longer needed."""
        self._write()
        self._drop(self.writer.checkpoints[:-KEPT])

    def end(self) -> None:
        """Keep what the finished file is to hold."""
        if self.keeps_last:
            self._write()
        self._drop(self.writer.checkpoints[: -1 if self.keeps_last else None])

    def _write(self) -> None:
        state = self.model.state
        if state.tick == self._tick:
            return
        self.writer.flush()  # before the state is copied, so that memory need not hold both
        self.writer.checkpoint(state.tick - self.model.day_zero, archive.to_arrays(state), notes_of(self.model))
        self._last, self._tick = time.monotonic(), state.tick

    def _drop(self, ticks: list[int]) -> None:
        for tick in ticks:
            if not self._is_wanted(tick + self.model.day_zero):
                self.writer.drop_checkpoint(tick)

    def _is_wanted(self, tick: int) -> bool:
        return 0 < tick == self._begins or (self.period > 0 and tick % self.period == 0)


def notes_of(model: TherapyModel) -> dict[str, Any]:
    """Return what belongs to the state of a model but is no array, and what it can be told by."""
    return {
        "abm": abm.__version__,
        "scenario": hashlib.sha256(model.scenario_text.encode()).hexdigest(),
        "seed": model.run_seed,
        "steps": model.steps,
    }


def restore(model: TherapyModel, checkpoint: Checkpoint) -> None:
    """Put a model, laid out anew, where a checkpoint left it.

    Parameters
    ----------
    model : TherapyModel
        Of the same seed and geometry.
    checkpoint : Checkpoint
        Where to go on.

    Raises
    ------
    RunError
        The checkpoint is of another version of abm, or of another run.
    """
    notes = checkpoint.notes
    when = day_text(checkpoint.tick)
    if notes["abm"] != abm.__version__:
        raise RunError(f"the checkpoint of {when} was written by abm {notes['abm']}, this is abm {abm.__version__}: use that one")
    here = notes_of(model)
    if notes["seed"] != here["seed"] or notes["scenario"] != here["scenario"]:
        raise RunError(f"the checkpoint of {when} belongs to another run")
    try:
        archive.load_arrays(model.state, checkpoint.arrays)
    except ValueError as error:
        raise RunError(f"the checkpoint of {when} does not fit: {error}") from None
    model.steps = int(notes["steps"])
