# SPDX-License-Identifier: Apache-2.0
"""Compaction: dead rows leave the tables."""

from __future__ import annotations

from abm.state.state import State

DEAD_SHARE = 0.1
"""Tables are compacted when more than this share of their rows is dead: each hour would cost more than it saves."""


class Compaction:
    """Compacts the tables when enough of their rows are dead."""

    name = "compaction"

    def __init__(self, *, period: int) -> None:
        self.period = period

    def run(self, state: State) -> None:
        """Compact, if it pays; the decision depends on counts alone."""
        if any(table.n_dead > DEAD_SHARE * table.n_rows for table in state.tables.values()):
            state.compact()
