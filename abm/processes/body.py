# SPDX-License-Identifier: Apache-2.0
"""The body around the marrow: its size, the periphery with the blood, and the CSF."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST, BlastParameters, endow_blasts
from abm.celltypes.seeding import PlacementDraw, piece_weights
from abm.state.columns import GUEST, NOWHERE, Array
from abm.state.kinds import KIND_BITS, VOID
from abm.state.lattice import MOST_SITES, Lattice, shape_text
from abm.state.ledger import Entry
from abm.state.places import CSF, PERIPHERY, Place
from abm.state.state import State
from abm.streams import Stream
from abm.units import Parameters, located, quantity

MICROLITRES_PER_ML = 1000
KIND_CODES = KIND_BITS + 1


class BodyParameters(Parameters):
    """Size of the body and of its lymphoid compartments."""

    weight: float = quantity(
        40, "kg", bounds=(0.5, 300), plausible=(10, 90), about="body weight",
        source="assumption: a child of about 12 years",
    )  # fmt: skip
    marrow_cells: float = quantity(
        10.4e9, "cells/kg", bounds=(1e8, 3e10), plausible=(8e9, 16e9), about="nucleated cells of a healthy marrow",
        source="Harrison 1962",
    )  # fmt: skip
    periphery_sites: float = quantity(
        7e9, "cells/kg", bounds=(1, 3e10), plausible=(5e9, 9e9), about="room for lymphocytes in spleen, nodes and blood",
        source="Westermann & Pabst (5e11 lymphocytes in an adult)",
    )  # fmt: skip
    blood_volume: float = quantity(
        70, "mL/kg", bounds=(20, 200), plausible=(65, 80), about="blood volume",
        source="general knowledge: 75 mL/kg in a child, 65-70 in an adult",
    )  # fmt: skip
    blood_share: float = quantity(
        2, "%", bounds=(0.01, 100), plausible=(1, 3), about="share of the periphery's cells that are in blood",
        source="Westermann & Pabst (2 % of lymphocytes)",
    )  # fmt: skip

    @property
    def nucleated_marrow_cells(self) -> float:
        """Nucleated cells of the healthy marrow [cells]."""
        return self.marrow_cells * self.weight

    @property
    def blood_microlitres(self) -> float:
        """Blood volume [µL]."""
        return self.blood_volume * self.weight * MICROLITRES_PER_ML

    def in_blood(self, periphery_cells: float) -> float:
        """Return the concentration in blood [cells/µL] of cells counted in the periphery."""
        return periphery_cells * self.blood_share / self.blood_microlitres


class CsfParameters(Parameters):
    """Cerebrospinal fluid and leptomeninges: geometry, stirring, turnover, leukaemia at the start.

    Cells gather along the meninges, so that they meet in far less room than the fluid has: the slab is
    full at ``full_density``, which sets its scale.
    """

    volume: float | None = quantity(
        None, "mL", bounds=(1, 1000), plausible=(30, 170), about="volume of the CSF; 4 mL/kg up to 150 mL, if not stated",
        source="Bale (150 mL in an adult, 30-50 mL in an infant)",
    )  # fmt: skip
    shape: tuple[int, int, int] = Field(
        default=(128, 32, 8), description="sites along, across and through the slab; the meninges line its underside"
    )
    spacing: float = quantity(
        10, "µm", bounds=(5, 50), about="distance between sites",
        source="blast diameter 10-12 µm",
    )  # fmt: skip
    meningeal_layers: int = Field(default=2, ge=0, le=100, description="layers of sites where cells adhere")
    full_density: float = quantity(
        100, "cells/µL", bounds=(0.001, 1e6), plausible=(20, 1000), about="cells per volume of CSF that fill the slab",
        source="assumption: well above CNS3 (5 per µL)",
    )  # fmt: skip
    t_cell_exit: float = quantity(
        1, "1/d", bounds=(0, 100), plausible=(0.3, 3.4), about="rate at which T cells in the fluid return to the blood",
        source="assumption: below the turnover of the fluid, 3-4/d",
    )  # fmt: skip
    blast_washout: float = quantity(
        1, "1/d", bounds=(0, 100), plausible=(0.1, 3.5), about="rate at which blasts in the fluid are washed out to the blood",
        source="assumption: as T cells",
    )  # fmt: skip
    adhesion: float = quantity(
        10, "1/d", bounds=(0, 1000), plausible=(1, 50), about="rate at which blasts in the fluid adhere to the meninges",
        source="assumption: most CSF blasts sit on the meninges, a tap sees few",
    )  # fmt: skip
    detachment: float = quantity(
        0.5, "1/d", bounds=(0, 1000), plausible=(0.05, 5), about="rate at which adherent blasts return to the fluid",
        source="assumption, with adhesion",
    )  # fmt: skip
    blasts: float = quantity(
        0, "cells", bounds=(0, 1e12), plausible=(0, 7.5e5), about="blasts in the CSF at the start, meninges included",
        source="CNS2 is up to 5 cells per µL, 7.5e5 in 150 mL",
    )  # fmt: skip

    @model_validator(mode="after")
    def _slab_has_fluid(self) -> Self:
        if min(self.shape) < 1 or math.prod(self.shape) > MOST_SITES:
            message = f"must have at least one site along each axis, at most {MOST_SITES} in all, got {shape_text(self.shape)}"
            raise located([(("shape",), message)])
        if self.meningeal_layers >= self.shape[2]:
            raise ValueError(f"meningeal_layers ({self.meningeal_layers}) must be fewer than the slab's {self.shape[2]} layers")
        return self

    @property
    def adherent_share(self) -> float:
        """Blasts that adhere at equilibrium, among those of the CSF."""
        total = self.adhesion + self.detachment
        return self.adhesion / total if total > 0 and self.meningeal_layers > 0 else 0.0

    def scale(self, body: BodyParameters) -> int:
        """Return S, the body cells that one site-filling agent stands for: at ``full_density`` the fluid's sites are full."""
        n_fluid = self.shape[0] * self.shape[1] * (self.shape[2] - self.meningeal_layers)
        return max(math.ceil(self.microlitres(body) * self.full_density / n_fluid), 1)

    def microlitres(self, body: BodyParameters) -> float:
        """Return the volume of the fluid [µL]."""
        volume = min(4.0 * body.weight, 150.0) if self.volume is None else self.volume
        return volume * MICROLITRES_PER_ML


