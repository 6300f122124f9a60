# SPDX-License-Identifier: Apache-2.0
"""Plasma cells of the marrow: those with CD19 are killed, those without are spared."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from abm.extensions import DRAW_CD19, Array, CellType, OtherCells, State, Stream, quantity, sample_antigens

DRAW_BEARS = 100
"""Draw number of whether a cell bears CD19, beside those of the antigens of abm."""


class PlasmaCells(OtherCells):
    """Plasma cells at the start: how many, and how many of them bear CD19."""

    # Choose your own code, 16 to 30: two cell types of one code cannot be used together.
    kind: ClassVar[CellType] = CellType(16, "plasma_cell", "plasma cell", "sessile", "b", "#7a3b69", target=True)
    type: Literal["plasma_cell"] = "plasma_cell"
    marrow_fraction: float = quantity(
        1, "%", bounds=(0, 100), plausible=(0.3, 3), about="plasma cells among marrow mononuclear cells at the start",
        source="assumption: about one in a hundred; no figure retrieved",
    )  # fmt: skip
    cd19_positive: float = quantity(
        50, "%", bounds=(0, 100), plausible=(20, 80), about="plasma cells that bear CD19",
        source="assumption: both occur, Halliley 2015; those without survive CD19 CAR T cells for years, Bhoj 2016",
    )  # fmt: skip
    cd19_mean: float = quantity(
        4000, "molecules", bounds=(1, 1e6), plausible=(1000, 10000), about="mean CD19 of those that bear it",
        source="assumption: dimmer than B cells",
    )  # fmt: skip
    cd19_log_sd: float = quantity(
        0.5, "1", bounds=(0, 3), plausible=(0.3, 0.8), about="SD of ln CD19",
        source="assumption: as that of blasts",
    )  # fmt: skip

    def endow(self, state: State, rows: Array) -> None:
        """Give a share of the cells CD19."""
        table = state.sessile
        uids = table.array("uid")[rows]
        bears = state.draws.uniform(Stream.ANTIGEN, 0, uids, DRAW_BEARS) < self.cd19_positive
        cd19 = sample_antigens(state.draws, uids, self.cd19_mean, self.cd19_log_sd, DRAW_CD19)
        table.array("cd19")[rows] = np.where(bears, cd19, 0.0)
