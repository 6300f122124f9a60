# SPDX-License-Identifier: Apache-2.0
"""What every test needs, and nothing else."""

from __future__ import annotations

import os

from hypothesis import settings

# no test may open a window
os.environ["MPLBACKEND"] = "Agg"

# The same examples each time, so that a run tells of the change at hand; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("search", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
