# SPDX-License-Identifier: Apache-2.0
"""What the small trajectories of these tests hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import abm.celltypes  # noqa: F401  (registers the kinds)
from abm.state.kinds import KINDS, VIEW_CAR_T_BIT
from abm.trajectory import Trajectory

OBSERVABLES = {
    "mrd": "1",
    "cells_blast_cd19_negative_marrow": "cells",
    "car_t_blood": "cells/µL",
    "b_cells_blood": "cells/µL",
    "crs_signal": "pg/mL",
    "il6": "pg/mL",
    "cells_background_marrow": "cells",
    "cells_car_t_marrow": "cells",
    "cells_blast_marrow": "cells",
}
CSF_SHAPE = (16, 4)
CSF_GUEST = (3, 1)
"""Site of the CSF on which CAR T guests stand from day 1 on."""

MakeTrajectory = Callable[..., Trajectory]


def csf_view(day: int) -> np.ndarray:
    """Leave the CSF empty but for CAR T guests on one site from day 1 on."""
    view = np.zeros(CSF_SHAPE, dtype=np.uint8)
    if day >= 1:
        view[CSF_GUEST] = VIEW_CAR_T_BIT
    return view


def marrow_view(shape: tuple[int, ...], day: int) -> np.ndarray:
    """Fill the marrow with background; the first rows hold blasts until day 2, CAR T from day 1."""
    view = np.full(shape, KINDS["background"].code, dtype=np.uint8)
    if day < 2:
        view[..., :2, :] = KINDS["blast"].code
    if day >= 1:
        view[..., -1, :] = KINDS["car_t"].code
    return view
