# SPDX-License-Identifier: Apache-2.0
"""Etanercept: neutralises TNF, which amplifies what macrophages secrete."""

from __future__ import annotations

from typing import Any, Literal

from abm.state.state import State
from abm.treatments.pharmacokinetics import bolus, occupied, rate_of
from abm.treatments.treatment import Treatment, drug_key, scale_effect, set_value
from abm.units import TICKS_PER_HOUR, quantity


class Etanercept(Treatment):
    """Soluble TNF receptor, one dose."""

    type: Literal["etanercept"] = "etanercept"
    dose: float = quantity(
        0.8, "mg/kg", bounds=(0, 5), plausible=(0.4, 0.8), about="dose",
        source="Grupp 2013, patient 1 (0.8 mg/kg on day 7)",
    )  # fmt: skip
    half_life: float = quantity(
        3.5, "d", bounds=(0.1, 30), plausible=(3, 4), about="half-life of elimination",
        source="assumption: 3-4 d is usual for etanercept; not retrieved",
    )  # fmt: skip
    half_dose: float = quantity(
        0.0889, "mg/kg", bounds=(0.0001, 5), plausible=(0.04, 0.2),
        about="amount in the body that neutralises half of TNF",
        source="assumption: 0.8 mg/kg neutralise 90 % at first",
    )  # fmt: skip

    def amount(self, hours: float) -> float:
        """Return the amount left in the body [mg/kg] some hours after the dose."""
        return bolus(self.dose, rate_of(self.half_life), hours)

    def begin(self, state: State, index: int) -> dict[str, Any]:
        """Return the dose."""
        return {"dose_mg_per_kg": self.dose}

    def act(self, state: State, index: int, since: int) -> None:
        """Neutralise TNF."""
        amount = self.amount(since / TICKS_PER_HOUR)
        set_value(state, drug_key(index, "amount_mg_per_kg"), amount)
        scale_effect(state, "effect_tnf", 1.0 - occupied(amount, self.half_dose))
