# SPDX-License-Identifier: Apache-2.0
"""Observables: named numbers of the state, each a function that only reads it.

Another one is a function of this module decorated with :func:`observable`; it then appears in trajectories, in
rules such as ``when: crs_grade >= 3``, and in ``abm info``. Other packages add theirs through :data:`OTHERS`; these
appear in rules, and in the trajectories of scenarios that name them in ``record.also``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from abm.celltypes import BLAST, CAR_T, CD19_NEGATIVE_BLAST, HOST_T, MATURE_B, PRE_B
from abm.errors import InputError, nearest, shown
from abm.openings import Opening
from abm.state.columns import Array
from abm.state.kinds import KINDS, CellType
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY, PLACE_NAMES
from abm.state.state import State
from abm.treatments.rules import CELLS_OF
from abm.units import canonical_unit

LEUKAEMIA = (BLAST.code, CD19_NEGATIVE_BLAST.code)
CD19_B = (PRE_B.code, MATURE_B.code)
HOURS_PER_DAY = 24


@dataclass(frozen=True)
class Snapshot:
    """The state with its census, so that twenty observables count the cells once.

    Parameters
    ----------
    state : State
        The state.
    cells : (n_kinds, n_places) array of int64
        Body cells by kind and compartment.
    """

    state: State
    cells: Array

    @classmethod
    def of(cls, state: State) -> Snapshot:
        """Count a state; the ledger's balance is the census, which `State.check` verifies."""
        return cls(state, state.ledger.balance())

    def body(self, name: str) -> float:
        """Return a scalar body variable, 0 if it does not exist yet."""
        values = self.state.body.get(name)
        return 0.0 if values is None else float(values[0])

    def count(self, kinds: tuple[int, ...], place: int | None = None) -> int:
        """Return the body cells of some kinds in one compartment or all."""
        rows = self.cells[list(kinds)]
        return int(rows.sum() if place is None else rows[:, place].sum())

    @property
    def blood_per_microlitre(self) -> float:
        """Factor from cells of the periphery to cells per µL of blood."""
        volume = self.body("blood_volume_ml") * 1000
        return self.body("blood_share") / volume if volume else 0.0


@dataclass(frozen=True)
class Observable:
    """A named number of the state, a function of a :class:`Snapshot`."""

    name: str
    unit: str
    about: str
    value: Callable[[Snapshot], float]
    needs_body: bool

    def __call__(self, snapshot: Snapshot) -> float:
        """Return the number."""
        return self.value(snapshot)

    @property
    def __wrapped__(self) -> Callable[[Snapshot], float]:
        """The function, for whoever looks for its source."""
        return self.value


def observable(unit: str, *, needs_body: bool = True, name: str = "") -> Callable[[Callable[[Snapshot], float]], Observable]:
    """Make an observable of a function of a :class:`Snapshot`; its docstring says what it is.

    Parameters
    ----------
    unit : str
        Unit as in :mod:`abm.units`.
    needs_body : bool
        Whether it makes no sense in a closed block.
    name : str
        Name, if not that of the function.

    Raises
    ------
    ValueError
        Unknown unit; the message names the nearest known one.
    """
    canonical_unit(unit)

    def made(function: Callable[[Snapshot], float]) -> Observable:
        return Observable(name or function.__name__, unit, (function.__doc__ or "").strip(), function, needs_body)

    return made


def catalogue(
    places: Iterable[int], *, with_body: bool, kinds: Iterable[CellType] | None = None, also: Iterable[str] = ()
) -> Iterator[Observable]:
    """Yield the observables of a run with these compartments, cells by kind and compartment first.

    Parameters
    ----------
    places : iterable of int
        Codes of the compartments.
    with_body : bool
        Whether there is a body around the marrow.
    kinds : iterable of CellType, optional
        Cell types of the run; those of this package if not given.
    also : iterable of str
        Names of observables of other packages.

    Raises
    ------
    InputError
        One of these is unknown or cannot be loaded.
    """
    for kind in KINDS.own() if kinds is None else kinds:
        for code in sorted(places):
            yield _count_of(kind.code, kind.name, code)
    for item in [*OBSERVABLES.values(), *map(_other, also)]:
        if with_body or not item.needs_body:
            yield item


