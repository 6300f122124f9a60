# SPDX-License-Identifier: Apache-2.0
"""Tables of everything but parameters: entities, columns, processes, observables, streams, units."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from abm.assembly import build_schedule, build_state
from abm.celltypes import marrow as filling
from abm.celltypes import seeding
from abm.celltypes.car_t import COSTIMULATION, MOST_DRUG_DEATH, CarTParameters, Programme
from abm.errors import spelled
from abm.observables import available
from abm.processes import acute_phase, compaction, cytokines, diffusion, fates, leukaemia, placement, toxicity, weighting
from abm.scenario import load_scenario
from abm.schedule import Schedule
from abm.state import kinds as cell_kinds
from abm.state.columns import CellColumns, Column, MotileColumns, SessileColumns, columns_of
from abm.state.ledger import SIGNS, Entry
from abm.state.state import State
from abm.streams import Stream
from abm.treatments import EFFECTS
from abm.units import TICK_SECONDS, TICKS_PER_HOUR, TICKS_PER_MINUTE, UNITS, field_unit, from_base
from docs.parameters import NONE, first_paragraph, table

PACKAGE = Path(__file__).resolve().parents[1] / "abm"
SCENARIO = PACKAGE.parent / "scenarios" / "quickstart.yaml"

BODY = {
    "weight_kg": ("kg", "body weight"),
    "blood_volume_ml": ("mL", "blood volume"),
    "csf_volume_ml": ("mL", "volume of the CSF"),
    "blood_share": ("1", "share of the periphery's cells that are in blood"),
    "susceptibility": ("1", "the patient's CRS signal per IL-6"),
    "day_zero_tick": ("tick", "tick of day 0"),
    "product_memory": ("1", "memory cells among those infused, by product"),
    "product_cd4": ("1", "CD4 cells among those infused, by product"),
    "product_budget": ("1", "mean division budget, by product"),
    "product_death": ("1/h", "upper rate at which candidate deaths are drawn, by product"),
    "kills": ("cells", "cells killed by CAR T cells so far"),
    "kills_seen": ("cells", "the same at the last run of the cytokines"),
    "contacts_marrow": ("1", "contacts so far in the marrow"),
    "activations_marrow": ("1", "contacts that activated so far in the marrow"),
    "contacts_csf": ("1", "contacts so far in the CSF"),
    "activations_csf": ("1", "contacts that activated so far in the CSF"),
    "contacts_periphery": ("1", "contacts so far in the periphery"),
    "activations_periphery": ("1", "contacts that activated so far in the periphery"),
    "il6": ("pg/mL", "serum IL-6"),
    "ifn_gamma": ("pg/mL", "serum IFN-γ"),
    "il2": ("pg/mL", "serum IL-2"),
    "il15": ("1", "IL-15, relative to health"),
    "division_pace": ("1", "pace with which the waits of CAR T cells until division are written"),
    "debris": ("cells/kg", "killed cells not yet cleared away"),
    "crp": ("mg/L", "C-reactive protein"),
    "crp_lag_0": ("1", "first stage of the lag between IL-6 and CRP"),
    "crp_lag_1": ("1", "second stage of it"),
    "ferritin": ("1", "ferritin, relative to normal"),
    "ldh": ("1", "lactate dehydrogenase, relative to normal"),
    "crs_signal": ("pg/mL", "IL-6 signal that drives cytokine release syndrome"),
    "crs_grade": ("1", "grade of cytokine release syndrome"),
    "crs_grades_of_the_hour": ("1", "that of each ten minutes of the last hour"),
    "crs_hours_above": ("h", "time since which the signal is above each threshold"),
    "neurotoxicity": ("1", "1 during an episode of neurotoxicity, else 0"),
    "neurotoxicity_hazard": ("1/h", "its hazard"),
    "neurotoxicity_left": ("1", "cumulated hazard that is left until the next episode"),
    "neurotoxicity_highest": ("1/h", "the highest hazard of the episode"),
    "neurotoxicity_episodes": ("1", "episodes so far"),
    "barrier": ("1", "entry into the CSF relative to an intact barrier"),
    "coarse": ("1", "1 while processes act hourly because no CAR T cell has touched a target for long, else 0"),
    "quiet_since": ("tick", "when a contact was last seen, at an hour's beginning"),
    "quiet_seen": ("1", "contacts and kills that were seen then"),
    "clones": ("1", "highest clone number given so far; from the first loss of CD19 on"),
    "shares_given": ("1", "shares of CAR T infusions given so far"),
    "treatment_given": ("tick", "when each treatment was given; -1 not yet"),
    "treatment_rule_since": ("tick", "since when the rule of each holds; -1 it does not"),
    "effect_secretion": ("1", "factor of drugs on the secretion of cytokines"),
    "effect_division": ("1", "factor of drugs on the division of CAR T cells"),
    "effect_tnf": ("1", "factor of drugs on TNF"),
    "effect_pro_b": ("1", "factor of drugs on the influx of pro-B cells"),
    "effect_il6_clearance": ("1", "factor of drugs on the clearance of IL-6"),
    "effect_car_t_death": ("1/h", "death rate of CAR T cells that drugs add"),
    "il6r_occupancy": ("1", "share of IL-6 receptors that antibody occupies"),
}
"""Unit and meaning of the scalars and short arrays in ``state.body``; levels of drugs come on top."""
LATER = {"clones", "quiet_since", "quiet_seen", "neurotoxicity_highest", "neurotoxicity_episodes"}
"""Those that come into being with an event: a loss of CD19, a contact, neurotoxicity."""

CONSTANTS: tuple[tuple[Any, str, str, str], ...] = (
    (toxicity, "CRS_THRESHOLDS", "pg/mL", "signal that, sustained, is release of grade 1, 2, 3 and 4"),
    (acute_phase, "STAGES", "1", "stages in series that make up the lag of CRP"),
    (cytokines, "PG_PER_MOLECULE", "pg", "mass of a molecule"),
    (diffusion, "COARSENING", "sites", "edge of a voxel of the cytokine fields"),
    (fates, "REACH", "sites", "within which a void must lie for a daughter"),
    (placement, "PROBES", "1", "sites that a pro-B cell tries before it is lost"),
    (leukaemia, "MOST_CLONES", "1", "clones told apart"),
    (filling, "GUESTS_BELOW", "agents", "fewer full agents than this make a CD19-negative clone one of guests"),
    (seeding, "FEWEST_AGENTS", "agents", "into which a population is cut at least"),
    (weighting, "LEAST_RATIO", "1", "smallest ratio of the bounds of a class"),
    (compaction, "DEAD_SHARE", "1", "share of dead rows above which a table is compacted"),
)
"""Numbers that no scenario changes, by module."""


@cache
def _run() -> tuple[State, Schedule]:
    """Return the quickstart on a small lattice after two hours, with CAR T cells in all places."""
    scenario = load_scenario(SCENARIO, ["marrow.shape=[10, 10, 10]", "csf.shape=[16, 8, 4]", "treatments[1].day=-4"])
    state = build_state(scenario, scenario.seed)
    schedule = build_schedule(scenario, state)
    schedule.advance(state, 2 * TICKS_PER_HOUR)
    return state, schedule


def units() -> str:
    """Return the units that a file may use, by dimension."""
    base: dict[str, str] = {}
    others: dict[str, list[str]] = {}
    for unit, (dimension, numerator, denominator) in UNITS.items():
        others.setdefault(dimension, [])
        if numerator == denominator == 1:
            base.setdefault(dimension, unit)
        if base.get(dimension) != unit:
            factor = spelled(numerator) if denominator == 1 else f"{spelled(numerator)}/{spelled(denominator)}"
            others[dimension].append(f"{unit} ({factor})")
    return table(
        ("dimension", "base unit", "also read (times base unit)"),
        ((name, base.get(name) or _per_hour(others[name]), ", ".join(found) or NONE) for name, found in others.items()),
    )


def _per_hour(found: list[str]) -> str:
    """Return the base unit of a dimension of which only rates per day are read."""
    return found[0].split(" ")[0].removesuffix("/d") + "/h"


def kinds() -> str:
    """Return the cell types."""
    homes = {"sessile": "table of cells that sit", "motile": "table of cells that walk", "light": "a lattice code alone"}
    return table(
        ("code", "name", "what", "lineage", "held in", "antigen for a CAR", "exchanges places"),
        (
            (
                str(kind.code), f"`{kind.name}`", kind.label, kind.lineage, homes[kind.home],
                "CD19, CD22" if kind.target else ("CD22" if kind.lineage == cell_kinds.LEUKAEMIA else NONE),
                "yes" if kind.mobile else "no",
            )
            for kind in cell_kinds.KINDS
        ),
    )  # fmt: skip


def compartments() -> str:
    """Return the compartments of a run with a body."""
    state, _ = _run()
    rows = []
    for place in state.places.values():
        lattice = place.lattice
        form = "well mixed" if lattice is None else "lattice"
        edges = NONE if lattice is None else ", ".join("periodic" if one else "wall" for one in lattice.periodic)
        spacing = NONE if lattice is None else f"{spelled(lattice.spacing)} µm"
        rows.append((str(place.code), f"`{place.name}`", form, spacing, edges))
    return table(("code", "name", "form", "spacing", "edges along x, y, z"), rows)


def _columns(owner: type, without: dict[str, Column]) -> str:
    found = ((name, column) for name, column in columns_of(owner).items() if name not in without)
    return table(
        ("column", "meaning", "unit", "type"),
        ((f"`{name}`", column.about, column.unit or NONE, column.dtype.name) for name, column in found),
    )


def common_columns() -> str:
    """Return the state variables of every cell."""
    return _columns(CellColumns, {})


def sessile_columns() -> str:
    """Return the further state variables of cells that sit."""
    return _columns(SessileColumns, columns_of(CellColumns))


def motile_columns() -> str:
    """Return the further state variables of cells that walk."""
    return _columns(MotileColumns, columns_of(CellColumns))


def programmes() -> str:
    """Return the values of the column ``state`` of a CAR T cell."""
    return table(("value", "programme"), ((str(one.value), one.name.lower()) for one in Programme))


def body_variables() -> str:
    """Return the variables of the body.

    Raises
    ------
    ValueError
        The state has one that :data:`BODY` does not describe, or lacks one of its effects.
    """
    state, _ = _run()
    undescribed = sorted(name for name in {*state.body, *EFFECTS} - {*BODY} if not name.startswith("drug_"))
    gone = sorted({*BODY} - {*state.body} - LATER)
    if undescribed or gone:
        raise ValueError(f"docs/tables.py, BODY: not described: {undescribed}; no longer there: {gone}")
    return table(("variable", "meaning", "unit"), ((f"`{name}`", about, unit) for name, (unit, about) in BODY.items()))


def schedule() -> str:
    """Return the processes of a run with a body, in their order."""
    _, found = _run()
    coarse = {process.name: process.period for process in found.coarse}
    return table(
        ("", "process", "every", "in the coarse mode", "what", "file"),
        (
            (
                str(number), f"`{process.name}`", _minutes(process.period), _minutes(coarse[process.name]),
                first_paragraph(type(process)).rstrip("."), f"`{type(process).__module__.replace('.', '/')}.py`",
            )
            for number, process in enumerate(found.processes, 1)
        ),
    )  # fmt: skip


def _minutes(ticks: int) -> str:
    return f"{spelled(ticks / TICKS_PER_MINUTE)} min"


def observables() -> str:
    """Return the observables of a run with a body; cells by kind and compartment in one row."""
    state, _ = _run()
    counts = "`cells_<kind>_<compartment>`", "cells", "cells of a kind in a compartment"
    others = [item for item in available(state) if not re.match("cells_.*_(marrow|csf|periphery)$", item.name)]
    return table(
        ("observable", "unit", "meaning", "in a closed block"),
        (
            (*counts, "marrow only"),
            *((f"`{item.name}`", item.unit, item.about.rstrip("."), "no" if item.needs_body else "yes") for item in others),
        ),
    )


def streams() -> str:
    """Return the random streams and the files that draw from them."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    rows = []
    for stream in Stream:
        users = [path for path, text in sources.items() if re.search(rf"\bStream\.{stream.name}\b", text)]
        listed = ", ".join(f"`{path.relative_to(PACKAGE.parent)}`" for path in users)
        rows.append((str(stream.value), f"`{stream.name}`", listed or NONE))
    return table(("number", "stream", "drawn from in"), rows)


