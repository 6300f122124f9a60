# SPDX-License-Identifier: Apache-2.0
"""How large a run will be, and whether the machine has room for it: the one home of these numbers.

They were measured on whole runs of the scenarios shipped (user time and largest resident size as the kernel
tells them, one thread, with recording) and on marrows of 1e6 and 4e6 sites. On the scenarios shipped an
estimate of memory is right to a factor of 1.5, of disk and time to one of 2.5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from abm.celltypes.blast import BLAST
from abm.celltypes.car_t import CAR_T
from abm.celltypes.host_t import HOST_T
from abm.celltypes.seeding import FEWEST_AGENTS
from abm.errors import InputError, spelled
from abm.machine import free_memory, size_text
from abm.processes.leukaemia import CLONES_AT_START, MOST_CLONES
from abm.trajectory.gathering import SEGMENT_BYTES, SEGMENT_SECONDS
from abm.treatments.infusion import CarTInfusion

if TYPE_CHECKING:
    from abm.processes.body import BodyParameters
    from abm.scenario import Scenario

Problem = tuple[tuple[int | str, ...], str]

BASE_BYTES = 140e6
"""Interpreter and imports, with what a run needs whatever its size."""
BYTES_PER_SITE = 40
"""A dozen for the lattice; the rest is needed for a while when it is laid out."""
BYTES_PER_AGENT = 110
"""48 (cells that sit) or 60 (cells that walk), up to a quarter more that the tables grow ahead, and the
columns that are sorted when cells are recorded."""
CHECKPOINTS_AT_ONCE = 3
"""Checkpoints of a run that goes on: those that are kept, and the next."""
SEGMENT_COPIES = 2
"""Frames in memory, and the file made of them there."""
BYTES_PER_ROW_IN_MEMORY = 7e3
"""A row of observables before it is written: some fifty small arrays."""

BYTES_PER_CELL, BYTES_PER_MIXED_CELL = 6.0, 2.0
"""A recorded cell after compression, in a lattice and in the periphery; 4.1-6.2 and 1.2-3.7 measured."""
RAW_BYTES_PER_CELL = 30
BYTES_PER_VIEW_SITE, BYTES_PER_CSF_VIEW_SITE = 0.33, 0.03
"""A site of a view after compression; 0.28-0.33 measured in marrow, 0.005-0.03 in CSF."""
BYTES_PER_FIELD_SITE = 1.0
"""Two fields of float32 at twice the spacing."""
BYTES_PER_KEPT_AGENT, BYTES_PER_KEPT_SITE = 9.0, 1.2
"""Of a state that is kept, after compression; 8-14 and 1-1.5 measured."""
N_OBSERVABLES, BYTES_PER_VALUE = 52, 3.0
SEGMENT_SIZE = 1.6
"""Of what is recorded, in segments, which are compressed loosely, to that in the packed file."""
FILE_BYTES, PART_BYTES = 0.15e6, 0.15e6
"""Datasets and texts of a file, and of a segment, beside their data."""

SECONDS_PER_DAY, SECONDS_PER_DAY_WITH_CAR_T = 0.1, 0.35
"""Steps of ten minutes in Python, whatever the size; and more while there are CAR T cells."""
SECONDS_PER_SITE_DAY, SECONDS_PER_AGENT_DAY = 0.5e-6, 2.5e-6
SECONDS_PER_CAR_T_MINUTE = 80e-9
CAR_T_PER_SITE, CAR_T_CLASSES = 0.02, 3
"""CAR T agents on average: so many per open site (0.015-0.025 seen in responders), and classes of weighted agents."""
SECONDS_PER_CLONE = 60e-6
"""A division at which CD19 is lost; agents of many cells lose it in some at nearly each."""
DAYS_TO_RESPONSE = 7
"""From the first infusion until blasts are few; what then is left of them, or returns, is half of what would have been."""
DAYS_SAMPLED = 100

MOST_AGENTS = 1_000_000_000
"""Agents of a run at the start; the tables' rows are numbered in 32 bits."""
CROWDED, ROOM_FOR_CLASSES = 10, 1_000_000
"""A run ends when its agents exceed so many times the sites of its places, beyond room for rare classes."""


