# SPDX-License-Identifier: Apache-2.0
"""Every random stream of the model, in one place.

Randomness has no state: a draw is a pure function of (seed, stream, id, tick, draw number). The
generator is Philox-4x64-10 (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3")
with key ``(seed, stream)`` and counter ``(id, tick, draw, block)``; ``id`` is the uid of a cell or
the index of a site. Numbers only need to be unique and must never be re-used: a new process takes
the next free one.
"""

from __future__ import annotations

from enum import IntEnum


class Stream(IntEnum):
    """Identifier of a random stream."""

    GEOMETRY = 1
    PLACEMENT = 2
    ANTIGEN = 3
    PRODUCT = 4
    WALK = 5
    CONTACT = 6
    CLAIM = 7
    SWAP = 8
    FATE = 9
    DIVISION = 10
    SPLIT = 11
    MERGE = 12
    TRAFFIC = 13
    CROSSING = 14
    LYMPHOPOIESIS = 15
    BACKGROUND = 16
    GUEST_WALK = 17
    CSF = 18
    TREATMENT = 19
    PATIENT = 20
    SHUFFLE = 21
    MACROPHAGE = 22
