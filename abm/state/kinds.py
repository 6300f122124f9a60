# SPDX-License-Identifier: Apache-2.0
"""Cell types as data: a small code per kind, and what the engine must know of each.

A cell type that differs only in numbers is one :class:`CellType` in a file of
:mod:`abm.celltypes` and one line in its index; no kernel changes. A kernel sees a kind only as an
index into short arrays.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

VOID = 0
"""Code of an empty site, and of a dead row."""
SOLID = 31
"""Code of a site that no cell can enter: fat, bone, outside."""
MAX_KIND = 30
FIRST_OTHER = 16
"""Codes from here on are for the cell types of other packages."""
KIND_BITS = 0x1F
"""Part of a ``site_code`` that holds the kind."""
BOUND_BIT = 0x20
"""Set in a ``site_code`` while its cell is part of a synapse: it neither moves nor is contacted."""
GUESTS_BIT = 0x40
"""Set in a ``site_code`` while target guests stand on the site."""

# In recorded views alone:
VIEW_CAR_T_BIT = 0x80
"""CAR T guests stand on the site."""
VIEW_BONE_BIT = 0x20
"""A solid site is bone; fat has neither this bit nor the next."""
VIEW_LUMEN_BIT = 0x40
"""A solid site is the lumen of a sinusoid."""

LEUKAEMIA = "leukaemia"
"""Lineage of all blasts, whatever their antigens."""

Home = Literal["sessile", "motile", "light"]


@dataclass(frozen=True)
class CellType:
    """What the engine knows of a kind of cell.

    Parameters
    ----------
    code : int
        1 to 15; from 16 to 30 for one of another package.
    name : str
        Identifier in scenarios, observables and files, such as ``"car_t"``.
    label : str
        Words for a figure.
    home : {"sessile", "motile", "light"}
        The table that holds its cells; light cells are lattice codes without a row.
    lineage : str
        Lineage for the classes of weighted agents.
    colour : str
        ``#rrggbb``, from a palette safe for colour-blind eyes.
    target : bool
        Whether a CAR can find antigen on it.
    mobile : bool
        Whether it exchanges places with neighbours (blast and haematopoietic motility).
    """

    code: int
    name: str
    label: str
    home: Home
    lineage: str
    colour: str
    target: bool = False
    mobile: bool = True


class KindRegistry:
    """The cell types known to this process, by code and by name."""

    def __init__(self) -> None:
        self._by_code: dict[int, CellType] = {}

    def add(self, kind: CellType) -> CellType:
        """Register a cell type and return it.

        Raises
        ------
        ValueError
            Code out of range, or code or name already taken by another type.
        """
        if not 1 <= kind.code <= MAX_KIND:
            raise ValueError(f"cell type {kind.name!r}: code must be 1 to {MAX_KIND}, got {kind.code}")
        for other in self._by_code.values():
            if other != kind and (other.code == kind.code or other.name == kind.name):
                raise ValueError(f"cell type {kind.name!r} (code {kind.code}) clashes with {other.name!r} (code {other.code})")
        self._by_code[kind.code] = kind
        return kind

    def discard(self, kind: CellType) -> None:
        """Forget a cell type, such as that of a test; nothing happens if it is not known."""
        if self._by_code.get(kind.code) == kind:
            del self._by_code[kind.code]

    def own(self) -> tuple[CellType, ...]:
        """Return the cell types of this package; those of others are part of a run only if its scenario has some."""
        return tuple(kind for kind in self if kind.code < FIRST_OTHER)

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(sorted(self._by_code.values(), key=lambda kind: kind.code))

    def __getitem__(self, key: int | str) -> CellType:
        for kind in self._by_code.values():
            if key in (kind.code, kind.name):
                return kind
        names = [kind.name for kind in self]
        near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.0)
        raise KeyError(f"unknown cell type {key!r}; nearest: {near[0] if near else 'none'}")


KINDS = KindRegistry()
