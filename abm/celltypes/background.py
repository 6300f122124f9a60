# SPDX-License-Identifier: Apache-2.0
"""Light mononuclear marrow cells (myeloid, erythroid, stroma): a lattice code without a row."""

from __future__ import annotations

from abm.state.kinds import KINDS, CellType
from abm.units import Parameters, quantity

BACKGROUND = KINDS.add(CellType(1, "background", "background marrow", "light", "background", "#d9d4cc"))


class BackgroundParameters(Parameters):
    """Background marrow: how it returns. How densely it is packed is part of the marrow's geometry."""

    recovery: float = quantity(
        0.25, "1/d", bounds=(0, 5), plausible=(0.1, 0.5), about="logistic rate at which background cells refill emptied marrow",
        source="assumption: counts return two to three weeks after lymphodepletion (Lee 2014)",
    )  # fmt: skip
    reserve: float = quantity(
        2, "%", bounds=(0, 100), plausible=(0.5, 5),
        about="stromal and stem cells that refill even an empty marrow, among its normal cells",
        source="assumption: a small reserve survives any burden",
    )  # fmt: skip
