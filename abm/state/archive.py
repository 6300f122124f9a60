# SPDX-License-Identifier: Apache-2.0
"""The state as named arrays and back: all that a run needs to go on, and no pickle.

Only living cells are kept, in the order of uid, so that the archive does not depend on how rows stand.
Geometry is not kept: it follows from scenario and seed, and whoever loads an archive has laid it out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from abm.state.columns import Array
from abm.state.kinds import VOID
from abm.state.lattice import NO_OCCUPANT, UNCLAIMED
from abm.state.state import State

CLOCK, LEDGER, BODY, FIELDS, TABLES, PLACES = "clock", "ledger", "body", "fields", "tables", "places"


def to_arrays(state: State) -> dict[str, Array]:
    """Return copies of all that changes in a run, by names like ``tables/motile/uid``.

    Parameters
    ----------
    state : State
        Between two steps, and with no event that has not been recorded.

    Raises
    ------
    ValueError
        There are events that nobody has recorded yet.
    """
    if state.events:
        raise ValueError(f"{len(state.events)} events have not been recorded")
    arrays: dict[str, Array] = {CLOCK: np.array([state.tick, state.next_uid], np.int64), LEDGER: state.ledger.book.copy()}
    for name, values in state.body.items():
        arrays[f"{BODY}/{name}"] = values.copy()
    for (code, name), values in state.fields.items():
        arrays[f"{FIELDS}/{state.places[code].name}/{name}"] = values.copy()
    for table_name, table in state.tables.items():
        for name, values in table.to_arrays().items():
            arrays[f"{TABLES}/{table_name}/{name}"] = values
    for place in state.places.values():
        if place.lattice is not None:
            alive = state.sessile.array("kind")[place.guest_row] != VOID
            arrays[f"{PLACES}/{place.name}/site_code"] = place.lattice.site_code.copy()
            arrays[f"{PLACES}/{place.name}/guest_uid"] = state.sessile.array("uid")[place.guest_row[alive]]
            arrays[f"{PLACES}/{place.name}/guest_site"] = place.guest_site[alive]
    return arrays


def load_arrays(state: State, arrays: Mapping[str, Array]) -> None:
    """Put an archive in place of all that a state holds.

    Parameters
    ----------
    state : State
        Of the same seed and geometry, such as the start of the same run.
    arrays : mapping
        As :func:`to_arrays` returned them.

    Raises
    ------
    ValueError
        They are of another lattice, or something is missing.
    """
    try:
        _load(state, arrays)
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is missing") from None


def _load(state: State, arrays: Mapping[str, Array]) -> None:
    for place in state.places.values():
        if place.lattice is not None and arrays[f"{PLACES}/{place.name}/site_code"].shape != place.lattice.site_code.shape:
            raise ValueError(f"the {place.name} has another shape")
    state.tick, state.next_uid = (int(value) for value in arrays[CLOCK])
    state.ledger.book[...] = arrays[LEDGER]
    state.events.clear()
    state.body = {name: values.copy() for name, values in _below(arrays, BODY).items()}
    codes = {place.name: code for code, place in state.places.items()}
    state.fields = {}
    for path, values in _below(arrays, FIELDS).items():
        place_name, name = path.split("/")
        state.fields[codes[place_name], name] = values.copy()
    for table_name, table in state.tables.items():
        table.load_arrays(_below(arrays, f"{TABLES}/{table_name}"))
    for place in state.places.values():
        if place.lattice is not None:
            place.lattice.site_code[...] = arrays[f"{PLACES}/{place.name}/site_code"]
            place.lattice.occupant[...] = NO_OCCUPANT
            place.lattice.claim_block[...] = UNCLAIMED
            uids = arrays[f"{PLACES}/{place.name}/guest_uid"]
            place.guest_row = np.searchsorted(state.sessile.array("uid"), uids).astype(np.int32)
            place.guest_site = arrays[f"{PLACES}/{place.name}/guest_site"].copy()
    for table_name in state.tables:
        state.relink(table_name)


def _below(arrays: Mapping[str, Array], path: str) -> dict[str, Array]:
    """Return what stands below a path, by the rest of the name."""
    return {name.removeprefix(f"{path}/"): values for name, values in arrays.items() if name.startswith(f"{path}/")}
