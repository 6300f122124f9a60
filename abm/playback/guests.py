# SPDX-License-Identifier: Apache-2.0
"""Marks for cells too few to fill a site: without them the first CAR T cells and the last blasts would not be seen.

A mark is a small square in a corner of the site: upper right for CAR T, lower left for blasts of any
antigens and CD19+ B cells. So it is told from a full cell, and both are seen on one site.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.playback.palette import UNKNOWN_COLOUR, mix, rgb
from abm.playback.sections import Pixels, magnify, middle_layer, thin_axis
from abm.state.kinds import GUESTS_BIT, KIND_BITS, SOLID, VIEW_CAR_T_BIT

Sites = NDArray[np.bool_]

SIDE = 0.55
"""Side of a mark as a share of its site's."""
_TARGETS_COLOUR = "#8f6bb0"
"""Between blasts and B cells: a view does not tell which of them the guests are."""
_LEAST = 4
"""Pixels per site below which a mark would be too small to see: the whole site is tinted instead."""
_TINT = 0.55


@dataclass(frozen=True)
class Mark:
    """How guests of one sort are shown.

    Parameters
    ----------
    label : str
        Words for a legend.
    colour : str
        ``#rrggbb``.
    bit : int
        Of a view.
    upper_right : bool
        The corner of the site; lower left if not.
    full : tuple of int
        Kinds whose full cells hide the mark.
    """

    label: str
    colour: str
    bit: int
    upper_right: bool
    full: tuple[int, ...]

    def corner(self, side: int, mark: int) -> tuple[slice, slice]:
        """Rows and columns of the mark in a square of ``side`` pixels."""
        near, far = slice(0, mark), slice(side - mark, side)
        return (near, far) if self.upper_right else (far, near)

    def sites(self, view: Pixels, *, thick: bool) -> Sites:
        """Find the sites to mark: guests, and no full cell of their sort on the line of sight.

        Parameters
        ----------
        view : ndarray of uint8, 2-D or 3-D
            Site codes.
        thick : bool
            Look through all layers, or at the middle one.

        Returns
        -------
        ndarray of bool, 2-D
        """
        axis = thin_axis(view.shape)
        if not thick or view.ndim == 2:
            view, axis = middle_layer(view)[..., None], 2
        kind = view & KIND_BITS
        hides = np.zeros(KIND_BITS + 1, dtype=bool)
        hides[list(self.full)] = True
        there = (view & self.bit != 0) & (kind != SOLID)
        return np.asarray(there.any(axis=axis) & ~hides[kind].any(axis=axis))


def marks(kinds: Iterable[Mapping[str, Any]]) -> tuple[Mark, ...]:
    """Return the marks, CAR T last and so on top.

    Parameters
    ----------
    kinds : iterable of mapping
        ``code``, ``name`` and ``colour`` of each kind, as in a trajectory's header.
    """
    named = {str(kind["name"]): kind for kind in kinds}
    code = {name: int(kind["code"]) for name, kind in named.items()}
    targets = tuple(code[name] for name in ("blast", "blast_cd19_negative", "pre_b", "mature_b") if name in code)
    car_t = tuple(code[name] for name in ("car_t",) if name in code)
    orange = str(named["car_t"]["colour"]) if car_t else UNKNOWN_COLOUR
    return (
        Mark("blasts or CD19+ B cells, fewer than a square", _TARGETS_COLOUR, GUESTS_BIT, False, targets),
        Mark("CAR T cells, fewer than a square", orange, VIEW_CAR_T_BIT, True, car_t),
    )


def enlarge(picture: Pixels, marked: Iterable[tuple[Mark, Sites]], factor: float) -> Pixels:
    """Enlarge a picture as :func:`abm.playback.sections.magnify` does, and set marks on it.

    Parameters
    ----------
    picture : ndarray of uint8, shape (rows, columns, 3)
    marked : iterable of (Mark, ndarray of bool, shape (rows, columns))
    factor : float
        Pixels per site.
    """
    if factor < _LEAST:
        tinted = picture.copy()
        for mark, sites in marked:
            tinted[sites] = mix(tinted[sites], rgb(mark.colour), _TINT)
        return magnify(tinted, factor)
    side = int(factor)
    enlarged = magnify(picture, factor)
    squares = enlarged.reshape(picture.shape[0], side, picture.shape[1], side, 3).swapaxes(1, 2)
    for mark, sites in marked:
        squares[sites, *mark.corner(side, round(SIDE * side))] = rgb(mark.colour)
    return enlarged
