# SPDX-License-Identifier: Apache-2.0
"""Leukaemic blasts, with and without CD19."""

from __future__ import annotations

from abm.state.kinds import KINDS, CellType

BLAST = KINDS.add(
    CellType(6, "blast", "CD19+ blast", "sessile", "leukaemia", "#521078", target=True)
)

CD19_NEGATIVE_BLAST = KINDS.add(
    CellType(7, "blast_cd19_negative", "CD19-negative blast", "sessile", "leukaemia", "#d52687")
)
