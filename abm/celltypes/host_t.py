# SPDX-License-Identifier: Apache-2.0
"""Host T cells: denominator of "% of CD3", consumers of IL-15."""

from __future__ import annotations

from abm.celltypes.seeding import draw_subsets, piece_weights
from abm.state.columns import Array
from abm.state.kinds import KINDS, CellType
from abm.state.ledger import Entry
from abm.state.places import PERIPHERY
from abm.state.state import State
from abm.units import Parameters, quantity

HOST_T = KINDS.add(CellType(8, "host_t", "host T cell", "motile", "host_t", "#114f05"))


class HostTParameters(Parameters):
    """Host T cells: how many in health, how they recover, how they consume IL-15."""

    periphery_fraction: float = quantity(
        50, "%", bounds=(0, 90), plausible=(40, 70), about="host T cells among the sites of a healthy periphery",
        source="Kimmel 2021 (2.5e11 normal T cells in an adult, 3.6e9 per kg, of 7e9 lymphocytes per kg)",
    )  # fmt: skip
    marrow_fraction: float = quantity(
        10, "%", bounds=(0, 50), plausible=(8, 15), about="host T cells among nucleated cells of a healthy marrow",
        source="Wintrobe (lymphocytes 11-23 % of marrow, T:B 3:1)",
    )  # fmt: skip
    initial_pool: float = quantity(
        0.7, "1", bounds=(0, 3), plausible=(0.4, 1), about="host T cells at the start, relative to health",
        source="Lee 2014 (725 CD3+ cells per µL before treatment, of about 1,030 here)",
    )  # fmt: skip
    cd4_fraction: float = quantity(
        60, "%", bounds=(0, 100), plausible=(40, 70), about="CD4 cells among host T cells",
        source="assumption: normal CD4:CD8 ratio of 1.5",
    )  # fmt: skip
    recovery: float = quantity(
        0.17, "1/d", bounds=(0, 5), plausible=(0.1, 0.25), about="logistic rate at which host T cells return to their normal number",
        source="Kimmel 2021 (r_N 0.17/d)",
    )  # fmt: skip
    il15_maximum: float = quantity(
        10, "1", bounds=(1, 1000), plausible=(5, 50), about="IL-15 without any T cell, relative to health",
        source="assumption: T cells are its sink; reviews give a rise after lymphodepletion, no figure",
    )  # fmt: skip


def seed_host_t(state: State, parameters: HostTParameters) -> Array:
    """Fill the periphery with the host T cells of the start; return their rows, shape ``(n,)``."""
    place = state.places[PERIPHERY]
    count = round(parameters.periphery_fraction * parameters.initial_pool * place.n_sites * place.scale)
    weights = piece_weights(count, place.scale)
    rows = state.add_cells(HOST_T.code, PERIPHERY, Entry.INITIAL, len(weights), weight=weights)
    uids = state.motile.array("uid")[rows]
    state.motile.array("subset")[rows] = draw_subsets(state.draws, uids, parameters.cd4_fraction)
    return rows
