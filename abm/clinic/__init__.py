# SPDX-License-Identifier: Apache-2.0
"""What the clinic asks of a run: courses of observables, the limits that matter, and endpoints."""

from abm.clinic.courses import Courses
from abm.clinic.endpoints import ENDPOINTS, Endpoint, endpoint

__all__ = ["ENDPOINTS", "Courses", "Endpoint", "endpoint"]
