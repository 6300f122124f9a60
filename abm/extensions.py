# SPDX-License-Identifier: Apache-2.0
"""What other packages build on, and how they, or a notebook, add treatments, observables and cell types.

A package declares an entry point in one of the groups ``abm.treatments``, ``abm.observables`` and
``abm.cell_types``; its name is the name in scenarios. A script or notebook calls :func:`register` instead.
The names below are what such code needs of the simulator, gathered in one place that stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from traceback import walk_tb
from typing import Any, NamedTuple, TypeVar

from abm.celltypes import BLAST, CAR_T, CD19_NEGATIVE_BLAST, HOST_T, MATURE_B, PRE_B, OtherCells
from abm.celltypes import OTHERS as CELL_TYPES
from abm.celltypes.car_t import Programme
from abm.celltypes.seeding import DRAW_CD19, DRAW_CD22, sample_antigens
from abm.errors import InputError
from abm.observables import OTHERS as OBSERVABLES
from abm.observables import Observable, Snapshot, observable
from abm.openings import Opening, Origin, off_words, source_digest
from abm.scenario import Scenario
from abm.state.columns import Array
from abm.state.kinds import CellType
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.state.state import State
from abm.streams import Stream
from abm.treatments import EFFECTS, Treatment
from abm.treatments import OTHERS as TREATMENTS
from abm.treatments.pharmacokinetics import bolus, occupied, rate_of, tapered
from abm.treatments.rules import parse_rule
from abm.treatments.thinning import thin
from abm.treatments.treatment import draw_number, drug_key, scale_effect, set_value
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR, Parameters, quantity

__all__ = [
    "BLAST",
    "CAR_T",
    "CD19_NEGATIVE_BLAST",
    "CSF",
    "DRAW_CD19",
    "DRAW_CD22",
    "EFFECTS",
    "HOST_T",
    "MARROW",
    "MATURE_B",
    "PERIPHERY",
    "PRE_B",
    "TICKS_PER_DAY",
    "TICKS_PER_HOUR",
    "Array",
    "CellType",
    "Entry",
    "Observable",
    "OtherCells",
    "Parameters",
    "Programme",
    "Snapshot",
    "State",
    "Stream",
    "Treatment",
    "bolus",
    "draw_number",
    "drug_key",
    "observable",
    "occupied",
    "quantity",
    "rate_of",
    "register",
    "sample_antigens",
    "scale_effect",
    "set_value",
    "tapered",
    "thin",
    "unregister",
]

OPENINGS: dict[str, Opening[Any]] = {one.what: one for one in (TREATMENTS, OBSERVABLES, CELL_TYPES)}
"""What can be added, by the word for it."""

Thing = TypeVar("Thing")


class Use(NamedTuple):
    """Something of another package that a scenario uses.

    Parameters
    ----------
    what : str
        A key of :data:`OPENINGS`.
    name : str
        Name in scenarios.
    origin : Origin
        Where it is from.
    """

    what: str
    name: str
    origin: Origin


def register(thing: Thing) -> Thing:
    """Add a treatment, an observable or a cell type for this process, and return it; also a decorator.

    Other processes, such as the workers of a study, do not know it: for these it must be in a package. Registered
    again from the same place, as a cell of a notebook is run again, it replaces what was there.

    Parameters
    ----------
    thing : subclass of Treatment or OtherCells, or Observable
        What to add.

    Raises
    ------
    InputError
        It is something else, is not complete, or its name is taken.

    Examples
    --------
    >>> import abm
    >>> from abm.extensions import CAR_T, Snapshot, observable
    >>> @abm.register                                                   # doctest: +SKIP
    ... @observable("cells")
    ... def car_t_in_marrow(snapshot: Snapshot) -> float:
    ...     "CAR T cells of the marrow."
    ...     return snapshot.count((CAR_T.code,), 0)
    """
    _opening_of(thing).register(thing)
    return thing


def unregister(thing: Any) -> None:
    """Forget what was registered; nothing happens if it is not known."""
    opening = _opening_of(thing)
    if thing in opening.loaded():
        opening.discard(opening.name_of(thing))


def _opening_of(thing: Any) -> Opening[Any]:
    if isinstance(thing, Observable):
        return OBSERVABLES
    for base, opening in ((Treatment, TREATMENTS), (OtherCells, CELL_TYPES)):
        if isinstance(thing, type) and issubclass(thing, base) and thing is not base:
            return opening
    raise InputError(
        "register takes a subclass of abm.extensions.Treatment or abm.extensions.OtherCells, or a function that "
        f"abm.extensions.observable decorates, got {thing!r}"
    )


def used(scenario: Scenario) -> list[Use]:
    """Return what a scenario uses of other packages, in the order of names."""
    rules = [parse_rule(item.when).observable for item in scenario.treatments if item.when is not None]
    named: dict[str, list[str]] = {
        TREATMENTS.what: [item.label for item in scenario.treatments],
        OBSERVABLES.what: [*scenario.record.also, *rules],
        CELL_TYPES.what: [cells.kind.name for cells in scenario.other_cells],
    }
    found = []
    for what, names in named.items():
        for name in sorted({*names} - {*OPENINGS[what].own()}):
            origin = OPENINGS[what].origin(name)
            if origin is not None:
                found.append(Use(what, name, origin))
    return found


def noted(scenario: Scenario) -> dict[str, Any]:
    """Return what the provenance of a run says of other packages; nothing if it uses none."""
    found = [{"what": one.what, "name": one.name, "package": one.origin.package, "version": one.origin.version} for one in used(scenario)]
    return {"extensions": found} if found else {}


def require_installed(scenario: Scenario) -> None:
    """Refuse a scenario that other processes could not read, as it uses what was registered in this one.

    Raises
    ------
    InputError
        It does.
    """
    here = [f"{one.what} {one.name!r}" for one in used(scenario) if not one.origin.is_installed]
    if here:
        raise InputError(
            f"{', '.join(here)}: registered in this process, of which its workers know nothing; put it into a package "
            "(docs/extending.md), or do the runs in this process (workers=0)"
        )


def require(provenance: Mapping[str, Any], path: object) -> None:
    """Refuse to go on with a run without what it was made with.

    Parameters
    ----------
    provenance : mapping
        Of the run.
    path : path
        Its trajectory, for the message.

    Raises
    ------
    InputError
        Something of another package is missing, or of another version.
    """
    missing: dict[tuple[str, str], list[dict[str, str]]] = {}
    for one in provenance.get("extensions", ()):
        here = OPENINGS[one["what"]].origin(one["name"])
        if here is None or (here.package, here.version) != (one["package"], one["version"]):
            missing.setdefault((one["package"], one["version"]), []).append(one)
    problems = []
    for (package, version), things in missing.items():
        listed = ", ".join(f"{one['what']} {one['name']!r}" for one in things)
        here = OPENINGS[things[0]["what"]].origin(things[0]["name"])
        if package.startswith("("):
            remedy = "register them as then, in this process, before the run goes on"
            found = "" if here is None else ", of which the source has changed"
        else:
            remedy = f"install {package} {version}, from where it was had"
            found = ", which is not installed here" if here is None else f"; here is {here}"
        problems.append(f"{path}: was made with {listed} of {package} {version}{found}: {remedy}")
    if problems:
        raise InputError("\n".join([*problems, *filter(None, [off_words()])]))


def at_fault(error: BaseException) -> str:
    """Return whose code, of other packages, an error arose in, such as ``my-onco 1.0 (treatment 'x')``; empty if in none.

    Parameters
    ----------
    error : exception
        With its traceback; the innermost frame of another package counts.
    """
    frames = [(str(frame.f_globals.get("__name__")), frame.f_code.co_qualname) for frame, _ in walk_tb(error.__traceback__)]
    known = [(what, *one) for what, opening in OPENINGS.items() for one in opening.written()]
    for module, _ in reversed(frames):
        there = [one for one in known if _share_a_package(module, one[3].__module__)]
        if there:
            origin = there[0][2]
            things = [
                f"{what} {name!r}" for what, name, found, written in there
                if found.package == origin.package
                and any(place == written.__module__ and f"{within}.".startswith(f"{written.__qualname__}.") for place, within in frames)
            ]  # fmt: skip
            whose = str(origin) if origin.is_installed else f"what {origin.package.strip('()')} registers"
            return f"{whose} ({', '.join(things)})" if things else whose
    return ""


def _share_a_package(one: str, other: str) -> bool:
    top = other.partition(".")[0]
    return one == other or (one.partition(".")[0] == top and top != "abm")


def identities(text: str) -> list[str]:
    """Return what decides, beside a text, what its run comes to: versions and sources of what it names of other packages.

    Parameters
    ----------
    text : str
        A scenario, or settings of one; a word in it that is the name of something is taken to mean it.
    """
    words = set(re.findall(r"\w+", text))
    found = []
    for what, opening in OPENINGS.items():
        for name in sorted(words.intersection(opening.names())):
            origin = opening.origin(name)
            assert origin is not None
            found.append(f"{what} {name} {origin} {source_digest(origin)}")
    return found
