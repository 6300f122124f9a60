# SPDX-License-Identifier: Apache-2.0
"""Weighted agents: how an agent of many body cells is divided, and how it changes its place.

An agent stands for a whole number of body cells, 1 to S, where S is the scale of its place. In a
lattice an agent of S cells can be *full*: it has a site to itself. Any other is a *guest*, which
stands on a site and takes no room. Rare classes are split into many light agents, so that chance
acts on them as on the cells of a body; abundant ones are merged, so that they cost little
(:mod:`abm.state.weights_classes`).

An agent that crosses to another place keeps its uid, division count and densities. Where the new
place is finer (its S is smaller than the agent), it is cut into agents that fit; how many of its
cells cross is for the caller to draw, and to take with :func:`take_share`.

Everything goes in the order of uid, never of rows, and leaves :meth:`State.check` satisfied. Agents
in a synapse are refused. Lists of guests (``place.guest_row``) are out of date after any of these
functions, until :func:`index_guests`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.errors import InputError, spelled
from abm.state.columns import GUEST, NOWHERE, Array
from abm.state.kinds import GUESTS_BIT, KIND_BITS, KINDS, LEUKAEMIA, SOLID, VOID
from abm.state.ledger import Entry
from abm.state.weights_room import guests_of, is_free, take_voids

if TYPE_CHECKING:
    from abm.state.places import Place
    from abm.state.state import State


def body_scale(cells_per_kg: float, weight_kg: float, lattice_cells: int) -> int:
    """Return S, the body cells that one site-filling agent stands for.

    Parameters
    ----------
    cells_per_kg : float
        Cells of the compartment per body weight [cells/kg].
    weight_kg : float
        Body weight [kg].
    lattice_cells : int
        Cells that the lattice holds at normal cellularity.

    Raises
    ------
    InputError
        An argument is not above 0.
    """
    given = {"cells_per_kg": cells_per_kg, "weight_kg": weight_kg, "lattice_cells": lattice_cells}
    for name, value in given.items():
        if not value > 0:
            raise InputError(f"{name}: must be > 0 to scale a lattice to a body, got {spelled(value)}")
    return max(round(cells_per_kg * weight_kg / lattice_cells), 1)


def index_guests(state: State, place: Place) -> None:
    """List the guests that sit in a lattice, and mark exactly the sites on which targets are among them.

    Every guest that sits is listed; marked are those on which some CAR finds antigen: CD19+ cells, and
    all leukaemia, which keeps CD22. Contacts test the kind.

    Parameters
    ----------
    state : State
        The state.
    place : Place
        Its ``guest_site`` and ``guest_row`` are renewed, in the order of site, then uid; nothing happens
        to a well-mixed place.
    """
    if place.lattice is None:
        return
    table = state.sessile
    rows = guests_of(state, "sessile", place)
    sites = table.array("site")[rows]
    order = np.lexsort((table.array("uid")[rows], sites))
    place.guest_row, place.guest_site = rows[order], sites[order]
    codes = [kind.code for kind in KINDS if kind.target or kind.lineage == LEUKAEMIA]
    targets = np.isin(table.array("kind")[rows], codes)
    site_code = place.lattice.site_code
    np.bitwise_and(site_code, np.uint8(~GUESTS_BIT & 0xFF), out=site_code)
    site_code[sites[targets]] |= np.uint8(GUESTS_BIT)


def take_share(state: State, table_name: str, rows: Array, counts: Array) -> Array:
    """Take body cells off agents into new agents, which copy all else.

    In a lattice what is left of a full agent becomes a guest and clears its site, and the new agent
    is a guest there. No stock changes, so that nothing is booked.

    Parameters
    ----------
    state : State
        The state.
    table_name : str
        ``"sessile"`` or ``"motile"``.
    rows : int or (n,) array of int
        Agents in no synapse, each once.
    counts : int or (n,) array of int
        Body cells to take, 1 to the weight of the agent.

    Returns
    -------
    (n,) array of int64
        Rows of the shares: of a new agent, or of the old one where all its cells were asked for.

    Raises
    ------
    ValueError
        A count is not 1 to the weight, or an agent is named twice, dead or in a synapse.
    """
    rows, counts = np.atleast_1d(np.asarray(rows, np.int64)), np.atleast_1d(np.asarray(counts, np.int64))
    require_free(state, table_name, rows)
    weights = state.tables[table_name].array("weight")[rows]
    wrong = np.flatnonzero((counts < 1) | (counts > weights))
    if len(wrong):
        raise ValueError(f"{table_name}: a share must be 1 to {weights[wrong[0]]} cells, got {counts[wrong[0]]}")
    shares = rows.copy()
    partly = counts < weights
    shares[partly] = bud(state, table_name, rows[partly], counts[partly])
    return shares


def bud(state: State, table_name: str, mothers: Array, counts: Array) -> Array:
    """Append agents of ``counts`` cells taken off ``mothers``, and return their rows.

    Parameters
    ----------
    state : State
        The state.
    table_name : str
        ``"sessile"`` or ``"motile"``.
    mothers : (n,) array of int
        Agents in no synapse, once for each agent that leaves them; each keeps 1 cell or more.
    counts : (n,) array of int
        Body cells of each new agent.
    """
    table = state.tables[table_name]
    order = np.argsort(table.array("uid")[mothers], kind="stable")
    copies = {name: table.array(name)[mothers[order]] for name in table.schema}
    copies.update(uid=state.take_uids(len(mothers)), weight=counts[order])
    if len(mothers):
        state.vacate(table_name, mothers)
        table.array("flags")[mothers] |= _guest_flag(table.array("site")[mothers])
    copies["flags"] = copies["flags"] | _guest_flag(copies["site"])
    born = np.empty(len(mothers), np.int64)
    born[order] = table.append(len(mothers), **copies)
    np.subtract.at(table.array("weight"), mothers, counts)
    return born


def _guest_flag(sites: Array) -> Array:
    """Return the flag of guests for agents that stand on a lattice, nothing for those that do not."""
    return np.where(sites != NOWHERE, GUEST, np.uint8(0))


def cut(state: State, table_name: str, rows: Array, limit: int) -> tuple[Array, Array]:
    """Cut agents of more than ``limit`` body cells into pieces of ``limit`` and a rest.

    Parameters
    ----------
    state : State
        The state.
    table_name : str
        ``"sessile"`` or ``"motile"``.
    rows : (n,) array of int
        Agents in no synapse, each once. Each keeps its rest, 1 to ``limit`` cells.
    limit : int
        Most body cells of a piece.

    Returns
    -------
    rows : (m,) array of int64
        All pieces: ``rows``, then the new agents, in the order of their uids.
    origin : (m,) array of int64
        Position in ``rows`` of the agent that each was part of.

    Raises
    ------
    ValueError
        ``limit`` is below 1, or an agent is named twice, dead or in a synapse.
    """
    if limit < 1:
        raise ValueError(f"limit: must be 1 cell or more, got {limit}")
    rows = np.asarray(rows, np.int64)
    require_free(state, table_name, rows)
    weights, uids = (state.tables[table_name].array(name)[rows] for name in ("weight", "uid"))
    further = (weights - 1) // limit
    state.tables[table_name].reserve(int(further.sum()))  # before anything so long is made
    position = np.argsort(uids, kind="stable")
    position = np.repeat(position, further[position])
    born = bud(state, table_name, rows[position], np.full(len(position), limit, np.int64))
    return np.concatenate([rows, born]), np.concatenate([np.arange(len(rows)), position])


def leave_lattice(state: State, table_name: str, rows: Array) -> None:
    """Clear the sites of agents, which then stand nowhere; :func:`arrive` calls this itself.

    Until the agents have arrived somewhere, a lattice place lacks sites for them and
    :meth:`State.check` fails.
    """
    table = state.tables[table_name]
    state.vacate(table_name, rows)
    table.array("site")[rows] = NOWHERE
    table.array("flags")[rows] &= ~GUEST


def arrive(
    state: State, table_name: str, rows: Array, place_code: int, sites: Array | None = None, *, cause: Entry = Entry.DEPARTED
) -> Array:
    """Move whole agents to another place, cut up where they exceed its S, and book them.

    In a lattice an agent of S cells becomes full if its site is void, one by lot of several; any other
    is a guest there, as are the further pieces of one that was cut.

    Parameters
    ----------
    state : State
        The state.
    table_name : str
        ``"sessile"`` or ``"motile"``.
    rows : int or (n,) array of int
        Agents in no synapse, each once.
    place_code : int
        Where they go.
    sites : int or (n,) array of int, optional
        A site for each, in a place with a lattice; pieces share it. To give each its own,
        :func:`cut` first.
    cause : Entry
        What to book in the place that they leave.

    Returns
    -------
    (m,) array of int64
        Rows of all that arrived: ``rows``, then the pieces cut off, in the order of their uids.

    Raises
    ------
    ValueError
        An agent is named twice, dead or in a synapse; there is no such place; sites are missing,
        superfluous, outside the lattice or solid.
    """
    if place_code not in state.places:
        raise ValueError(f"place: must be one of {sorted(state.places)}, got {place_code}")
    place = state.places[place_code]
    rows = np.atleast_1d(np.asarray(rows, np.int64))
    where = _checked_sites(place, len(rows), sites)
    rows, origin = cut(state, table_name, rows, place.scale)
    table = state.tables[table_name]
    kinds, weights, origins = (table.array(name)[rows] for name in ("kind", "weight", "compartment"))
    leave_lattice(state, table_name, rows)
    state.ledger.add_rows(kinds, origins, cause, weights)
    state.ledger.add_rows(kinds, place_code, Entry.ARRIVED, weights)
    table.array("compartment")[rows] = place_code
    if place.lattice is not None:
        table.array("site")[rows] = where[origin]
        table.array("flags")[rows] |= GUEST
        take_voids(state, place, {table_name: rows})
    return rows


def _checked_sites(place: Place, count: int, sites: Array | None) -> Array:
    lattice = place.lattice
    if lattice is None:
        if sites is not None:
            raise ValueError(f"sites: the well-mixed {place.name} has none")
        return np.full(count, NOWHERE)
    if sites is None:
        raise ValueError(f"sites: each agent needs one in the {place.name}")
    wanted = np.atleast_1d(np.asarray(sites, np.int64))
    if len(wanted) != count:
        raise ValueError(f"sites: {count} agents need as many, got {len(wanted)}")
    outside = wanted[(wanted < 0) | (wanted >= lattice.n_sites)]
    if len(outside):
        raise ValueError(f"sites: must be 0 to {lattice.n_sites - 1} in the {place.name}, got {outside[0]}")
    solid = wanted[(lattice.site_code[wanted] & KIND_BITS) == SOLID]
    if len(solid):
        raise ValueError(f"sites: site {solid[0]} of the {place.name} is solid")
    return wanted


def require_free(state: State, table_name: str, rows: Array) -> None:
    """Refuse agents that are named twice, dead or in a synapse.

    Raises
    ------
    ValueError
        One of them is.
    """
    table = state.tables[table_name]
    ordered = np.sort(rows)  # np.unique takes fifty times as long for the few rows that there mostly are
    if (ordered[1:] == ordered[:-1]).any():
        raise ValueError(f"{table_name}: an agent is named twice among {len(rows)} rows")
    wrong = rows[(table.array("kind")[rows] == VOID) | ~is_free(state, table_name, rows)]
    if len(wrong):
        uid = int(table.array("uid")[wrong].min())
        raise ValueError(f"{table_name} agent {uid}: dead or in a synapse, so it can neither be divided nor moved")
