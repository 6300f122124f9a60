# SPDX-License-Identifier: Apache-2.0
"""Macrophages, the source of IL-6."""

from __future__ import annotations

from abm.state.kinds import KINDS, CellType

MACROPHAGE = KINDS.add(
    CellType(2, "macrophage", "macrophage", "sessile", "macrophage", "#97825c", mobile=False)
)