def build_periphery(body: BodyParameters, scale: int) -> Place:
    """Return the well-mixed periphery.

    Parameters
    ----------
    body : BodyParameters
        Size of the body.
    scale : int
        Body cells per site-filling agent, that of the marrow.
    """
    return Place(PERIPHERY, scale, max(round(body.periphery_sites * body.weight / scale), 1))


def build_csf(csf: CsfParameters, body: BodyParameters) -> Place:
    """Return the CSF: a slab of fluid over its meninges, with a scale of its own."""
    lattice = Lattice(csf.shape, csf.spacing, (True, True, False))
    adherent = np.zeros(csf.shape, np.bool_)
    adherent[:, :, : csf.meningeal_layers] = True
    lattice.adherent = adherent.reshape(-1)
    return Place(CSF, csf.scale(body), lattice.n_sites, lattice)


def seed_blasts(state: State, place: Place, count: int, blasts: BlastParameters, *, adherent_share: float = 0.0) -> Array:
    """Put blasts of the start into the periphery or the CSF, a binomial share of them CD19-negative.

    Parameters
    ----------
    state : State
        The state.
    place : Place
        Periphery or CSF.
    count : int
        Body cells.
    blasts : BlastParameters
        Antigens and the share without CD19.
    adherent_share : float
        Blasts on adherent sites, if the place has them.

    Returns
    -------
    (n,) array of int64
        Their rows. Their fates are not scheduled, guests not listed; clone 1 has CD19, clone 2 has not.
    """
    draw = PlacementDraw.NEGATIVE_CELLS
    lost = state.draws.binomial(count, blasts.cd19_negative_fraction, Stream.PLACEMENT, state.tick, place.code, draw)
    rows = [
        _seed_clone(state, place, kind, number, clone, adherent_share)
        for kind, number, clone in ((BLAST.code, count - lost, 1), (CD19_NEGATIVE_BLAST.code, lost, 2))
    ]
    every = np.concatenate(rows)
    endow_blasts(state, every, blasts)
    return every


def _seed_clone(state: State, place: Place, kind: int, count: int, clone: int, adherent_share: float) -> Array:
    weights = piece_weights(count, place.scale)
    if place.lattice is None:
        return state.add_cells(kind, place.code, Entry.INITIAL, len(weights), weight=weights, clone=clone)
    lattice = place.lattice
    share = adherent_share if lattice.adherent.any() else 0.0
    # Keyed by number or site, and kind: no uid exists yet, and both kinds draw.
    ids = np.arange(len(weights)) * KIND_CODES + kind
    adheres = state.draws.uniform(Stream.PLACEMENT, state.tick, ids, PlacementDraw.ADHERES) < share
    sites = np.full(len(weights), NOWHERE, np.int64)
    for chosen, region in ((adheres, lattice.adherent), (~adheres, ~lattice.adherent)):
        here = np.flatnonzero(region)
        tickets = state.draws.word(Stream.PLACEMENT, state.tick, here * KIND_CODES + kind, PlacementDraw.CSF_SITE, 0)
        shuffled = here[np.lexsort((tickets, lattice.kinds()[here] != VOID))]  # voids first
        sites[chosen] = shuffled[np.arange(np.count_nonzero(chosen)) % max(len(shuffled), 1)]
    _, first = np.unique(sites, return_index=True)
    full = np.zeros(len(weights), bool)
    full[first] = (weights[first] == place.scale) & (lattice.kinds()[sites[first]] == VOID)
    flags = np.where(full, 0, GUEST).astype(np.uint8)
    return state.add_cells(kind, place.code, Entry.INITIAL, len(weights), weight=weights, clone=clone, site=sites, flags=flags)
