# SPDX-License-Identifier: Apache-2.0
"""Studies: many runs of one scenario with factors varied, and what their results tell."""

from abm.study.declaration import StudyFile, read_study
from abm.study.driving import drive
from abm.study.folder import StudyFolder
from abm.study.results import Study

__all__ = ["Study", "StudyFile", "StudyFolder", "drive", "read_study"]
