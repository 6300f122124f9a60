# SPDX-License-Identifier: Apache-2.0
"""The normal B lineage: CD19-negative pro-B, CD19+ pre-B (haematogones), mature B."""

from __future__ import annotations

from abm.state.kinds import KINDS, CellType

PRO_B = KINDS.add(
    CellType(3, "pro_b", "CD19- pro-B cell", "sessile", "b", "#b9d7ea")
)

PRE_B = KINDS.add(
    CellType(4, "pre_b", "pre-B cell (haematogone)", "sessile", "b", "#56b4e9", target=True)
)

MATURE_B = KINDS.add(
    CellType(5, "mature_b", "mature B cell", "sessile", "b", "#0072b2", target=True)
)
