# SPDX-License-Identifier: Apache-2.0
"""Cell types: one file each, with its parameters, their sources, and how its cells are sampled.

This file is the index. Other packages add theirs through :data:`OTHERS`.
"""

from abm.celltypes.b_lineage import MATURE_B, PRE_B, PRO_B
from abm.celltypes.background import BACKGROUND
from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST
from abm.celltypes.car_t import CAR_T
from abm.celltypes.host_t import HOST_T
from abm.celltypes.macrophage import MACROPHAGE
from abm.celltypes.others import OTHERS, AnyCells, OtherCells

__all__ = [
    "BACKGROUND",
    "BLAST",
    "CAR_T",
    "CD19_NEGATIVE_BLAST",
    "HOST_T",
    "MACROPHAGE",
    "MATURE_B",
    "OTHERS",
    "PRE_B",
    "PRO_B",
    "AnyCells",
    "OtherCells",
]
