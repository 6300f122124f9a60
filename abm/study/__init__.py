# SPDX-License-Identifier: Apache-2.0
"""Studies: many runs of one scenario with factors varied, and what their results tell; parameters told from published numbers.

The names below are loaded on first use: designs and indices need no simulator.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "CalibrationFolder": "calibration_folder",
    "Posterior": "posterior",
    "Study": "results",
    "StudyFile": "declaration",
    "StudyFolder": "folder",
    "calibrate": "calibrating",
    "drive": "driving",
    "read_calibration": "calibration",
    "read_posterior": "posterior",
    "read_study": "declaration",
}
__all__ = [
    "CalibrationFolder",
    "Posterior",
    "Study",
    "StudyFile",
    "StudyFolder",
    "calibrate",
    "drive",
    "read_calibration",
    "read_posterior",
    "read_study",
]

if TYPE_CHECKING:
    from abm.study.calibrating import calibrate
    from abm.study.calibration import read_calibration
    from abm.study.calibration_folder import CalibrationFolder
    from abm.study.declaration import StudyFile, read_study
    from abm.study.driving import drive
    from abm.study.folder import StudyFolder
    from abm.study.posterior import Posterior, read_posterior
    from abm.study.results import Study


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public: {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
