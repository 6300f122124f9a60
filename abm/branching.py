# SPDX-License-Identifier: Apache-2.0
"""From the state of one run to the first state of a branch, which goes on under another scenario.

What has happened is shared: the geometry, the cells of the start, and every treatment that has been given.
Whatever acts from now on may be changed.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from abm.errors import InputError, spelled
from abm.model import TherapyModel
from abm.scenario import Scenario
from abm.state import archive
from abm.state.columns import Array
from abm.treatments.schedule import NOT_YET
from abm.units import TICKS_PER_HOUR, Parameters, from_base
from abm.yamlfile import declared_units

SCHEDULED = ("due", "divide_at")
"""Columns that tell when something will happen; all others tell what has been laid out."""
MEMORY = ("treatment_given", "treatment_rule_since")


def changes(before: Parameters, after: Parameters) -> list[str]:
    """Return the paths at which two scenarios differ, such as ``treatments[2].day``."""
    return list(_differences(declared_units(before), declared_units(after), ""))


def graft(branch: TherapyModel, ancestor: TherapyModel, start: TherapyModel) -> None:
    """Put a branch where its ancestor stands.

    Parameters
    ----------
    branch : TherapyModel
        Laid out anew, under the scenario of the branch.
    ancestor : TherapyModel
        At the time of the branch.
    start : TherapyModel
        Laid out anew, under the scenario of the ancestor.

    Raises
    ------
    InputError
        The scenario of the branch would have begun otherwise, or changes a treatment that has been given.
    """
    old, new = archive.to_arrays(start.state), archive.to_arrays(branch.state)
    _require_same_start(old, new, branch, start)
    _require_same_past(branch.scenario, ancestor)
    now = archive.to_arrays(ancestor.state)
    for name, first in new.items():
        is_body = name.startswith(f"{archive.BODY}/")
        # what has stayed as the ancestor's scenario set it is now as that of the branch does
        if is_body and name in old and name in now and _same(now[name], old[name]) and not _same(first, old[name]):
            now[name] = first
    _fit_memory(now, branch.scenario, ancestor.scenario)
    archive.load_arrays(branch.state, now)
    branch.steps = ancestor.steps
    if any(not _same(old[name], new[name]) for name in old if name.rpartition("/")[2] in SCHEDULED):
        for process in branch.schedule.processes:
            reschedule = getattr(process, "reschedule", None)
            if reschedule is not None:
                reschedule(branch.state)


def _require_same_start(old: dict[str, Array], new: dict[str, Array], branch: TherapyModel, start: TherapyModel) -> None:
    kept = (archive.TABLES, archive.PLACES, archive.LEDGER)
    names = {name for name in {*old, *new} if name.startswith(kept) and name.rpartition("/")[2] not in SCHEDULED}
    same = all(name in old and name in new and _same(old[name], new[name]) for name in names)
    ours, theirs = branch.scenario.record, start.scenario.record
    same &= branch.day_zero == start.day_zero and (ours.view_depth, ours.also) == (theirs.view_depth, theirs.also)
    for code, place in start.state.places.items():
        same &= code in branch.state.places and branch.state.places[code].scale == place.scale
    if not same:
        paths = ", ".join(changes(start.scenario, branch.scenario))
        raise InputError(
            f"{paths}: changes how the run begins (geometry, first cells, scale, depth of views, further observables), which a branch "
            "shares with its ancestor; start a new run with it"
        )


def _require_same_past(scenario: Scenario, ancestor: TherapyModel) -> None:
    before, after = ancestor.scenario.treatments, scenario.treatments
    given = ancestor.state.body.get(MEMORY[0], np.full(len(before), NOT_YET))
    for index, treatment in enumerate(before):
        if given[index] != NOT_YET and (index >= len(after) or after[index] != treatment):
            day = (given[index] - ancestor.day_zero) / (24 * TICKS_PER_HOUR)
            raise InputError(
                f"treatments[{index}]: was given on day {day:.4g}; a branch from day {ancestor.day:g} can only change what was not"
            )
    for index, treatment in enumerate(after):
        is_old = index < len(before) and treatment == before[index]
        if not is_old and treatment.day is not None and treatment.day / 24 < ancestor.day:
            day = spelled(from_base(treatment.day, "d"))
            raise InputError(f"treatments[{index}].day: must not lie before the branch, day {ancestor.day:g}, got day {day}")


def _fit_memory(now: dict[str, Array], branch: Scenario, ancestor: Scenario) -> None:
    """Let the memory of treatments fit those of the branch: what is new, or another one, has not been given."""
    for name in MEMORY:
        path = f"{archive.BODY}/{name}"
        memory = np.full(len(branch.treatments), NOT_YET)
        for index, (old, new) in enumerate(zip(ancestor.treatments, branch.treatments, strict=False)):
            if old == new and path in now:
                memory[index] = now[path][index]
        if len(memory):
            now[path] = memory
        else:
            now.pop(path, None)


def _same(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def _differences(one: object, other: object, path: str) -> Iterable[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from _differences(one.get(key), other.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(one, list) and isinstance(other, list):
        for index in range(max(len(one), len(other))):
            old, new = (items[index] if index < len(items) else None for items in (one, other))
            yield from _differences(old, new, f"{path}[{index}]")
    elif one != other:
        yield path
