# SPDX-License-Identifier: Apache-2.0
"""What the clinic asks of a run: courses of observables, the limits that matter, endpoints, and assays."""

from abm.clinic.assays import ASSAYS, Assay
from abm.clinic.courses import Courses
from abm.clinic.endpoints import ENDPOINTS, Endpoint, endpoint

__all__ = ["ASSAYS", "ENDPOINTS", "Assay", "Courses", "Endpoint", "endpoint"]