@dataclass(frozen=True)
class Size:
    """What a run will need.

    Parameters
    ----------
    agents : float
        Agents at their most.
    memory_bytes : float
        Largest resident size [bytes].
    file_bytes : float
        The finished trajectory [bytes].
    disk_bytes : float
        While it is packed: its segments and itself [bytes].
    seconds : float
        Processor time on one core [s].
    """

    agents: float
    memory_bytes: float
    file_bytes: float
    disk_bytes: float
    seconds: float


class _Agents(NamedTuple):
    """Agents at their most and on average, in lattices and in the periphery; CAR T cells and blasts on average."""

    lattice: float
    lattice_mean: float
    mixed: float
    mixed_mean: float
    car_t: float
    blasts: float


def estimate(scenario: Scenario, until_days: float | None = None) -> Size:
    """Return the expected size of a run.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    until_days : float, optional
        Day to end at, in place of the scenario's [d].
    """
    end = scenario.duration / 24 if until_days is None else until_days
    days = max(end - scenario.start / 24, 0.0)
    agents = _expected(scenario, days)
    marrow, csf = math.prod(scenario.marrow.shape), _csf_sites(scenario)
    seconds = days * (SECONDS_PER_DAY + SECONDS_PER_SITE_DAY * (marrow + csf))
    seconds += days * SECONDS_PER_AGENT_DAY * (agents.lattice_mean + agents.mixed_mean)
    births = 24 * max(scenario.blasts.net_growth + scenario.blasts.death, 0.0) * agents.blasts
    seconds += days * SECONDS_PER_CLONE * births * min(scenario.blasts.cd19_loss * _scale(scenario), 1.0)
    if agents.car_t:
        treated = max(end - _first_infusion(scenario), 0.0)
        seconds += treated * (SECONDS_PER_DAY_WITH_CAR_T + 1440 * SECONDS_PER_CAR_T_MINUTE * agents.car_t)

    frames = {
        name: days * 24 / period + 1 if (period := getattr(scenario.record, name)) else 0.0
        for name in ("observables", "view", "cells", "fields")
    }
    depth = scenario.record.view_depth
    views = [math.prod((*shape[:2], min(shape[2], depth))) for shape in _shapes(scenario)]
    stored = frames["observables"] * N_OBSERVABLES * BYTES_PER_VALUE
    stored += frames["view"] * (views[0] * BYTES_PER_VIEW_SITE + sum(views[1:]) * BYTES_PER_CSF_VIEW_SITE)
    stored += frames["cells"] * (agents.lattice_mean * BYTES_PER_CELL + agents.mixed_mean * BYTES_PER_MIXED_CELL)
    stored += frames["fields"] * marrow * BYTES_PER_FIELD_SITE
    gathered = frames["view"] * sum(views) + frames["fields"] * marrow * BYTES_PER_FIELD_SITE
    gathered += frames["cells"] * RAW_BYTES_PER_CELL * (agents.lattice_mean + agents.mixed_mean)
    state = BYTES_PER_KEPT_AGENT * (agents.lattice_mean + agents.mixed_mean) + BYTES_PER_KEPT_SITE * (marrow + csf)
    kept = int(scenario.record.last_state)
    if scenario.record.checkpoints:
        kept += int(days * 24 / scenario.record.checkpoints)
    stored += kept * state
    segments = 1 + max(gathered / SEGMENT_BYTES, seconds / SEGMENT_SECONDS)
    file = stored + FILE_BYTES

    memory = BASE_BYTES + BYTES_PER_SITE * (marrow + csf) + BYTES_PER_AGENT * (agents.lattice + agents.mixed)
    memory += SEGMENT_COPIES * min(gathered, SEGMENT_BYTES)
    memory += frames["observables"] * min(1.0, SEGMENT_SECONDS / max(seconds, 1.0)) * BYTES_PER_ROW_IN_MEMORY
    return Size(
        agents=agents.lattice + agents.mixed,
        memory_bytes=memory,
        file_bytes=file,
        disk_bytes=file + SEGMENT_SIZE * stored + CHECKPOINTS_AT_ONCE * state + segments * PART_BYTES,
        seconds=seconds,
    )


def problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield what makes a scenario too large for any machine, or too large for its body: path and message."""
    body, csf = scenario.body, scenario.csf
    if body is None:
        return
    room, cells = _room(scenario), body.nucleated_marrow_cells
    if room > cells:
        message = f"has room for {spelled(round(room))} cells, more than the {spelled(cells)} of the body's whole marrow"
        yield ("marrow", "shape"), f"{message} (body.weight, body.marrow_cells): take fewer sites"
        return
    if csf is not None:
        most = csf.scale(body) * math.prod(csf.shape)
        if csf.blasts > most:
            message = f"must be at most {spelled(most)} cells, which fill the slab (csf.full_density, csf.volume, csf.shape)"
            yield ("csf", "blasts"), f"{message}, got {spelled(csf.blasts)}"
    for path, count, what in _at_start(scenario, body):
        if count > MOST_AGENTS and path != ("csf", "blasts"):  # those have been told
            yield path, f"makes {count:.2g} agents ({what}); {spelled(MOST_AGENTS)} are the most in a run"


def require_memory(scenario: Scenario, free: float | None = None) -> None:
    """Refuse a run for which the machine has too little memory.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    free : float, optional
        Memory that is free [bytes]; by default as the machine tells.

    Raises
    ------
    InputError
        It needs more; the message says how much, and what to reduce.
    """
    told = short_of_memory(scenario, free)
    if told is not None:
        raise InputError(told)


def short_of_memory(scenario: Scenario, free: float | None = None) -> str | None:
    """Say by how much the machine's memory is too small for a run, and what to reduce; None if it is enough."""
    free = free_memory() if free is None else free
    needed = estimate(scenario).memory_bytes
    if needed <= free:
        return None
    shapes = dict(zip(("marrow.shape", "csf.shape"), _shapes(scenario), strict=False))
    share = {name: float(BYTES_PER_SITE) * math.prod(shape) for name, shape in shapes.items()}
    share["marrow.shape"] += BYTES_PER_AGENT * _room(scenario)
    advice = {name: f"reduce {name}, now {list(shape)}" for name, shape in shapes.items()}
    if scenario.body is not None:
        for path, count, what in _at_start(scenario, scenario.body):
            if BYTES_PER_AGENT * count > max(share.values()):
                name = ".".join(map(str, path))
                share[name], advice[name] = BYTES_PER_AGENT * count, f"reduce {name} ({what})"
    worst = max(share, key=lambda name: share[name])
    return f"this run needs about {size_text(needed)} of memory, {size_text(free)} are free: {advice[worst]}"


def most_agents(scenario: Scenario, free: float | None = None) -> int:
    """Return the agents at which a run ends: more than its places could ever hold, or than fit into memory.

    Parameters
    ----------
    scenario : Scenario
        What is simulated.
    free : float, optional
        Memory that is free [bytes]; by default as the machine tells.
    """
    sites = sum(map(math.prod, _shapes(scenario)))
    if scenario.body is not None:
        sites += math.ceil(scenario.body.periphery_sites * scenario.body.weight / _scale(scenario))
    fit = ((free_memory() if free is None else free) - BASE_BYTES) / BYTES_PER_AGENT
    expected = 2 * estimate(scenario).agents
    return int(min(max(CROWDED * sites + ROOM_FOR_CLASSES, expected), max(fit, 1), MOST_AGENTS))


def _shapes(scenario: Scenario) -> list[tuple[int, int, int]]:
    has_csf = scenario.body is not None and scenario.csf is not None
    return [scenario.marrow.shape, scenario.csf.shape] if has_csf and scenario.csf is not None else [scenario.marrow.shape]


def _csf_sites(scenario: Scenario) -> int:
    return sum(map(math.prod, _shapes(scenario)[1:]))


def _open_sites(scenario: Scenario) -> float:
    marrow = scenario.marrow
    return math.prod(marrow.shape) * (1.0 - marrow.fat - marrow.bone)


def _room(scenario: Scenario) -> float:
    """Return the cells that the lattice of the marrow holds at normal cellularity."""
    return max(_open_sites(scenario) * (1.0 - scenario.marrow.voids), 1.0)


def _scale(scenario: Scenario) -> float:
    """Return about the S of the marrow."""
    return 1.0 if scenario.body is None else max(scenario.body.nucleated_marrow_cells / _room(scenario), 1.0)


