# SPDX-License-Identifier: Apache-2.0
"""Colours of lattice sites: a look-up table from site codes to RGBA.

The colours are those the file's header declares for its kinds, so that a kind added by somebody
else is shown without a change here. All other looks (void, tissue, bound, guests) are decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.state.kinds import BOUND_BIT, KIND_BITS, SOLID, VIEW_BONE_BIT, VIEW_LUMEN_BIT, VOID

VOID_COLOUR = "#ffffff"
FAT_COLOUR = "#f6ecc9"
TISSUES = (
    ("fat", SOLID, FAT_COLOUR),
    ("bone", SOLID | VIEW_BONE_BIT, "#99aabb"),
    ("sinusoid", SOLID | VIEW_LUMEN_BIT, "#881144"),
)
"""What a solid site is made of: words for a legend, site code, colour."""
UNKNOWN_COLOUR = "#7f7f7f"
"""Colour of a code that the header does not name."""
BOUND_LIGHT = 0.35
"""Share of white mixed into the colour of a cell in a synapse."""


def rgb(colour: str) -> NDArray[np.uint8]:
    """Read ``#rrggbb``.

    Returns
    -------
    numpy.ndarray, shape (3,)

    Raises
    ------
    ValueError
        Not ``#`` and six hexadecimal digits.
    """
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(f"colour must be '#rrggbb', got {colour!r}")
    try:
        return np.frombuffer(bytes.fromhex(colour[1:]), dtype=np.uint8).copy()
    except ValueError:
        raise ValueError(f"colour must be '#rrggbb', got {colour!r}") from None


def mix(colour: NDArray[np.uint8], other: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Mix ``share`` (0 to 1) of another colour into one."""
    mixed = colour.astype(float) * (1.0 - share) + other.astype(float) * share
    return np.asarray(np.rint(mixed), dtype=np.uint8)


def site_colours(kinds: Iterable[Mapping[str, Any]]) -> NDArray[np.uint8]:
    """Make the look-up table from site codes to colours.

    Parameters
    ----------
    kinds : iterable of mapping
        ``code`` and ``colour`` of each kind, as in a trajectory's header.

    Returns
    -------
    numpy.ndarray, shape (256, 4)
        RGBA per site code, opaque. A bound cell is lighter than a free one of its kind. Guests do not
        show: they are marks, as :func:`abm.playback.guests.stamp` sets them.
    """
    plain = np.tile(rgb(UNKNOWN_COLOUR), (KIND_BITS + 1, 1))
    plain[VOID] = rgb(VOID_COLOUR)
    for kind in kinds:
        plain[int(kind["code"])] = rgb(str(kind["colour"]))
    white = rgb("#ffffff")
    table = np.full((256, 4), 255, dtype=np.uint8)
    for code in range(256):
        kind_code = code & KIND_BITS
        shade = plain[kind_code]
        if code & BOUND_BIT and kind_code not in (VOID, SOLID):
            shade = mix(shade, white, BOUND_LIGHT)
        table[code, :3] = shade
    for _, code, colour in TISSUES:
        table[code, :3] = rgb(colour)
    return table
