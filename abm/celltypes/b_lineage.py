# SPDX-License-Identifier: Apache-2.0
"""The normal B lineage: CD19-negative pro-B, CD19+ pre-B (haematogones), mature B."""

from __future__ import annotations

import numpy as np

from abm.celltypes.seeding import DRAW_CD19, DRAW_CD22, piece_weights, sample_antigens, ticks_after
from abm.state.columns import Array
from abm.state.kinds import KINDS, CellType
from abm.state.ledger import Entry
from abm.state.places import PERIPHERY
from abm.state.state import State
from abm.streams import Stream
from abm.units import Parameters, quantity

PRO_B = KINDS.add(CellType(3, "pro_b", "CD19- pro-B cell", "sessile", "b", "#add2f6"))

PRE_B = KINDS.add(CellType(4, "pre_b", "pre-B cell (haematogone)", "sessile", "b", "#4aa3e2", target=True))

MATURE_B = KINDS.add(CellType(5, "mature_b", "mature B cell", "sessile", "b", "#054fd2", target=True))

STAGES = (PRO_B.code, PRE_B.code, MATURE_B.code)
DRAW_WAIT = 0
"""Draw number of the stay in a stage, in the stream of lymphopoiesis."""


class BLineageParameters(Parameters):
    """Normal B cells: influx, residence in each stage, antigens.

    In health an influx of ``pre_b_fraction / pre_b_transit`` of the marrow keeps every stage at the
    product of its influx and its mean residence; mature B cells are then about a tenth of the
    periphery, 190 per µL of blood.
    """

    pre_b_fraction: float = quantity(
        5, "%", bounds=(0, 50), plausible=(1, 10), about="CD19+ precursors among nucleated cells of a healthy marrow; sets the influx",
        source="general knowledge, no figure retrieved: 5-10 % in children, 1-2 % in adults",
    )  # fmt: skip
    pro_b_transit: float = quantity(
        0.6, "d", bounds=(0.01, 60), plausible=(0.5, 7), about="mean time as a CD19-negative pro-B cell",
        source="assumption: pro-B cells are 0.5 % of marrow at an influx of 5 % in 6 d",
    )  # fmt: skip
    pre_b_transit: float = quantity(
        6, "d", bounds=(0.1, 60), plausible=(4, 8), about="mean time as a CD19+ precursor in marrow",
        source="Leon-Triana 2021 (tau_I 6 d)",
    )  # fmt: skip
    maturation: float = quantity(
        13, "%", bounds=(0, 100), plausible=(8, 20), about="precursors leaving the marrow that become mature B cells; the rest die",
        source="assumption: gives a normal B-cell count in blood; a tenth in Leon-Triana 2021",
    )  # fmt: skip
    mature_life: float = quantity(
        60, "d", bounds=(0.1, 10000), plausible=(30, 120), about="mean life of a mature B cell",
        source="Leon-Triana 2021 (tau_B 60 d)",
    )  # fmt: skip
    mature_pool: float = quantity(
        1, "1", bounds=(0, 10), plausible=(0.1, 2), about="mature B cells at the start, relative to health",
        source="assumption: healthy; previous treatment lowers it (ln-SD 0.7 between patients)",
    )  # fmt: skip
    cd19_pre_b: float = quantity(
        8000, "molecules", bounds=(1, 1e6), plausible=(3000, 15000), about="mean CD19 per precursor",
        source="assumption: as the blasts that arise from them (Lee 2014, 8,379)",
    )  # fmt: skip
    cd19_mature: float = quantity(
        20000, "molecules", bounds=(1, 1e6), plausible=(10000, 30000), about="mean CD19 per mature B cell",
        source="assumption: denser than on precursors, no figure retrieved",
    )  # fmt: skip
    cd22_pre_b: float = quantity(
        3500, "molecules", bounds=(0, 1e6), plausible=(1000, 10000), about="mean CD22 per precursor",
        source="assumption: as on blasts (Haso 2013)",
    )  # fmt: skip
    cd22_mature: float = quantity(
        20000, "molecules", bounds=(0, 1e6), plausible=(5000, 30000), about="mean CD22 per mature B cell",
        source="assumption: denser than on precursors, no figure retrieved",
    )  # fmt: skip
    antigen_log_sd: float = quantity(
        0.4, "1", bounds=(0, 3), plausible=(0.2, 0.6), about="SD of ln CD19 and ln CD22 between cells of a stage",
        source="assumption: narrower than within a leukaemia",
    )  # fmt: skip

    @property
    def influx(self) -> float:
        """Influx of pro-B cells into a healthy marrow, relative to its nucleated cells [1/h]."""
        return self.pre_b_fraction / self.pre_b_transit

    @property
    def pro_b_fraction(self) -> float:
        """Pro-B cells among the nucleated cells of a healthy marrow."""
        return self.influx * self.pro_b_transit

    @property
    def mature_fraction(self) -> float:
        """Mature B cells of a healthy body, relative to the nucleated cells of its marrow."""
        return self.influx * self.maturation * self.mature_life


def endow(state: State, rows: Array, parameters: BLineageParameters, since: int | Array | None = None) -> None:
    """Give cells of the B lineage the antigens of their stage and the tick at which they leave it.

    Parameters
    ----------
    state : State
        Its sessile table is changed.
    rows : (n,) array of int
        Rows of pro-B, pre-B and mature B cells.
    parameters : BLineageParameters
        Antigens and times.
    since : int or (n,) array, optional
        Tick at which the stage began; now, if not stated. Waiting times have no memory, so that this
        also suits cells met in the middle of a stage.
    """
    table = state.sessile
    kinds, uids = table.array("kind")[rows], table.array("uid")[rows]
    waits = state.draws.exponential(Stream.LYMPHOPOIESIS, state.tick, uids, DRAW_WAIT)
    starts = np.broadcast_to(np.asarray(state.tick if since is None else since, np.int64), rows.shape)
    stages = (
        (PRO_B, 0.0, 0.0, parameters.pro_b_transit),
        (PRE_B, parameters.cd19_pre_b, parameters.cd22_pre_b, parameters.pre_b_transit),
        (MATURE_B, parameters.cd19_mature, parameters.cd22_mature, parameters.mature_life),
    )
    for kind, cd19, cd22, stay in stages:
        here = kinds == kind.code
        spread = parameters.antigen_log_sd
        table.array("cd19")[rows[here]] = sample_antigens(state.draws, uids[here], cd19, spread, DRAW_CD19)
        table.array("cd22")[rows[here]] = sample_antigens(state.draws, uids[here], cd22, spread, DRAW_CD22)
        table.array("due")[rows[here]] = ticks_after(starts[here], waits[here], stay)


def seed_mature_b(state: State, parameters: BLineageParameters, marrow_cells: float) -> Array:
    """Fill the periphery with the mature B cells of the start.

    Parameters
    ----------
    state : State
        With a periphery.
    parameters : BLineageParameters
        Pool, life, antigens.
    marrow_cells : float
        Nucleated cells of the healthy marrow [cells of the body].

    Returns
    -------
    (n,) array of int64
        Their rows.
    """
    place = state.places[PERIPHERY]
    count = round(parameters.mature_fraction * parameters.mature_pool * marrow_cells)
    weights = piece_weights(count, place.scale)
    rows = state.add_cells(MATURE_B.code, PERIPHERY, Entry.INITIAL, len(weights), weight=weights)
    endow(state, rows, parameters)
    return rows
