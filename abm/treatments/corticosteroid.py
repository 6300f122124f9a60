# SPDX-License-Identifier: Apache-2.0
"""Corticosteroid: cuts secretion and division, and adds to the death of CAR T cells."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator

from abm.celltypes.car_t import MOST_DRUG_DEATH
from abm.errors import spelled
from abm.state.state import State
from abm.treatments.pharmacokinetics import rate_of, tapered
from abm.treatments.treatment import Treatment, drug_key, scale_effect, set_value
from abm.units import ROUNDING, TICKS_PER_HOUR, from_base, quantity


class Corticosteroid(Treatment):
    """Methylprednisolone or its equivalent, by day: a constant dose, then a straight taper to nothing.

    Notes
    -----
    The effect follows the daily dose with the biological half-life, far longer than that in plasma because
    it goes by way of transcription. Up to the reference dose it grows in proportion; beyond, the receptor is
    taken to be saturated for secretion and division. The death rate stays in proportion to the dose.
    """

    type: Literal["corticosteroid"] = "corticosteroid"
    dose: float = quantity(
        2, "mg/kg/d", bounds=(0, 30), plausible=(1, 10), about="daily dose of methylprednisolone before the taper",
        source="Grupp 2013, patient 1 (2 mg/kg/d from day 5)",
    )  # fmt: skip
    full_duration: float = quantity(
        3, "d", bounds=(0, 365), plausible=(1, 7), about="time at the full dose, before the taper",
        source="assumption: Grupp 2013 tells start and end only",
    )  # fmt: skip
    taper_duration: float = quantity(
        4, "d", bounds=(0, 365), plausible=(0, 14), about="time from the full dose to none",
        source="Grupp 2013, patient 1 (none by day 12, seven days after the start)",
    )  # fmt: skip
    half_life: float = quantity(
        18, "h", bounds=(0.5, 240), plausible=(12, 36),
        about="biological half-life, with which the effect follows the dose",
        source="assumption: methylprednisolone acts for 12-36 h",
    )  # fmt: skip
    reference_dose: float = quantity(
        2, "mg/kg/d", bounds=(0.1, 30), about="daily dose to which the effects below belong",
        source="assumption, with the effects",
    )  # fmt: skip
    secretion_reduction: float = quantity(
        0.7, "1", bounds=(0, 1), plausible=(0, 0.9), about="reduction of secretion at the reference dose",
        source="assumption between conflicting reports: ASH 2019 and Stein 2019 (none), Strati 2021 (worse)",
    )  # fmt: skip
    division_reduction: float = quantity(
        0.3, "1", bounds=(0, 1), plausible=(0, 0.6),
        about="reduction of the division of CAR T cells at the reference dose",
        source="assumption between conflicting reports: ASH 2019 and Stein 2019 (none), Strati 2021 (worse)",
    )  # fmt: skip
    death: float = quantity(
        0.05, "1/d", bounds=(0, 5), plausible=(0, 0.1),
        about="additional death rate of CAR T cells at the reference dose",
        source="assumption: Lee 2014 warns of ablation",
    )  # fmt: skip

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.full_duration + self.taper_duration <= 0:
            raise ValueError("full_duration and taper_duration must not both be 0 d")
        death = self.death * self.dose / self.reference_dose
        if death > MOST_DRUG_DEATH * (1 + ROUNDING):
            most, given = (from_base(rate, "1/d") for rate in (MOST_DRUG_DEATH, death))
            raise ValueError(f"death at this dose must be at most {spelled(most)} 1/d (death · dose / reference_dose), got {given:.3g} 1/d")
        return self

    def relative_level(self, hours: float) -> float:
        """Return the effective daily dose over the reference dose, some hours after the start."""
        hold, end = self.full_duration, self.full_duration + self.taper_duration
        return tapered(self.dose / self.reference_dose, rate_of(self.half_life), hours, hold, end)

    def begin(self, state: State, index: int) -> dict[str, Any]:
        """Return dose and duration."""
        days = from_base(self.full_duration + self.taper_duration, "d")
        dose = from_base(self.dose, "mg/kg/d")
        return {"dose_mg_per_kg_d": dose, "course": f"{spelled(dose)} mg/kg/d, zero after {spelled(days)} d"}

    def act(self, state: State, index: int, since: int) -> None:
        """Cut secretion and division, add to death."""
        level = self.relative_level(since / TICKS_PER_HOUR)
        set_value(state, drug_key(index, "relative_level"), level)
        bound = min(level, 1.0)
        scale_effect(state, "effect_secretion", 1.0 - self.secretion_reduction * bound)
        scale_effect(state, "effect_division", 1.0 - self.division_reduction * bound)
        death = float(state.body["effect_car_t_death"][0])
        set_value(state, "effect_car_t_death", death + self.death * level)
