# SPDX-License-Identifier: Apache-2.0
"""Host T cells: denominator of "% of CD3", consumers of IL-15."""

from __future__ import annotations

from abm.state.kinds import KINDS, CellType

HOST_T = KINDS.add(
    CellType(8, "host_t", "host T cell", "motile", "host_t", "#114f05")
)
