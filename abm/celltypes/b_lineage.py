# SPDX-License-Identifier: Apache-2.0
"""The normal B lineage: CD19-negative pro-B, CD19+ pre-B (haematogones), mature B."""

from __future__ import annotations

from abm.state.kinds import KINDS, CellType

PRO_B = KINDS.add(
    CellType(3, "pro_b", "CD19- pro-B cell", "sessile", "b", "#add2f6")
)

PRE_B = KINDS.add(
    CellType(4, "pre_b", "pre-B cell (haematogone)", "sessile", "b", "#4aa3e2", target=True)
)

MATURE_B = KINDS.add(
    CellType(5, "mature_b", "mature B cell", "sessile", "b", "#054fd2", target=True)
)
