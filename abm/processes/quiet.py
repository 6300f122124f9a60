# SPDX-License-Identifier: Apache-2.0
"""The coarse mode: when no CAR T cell has touched a target for a while, processes act hourly."""

from __future__ import annotations

from abm.processes.relaxation import read, write
from abm.state.ledger import Entry
from abm.state.state import State
from abm.units import TICKS_PER_HOUR, Parameters, quantity


class QuietParameters(Parameters):
    """When follow-up is carried in longer steps."""

    after: float = quantity(
        24, "h", bounds=(1, 1e5), plausible=(12, 72), about="time without any contact of CAR T cells after which processes act hourly",
        source="choice: longer than a cell's search for the last targets in reach; steps of ten minutes return with the next contact",
    )  # fmt: skip


class Quiet:
    """Decides, each hour, whether processes may act hourly.

    The mode is ``state.body["coarse"]``, so that a run goes on in it. Contacts themselves are simulated
    minute by minute in either mode: one that happens in an hour of the coarse mode is carried out, and
    ends the mode with that hour.

    Parameters
    ----------
    parameters : QuietParameters
        How long it must have been quiet.
    """

    def __init__(self, parameters: QuietParameters) -> None:
        self.after = round(parameters.after * TICKS_PER_HOUR)

    def holds(self, state: State) -> bool:
        """Return whether it is quiet, looking for contacts at the beginning of an hour."""
        if state.tick % TICKS_PER_HOUR == 0:
            self._look(state)
        return read(state, "coarse") > 0

    def _look(self, state: State) -> None:
        contacts = sum(read(state, f"contacts_{place.name}") for place in state.places.values())
        seen = contacts + state.ledger.total(Entry.KILLED)
        if seen != read(state, "quiet_seen"):
            write(state, "quiet_seen", seen)
            write(state, "quiet_since", float(state.tick))
        coarse = float(state.tick - read(state, "quiet_since") >= self.after)
        if coarse != read(state, "coarse"):
            state.events.append((state.tick, "coarse mode", {"on": int(coarse)}))
        write(state, "coarse", coarse)
