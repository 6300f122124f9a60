# SPDX-License-Identifier: Apache-2.0
"""Studies: many runs of one scenario with factors varied, and what their results tell; parameters told from published numbers."""

from abm.study.calibrating import calibrate
from abm.study.calibration import read_calibration
from abm.study.calibration_folder import CalibrationFolder
from abm.study.declaration import StudyFile, read_study
from abm.study.driving import drive
from abm.study.folder import StudyFolder
from abm.study.posterior import Posterior, read_posterior
from abm.study.results import Study

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