def available(state: State, also: Iterable[str] = ()) -> Iterator[Observable]:
    """Yield the observables of a state, and those of other packages that are named."""
    return catalogue(state.places, with_body="weight_kg" in state.body, kinds=state.kinds, also=also)


def observe(name: str, state: State) -> float:
    """Return one observable by name, of this package or another.

    Raises
    ------
    InputError
        No such observable; the message names the nearest.
    """
    known = {item.name: item for item in available(state, [name] if name in OTHERS.names() else [])}
    if name not in known:
        raise InputError(f"unknown observable {name!r}; nearest: {nearest(name, [*known, *OTHERS.names()])!r}")
    return _number(known[name], Snapshot.of(state))


def observe_all(state: State, also: Iterable[str] = ()) -> dict[str, float]:
    """Return all observables of a state, and those of other packages that are named, by name."""
    snapshot = Snapshot.of(state)
    return {item.name: _number(item, snapshot) for item in available(state, also)}


def _number(item: Observable, snapshot: Snapshot) -> float:
    found: Any = item.value(snapshot)
    if not isinstance(found, str | bytes):
        with suppress(TypeError, ValueError):  # such as None, a list, an array of several
            return float(found)
    raise InputError(f"observable {item.name!r} of {OTHERS.origin(item.name) or 'abm'}: must return a number, got {shown(found)}")


def _other(name: str) -> Observable:
    found = OTHERS.get(name)
    if found is None:
        raise InputError(f"unknown observable {name!r}; nearest: {nearest(name, OTHERS.names())!r}")
    return found


def _count_of(kind: int, name: str, place: int) -> Observable:
    return Observable(
        f"{CELLS_OF}{name}_{PLACE_NAMES[place]}",
        "cells",
        f"{KINDS[kind].label} in the {PLACE_NAMES[place]}",
        lambda snapshot: snapshot.count((kind,), place),
        needs_body=False,
    )


@observable("cells", needs_body=False)
def kills_total(snapshot: Snapshot) -> float:
    """Cells killed by CAR T cells so far."""
    return snapshot.state.ledger.total(Entry.KILLED)


@observable("1", needs_body=False)
def effector_target_ratio(snapshot: Snapshot) -> float:
    """CAR T cells per CD19+ cell in the marrow (or block); not a number without targets."""
    targets = snapshot.count((BLAST.code, *CD19_B), MARROW)
    return snapshot.count((CAR_T.code,), MARROW) / targets if targets else float("nan")


@observable("1")
def mrd(snapshot: Snapshot) -> float:
    """Leukaemic share of marrow mononuclear cells."""
    total = int(snapshot.cells[:, MARROW].sum())
    return snapshot.count(LEUKAEMIA, MARROW) / total if total else 0.0


@observable("%")
def marrow_blast_percent(snapshot: Snapshot) -> float:
    """Blasts among marrow mononuclear cells."""
    return 100 * mrd(snapshot)


@observable("1")
def cd19_negative_fraction(snapshot: Snapshot) -> float:
    """CD19-negative cells among leukaemic cells of the body; not a number without leukaemia."""
    total = snapshot.count(LEUKAEMIA)
    return snapshot.count((CD19_NEGATIVE_BLAST.code,)) / total if total else float("nan")


@observable("cells")
def blasts_total(snapshot: Snapshot) -> float:
    """Leukaemic cells of the body."""
    return snapshot.count(LEUKAEMIA)


@observable("cells")
def car_t_total(snapshot: Snapshot) -> float:
    """CAR T cells of the body."""
    return snapshot.count((CAR_T.code,))


@observable("cells/µL")
def car_t_blood(snapshot: Snapshot) -> float:
    """CAR T cells in blood."""
    return snapshot.count((CAR_T.code,), PERIPHERY) * snapshot.blood_per_microlitre