def _first_infusion(scenario: Scenario) -> float:
    """Return the day of the first infusion, infinite if there is none on a day [d]."""
    if scenario.body is None:
        return scenario.start / 24 if scenario.effector_target_ratio > 0 else math.inf
    # One by a rule may come at any time: as if at once.
    given = [min(item.days_given(), default=scenario.start) for item in scenario.treatments if isinstance(item, CarTInfusion)]
    return min(given, default=math.inf) / 24


def _at_start(scenario: Scenario, body: BodyParameters) -> Iterator[tuple[tuple[int | str, ...], float, str]]:
    """Yield the agents beside the lattice of the marrow, by the parameter that makes them: path, agents, words."""
    scale = _scale(scenario)
    b_lineage, host_t, csf = scenario.b_lineage, scenario.host_t, scenario.csf
    mature = b_lineage.mature_fraction * max(b_lineage.mature_pool, 1.0) * body.nucleated_marrow_cells
    yield ("b_lineage", "mature_life"), _pieces(mature, scale), "mature B cells: also maturation, mature_pool, body.weight"
    host = host_t.periphery_fraction * max(host_t.initial_pool, 1.0) * body.periphery_sites * body.weight
    yield ("body", "periphery_sites"), _pieces(host, scale), "host T cells: also host_t.initial_pool, body.weight"
    blasts = scenario.blasts.marrow_fraction * body.nucleated_marrow_cells * scenario.trafficking.blast_share
    yield ("trafficking", "blast_share"), _pieces(blasts, scale), "blasts of the periphery"
    if csf is not None:
        yield ("csf", "blasts"), _pieces(csf.blasts, csf.scale(body)), "blasts of the CSF"
    infusions = [(index, item) for index, item in enumerate(scenario.treatments) if isinstance(item, CarTInfusion)]
    for index, item in infusions:
        yield ("treatments", index, "dose"), _pieces(item.dose * body.weight, scale), "CAR T cells infused"
    if scale > 1:
        clones = MOST_CLONES if scenario.blasts.cd19_loss * scale > 1 else CLONES_AT_START
        classes = len(scenario.places) * (3 + clones + len(scenario.products))
        yield ("weighting", "lower"), float(classes * scenario.weighting.lower), "rare classes of cells, split up"


def _pieces(cells: float, scale: float) -> float:
    return max(cells / scale, min(cells, FEWEST_AGENTS))


def _expected(scenario: Scenario, days: float) -> _Agents:
    open_sites, room = _open_sites(scenario), _room(scenario)
    filled = min((1.0 - scenario.marrow.voids) * scenario.marrow.cellularity, 1.0) * open_sites
    shares = scenario.marrow_cells.shares()
    blasts = filled * shares[BLAST.code]
    others = filled * min(math.fsum(shares.values()) - shares[BLAST.code], 1.0)
    infusion = _first_infusion(scenario)
    turn = infusion + DAYS_TO_RESPONSE - scenario.start / 24
    course = [days * (k + 0.5) / DAYS_SAMPLED for k in range(DAYS_SAMPLED)]
    growth = scenario.blasts.net_growth * 24
    untreated = [min(blasts * math.exp(min(growth * day, 700.0)), max(room, blasts)) for day in course]
    mean = math.fsum(count / (2 if day > turn else 1) for day, count in zip(course, untreated, strict=True)) / DAYS_SAMPLED
    most = max(untreated, default=blasts)
    mixed = leukaemic = 0.0
    if scenario.body is not None:
        parts = {path: count for path, count, _ in _at_start(scenario, scenario.body)}
        leukaemic = scenario.trafficking.blast_share
        parts.pop(("trafficking", "blast_share"))
        mixed = math.fsum(parts.values())
        # Those of the marrow return to their normal number as well.
        normal_t = room * (1.0 - shares[BLAST.code]) * scenario.host_t.marrow_fraction
        others = max(others, others - filled * shares[HOST_T.code] + normal_t)
    car_t = 0.0
    if infusion < math.inf:
        car_t = filled * shares[CAR_T.code] + CAR_T_PER_SITE * open_sites + CAR_T_CLASSES * scenario.weighting.lower
    return _Agents(
        lattice=min(others + most, open_sites) + car_t,
        lattice_mean=min(others + mean, open_sites) + car_t,
        mixed=mixed + leukaemic * most,
        mixed_mean=mixed + leukaemic * mean,
        car_t=car_t,
        blasts=mean * (1.0 + leukaemic),
    )
