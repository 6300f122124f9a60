# SPDX-License-Identifier: Apache-2.0
"""Cytokines: IFN-gamma and IL-2 as fields in the marrow and in serum, IL-6, and the markers that follow.

CAR T cells secrete while they are engaged: bound, or refractory after a kill (column ``engaged``). The
fields settle within minutes, so that their gradients reach a few cell diameters. What escapes uptake in
place feeds one pool in serum. In a closed block, without a body, there are only the fields. (IL-15 goes with
the T cells that consume it: :mod:`abm.processes.host_t`.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import Field

from abm.celltypes.car_t import CAR_T, Programme
from abm.processes import acute_phase, macrophages
from abm.processes.acute_phase import AcutePhaseParameters
from abm.processes.diffusion import FieldGrid
from abm.processes.macrophages import Il6Parameters
from abm.processes.relaxation import read, relax, write
from abm.state.columns import Array
from abm.state.places import MARROW
from abm.state.state import State
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE, Parameters, quantity

PG_PER_MOLECULE = {name: grams / 6.02214076e23 * 1e12 for name, grams in
                   {"ifn_gamma": 17e3, "il2": 15.5e3, "il6": 21e3}.items()}  # fmt: skip
"""Mass of a molecule [pg], from molar masses in g/mol (IFN-gamma per chain)."""


class CytokineParameters(Parameters):
    """Secretion, spread and clearance of cytokines."""

    ifn_gamma_diffusivity: float = quantity(
        1.45, "µm²/s", bounds=(0.01, 1000), plausible=(1, 100), about="diffusivity of IFN-gamma in tissue",
        source="Liao 2014 as used by tumor-tcell (1.25e-3 cm²/d)",
    )  # fmt: skip
    ifn_gamma_decay: float = quantity(
        2.1, "1/h", bounds=(0.01, 1000), plausible=(0.5, 6),
        about="loss of IFN-gamma in tissue, uptake by macrophages included",
        source="Thurley 2015: gradients decay over 30-100 µm; sqrt(D/k) = 50 µm",
    )  # fmt: skip
    ifn_gamma_secretion: float = quantity(
        1e5, "molecules/h", bounds=(0, 1e8), plausible=(1.6e4, 4e5),
        about="IFN-gamma from an engaged cell with a CD28 CAR",
        source="Bouchnita 2017 (1.6e4, too low for levels seen); 1e5 assumed",
    )  # fmt: skip
    ifn_gamma_release: float = quantity(
        0.5, "1", bounds=(0, 1), plausible=(0.1, 1), about="share of secreted IFN-gamma that reaches serum",
        source="assumption; only the product with secretion can be fitted",
    )  # fmt: skip
    ifn_gamma_clearance: float = quantity(
        1122, "mL/h/kg", bounds=(1, 1e5), plausible=(300, 1500), about="clearance of IFN-gamma from serum",
        source="recombinant IFN-gamma in rhesus monkeys (18.7 mL/min/kg)",
    )  # fmt: skip
    ifn_gamma_volume: float = quantity(
        510, "mL/kg", bounds=(20, 5000), about="volume of distribution of IFN-gamma",
        source="recombinant IFN-gamma in rhesus monkeys (0.51 L/kg)",
    )  # fmt: skip
    il2_diffusivity: float = quantity(
        10, "µm²/s", bounds=(0.01, 1000), plausible=(1, 100), about="diffusivity of IL-2 in tissue",
        source="CARCADE",
    )  # fmt: skip
    il2_decay: float = quantity(
        14.4, "1/h", bounds=(0.01, 1000), plausible=(3.6, 40), about="loss of IL-2 in tissue, uptake by cells included",
        source="Thurley 2015: gradients decay over 30-100 µm; sqrt(D/k) = 50 µm",
    )  # fmt: skip
    il2_secretion: float = quantity(
        1.76e4, "molecules/h", bounds=(0, 1e8), plausible=(1e3, 5e4), about="IL-2 from an engaged cell with a CD28 CAR",
        source="CARCADE Table S1 (293 molecules/min)",
    )  # fmt: skip
    il2_release: float = quantity(
        0.05, "1", bounds=(0, 1), plausible=(0.01, 0.5), about="share of secreted IL-2 that reaches serum",
        source="assumption: T cells take up most of it in place; only the product with secretion can be fitted",
    )  # fmt: skip
    il2_clearance: float = quantity(
        103, "mL/h/kg", bounds=(1, 1e5), plausible=(50, 200), about="clearance of IL-2 from serum",
        source="Konrad 1990 (120 mL/min), taken for 70 kg",
    )  # fmt: skip
    il2_volume: float = quantity(
        210, "mL/kg", bounds=(20, 5000), about="volume of distribution of IL-2",
        source="Konrad 1990: clearance and half-life of 85 min",
    )  # fmt: skip
    exhausted_secretion: float = quantity(
        0.1, "1", bounds=(0, 1), plausible=(0.05, 0.5), about="secretion of an exhausted cell, relative to others",
        source="Zhao 2020 as used by published models (PD1+ 0.1)",
    )  # fmt: skip
    field_floor: float = quantity(
        0.01, "pg/mL", bounds=(0, 1000), about="a field without source is set to zero below this",
        source="assumption: far below any concentration to which cells respond",
    )  # fmt: skip
    substeps: int = Field(
        6, ge=1, le=32,
        description="steps of the fields in half an hour, each half as long as the one before; with 6, the steady field "
        "of a lone cell differs from the exact one by 12 % (IFN-gamma) and 18 % (IL-2) of the amount, which is exact",
    )  # fmt: skip
    il6: Il6Parameters = Il6Parameters()
    """Secretion of IL-6 by macrophages."""
    acute_phase: AcutePhaseParameters = AcutePhaseParameters()
    """CRP, ferritin and LDH."""


class Soluble(NamedTuple):
    """A cytokine of CAR T cells; base units, as declared above."""

    name: str
    diffusivity: float
    decay: float
    secretion: float
    release: float
    clearance: float
    volume: float

    @classmethod
    def of(cls, name: str, parameters: CytokineParameters) -> Soluble:
        """Gather the parameters of a cytokine."""
        return cls(name, *(getattr(parameters, f"{name}_{field}") for field in cls._fields[1:]))


class Cytokines:
    """Carry fields, systemic cytokines and markers over half an hour.

    What is secreted in it are the contacts since the last run: engagement, which goes ten minutes ahead of the
    clock, has added them up. The field of a lone cell settles faster (its gradient within minutes).

    Parameters
    ----------
    parameters : CytokineParameters
    secretion_by_product : sequence of float
        Secretion of each product's cells relative to a CD28 CAR, by the column ``product``; entry 0 stands
        for host cells and is not used. See ``abm.celltypes.car_t.COSTIMULATION[...]["secretion"]``.
    n_threads : int
        Threads of the fields' solver; the result does not depend on it.
    """

    name = "cytokines"
    period = 30 * TICKS_PER_MINUTE

    def __init__(self, parameters: CytokineParameters, secretion_by_product: Sequence[float], n_threads: int = 1) -> None:
        self.parameters = parameters
        # Of product p: entry 2 p, and 2 p + 1 when exhausted.
        self._secretion = np.outer(secretion_by_product, (1.0, parameters.exhausted_secretion)).reshape(-1)
        self._n_threads = n_threads
        self._solubles = [Soluble.of(name, parameters) for name in ("ifn_gamma", "il2")]
        self._grid: FieldGrid | None = None

    def start(self, state: State) -> None:
        """Give a body the levels of a patient before treatment."""
        if "weight_kg" not in state.body:
            return
        write(state, "il6", self.parameters.il6.baseline)
        for name, level in acute_phase.before_treatment(self.parameters.acute_phase).items():
            write(state, name, level)

    def run(self, state: State) -> None:
        """Carry the state over one period that starts at ``state.tick``."""
        hours = self.period / TICKS_PER_HOUR
        rows, classes = self._engaged(state)
        drug = read(state, "effect_secretion", 1.0)
        grids = self._solve_fields(state, rows, classes, drug, hours)
        counts = np.bincount(classes, self._busy(state, rows), len(self._secretion))
        state.motile.array("engaged")[:] = 0
        if "weight_kg" not in state.body:
            return
        cells = drug * math.fsum((counts * self._secretion).tolist()) / self.period
        for soluble in self._solubles:
            self._relax_pool(state, soluble, cells, hours)
        self._il6_and_markers(state, grids, drug, hours)

    def _engaged(self, state: State) -> tuple[Array, Array]:
        """Return the motile rows of engaged CAR T cells and the class of secretion of each."""
        kinds, engaged, programmes, products = state.motile.arrays("kind", "engaged", "state", "product")
        rows = np.flatnonzero((kinds == CAR_T.code) & (engaged > 0))
        classes = 2 * products[rows].astype(np.int64) + (programmes[rows] == Programme.EXHAUSTED)
        if len(rows) and classes.max() >= len(self._secretion):
            known = len(self._secretion) // 2 - 1
            raise ValueError(f"a CAR T cell is of product {classes.max() // 2}, but secretion is known of 1 to {known}")
        return rows, classes

    def _busy(self, state: State, rows: Array) -> Array:
        """Return the ticks of the period for which the body cells of each agent were engaged."""
        weights, engaged = (state.motile.array(name)[rows] for name in ("weight", "engaged"))
        return weights * engaged.astype(np.int64)

    def _solve_fields(self, state: State, rows: Array, classes: Array, drug: float, hours: float) -> dict[int, FieldGrid]:
        """Carry the fields of the marrow over the period; return the grids by compartment."""
        place = state.places[MARROW]
        if place.lattice is None:
            return {}
        if self._grid is None or self._grid.lattice is not place.lattice:
            self._grid = FieldGrid(place.lattice, self._n_threads)
        grid = self._grid
        here = state.motile.array("compartment")[rows] == MARROW
        sites, busy = state.motile.array("site")[rows[here]], self._busy(state, rows[here])
        engaged = self._cells_per_voxel(grid.voxel(sites), classes[here], busy, grid.n_voxels).reshape(grid.shape)
        engaged *= drug / (place.scale * self.period)
        is_source = bool(engaged.any())
        for soluble in self._solubles:
            field = state.fields.setdefault((MARROW, soluble.name), grid.empty())
            if not is_source and float(field.max()) < self.parameters.field_floor:
                field[...] = 0.0
                continue
            per_cell = soluble.secretion * PG_PER_MOLECULE[soluble.name] / grid.voxel_ml
            grid.advance(
                field,
                engaged * per_cell,
                diffusivity=soluble.diffusivity,
                decay=soluble.decay,
                hours=hours,
                substeps=self.parameters.substeps,
            )
        return {MARROW: grid}

    def _cells_per_voxel(self, voxels: Array, classes: Array, busy: Array, n_voxels: int) -> Array:
        """Return the ticks for which body cells in each voxel were engaged, weighted by their secretion."""
        found = np.zeros(n_voxels)
        # Within a class the sums are of whole numbers, exact in any order of the rows.
        for one in np.unique(classes):
            of_class = classes == one
            found += self._secretion[one] * np.bincount(voxels[of_class], busy[of_class], n_voxels)
        return found

    def _relax_pool(self, state: State, soluble: Soluble, cells: float, hours: float) -> None:
        """Carry the level in serum over the period under constant secretion."""
        kilograms = read(state, "weight_kg")
        released = cells * soluble.secretion * PG_PER_MOLECULE[soluble.name] * soluble.release
        target = released / (soluble.clearance * kilograms)
        level, _ = relax(read(state, soluble.name), target, soluble.clearance / soluble.volume, hours)
        write(state, soluble.name, level)

    def _il6_and_markers(self, state: State, grids: dict[int, FieldGrid], drug: float, hours: float) -> None:
        rules = self.parameters.il6
        kilograms = read(state, "weight_kg")
        kills = read(state, "kills")
        flux = (kills - read(state, "kills_seen")) / (kilograms * hours)
        write(state, "kills_seen", kills)
        debris, mean_debris = relax(read(state, "debris"), flux / rules.debris_decay, rules.debris_decay, hours)
        write(state, "debris", debris)

        response = macrophages.respond(state, rules, grids, mean_debris, hours)
        secreted = response.secretion * drug * macrophages.tnf_factor(state, rules) * PG_PER_MOLECULE["il6"]
        gain = rules.clearance * rules.baseline + secreted / (rules.volume * kilograms)
        clearance = rules.clearance * read(state, "effect_il6_clearance", 1.0)
        il6, mean_il6 = relax(read(state, "il6", rules.baseline), gain / clearance, clearance, hours)
        write(state, "il6", il6)

        signal = max(mean_il6 - rules.baseline, 0.0) * (1.0 - read(state, "il6r_occupancy"))
        acute_phase.follow(
            state, self.parameters.acute_phase,
            signal=signal, activation=response.activation, kills=flux, hours=hours,
        )  # fmt: skip
