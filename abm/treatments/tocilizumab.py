# SPDX-License-Identifier: Apache-2.0
"""Tocilizumab: blocks the IL-6 receptor, hence the signal and the uptake of IL-6, whose level rises."""

from __future__ import annotations

from typing import Any, Literal

from abm.state.state import State
from abm.treatments.pharmacokinetics import bolus, occupied
from abm.treatments.treatment import Treatment, drug_key, scale_effect, set_value
from abm.units import TICKS_PER_HOUR, from_base, quantity

MG_PER_ML = 1e9
"""One mg/mL in pg/mL."""


class Tocilizumab(Treatment):
    """Antibody against the IL-6 receptor, one infusion."""

    type: Literal["tocilizumab"] = "tocilizumab"
    dose: float = quantity(
        8, "mg/kg", bounds=(0, 12), plausible=(4, 12), about="dose of the infusion",
        source="Grupp 2013 (8 mg/kg); ACTEMRA label (cytokine release: 8 mg/kg, 12 mg/kg below 30 kg)",
    )  # fmt: skip
    volume: float = quantity(
        43.7, "mL/kg", bounds=(10, 500), plausible=(40, 80), about="volume of distribution",
        source="ACTEMRA label: 8 mg/kg reach 183 µg/mL",
    )  # fmt: skip
    clearance: float = quantity(
        0.29, "mL/h/kg", bounds=(0.01, 10), plausible=(0.15, 0.4), about="clearance",
        source="ACTEMRA label (at 10 mg/kg); one compartment gives a half-life of 4.4 d, the label a terminal 6.3 d",
    )  # fmt: skip
    half_occupancy: float = quantity(
        0.15, "µg/mL", bounds=(0.001, 100), plausible=(0.05, 0.25), about="level that occupies half of the receptors",
        source="assumption: occupancy above 95 % from 1-5 µg/mL on",
    )  # fmt: skip
    receptor_clearance: float = quantity(
        0.8, "1", bounds=(0, 0.99), plausible=(0.67, 0.9),
        about="share of the clearance of IL-6 that its receptor does",
        source="assumption: IL-6 rises 3-10 fold after the dose, 1/(1 - share) at full occupancy",
    )  # fmt: skip

    def level(self, hours: float) -> float:
        """Return the level in serum [pg/mL] some hours after the dose."""
        return bolus(self.dose / self.volume * MG_PER_ML, self.clearance / self.volume, hours)

    def begin(self, state: State, index: int) -> dict[str, Any]:
        """Return the dose."""
        return {"dose_mg_per_kg": self.dose}

    def act(self, state: State, index: int, since: int) -> None:
        """Occupy receptors; antibody of several doses adds up before it binds."""
        level = self.level(since / TICKS_PER_HOUR)
        set_value(state, drug_key(index, "level_ug_per_ml"), from_base(level, "µg/mL"))
        # Bound over free receptors is level over half_occupancy, hence additive over doses.
        before = float(state.body["il6r_occupancy"][0])
        free = 1.0 / (1.0 / (1.0 - before) + level / self.half_occupancy)
        after = 1.0 - free
        set_value(state, "il6r_occupancy", after)
        share = self.receptor_clearance
        scale_effect(state, "effect_il6_clearance", (1.0 - share * after) / (1.0 - share * before))

    def occupancy(self, hours: float) -> float:
        """Return the share of receptors that this dose alone occupies some hours after it."""
        return occupied(self.level(hours), self.half_occupancy)
