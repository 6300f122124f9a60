# SPDX-License-Identifier: Apache-2.0
"""The model's time step: the ordered processes, each with its own period, and their coarse mode."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from abm.processes.process import Process
from abm.state.state import State


class Schedule:
    """Runs processes in their order, each whenever its period begins.

    Parameters
    ----------
    processes : sequence of Process
        In the order in which they act at a common tick. Every period divides, or is a multiple of,
        the shortest one.
    coarse : sequence of Process
        What runs in their place while ``is_quiet``: the same with longer periods.
    is_quiet : callable, optional
        ``is_quiet(state)``, asked before each step; its answer may change only where the periods of both
        lists begin anew.
    check : bool
        Verify every invariant of the state after each process (slow; for tests).

    Raises
    ------
    ValueError
        There is no process.
    """

    def __init__(
        self,
        processes: Sequence[Process],
        *,
        coarse: Sequence[Process] = (),
        is_quiet: Callable[[State], bool] | None = None,
        check: bool = False,
    ) -> None:
        if not processes:
            raise ValueError("processes: a schedule needs at least one")
        self.processes = tuple(processes)
        self.coarse = tuple(coarse)
        self.is_quiet = is_quiet
        self.check = check
        self.stride = math.gcd(*(process.period for process in (*processes, *coarse)))

    def start(self, state: State) -> None:
        """Let every process that wants to prepare the state, such as scheduling first fates."""
        for process in self.processes:
            prepare = getattr(process, "start", None)
            if prepare is not None:
                prepare(state)

    def advance(self, state: State, ticks: int) -> None:
        """Carry the state on by ``ticks``, rounded up to a multiple of ``stride``."""
        end = state.tick + ticks
        while state.tick < end:
            quiet = self.is_quiet is not None and self.is_quiet(state)
            for process in self.coarse if quiet else self.processes:
                if state.tick % process.period == 0:
                    process.run(state)
                    if self.check:
                        state.check()
            state.tick += self.stride