@observable("%")
def car_t_percent_cd3(snapshot: Snapshot) -> float:
    """CAR T cells among the T cells of blood."""
    total = snapshot.count((CAR_T.code, HOST_T.code), PERIPHERY)
    return 100 * snapshot.count((CAR_T.code,), PERIPHERY) / total if total else 0.0


@observable("cells/µL")
def b_cells_blood(snapshot: Snapshot) -> float:
    """CD19+ B cells in blood."""
    return snapshot.count(CD19_B, PERIPHERY) * snapshot.blood_per_microlitre


@observable("cells/µL")
def blasts_blood(snapshot: Snapshot) -> float:
    """Blasts in blood."""
    return snapshot.count(LEUKAEMIA, PERIPHERY) * snapshot.blood_per_microlitre


def _per_csf(snapshot: Snapshot, kinds: tuple[int, ...]) -> float:
    volume = snapshot.body("csf_volume_ml") * 1000
    return snapshot.count(kinds, CSF) / volume if volume and CSF in snapshot.state.places else float("nan")


@observable("cells/µL")
def car_t_csf(snapshot: Snapshot) -> float:
    """CAR T cells of the CSF per volume of fluid."""
    return _per_csf(snapshot, (CAR_T.code,))


@observable("cells/µL")
def blasts_csf(snapshot: Snapshot) -> float:
    """Blasts of CSF and meninges per volume of fluid."""
    return _per_csf(snapshot, LEUKAEMIA)


@observable("1")
def crs_grade(snapshot: Snapshot) -> float:
    """Highest grade of cytokine release syndrome within the last hour."""
    grades = snapshot.state.body.get("crs_grades_of_the_hour")
    return 0.0 if grades is None else float(grades.max())


@observable("1/d")
def neurotoxicity_hazard(snapshot: Snapshot) -> float:
    """Hazard of neurotoxicity; not a number without CSF."""
    return snapshot.body("neurotoxicity_hazard") * HOURS_PER_DAY if CSF in snapshot.state.places else float("nan")


@observable("1")
def neurotoxicity(snapshot: Snapshot) -> float:
    """Neurotoxicity: 1 from onset to resolution, otherwise 0; not a number without CSF."""
    return snapshot.body("neurotoxicity") if CSF in snapshot.state.places else float("nan")


def _body_variable(name: str, unit: str, about: str) -> Observable:
    return Observable(name, unit, about, lambda snapshot: snapshot.body(name), needs_body=True)


_BODY_VARIABLES = (
    _body_variable("il6", "pg/mL", "serum IL-6"),
    _body_variable("ifn_gamma", "pg/mL", "serum IFN-γ"),
    _body_variable("il2", "pg/mL", "serum IL-2"),
    _body_variable("il15", "1", "IL-15, relative to health"),
    _body_variable("crp", "mg/L", "C-reactive protein"),
    _body_variable("ferritin", "1", "ferritin, relative to normal"),
    _body_variable("ldh", "1", "lactate dehydrogenase, relative to normal"),
    _body_variable("crs_signal", "pg/mL", "IL-6 signal that drives cytokine release syndrome"),
    _body_variable("il6r_occupancy", "1", "IL-6 receptors blocked by tocilizumab"),
)

OBSERVABLES: dict[str, Observable] = {
    item.name: item for item in [*vars().values(), *_BODY_VARIABLES] if isinstance(item, Observable)
}
"""Every observable of this package, by name."""


def _name_of(thing: Any) -> str:
    if not isinstance(thing, Observable):
        raise ValueError(f"must be a function decorated with abm.extensions.observable, is {thing!r}")
    if not thing.name.isidentifier() or thing.name.startswith(CELLS_OF):
        raise ValueError(f"its name must be an identifier that does not begin with {CELLS_OF!r}, is {thing.name!r}")
    return thing.name


OTHERS: Opening[Observable] = Opening("abm.observables", "observable", lambda: OBSERVABLES, _name_of)
"""Observables that other packages add."""
