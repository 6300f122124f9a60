# SPDX-License-Identifier: Apache-2.0
"""Plots of the verification page: theory is a black line, the simulator has the colours of its cell types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from abm.celltypes import BLAST, CAR_T, HOST_T, MATURE_B, PRE_B

SERIES = (BLAST.colour, CAR_T.colour, PRE_B.colour, HOST_T.colour, MATURE_B.colour)
"""Colours of series in their order; those of the cell types, which people with any colour vision can tell apart."""
MARKERS = ("o", "s", "^", "D", "v")
THEORY: dict[str, Any] = {"color": "black", "lw": 1.4, "ls": "--", "zorder": 5}
WIDTH, HEIGHT, DPI = 4.6, 3.3, 110
"""Of a panel [inch], and its resolution."""


def points(index: int) -> dict[str, Any]:
    """Return the look of a series of points."""
    return {"color": SERIES[index % len(SERIES)], "marker": MARKERS[index % len(MARKERS)], "ls": "none", "ms": 4.5}


def save(path: Path, draw: Callable[[Sequence[Any]], None], panels: int) -> None:
    """Draw and save a row of panels; the same numbers give the same bytes."""
    from matplotlib import pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}):
        figure, axes = plt.subplots(1, panels, figsize=(WIDTH * panels, HEIGHT), squeeze=False, layout="constrained")
        draw(list(axes[0]))
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
        plt.close(figure)
