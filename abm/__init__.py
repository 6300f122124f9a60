# SPDX-License-Identifier: Apache-2.0
"""Agent-based simulation of CAR T cell therapy in B-cell leukaemia.

The names below are loaded on first use, so that ``import abm`` costs next to nothing.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

# Between two short parallel loops the OpenMP runtime would spin, at the cost of the other runs on
# the machine. It reads its environment once, when the first kernel is loaded: hence here. A value
# that the user has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

__all__ = ["Scenario", "Study", "TherapyModel", "Trajectory", "__version__", "branch", "load_scenario", "register", "rerun", "resume"]

_HOMES = {
    "Scenario": "abm.scenario",
    "Study": "abm.study",
    "TherapyModel": "abm.model",
    "Trajectory": "abm.trajectory",
    "branch": "abm.continuation",
    "load_scenario": "abm.scenario",
    "register": "abm.extensions",
    "rerun": "abm.continuation",
    "resume": "abm.continuation",
}

if TYPE_CHECKING:
    from abm.continuation import branch, rerun, resume
    from abm.extensions import register
    from abm.model import TherapyModel
    from abm.scenario import Scenario, load_scenario
    from abm.study import Study
    from abm.trajectory import Trajectory


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public: {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name what the package offers, loaded or not."""
    return sorted({*globals(), *__all__})
