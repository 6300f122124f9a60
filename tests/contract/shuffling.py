# SPDX-License-Identifier: Apache-2.0
"""The same state with its rows in another order, and a digest that does not see that order."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from abm.state.columns import GUEST, NOWHERE, Array
from abm.state.kinds import VOID
from abm.state.state import State


def shuffle(state: State, seed: int = 0) -> None:
    """Permute the rows of both tables, dead ones among them, and renew every row number that is kept elsewhere."""
    rng = np.random.default_rng(seed)
    for name, table in state.tables.items():
        order = rng.permutation(table.n_rows)
        for column in table.schema:
            table.array(column)[:] = table.array(column)[order].copy()
        _relink(state, name)
        if name == "sessile":
            moved = np.empty(table.n_rows, np.int32)
            moved[order] = np.arange(table.n_rows, dtype=np.int32)
            for place in state.places.values():
                place.guest_row = moved[place.guest_row]


def _relink(state: State, name: str) -> None:
    sites, flags, kinds, places = state.tables[name].arrays("site", "flags", "kind", "compartment")
    full = (kinds != VOID) & (sites != NOWHERE) & ((flags & GUEST) == 0)
    for code, place in state.places.items():
        if place.lattice is not None:
            rows = np.flatnonzero(full & (places == code))
            place.lattice.occupant[sites[rows]] = rows


def state_digest(state: State) -> str:
    """Return a hash of all that a run depends on, cells in the order of uid.

    Claims of sites are scratch, and a row number is replaced by the uid of its cell.
    """
    parts: dict[str, Array] = {"clock": np.array([state.tick, state.next_uid]), "ledger": state.ledger.book}
    for name, table in state.tables.items():
        parts.update({f"{name}.{column}": values for column, values in table.to_arrays().items()})
    for place in state.places.values():
        alive = state.sessile.array("kind")[place.guest_row] != VOID
        parts[f"{place.name}.guest_uid"] = state.sessile.array("uid")[place.guest_row[alive]]
        parts[f"{place.name}.guest_site"] = place.guest_site[alive]
        if place.lattice is not None:
            parts[f"{place.name}.site_code"] = place.lattice.site_code
    parts.update({f"body.{name}": values for name, values in state.body.items()})
    parts.update({f"field.{code}.{name}": values for (code, name), values in state.fields.items()})
    found = hashlib.sha256(json.dumps(state.events).encode())
    for label in sorted(parts):
        found.update(f"{label} {parts[label].dtype} {parts[label].shape}".encode())
        found.update(np.ascontiguousarray(parts[label]).tobytes())
    return found.hexdigest()
