# SPDX-License-Identifier: Apache-2.0
"""Twin of ``abm/_kernels/_census.pyx`` in plain Python, cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

GUEST = 1

Rows = Mapping[str, Sequence[int]]


def count_classes(rows: Rows, mixed_scale: Mapping[int, int]) -> tuple[Counter[tuple[int, int, int]], list[int]]:
    """Return the agents per (group, compartment, kind), and the rows of those below a site's fill.

    ``mixed_scale`` gives S of the well-mixed compartments only.
    """
    counts: Counter[tuple[int, int, int]] = Counter()
    parts = []
    for row, kind in enumerate(rows["kind"]):
        place = rows["compartment"][row]
        counts[rows["group"][row], place, kind] += 1
        light = place in mixed_scale and rows["weight"][row] < mixed_scale[place]
        if kind and (rows["flags"][row] & GUEST or light):
            parts.append(row)
    return counts, parts


def list_guests(rows: Rows, place: int) -> list[int]:
    """Return the rows of the living guests of a compartment."""
    columns = zip(rows["kind"], rows["flags"], rows["compartment"], strict=True)
    return [row for row, (kind, flags, where) in enumerate(columns) if kind and flags & GUEST and where == place]
