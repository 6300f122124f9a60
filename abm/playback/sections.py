# SPDX-License-Identifier: Apache-2.0
"""Pictures of a lattice: a thin section (one layer of sites) and a thick one (looking through all layers).

Cost: both are one pass over the bytes of a view, about 1 ms for 64 x 64 x 64 sites.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.playback.palette import TISSUES, rgb, site_colours
from abm.state.kinds import KIND_BITS

Pixels = NDArray[np.uint8]

# Seen from behind to the front, for the thick section: name of a kind -> (power, opacity at most); a
# kind that is a share f of the line of sight has opacity top * f**power. A small power shows one
# cell among many and still tells 5 % from 50 %. CAR T come last: they are few, and what one looks for.
# Kinds of no concern to the fight are left out, or nothing else could be seen.
_THICK: dict[str, tuple[float, float]] = {
    "pre_b": (0.5, 0.80),
    "mature_b": (0.5, 0.80),
    "blast": (0.4, 0.95),
    "blast_cd19_negative": (0.36, 0.95),
    "car_t": (0.28, 1.00),
}
_UNSEEN = ("background", "macrophage", "pro_b", "host_t")
_OTHER_KIND = (0.5, 0.9)


def thin_axis(shape: tuple[int, ...]) -> int:
    """Return the axis along which a lattice is thinnest (the first of equals)."""
    return int(np.argmin(shape))


class Sections:
    """Turn views of site codes into pictures.

    Parameters
    ----------
    kinds : iterable of mapping
        ``code``, ``name`` and ``colour`` of each kind.
    """

    def __init__(self, kinds: Iterable[Mapping[str, Any]]) -> None:
        kinds = list(kinds)
        self.colours: Pixels = np.ascontiguousarray(site_colours(kinds)[:, :3])
        order = list(_THICK)
        named = {str(kind["name"]): kind for kind in kinds}
        others = [name for name in named if name not in _THICK and name not in _UNSEEN]
        self._layers = [
            (int(named[name]["code"]), rgb(str(named[name]["colour"])), *_THICK.get(name, _OTHER_KIND))
            for name in [*others, *order]
            if name in named
        ]

    def thin(self, view: Pixels) -> Pixels:
        """Show one layer of sites, the middle one of a 3-D view.

        Parameters
        ----------
        view : ndarray of uint8, shape (rows, columns) or 3-D
            Site codes.

        Returns
        -------
        ndarray of uint8, shape (rows, columns, 3)
        """
        return self.colours[middle_layer(view)]

    def thick(self, view: Pixels) -> Pixels:
        """Look through all layers of a 3-D view along its thinnest axis, as through a cleared block of tissue.

        A kind hides what lies behind it the more, the larger its share of the line of sight; kinds lie
        over each other in a fixed order whatever their depth, so that a cell does not vanish behind
        others as it moves.

        Parameters
        ----------
        view : ndarray of uint8, 3-D
            Site codes.

        Returns
        -------
        ndarray of uint8, shape (rows, columns, 3)
        """
        axis = thin_axis(view.shape)
        kind = view & KIND_BITS
        flat = tuple(size for i, size in enumerate(view.shape) if i != axis)
        picture = np.full((*flat, 3), 255.0, dtype=np.float32)
        for _, code, colour in TISSUES:
            _lay(picture, rgb(colour), _share(view == code, axis))
        for code, shade, power, top in self._layers:
            share = _share(kind == code, axis)
            if share.any():
                _lay(picture, shade, _opacity(share, power, top))
        return np.asarray(np.rint(picture), dtype=np.uint8)


def middle_layer(view: Pixels) -> Pixels:
    """Return a 2-D view as it is, of a 3-D one the middle layer across its thinnest axis."""
    if view.ndim == 2:
        return view
    axis = thin_axis(view.shape)
    return np.asarray(np.take(view, view.shape[axis] // 2, axis=axis), dtype=np.uint8)


def magnification(size: tuple[int, int], box: tuple[int, int]) -> float:
    """Return pixels per site that fit a picture into a box: a whole number, or one over a whole number.

    Parameters
    ----------
    size : (int, int)
        Rows and columns of sites.
    box : (int, int)
        Rows and columns of pixels available.
    """
    factor = min(box[0] / size[0], box[1] / size[1])
    return float(int(factor)) if factor >= 1 else 1.0 / float(np.ceil(1.0 / factor))


def magnify(picture: Pixels, factor: float) -> Pixels:
    """Enlarge by repeating pixels, or shrink by averaging blocks; both keep the colours true.

    Parameters
    ----------
    picture : ndarray of uint8, shape (rows, columns, 3)
    factor : float
        As :func:`magnification` gives it.
    """
    if factor >= 1:
        times = int(factor)
        return np.repeat(np.repeat(picture, times, axis=0), times, axis=1)
    block = round(1 / factor)
    rows, columns = picture.shape[0] // block, picture.shape[1] // block
    blocks = picture[: rows * block, : columns * block].reshape(rows, block, columns, block, 3)
    return np.asarray(np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)), dtype=np.uint8)


def _share(mask: NDArray[np.bool_], axis: int) -> NDArray[np.float32]:
    """Share of each line of sight that the mask holds."""
    return np.asarray(mask.sum(axis=axis, dtype=np.uint16), dtype=np.float32) / np.float32(mask.shape[axis])


def _opacity(share: NDArray[np.float32], power: float, top: float) -> NDArray[np.float32]:
    return np.asarray(top * share ** np.float32(power), dtype=np.float32)


def _lay(picture: NDArray[np.float32], colour: Pixels, opacity: NDArray[np.float32]) -> None:
    """Lay a colour over the picture, in place."""
    picture += (colour.astype(np.float32) - picture) * opacity[..., None]
