# SPDX-License-Identifier: Apache-2.0
"""Cytokine release syndrome: the signal of IL-6 at free receptors, and the grade it sustains."""

from __future__ import annotations

import numpy as np

from abm.processes.relaxation import read, write
from abm.state.state import State
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE, Parameters, quantity

CRS_THRESHOLDS = (30.0, 90.0, 270.0, 810.0)
"""Signal [pg/mL] that, sustained, is release of grade 1, 2, 3 and 4: 30 · 3^n, scale of a well-mixed surrogate."""


class ToxicityParameters(Parameters):
    """When a signal is a syndrome."""

    sustained: float = quantity(
        12, "h", bounds=(0, 240), plausible=(6, 24),
        about="time for which the signal must stay above a grade's threshold",
        source="assumption, with the thresholds: grades of Lee 2014 (5/8/2/3/3 of 21) in a well-mixed surrogate",
    )  # fmt: skip


class Toxicity:
    """Carry signal and grade over ten minutes.

    The signal is X = susceptibility · IL-6 · (1 - receptor occupancy), with the patient's susceptibility (1 is
    the median). A clock per threshold runs while X is at or above it and is set back to zero as soon as X is
    below; the grade is the highest whose clock has reached ``sustained``. So a grade is reached late and ends
    at once, and a dip below a threshold starts its 12 h anew. The grades of the last hour are kept for whoever looks
    once an hour: one that is ended by the drug that it called for lasts ten minutes, but the patient has had it.

    Parameters
    ----------
    parameters : ToxicityParameters
    """

    name = "toxicity"
    period = 10 * TICKS_PER_MINUTE

    def __init__(self, parameters: ToxicityParameters) -> None:
        self.parameters = parameters

    def start(self, state: State) -> None:
        """Show the signal of the IL-6 before treatment."""
        if "il6" in state.body:
            write(state, "crs_signal", _signal(state))

    def run(self, state: State) -> None:
        """Carry the clocks over one period; a change of grade is an event."""
        if "il6" not in state.body:
            return
        signal = _signal(state)
        clocks = state.body.setdefault("crs_hours_above", np.zeros(len(CRS_THRESHOLDS)))
        clocks += self.period / TICKS_PER_HOUR
        clocks[signal < np.array(CRS_THRESHOLDS)] = 0.0
        # the sum of many sixths of an hour may fall short of a whole number in its last bits
        reached = (clocks >= self.parameters.sustained - 1e-9) & (clocks > 0)
        grade = int(np.flatnonzero(reached)[-1]) + 1 if reached.any() else 0
        before = int(read(state, "crs_grade"))
        if grade != before:
            state.events.append((state.tick, "crs_grade", {"grade": grade, "before": before}))
        write(state, "crs_signal", signal)
        write(state, "crs_grade", float(grade))
        hour = state.body.setdefault("crs_grades_of_the_hour", np.zeros(TICKS_PER_HOUR // self.period))
        hour[:] = [*hour[1:], grade]


def _signal(state: State) -> float:
    return read(state, "susceptibility", 1.0) * read(state, "il6") * (1.0 - read(state, "il6r_occupancy"))
