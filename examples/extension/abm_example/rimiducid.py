# SPDX-License-Identifier: Apache-2.0
"""Rimiducid (AP1903): kills CAR T cells that carry inducible caspase 9, the safety switch."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from abm.extensions import CAR_T, TICKS_PER_HOUR, Entry, State, Treatment, draw_number, drug_key, quantity, set_value, thin

PACE = 1 / 6
"""Time between two calls of ``act`` [h]."""


class Rimiducid(Treatment):
    """Dimeriser of inducible caspase 9, one dose.

    Notes
    -----
    While it acts, every CAR T cell dies at a constant rate, such that ``eliminated`` of them are gone when
    ``time`` is over. Cells in a synapse are spared while that lasts.
    """

    type: Literal["rimiducid"] = "rimiducid"
    dose: float = quantity(
        0.4, "mg/kg", bounds=(0.01, 1), plausible=(0.1, 0.4), about="dose of the infusion, told in the record",
        source="Di Stasi 2011 (0.4 mg/kg)",
    )  # fmt: skip
    eliminated: float = quantity(
        90, "%", bounds=(0, 99.99), plausible=(50, 99), about="CAR T cells that die of it",
        source="Di Stasi 2011 (more than 90 % of modified T cells)",
    )  # fmt: skip
    time: float = quantity(
        30, "min", bounds=(10, 2880), plausible=(30, 1440), about="time within which they die",
        source="Di Stasi 2011 (within 30 min)",
    )  # fmt: skip

    def begin(self, state: State, index: int) -> dict[str, Any]:
        """Return the dose."""
        set_value(state, drug_key(index, "killed"), 0.0)
        return {"dose_mg_per_kg": self.dose}

    def act(self, state: State, index: int, since: int) -> None:
        """Let CAR T cells die for ten minutes."""
        left = self.time - since / TICKS_PER_HOUR
        if left <= 0:
            return
        survival = (1.0 - self.eliminated) ** (min(PACE, left) / self.time)
        rows = np.flatnonzero(state.motile.array("kind") == CAR_T.code)
        died = thin(state, "motile", rows, survival, Entry.DRUG_KILLED, draw_number(index, 0))
        state.body[drug_key(index, "killed")] += died
