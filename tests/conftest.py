# SPDX-License-Identifier: Apache-2.0
"""What every test needs, and nothing else."""

from __future__ import annotations

import os

# no test may open a window
os.environ["MPLBACKEND"] = "Agg"
