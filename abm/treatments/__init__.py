# SPDX-License-Identifier: Apache-2.0
"""Treatments: one file each, and the schedule that gives them.

This file is the index: a new treatment is one import and one entry of :data:`TREATMENTS`. Other packages
add theirs through :data:`OTHERS`.
"""

from __future__ import annotations

from typing import Annotated, Any

from abm.choices import Choice, tag_of
from abm.openings import Opening
from abm.treatments.corticosteroid import Corticosteroid
from abm.treatments.etanercept import Etanercept
from abm.treatments.infusion import CarTInfusion
from abm.treatments.lymphodepletion import Lymphodepletion
from abm.treatments.schedule import TreatmentSchedule
from abm.treatments.tocilizumab import Tocilizumab
from abm.treatments.treatment import EFFECTS, Treatment

TREATMENTS: tuple[type[Treatment], ...] = (
    CarTInfusion,
    Lymphodepletion,
    Tocilizumab,
    Etanercept,
    Corticosteroid,
)
"""Every treatment of this package that a scenario can name."""


def _name_of(thing: Any) -> str:
    name = tag_of(thing, Treatment)
    if thing.begin is Treatment.begin and thing.act is Treatment.act:
        raise ValueError(f"class {thing.__name__} does nothing: it needs `act`, which is called every ten minutes, or `begin`, once")
    return name


OTHERS: Opening[type[Treatment]] = Opening(
    "abm.treatments", "treatment", lambda: [tag_of(item, Treatment) for item in TREATMENTS], _name_of
)
"""Those that other packages add."""

AnyTreatment: Any = Annotated[Treatment, Choice(TREATMENTS, OTHERS)]
"""Type of one entry of a scenario's list of treatments, told apart by ``type``."""

__all__ = ["EFFECTS", "OTHERS", "TREATMENTS", "AnyTreatment", "Treatment", "TreatmentSchedule"]
