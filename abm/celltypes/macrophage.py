# SPDX-License-Identifier: Apache-2.0
"""Macrophages, the source of IL-6."""

from __future__ import annotations

from abm.state.kinds import KINDS, CellType
from abm.units import Parameters, quantity

MACROPHAGE = KINDS.add(CellType(2, "macrophage", "macrophage", "sessile", "macrophage", "#97825c", mobile=False))


class MacrophageParameters(Parameters):
    """Marrow macrophages: how many. What they secrete is declared with the cytokines."""

    marrow_fraction: float = quantity(
        2, "%", bounds=(0, 30), plausible=(1, 5), about="macrophages among nucleated marrow cells",
        source="assumption: a few per cent of marrow cells; no figure retrieved",
    )  # fmt: skip
