# SPDX-License-Identifier: Apache-2.0
"""Look-up tables by site code, made from the cell types, for the kernels."""

from __future__ import annotations

import numpy as np

from abm.celltypes.background import BACKGROUND
from abm.state.columns import Array
from abm.state.kinds import BOUND_BIT, GUESTS_BIT, KIND_BITS, KINDS, SOLID, VOID, CellType

_HOMES = {"light": 0, "sessile": 1, "motile": 2}
CODES = np.arange(256, dtype=np.uint8)
NORMAL_LINEAGES = ("b", "host_t", BACKGROUND.lineage)
"""Lineages that give way to a dividing blast without room."""


def homes() -> Array:
    """Return per kind where its rows are: 1 sessile, 2 motile, 0 nowhere, shape ``(32,)``."""
    table = np.zeros(SOLID + 1, np.uint8)
    for kind in KINDS:
        table[kind.code] = _HOMES[kind.home]
    return table


def by_code(kinds: list[CellType]) -> Array:
    """Return per site code whether an unbound cell of one of ``kinds`` stands there, shape ``(256,)``."""
    wanted = np.isin(CODES & KIND_BITS, [kind.code for kind in kinds])
    return np.asarray(wanted & ((CODES & BOUND_BIT) == 0), np.uint8)


def void_codes() -> Array:
    """Return per site code whether the site is void, shape ``(256,)``."""
    return np.asarray((CODES & (KIND_BITS | BOUND_BIT)) == VOID, np.uint8)


def exchangeable() -> Array:
    """Return per site code: bit 1 may change places with a neighbour, bit 2 stands for no row."""
    may = by_code([kind for kind in KINDS if kind.mobile]) | void_codes()
    rowless = by_code([kind for kind in KINDS if kind.home == "light"]) | void_codes()
    return (may | (rowless << 1)).astype(np.uint8)


def movable() -> Array:
    """Return per site code whether a dividing neighbour can push the cell along."""
    return by_code([kind for kind in KINDS if kind.mobile])


def evictable() -> Array:
    """Return per site code whether a blast without room can evict the cell."""
    return by_code([kind for kind in KINDS if kind.mobile and kind.lineage in NORMAL_LINEAGES])


def contactable(targets: list[CellType]) -> Array:
    """Return per site code whether a CAR finds something to test there."""
    return np.asarray(by_code(targets) | ((CODES & GUESTS_BIT) != 0), np.uint8)


def passable(targets: list[CellType]) -> Array:
    """Return per site code whether a CAR T cell can step there, into a void or by changing places."""
    return by_code([kind for kind in KINDS if kind.mobile and kind not in targets]) | void_codes()
