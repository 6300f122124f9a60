# SPDX-License-Identifier: Apache-2.0
"""The contract of a treatment, and the list of what treatments may change.

A treatment is a group of parameters with a ``type`` that names it in scenarios. It is given once, on a
``day`` or at the first time that the rule ``when`` holds. Then :class:`~abm.treatments.schedule.TreatmentSchedule`
calls :meth:`Treatment.begin` once and :meth:`Treatment.act` every ten minutes from that moment on.

To add one: write a subclass in a file of its own and add it to the index, :mod:`abm.treatments`, or, from
another package, declare an entry point (:mod:`abm.extensions`). Nothing else has to know it. It keeps no
state of its own: what must survive a checkpoint stands in ``state.body`` under names that begin with
:func:`drug_key` of its index.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from abm.errors import nearest
from abm.state.state import State
from abm.treatments.rules import EXAMPLE, MAX_LENGTH, parse_rule
from abm.units import Parameters, quantity

EFFECTS: dict[str, float] = {
    "effect_secretion": 1.0,
    "effect_division": 1.0,
    "effect_tnf": 1.0,
    "effect_pro_b": 1.0,
    "effect_il6_clearance": 1.0,
    "effect_car_t_death": 0.0,
    "il6r_occupancy": 0.0,
}
"""Body variables that treatments change, with their values when nothing is given.

Factors on the secretion of cytokines, the division of CAR T cells, TNF, the influx of pro-B cells and the
clearance of IL-6; an additional death rate of CAR T cells [1/h]; the share of IL-6 receptors occupied.
"""


class Treatment(Parameters):
    """Something given to the patient, on a day or by a rule."""

    day: float | None = quantity(
        None, "d", bounds=(-60, 7300), about="day on which it is given; day 0 is that of the first CAR T cells",
        source="scenario",
    )  # fmt: skip
    when: str | None = Field(
        None,
        max_length=MAX_LENGTH,
        description=f"rule at whose first fulfilment it is given, such as {EXAMPLE}; instead of `day`",
    )

    @field_validator("when")
    @classmethod
    def _reads_as_rule(cls, text: str | None) -> str | None:
        if text is not None:
            parse_rule(text)
        return text

    @model_validator(mode="after")
    def _day_or_rule(self) -> Self:
        if (self.day is None) == (self.when is None):
            given = "neither" if self.day is None else "both"
            raise ValueError(f"needs either 'day' (such as 5) or 'when' (such as {EXAMPLE}), got {given}")
        return self

    @property
    def label(self) -> str:
        """Name in events and messages: the value of ``type``."""
        return str(getattr(self, "type", type(self).__name__))

    def days_given(self) -> list[float]:
        """Return the days on which parts of it are given [h]; none if a rule decides."""
        return [] if self.day is None else [self.day]

    def begin(self, state: State, index: int) -> dict[str, Any] | None:
        """Give the treatment.

        Parameters
        ----------
        state : State
            May be changed; every gain or loss of cells is booked in its ledger.
        index : int
            Position among the treatments of the scenario.

        Returns
        -------
        dict or None
            Details for the record, of text and numbers; None if it records its own events.
        """
        return {}

    def act(self, state: State, index: int, since: int) -> None:
        """Let it work for the ten minutes that start now.

        Parameters
        ----------
        state : State
            Multiply its effect into those of :data:`EFFECTS`, which are neutral before the first treatment acts.
        index : int
            Position among the treatments of the scenario.
        since : int
            Time since it was given [ticks of 15 s].
        """


DRAWS_PER_TREATMENT = 16


def draw_number(index: int, number: int) -> int:
    """Return the draw number, in the stream of treatments, of one of the 16 draws that a treatment may make for a cell at a tick."""
    return index * DRAWS_PER_TREATMENT + number


def drug_key(index: int, name: str) -> str:
    """Return the name in ``state.body`` of what a treatment must remember or shows, such as its level."""
    return f"drug_{index}_{name}"


def set_value(state: State, name: str, value: float) -> None:
    """Set a scalar body variable."""
    state.body[name] = np.array([value], np.float64)


def scale_effect(state: State, name: str, factor: float) -> None:
    """Multiply a factor into one of :data:`EFFECTS`.

    Parameters
    ----------
    state : State
        Of the patient.
    name : str
        One of those that are 1 when nothing is given; the others are no factors, but set.
    factor : float
        At least 0.

    Raises
    ------
    ValueError
        No such effect, or no such factor.
    """
    factors = [effect for effect, neutral in EFFECTS.items() if neutral]
    if name not in factors:
        why = "is set, not scaled (set_value)" if name in EFFECTS else f"is unknown; nearest: {nearest(name, factors)!r}"
        raise ValueError(f"effect {name!r} {why}; those that can be scaled: {', '.join(factors)}")
    if not 0 <= factor < math.inf:
        raise ValueError(f"effect {name!r}: must be scaled by a finite factor of at least 0, got {factor}")
    set_value(state, name, float(state.body[name][0]) * factor)
