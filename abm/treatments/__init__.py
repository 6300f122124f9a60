# SPDX-License-Identifier: Apache-2.0
"""Treatments: one file each, and the schedule that gives them.

This file is the index: a new treatment is one import and one entry of :data:`TREATMENTS`.
"""

from __future__ import annotations

from typing import Annotated, Any, Union

from pydantic import Field

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
"""Every treatment that a scenario can name."""

AnyTreatment: Any = Annotated[Union[TREATMENTS], Field(discriminator="type")]  # noqa: UP007
"""Type of one entry of a scenario's list of treatments, told apart by ``type``."""

__all__ = ["EFFECTS", "TREATMENTS", "AnyTreatment", "Treatment", "TreatmentSchedule"]
