# SPDX-License-Identifier: Apache-2.0
"""Figures of one run, each a function of a trajectory that returns matplotlib axes; together ``trajectory.plot``."""

from __future__ import annotations

from abm.plots.accessor import Plots

__all__ = ["Plots"]
