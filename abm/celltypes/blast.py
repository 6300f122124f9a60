# SPDX-License-Identifier: Apache-2.0
"""Leukaemic blasts, with and without CD19."""

from __future__ import annotations

import numpy as np

from abm.celltypes.seeding import DRAW_CD19, DRAW_CD22, sample_antigens
from abm.state.columns import Array
from abm.state.kinds import KINDS, LEUKAEMIA, CellType
from abm.state.state import State
from abm.units import Parameters, quantity

BLAST = KINDS.add(CellType(6, "blast", "CD19+ blast", "sessile", LEUKAEMIA, "#521078", target=True))
CD19_NEGATIVE_BLAST = KINDS.add(CellType(7, "blast_cd19_negative", "CD19-negative blast", "sessile", LEUKAEMIA, "#d52687"))

ANTIGEN_NEGATIVE = 0.0
"""CD19 molecules of a CD19-negative blast."""


class BlastParameters(Parameters):
    """Leukaemia: burden, growth, antigens, clones."""

    marrow_fraction: float = quantity(
        0.0, "%", bounds=(0, 100), plausible=(0.01, 95), about="blasts among marrow mononuclear cells at the start",
        source="Lee 2014 Table 1 (0.03-96 %)",
    )  # fmt: skip
    net_growth: float = quantity(
        0.069, "1/d", bounds=(-0.2, 2), plausible=(-0.012, 0.273), about="net growth rate in uncrowded marrow",
        source="Br J Haematol 1997;98:999, 23 untreated children",
    )  # fmt: skip
    death: float = quantity(
        0.036, "1/d", bounds=(0, 2), plausible=(0.02, 0.06), about="death rate",
        source="Br J Haematol 1997;98:999",
    )  # fmt: skip
    motility: float = quantity(
        1, "µm²/min", bounds=(0, 5), plausible=(0, 1.6), about="random-walk coefficient of exchanges with neighbours",
        source="assumption: T-ALL blasts are highly motile in mouse marrow (PMC5164929), speed not retrieved",
    )  # fmt: skip
    displacement: float = quantity(
        0.5, "1", bounds=(0, 1), plausible=(0.1, 1), about="chance that a dividing blast without room evicts a normal neighbour to blood",
        source="assumption: blasts crowd out normal cells",
    )  # fmt: skip
    crowding: float = quantity(
        0.0, "1", bounds=(0, 1), about="how far marrow full of blasts slows their division (1: to a standstill)",
        source="Leukemia 1992 (down-regulation with mass postulated); space itself already limits",
    )  # fmt: skip
    cd19_mean: float = quantity(
        8379, "molecules", bounds=(1, 1e6), plausible=(1000, 30000), about="mean CD19 per CD19+ blast",
        source="Lee 2014 (8,379, SD 4,921 between patients)",
    )  # fmt: skip
    cd19_log_sd: float = quantity(
        0.5, "1", bounds=(0, 3), plausible=(0.3, 0.8), about="SD of ln CD19 within a patient",
        source="Grupp 2013 Figure 3: variable with a dim tail; value assumed",
    )  # fmt: skip
    cd22_median: float = quantity(
        3500, "molecules", bounds=(0, 1e6), plausible=(100, 10000), about="median CD22 per blast",
        source="Haso 2013 (111 of 111 CD22+, median 3,500)",
    )  # fmt: skip
    cd22_log_sd: float = quantity(
        0.7, "1", bounds=(0, 3), plausible=(0.3, 1), about="SD of ln CD22 within a patient",
        source="Haso 2013; value assumed",
    )  # fmt: skip
    antigen_drift: float = quantity(
        0.02, "1", bounds=(0, 1), plausible=(0, 0.1), about="SD of the change of ln CD19 and ln CD22 at a division",
        source="assumption: densities are inherited with small drift",
    )  # fmt: skip
    cd19_negative_fraction: float = quantity(
        0.0, "1", bounds=(0, 1), plausible=(0, 0.0003), about="CD19-negative cells among blasts at the start",
        source="Grupp 2013 patient 2 (about 2e-4 by back-extrapolation); Bueno 2022",
    )  # fmt: skip
    cd19_loss: float = quantity(
        0.0, "1", bounds=(0, 0.01), plausible=(0, 1e-6), about="chance of losing CD19 at a division",
        source="assumption: no measurement",
    )  # fmt: skip


def endow_blasts(state: State, rows: Array, parameters: BlastParameters) -> None:
    """Give blasts of the start their antigens: CD19, which CD19-negative ones lack, and CD22."""
    table = state.sessile
    kinds, uids = table.array("kind")[rows], table.array("uid")[rows]
    cd19 = sample_antigens(state.draws, uids, parameters.cd19_mean, parameters.cd19_log_sd, DRAW_CD19)
    table.array("cd19")[rows] = np.where(kinds == BLAST.code, cd19, ANTIGEN_NEGATIVE)
    cd22_mean = parameters.cd22_median * np.exp(parameters.cd22_log_sd**2 / 2)
    table.array("cd22")[rows] = sample_antigens(state.draws, uids, cd22_mean, parameters.cd22_log_sd, DRAW_CD22)
