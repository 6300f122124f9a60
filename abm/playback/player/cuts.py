# SPDX-License-Identifier: Apache-2.0
"""What of a volume is shown: all of it, one plane, a look through it, or the volume made smaller for a 3-D view.

The page does the same with volumes that it holds whole (``static/cuts.js``); both give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError
from abm.state.kinds import GUESTS_BIT, KIND_BITS, SOLID, VIEW_BONE_BIT, VIEW_CAR_T_BIT, VIEW_LUMEN_BIT, VOID

Levels = NDArray[np.uint8]

MOST_IN_3D = 1_000_000
"""Sites of a volume beyond which a 3-D view is made from blocks of sites."""
CODES = "codes"
"""Name of the layer of site codes."""
OTHER_CELL = 255
"""Level of a cell that does not have what its layer shows."""
_RARE_LAST = ("pro_b", "macrophage", "host_t", "pre_b", "mature_b", "blast", "blast_cd19_negative", "car_t")
"""Kinds from the background to the front of a projection: what one looks for is not hidden by what is everywhere."""
_GUEST_BITS = GUESTS_BIT | VIEW_CAR_T_BIT


@dataclass(frozen=True)
class Cut:
    """What of a volume is asked for.

    Parameters
    ----------
    what : {"whole", "plane", "front", "density", "reduced"}
        All, one plane, the foremost kind (or highest level) of each line of sight, the share of it that is
        one kind, or all in blocks.
    axis : int
        Across which a plane lies, or along which one looks; 0 to 2.
    number : int
        Of the plane; the kind of a density; for the foremost kind a bit mask of kinds that are hidden.
    """

    what: str
    axis: int = 2
    number: int = 0

    @classmethod
    def parse(cls, text: str, shape: tuple[int, ...]) -> Cut:
        """Read a cut as written in a request, such as ``plane:2:7``.

        Raises
        ------
        InputError
            Not a cut of such a volume.
        """
        what, *rest = text.split(":")
        try:
            axis, number = (int(word) for word in rest) if rest else (2, 0)
        except ValueError:
            raise InputError(f"cut must be such as 'whole' or 'plane:2:7', got {text!r}") from None
        most = {
            "whole": 0,
            "reduced": 0,
            "plane": shape[axis] - 1 if 0 <= axis < 3 else 0,
            "density": KIND_BITS,
            "front": 2**32 - 1,
        }
        if what not in most or not 0 <= axis < 3 or not 0 <= number <= most[what]:
            raise InputError(f"cut {text!r} is none of a volume of {'x'.join(map(str, shape))} sites")
        return cls(what, axis, number)


def ranks(kinds: Iterable[Mapping[str, Any]]) -> Levels:
    """Return the place of each site code in a projection: of two on a line of sight the higher is seen.

    Parameters
    ----------
    kinds : iterable of mapping
        ``code`` and ``name`` of each kind, as in a trajectory's header.

    Returns
    -------
    ndarray of uint8, shape (256,)
        Guests do not count; codes of one kind have one rank, but that free cells are before bound ones.
    """
    names = {int(kind["code"]): str(kind["name"]) for kind in kinds}
    order = [VOID, SOLID, *(code for code, name in names.items() if name == "background")]
    order += [SOLID | VIEW_BONE_BIT, SOLID | VIEW_LUMEN_BIT]
    others = [code for code in names if code not in order and names[code] not in _RARE_LAST]
    order += others + sorted(
        (code for code in names if names[code] in _RARE_LAST), key=lambda code: _RARE_LAST.index(names[code])
    )
    table = np.zeros(256, dtype=np.uint8)
    for place, code in enumerate(order):
        for guests in (0, GUESTS_BIT, VIEW_CAR_T_BIT, _GUEST_BITS):
            if code & KIND_BITS != SOLID:
                table[code | VIEW_BONE_BIT | guests] = 2 * place
                table[code | guests] = 2 * place + 1
    for place, code in enumerate(order):
        if code & KIND_BITS == SOLID:
            table[code] = 2 * place + 1
    return table


class Cutter:
    """Cut volumes of a run.

    Parameters
    ----------
    kinds : iterable of mapping
        ``code`` and ``name`` of each kind.
    """

    def __init__(self, kinds: Iterable[Mapping[str, Any]]) -> None:
        self.ranks = ranks(kinds)
        # From rank to the code shown; codes of a rank differ in guests alone, and the least has none.
        self.codes = np.zeros(256, dtype=np.uint8)
        for code in reversed(range(256)):
            self.codes[self.ranks[code]] = code
        self.codes[0] = VOID

    def cut(self, volume: Levels, cut: Cut, *, layer: str) -> Levels:
        """Return what is asked for: 3-D for ``whole`` and ``reduced``, else 2-D.

        Parameters
        ----------
        volume : ndarray of uint8, 3-D
            Site codes, or levels of another layer.
        cut : Cut
        layer : str
            Decides what is foremost.
        """
        if cut.what == "plane":
            return np.ascontiguousarray(np.take(volume, cut.number, axis=cut.axis))
        if cut.what == "density":
            share = np.mean((volume & KIND_BITS) == cut.number, axis=cut.axis, dtype=np.float64)
            return np.asarray(np.ceil(255 * share), dtype=np.uint8)  # one cell is seen, however long the line
        if cut.what == "front":
            return self._foremost(volume, (cut.axis,), layer, cut.number)
        block = reduction(volume.shape)
        if cut.what == "whole" or block == 1:
            return np.ascontiguousarray(volume)
        return self._foremost(_blocks(volume, block), (1, 3, 5), layer, 0)

    def _foremost(self, volume: Levels, axes: tuple[int, ...], layer: str, hidden: int) -> Levels:
        if layer != CODES:
            # a cell without the property is seen only where there is no other
            levels = np.where(volume == OTHER_CELL, 1, np.where(volume > 0, volume.astype(np.uint16) + 1, 0)).max(axis=axes)
            return np.asarray(np.where(levels == 1, OTHER_CELL, np.where(levels > 0, levels - 1, 0)), dtype=np.uint8)
        table = self.ranks.copy()
        for kind in range(KIND_BITS):
            if hidden >> kind & 1:
                table[(np.arange(256) & KIND_BITS) == kind] = 0
        seen = self.codes[table[volume].max(axis=axes)]
        open_guests = np.where((volume & KIND_BITS) == SOLID, 0, volume & _GUEST_BITS).astype(np.uint8)
        guests = np.bitwise_or.reduce(open_guests, axis=axes)
        return np.asarray(np.where((seen & KIND_BITS) == SOLID, seen, seen | guests), dtype=np.uint8)


def reduction(shape: tuple[int, ...]) -> int:
    """Return the side of the blocks in which a volume is shown in 3-D [sites]."""
    block = 1
    while math.prod(-(-size // block) for size in shape) > MOST_IN_3D:
        block += 1
    return block


def _blocks(volume: Levels, block: int) -> Levels:
    """Fill a volume up to whole blocks, and give each its own axes."""
    filled = np.pad(volume, [(0, -size % block) for size in volume.shape])
    x, y, z = (size // block for size in filled.shape)
    return filled.reshape(x, block, y, block, z, block)
