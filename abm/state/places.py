# SPDX-License-Identifier: Apache-2.0
"""Compartments: the marrow and CSF lattices, and the well-mixed periphery with the blood."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from abm.state.columns import Array
from abm.state.lattice import Lattice

MARROW, CSF, PERIPHERY = 0, 1, 2
PLACE_NAMES = ("marrow", "csf", "periphery")


@dataclass
class Place:
    """A compartment.

    Parameters
    ----------
    code : int
        :data:`MARROW`, :data:`CSF` or :data:`PERIPHERY`; the value of the column ``compartment``.
    scale : int
        Body cells per site-filling agent, the S of weighted agents; 1 in a closed block.
    lattice : Lattice, optional
        None for a well-mixed compartment.
    n_sites : int
        Sites of the lattice, or the virtual sites of a well-mixed compartment.
    guest_site, guest_row : (n_guests,) array of int32
        Sites and sessile rows of target guests, sorted by site, then uid; see
        :func:`abm.state.weights.index_guests`.
    """

    code: int
    scale: int
    n_sites: int
    lattice: Lattice | None = None
    guest_site: Array = field(default_factory=lambda: np.empty(0, np.int32))
    guest_row: Array = field(default_factory=lambda: np.empty(0, np.int32))

    @property
    def name(self) -> str:
        """Name in scenarios, observables and files."""
        return PLACE_NAMES[self.code]
