# SPDX-License-Identifier: Apache-2.0
"""Light mononuclear marrow cells (myeloid, erythroid, stroma): a lattice code without a row."""

from __future__ import annotations

from abm.state.kinds import KINDS, CellType

BACKGROUND = KINDS.add(
    CellType(1, "background", "background marrow", "light", "background", "#d9d4cc")
)
