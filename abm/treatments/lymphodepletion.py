# SPDX-License-Identifier: Apache-2.0
"""Lymphodepletion before CAR T cells: fludarabine and cyclophosphamide, or another regimen by its numbers."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from pydantic import Field

from abm.celltypes.b_lineage import MATURE_B, PRE_B, PRO_B
from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST
from abm.celltypes.car_t import CAR_T
from abm.celltypes.host_t import HOST_T
from abm.state.ledger import Entry
from abm.state.places import CSF
from abm.state.state import State
from abm.treatments.thinning import thin
from abm.treatments.treatment import Treatment, draw_number, scale_effect
from abm.units import TICKS_PER_HOUR, OneLine, from_base, quantity


class Lymphodepletion(Treatment):
    """Chemotherapy that makes room: kills lymphocytes and some blasts, and slows lymphopoiesis.

    Cells die evenly over ``duration``, outside the CSF. Numbers are those of fludarabine and
    cyclophosphamide; etoposide with cyclophosphamide, or any other regimen, is the same treatment with
    other survivals.
    """

    type: Literal["lymphodepletion"] = "lymphodepletion"
    regimen: OneLine = Field("fludarabine and cyclophosphamide", max_length=100, description="name for the record")
    duration: float = quantity(
        3, "d", bounds=(0, 30), plausible=(1, 5), about="time over which the cells die",
        source="Lee 2014 (fludarabine on days -4 to -2, cyclophosphamide on day -2)",
    )  # fmt: skip
    blast_survival: float = quantity(
        0.8, "1", bounds=(0, 1), plausible=(0.5, 1), about="blasts that survive",
        source="assumption: refractory disease (between -0.3 log and none)",
    )  # fmt: skip
    b_survival: float = quantity(
        0.1, "1", bounds=(0, 1), plausible=(0.01, 0.2), about="mature B cells that survive",
        source="assumption: -1 to -2 log",
    )  # fmt: skip
    precursor_survival: float = quantity(
        1, "1", bounds=(0, 1), plausible=(0.05, 1), about="pro-B and pre-B cells that survive; their influx falls in any case",
        source="assumption: no figure; the fall of the influx empties these stages within days",
    )  # fmt: skip
    t_survival: float = quantity(
        0.03, "1", bounds=(0, 1), plausible=(0.01, 0.1), about="T cells that survive, CAR T cells of an earlier infusion among them",
        source="Kimmel 2021 (3e9 of 2.5e11, 1.2 %); a surrogate's fit to Lee 2014",
    )  # fmt: skip
    pro_b_influx: float = quantity(
        0.1, "1", bounds=(0, 1), plausible=(0.01, 0.5), about="influx of pro-B cells that is left",
        source="assumption, from the fit of a well-mixed surrogate to Lee 2014",
    )  # fmt: skip
    pro_b_recovery: float = quantity(
        0.25, "1/d", bounds=(0, 10), plausible=(0.1, 0.5), about="rate at which that influx returns to normal",
        source="Lee 2014 (precursors back about day 28)",
    )  # fmt: skip

    def influx_factor(self, hours: float) -> float:
        """Return the factor on the influx of pro-B cells, some hours after the first dose."""
        after = max(hours - self.duration, 0.0)
        return 1.0 - (1.0 - self.pro_b_influx) * math.exp(-self.pro_b_recovery * after)

    def begin(self, state: State, index: int) -> dict[str, Any]:
        """Return regimen and duration."""
        return {"regimen": self.regimen, "duration_d": from_base(self.duration, "d")}

    def act(self, state: State, index: int, since: int) -> None:
        """Thin the cells once an hour while it lasts, and slow the influx of pro-B cells."""
        scale_effect(state, "effect_pro_b", self.influx_factor(since / TICKS_PER_HOUR))
        steps = max(round(self.duration), 1)
        if since % TICKS_PER_HOUR or since >= steps * TICKS_PER_HOUR:
            return
        groups = (
            ("sessile", (BLAST, CD19_NEGATIVE_BLAST), self.blast_survival),
            ("sessile", (MATURE_B,), self.b_survival),
            ("sessile", (PRO_B, PRE_B), self.precursor_survival),
            ("motile", (HOST_T, CAR_T), self.t_survival),
        )
        for table_name, kinds, survival in groups:
            if survival < 1.0:
                table = state.tables[table_name]
                chosen = np.isin(table.array("kind"), [kind.code for kind in kinds]) & (table.array("compartment") != CSF)
                rows = np.flatnonzero(chosen)
                thin(state, table_name, rows, survival ** (1.0 / steps), Entry.DRUG_KILLED, draw_number(index, 0))