def entries() -> str:
    """Return the columns of the books."""
    signs = {1: "gain", -1: "loss", 0: "event"}
    return table(("entry", "changes the stock"), ((f"`{one.name}`", signs[int(SIGNS[one])]) for one in Entry))


def _rounded(number: float) -> str:
    return spelled(float(f"{number:.3g}"))


def costimulation() -> str:
    """Return the defaults that differ between costimulatory domains, in declared units."""
    domains = list(COSTIMULATION)
    rows = []
    for name in COSTIMULATION[domains[0]]:
        unit = field_unit(CarTParameters, name) if name in CarTParameters.model_fields else "1"
        assert unit is not None
        values = [_rounded(from_base(COSTIMULATION[domain][name], unit)) for domain in domains]
        rows.append((f"`{name}`", *values, unit))
    return table(("key", *domains, "unit"), rows)


def constants() -> str:
    """Return the numbers that no scenario changes."""
    death = spelled(from_base(MOST_DRUG_DEATH, "1/d"))
    rows = [
        ("length of a tick", str(TICK_SECONDS), "s", "`abm/units.py`"),
        ("largest death rate of CAR T cells that drugs add", death, "1/d", "`abm/celltypes/car_t.py`"),
    ]
    for module, name, unit, about in CONSTANTS:
        value = getattr(module, name)
        if isinstance(value, dict):
            parts = [f"{key} {_rounded(one)}" for key, one in value.items()]
        else:
            parts = [spelled(one) for one in (value if isinstance(value, tuple) else (value,))]
        rows.append((about, ", ".join(parts), unit, f"`{module.__name__.replace('.', '/')}.py`"))
    return table(("what", "value", "unit", "file"), rows)
