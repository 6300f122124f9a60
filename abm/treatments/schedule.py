# SPDX-License-Identifier: Apache-2.0
"""The process that gives treatments: on their day, or when their rule has held for long enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from abm.errors import InputError
from abm.state.columns import Array
from abm.state.state import State
from abm.treatments.rules import Rule, parse_rule
from abm.treatments.treatment import EFFECTS, Treatment, set_value
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE

NOT_YET = -1.0
"""Stands for a tick that has not come, in ``treatment_given`` and ``treatment_rule_since``."""
Observe = Callable[[str, State], float]


class TreatmentSchedule:
    """Give treatments and let those given act.

    A day before the start of the run counts as its start (scenarios refuse one). Treatments that become due in the same ten
    minutes are given in the order of the scenario. Its memory, in ``state.body``, is the tick at which
    each was given and that since which its rule has held without a break.

    Parameters
    ----------
    treatments : sequence of Treatment
        Of the scenario.
    observe : callable
        ``observe(name, state)`` returns an observable in its own unit; NaN if it is not known yet.
    observables : collection of str
        Names that ``observe`` knows.

    Raises
    ------
    InputError
        A rule names an unknown observable.
    """

    name = "treatments"
    period = 10 * TICKS_PER_MINUTE

    def __init__(self, treatments: Sequence[Treatment], observe: Observe, observables: Collection[str]) -> None:
        self.treatments = tuple(treatments)
        self._observe = observe
        self._rules: list[Rule | None] = []
        for index, treatment in enumerate(self.treatments):
            rule = None if treatment.when is None else parse_rule(treatment.when)
            if rule is not None:
                try:
                    rule.require_known(observables)
                except ValueError as error:
                    raise InputError(f"treatments[{index}].when: {error}") from None
            self._rules.append(rule)

    def run(self, state: State) -> None:
        """Reset the effects, give what is due, let all that was given act."""
        for name, neutral in EFFECTS.items():
            set_value(state, name, neutral)
        given = self._memory(state, "treatment_given")
        since = self._memory(state, "treatment_rule_since")
        for index, treatment in enumerate(self.treatments):
            if given[index] == NOT_YET and self._is_due(state, index, since):
                given[index] = state.tick
                details = treatment.begin(state, index)
                if details is not None:
                    named = {"treatment": treatment.label, "index": index, **details}
                    state.events.append((state.tick, "treatment", named))
        for index, treatment in enumerate(self.treatments):
            if given[index] != NOT_YET:
                treatment.act(state, index, state.tick - int(given[index]))

    def _memory(self, state: State, name: str) -> Array:
        return state.body.setdefault(name, np.full(len(self.treatments), NOT_YET))

    def _is_due(self, state: State, index: int, since: Array) -> bool:
        treatment, rule = self.treatments[index], self._rules[index]
        if rule is not None:
            if not rule.holds(self._observe(rule.observable, state)):
                since[index] = NOT_YET
                return False
            if since[index] == NOT_YET:
                since[index] = state.tick
            return bool(state.tick - since[index] >= rule.ticks)
        assert treatment.day is not None
        start = float(state.body["day_zero_tick"][0]) if "day_zero_tick" in state.body else 0.0
        return state.tick >= start + round(treatment.day * TICKS_PER_HOUR)
