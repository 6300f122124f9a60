# SPDX-License-Identifier: Apache-2.0
"""The whole state of a run: tables, places, body variables, ledger, clock. Nothing else is needed to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from abm.state.columns import GUEST, LOCKED, NOWHERE, Array, MotileColumns, SessileColumns
from abm.state.kinds import BOUND_BIT, GUESTS_BIT, KIND_BITS, KINDS, SOLID, VOID, CellType
from abm.state.lattice import NO_OCCUPANT
from abm.state.ledger import Entry, Ledger
from abm.state.places import Place
from abm.state.table import CellTable
from abm.streams import Draws


class InvariantError(AssertionError):
    """The state contradicts itself; the message says where."""


class State:
    """State of a run.

    Parameters
    ----------
    draws : Draws
        The seed's random draws.
    places : list of Place
        Compartments, in the order of their codes.
    kinds : sequence of CellType, optional
        Cell types of the run, in the order of their codes; those of this package if not given.

    Attributes
    ----------
    tick : int
        Time in ticks of 15 s.
    tables : dict
        ``"sessile"`` and ``"motile"`` :class:`~abm.state.table.CellTable`.
    ledger : Ledger
        Body cells by kind, compartment and cause.
    body : dict of str to float64 array
        Body variables (systemic cytokines, drug levels, rule memory), named arrays so that they
        can be checkpointed.
    fields : dict of (int, str) to float32 array
        Cytokine fields by compartment code and name.
    events : list of (int, str, dict)
        What happened since the recorder last looked: tick, kind, details.
    next_uid : int
        Identity of the next cell to be born.
    """

    def __init__(self, draws: Draws, places: list[Place], kinds: Sequence[CellType] | None = None) -> None:
        self.draws = draws
        self.kinds = KINDS.own() if kinds is None else tuple(kinds)
        self.places = {place.code: place for place in places}
        self.tables = {"sessile": CellTable(SessileColumns), "motile": CellTable(MotileColumns)}
        self.ledger = Ledger()
        self.tick = 0
        self.next_uid = 0
        self.body: dict[str, Array] = {}
        self.fields: dict[tuple[int, str], Array] = {}
        self.events: list[tuple[int, str, dict[str, Any]]] = []

    @property
    def sessile(self) -> CellTable:
        """Table of the cells that sit."""
        return self.tables["sessile"]

    @property
    def motile(self) -> CellTable:
        """Table of the cells that walk."""
        return self.tables["motile"]

    def table_of(self, kind: int) -> CellTable:
        """Return the table that holds a kind."""
        return self.tables[KINDS[int(kind)].home]

    def take_uids(self, count: int) -> Array:
        """Return ``count`` new identities, increasing."""
        first = self.next_uid
        self.next_uid += count
        return np.arange(first, self.next_uid, dtype=np.int64)

    def coordinates(self, compartment: int, sites: Array) -> Array:
        """Return lattice coordinates, shape ``(n, 3)``."""
        lattice = self.places[compartment].lattice
        if lattice is None:
            raise ValueError(f"the {self.places[compartment].name} has no lattice")
        return lattice.coordinates(sites)

    def add_cells(self, kind: int, place: int, entry: Entry, count: int, **columns: Any) -> Array:
        """Append cells of one kind to its table, put full ones on their sites, and book them.

        Parameters
        ----------
        kind, place : int
            Codes.
        entry : Entry
            What to book the weights as.
        count : int
            How many.
        columns
            Values for columns; ``weight`` and ``site`` among them. A cell with ``flags`` GUEST takes
            no room; every other one with a site must stand on a void.

        Returns
        -------
        (count,) array of int64
            Their rows.
        """
        table = self.table_of(kind)
        rows = table.append(count, uid=self.take_uids(count), kind=kind, compartment=place, **columns)
        sites, weights, flags = (table.array(name)[rows] for name in ("site", "weight", "flags"))
        full = (sites != NOWHERE) & ((flags & GUEST) == 0)
        lattice = self.places[place].lattice
        if lattice is not None and full.any():
            lattice.site_code[sites[full]] = (lattice.site_code[sites[full]] & GUESTS_BIT) | kind
            lattice.occupant[sites[full]] = rows[full]
        self.ledger.add(kind, place, entry, int(weights.sum()))
        return rows

    def vacate(self, table_name: str, rows: Array) -> None:
        """Clear the sites on which full cells among ``rows`` stand."""
        table = self.tables[table_name]
        sites, flags, places = (table.array(name)[rows] for name in ("site", "flags", "compartment"))
        full = (sites != NOWHERE) & ((flags & GUEST) == 0)
        for code, place in self.places.items():
            here = sites[full & (places == code)]
            if place.lattice is not None and len(here):
                place.lattice.site_code[here] &= np.uint8(GUESTS_BIT)
                place.lattice.occupant[here] = NO_OCCUPANT

    def remove(self, table_name: str, rows: Array, cause: str | Entry = Entry.REMOVED) -> None:
        """Let cells die or leave: book them, clear their sites, mark their rows.

        Parameters
        ----------
        table_name : str
            ``"sessile"`` or ``"motile"``.
        rows : array of int
            Rows of living cells, each once.
        cause : Entry or str
            A loss of the ledger, or its name in lower case (``"died"``, ``"drug_killed"``).
        """
        rows = np.atleast_1d(np.asarray(rows, np.int64))
        entry = Entry[cause.upper()] if isinstance(cause, str) else cause
        table = self.tables[table_name]
        kinds, weights, places = (table.array(name)[rows] for name in ("kind", "weight", "compartment"))
        self.ledger.add_rows(kinds, places, entry, weights)
        self.vacate(table_name, rows)
        table.array("kind")[rows] = VOID
        table.n_dead += len(rows)

    def fill_light(self, kind: int, place: int, sites: Array, entry: Entry) -> None:
        """Put light cells (codes without a row) on void sites."""
        lattice = self.places[place].lattice
        assert lattice is not None
        lattice.site_code[sites] |= np.uint8(kind)
        self.ledger.add(kind, place, entry, len(sites) * self.places[place].scale)

    def compact(self) -> None:
        """Drop dead rows and renew the row numbers of the lattices and of the lists of guests."""
        for name, table in self.tables.items():
            n_rows = table.n_rows
            kept = table.compact()
            if kept is not None:
                self.relink(name)
                if name == "sessile":
                    self._renumber_guests(kept, n_rows)

    def _renumber_guests(self, kept: Array, n_rows: int) -> None:
        """Follow the listed guests to their new rows; marks on sites stay, so that compaction changes no result."""
        moved = np.full(n_rows, -1, np.int32)
        moved[kept] = np.arange(len(kept), dtype=np.int32)
        for place in self.places.values():
            rows = moved[place.guest_row]
            place.guest_row, place.guest_site = rows[rows >= 0], place.guest_site[rows >= 0]

    def relink(self, name: str) -> None:
        """Write the rows of the full cells of a table, all of them alive, into the lattices."""
        table = self.tables[name]
        sites, flags, places = table.arrays("site", "flags", "compartment")
        full = (sites != NOWHERE) & ((flags & GUEST) == 0)
        for code, place in self.places.items():
            if place.lattice is not None:
                here = np.flatnonzero(full & (places == code))
                place.lattice.occupant[sites[here]] = here

    def stock(self) -> Array:
        """Return the body cells present, ``(kind, compartment)`` as in the ledger."""
        present = np.zeros(self.ledger.book.shape[:2], np.int64)
        for table in self.tables.values():
            rows = table.alive()
            kinds, places, weights = (table.array(name)[rows] for name in ("kind", "compartment", "weight"))
            np.add.at(present, (kinds, places), weights)
        for place in self.places.values():
            if place.lattice is not None:
                counts = np.bincount(place.lattice.kinds(), minlength=SOLID + 1)
                for kind in KINDS:
                    if kind.home == "light":
                        present[kind.code, place.code] += int(counts[kind.code]) * place.scale
        return present

    def check(self) -> None:
        """Verify every invariant.

        Raises
        ------
        InvariantError
            A full cell and its site disagree, a weight is out of range, rows are counted wrongly, or
            the ledger does not balance.
        """
        for name, table in self.tables.items():
            self._check_table(name, table)
        for place in self.places.values():
            self._check_lattice(place)
        present, booked = self.stock(), self.ledger.balance()
        if not np.array_equal(present, booked):
            kind, code = np.argwhere(present != booked)[0]
            raise InvariantError(
                f"ledger of kind {kind} in {self.places[int(code)].name}: {booked[kind, code]} booked, "
                f"{present[kind, code]} present"
            )

    def _check_table(self, name: str, table: CellTable) -> None:
        uids, kinds, weights, sites, places, flags = table.arrays(
            "uid", "kind", "weight", "site", "compartment", "flags"
        )
        alive = kinds != VOID
        if np.count_nonzero(~alive) != table.n_dead:
            raise InvariantError(f"{name}: {np.count_nonzero(~alive)} dead rows, {table.n_dead} counted")
        living = uids[alive]
        if len(np.unique(living)) != len(living) or (len(living) and living.max() >= self.next_uid):
            raise InvariantError(f"{name}: uids are not unique and below {self.next_uid}")
        own = [kind.code for kind in KINDS if kind.home == name]
        strange = np.flatnonzero(alive & ~(np.isin(kinds, own) & np.isin(places, list(self.places))))
        if len(strange):
            row = strange[0]
            raise InvariantError(f"{name} row {row}: kind {kinds[row]} in compartment {places[row]} cannot be")
        for code, place in self.places.items():
            here = np.flatnonzero(alive & (places == code))
            wrong = here[(weights[here] < 1) | (weights[here] > place.scale)]
            if len(wrong):
                raise InvariantError(
                    f"{name} row {wrong[0]}: weight {weights[wrong[0]]} not 1 to {place.scale} in {place.name}"
                )
            if place.lattice is None:
                if ((sites[here] != NOWHERE) | ((flags[here] & GUEST) != 0)).any():
                    raise InvariantError(f"{name}: a cell of the well-mixed {place.name} has a site or is a guest")
                continue
            if len(here) and not ((sites[here] >= 0) & (sites[here] < place.lattice.n_sites)).all():
                raise InvariantError(f"{name}: a cell of the {place.name} stands outside the lattice")
            full = here[(flags[here] & GUEST) == 0]
            light = full[weights[full] != place.scale]
            if len(light):
                raise InvariantError(f"{name} row {light[0]}: full, but weight {weights[light[0]]} of {place.scale}")
            codes = place.lattice.site_code[sites[full]]
            if not np.array_equal(place.lattice.occupant[sites[full]], full):
                raise InvariantError(f"{name}: a full cell is not the occupant of its site in {place.name}")
            if not np.array_equal(codes & KIND_BITS, kinds[full]):
                raise InvariantError(f"{name}: a site's code differs from its cell's kind in {place.name}")
            locked = (flags[full] & LOCKED) != 0
            if not np.array_equal((codes & BOUND_BIT) != 0, locked):
                raise InvariantError(f"{name}: locked cells and bound sites differ in {place.name}")

    def _check_lattice(self, place: Place) -> None:
        lattice = place.lattice
        if lattice is None:
            return
        kinds = lattice.kinds()
        rowless = [VOID, SOLID] + [kind.code for kind in KINDS if kind.home == "light"]
        with_row = ~np.isin(kinds, rowless)
        if not np.array_equal(with_row, lattice.occupant != NO_OCCUPANT):
            site = int(np.flatnonzero(with_row != (lattice.occupant != NO_OCCUPANT))[0])
            raise InvariantError(f"{place.name} site {site}: code {kinds[site]}, occupant {lattice.occupant[site]}")
        if ((lattice.site_code[~with_row] & BOUND_BIT) != 0).any():
            raise InvariantError(f"{place.name}: a site without a row is bound")
        for kind in KINDS:
            if kind.home == "light":
                continue
            table = self.tables[kind.home]
            sites = np.flatnonzero(kinds == kind.code)
            rows = lattice.occupant[sites]
            if len(rows) and rows.max() >= table.n_rows:
                raise InvariantError(f"{place.name}: an occupant of kind {kind.name} has no row")
            where, codes, places, flags = (table.array(c)[rows] for c in ("site", "kind", "compartment", "flags"))
            right = (where == sites) & (codes == kind.code) & (places == place.code) & ((flags & GUEST) == 0)
            if not right.all():
                site = sites[~right][0]
                raise InvariantError(f"{place.name} site {site}: its {kind.name} is dead, a guest or elsewhere")
