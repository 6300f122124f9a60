# SPDX-License-Identifier: Apache-2.0
"""The contract of a process.

A process changes the state. It is built once per run from its parameters, knows nothing of Mesa,
files or other processes, keeps no state of its own (what must survive a checkpoint stands in
:class:`~abm.state.state.State`), and draws only through ``state.draws`` with its own streams. One that
must prepare the state, such as by scheduling the first fates of its cells, also has a method
``start(state)``, called once.
"""

from __future__ import annotations

from typing import Protocol

from abm.state.state import State

WORTH_WAKING = 100_000
"""Nanoseconds of work below which one thread does it all: waking others costs up to a tenth of this."""


def threads_for(n_items: int, nanoseconds: float, n_threads: int) -> int:
    """Return how many of the threads are worth waking for a pass over ``n_items`` that take so long each [ns]."""
    return n_threads if n_items * nanoseconds >= WORTH_WAKING else 1


class Process(Protocol):
    """Something that happens every ``period`` ticks.

    Attributes
    ----------
    name : str
        Identifier, a noun of biology.
    period : int
        Ticks between two runs; a run at tick t carries the state from t to t + period.
    """

    name: str
    period: int

    def run(self, state: State) -> None:
        """Carry the state over one period that starts at ``state.tick``."""
