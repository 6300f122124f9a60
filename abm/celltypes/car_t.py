# SPDX-License-Identifier: Apache-2.0
"""CAR T cells."""

from __future__ import annotations

from abm.state.kinds import KINDS, CellType

CAR_T = KINDS.add(
    CellType(9, "car_t", "CAR T cell", "motile", "car_t", "#f98c24")
)
