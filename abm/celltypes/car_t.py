# SPDX-License-Identifier: Apache-2.0
"""CAR T cells: programme states, and the parameters of a product."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Literal, Self

from pydantic import model_validator

from abm.state.kinds import KINDS, CellType
from abm.units import Parameters, from_base, located, quantity

CAR_T = KINDS.add(CellType(9, "car_t", "CAR T cell", "motile", "car_t", "#f98c24", mobile=False))


class Programme(IntEnum):
    """Value of the column ``state`` of a CAR T cell."""

    MEMORY = 0
    ACTIVATED = 1
    EFFECTOR = 2
    EXHAUSTED = 3
    RESIDENT = 4


class CarTParameters(Parameters):
    """A CAR T product and how its cells behave.

    Values that differ between CD28 and 4-1BB products are ``None`` here and taken from
    :data:`COSTIMULATION` unless a scenario states them.
    """

    costimulation: Literal["cd28", "4-1bb"] = "4-1bb"
    """Costimulatory domain of the CAR."""
    antigen: Literal["cd19", "cd22", "either"] = "cd19"
    """What the CAR binds; ``either`` is a bivalent CAR that sees the denser of the two."""
    cd4_fraction: float = quantity(
        0.5, "1", bounds=(0, 1), plausible=(0.2, 0.8), about="share of CD4 cells in the product",
        source="assumption: products are mixed; Lee 2014 reports both subsets",
    )  # fmt: skip
    memory_fraction: float = quantity(
        1.0, "1", bounds=(0, 1), plausible=(0.2, 1), about="share of the product that starts as memory; the rest as effectors",
        source="assumption: cells rest after manufacture and cryopreservation",
    )  # fmt: skip
    speed: float = quantity(
        6, "µm/min", bounds=(0, 60), plausible=(2, 12), about="speed of a free CAR T cell in marrow",
        source="Boissonnas 2007 (5-10 µm/min in tumour); marrow itself not measured",
    )  # fmt: skip
    persistence: float = quantity(
        5, "min", bounds=(0, 120), plausible=(2, 10), about="persistence time of the random walk",
        source="assumption, between published models (10 min) and PMC7237209 (undirected walks)",
    )  # fmt: skip
    contact_rate: float | None = quantity(
        None, "1/min", bounds=(0, 4), plausible=(0.3, 2),
        about="tests of one random neighbour by a free cell; one per 6 µm walked, if not stated",
        source="assumption: one neighbour met per 6 µm walked, 1,440 f contacts a day at target fraction f",
    )  # fmt: skip
    bind_probability: float = quantity(
        1, "1", bounds=(0, 1), about="chance that touching a target starts a contact",
        source="assumption: touching is contact",
    )  # fmt: skip
    kill_probability: float = quantity(
        0.35, "1", bounds=(0, 1), plausible=(0.1, 0.6), about="contacts that kill, at high antigen density",
        source="Cazaux 2019: not all contacts kill; fraction assumed",
    )  # fmt: skip
    activation_probability: float = quantity(
        0.2, "1", bounds=(0, 1), plausible=(0.05, 0.5), about="contacts that activate, at high antigen density",
        source="assumption, from the fit of a well-mixed surrogate to Lee 2014",
    )  # fmt: skip
    activation_density: float | None = quantity(
        None, "molecules", bounds=(1, 1e6), plausible=(1000, 8000), about="antigen density of half-maximal activation",
        source="Majzner 2018 (about 2,000 for CD28); 4-1BB twice that after Majzner 2020",
    )  # fmt: skip
    killing_density_ratio: float = quantity(
        0.2, "1", bounds=(0.001, 1), plausible=(0.05, 0.5), about="half-maximal density for killing over that for activation",
        source="assumption: killing needs less antigen than cytokine (ordering is standard, ratio assumed)",
    )  # fmt: skip
    kill_duration: tuple[float, float] = quantity(
        (25, 25), "min", bounds=(1, 600), about="shortest and longest binding of a contact that kills",
        source="Cazaux 2019: engaged, killed and detached within 25 min",
    )  # fmt: skip
    kill_point: float = quantity(
        0.5, "1", bounds=(0, 1), about="part of the binding after which the target is dead",
        source="assumption: death precedes detachment",
    )  # fmt: skip
    refractory: float = quantity(
        35, "min", bounds=(0, 1440), plausible=(20, 60), about="time after a kill before the next contact",
        source="Thibaut 2020 (20-35 min)",
    )  # fmt: skip
    unproductive_duration: tuple[float, float] = quantity(
        (8, 8), "min", bounds=(1, 600), about="shortest and longest binding of a contact that does not kill",
        source="assumption",
    )  # fmt: skip
    activation_lag: float = quantity(
        24, "h", bounds=(0, 240), plausible=(12, 72), about="first division of a memory cell after its activation",
        source="assumption: 24-72 h from a memory-like product",
    )  # fmt: skip
    cycle: float = quantity(
        12, "h", bounds=(4, 100), plausible=(8, 16), about="time between divisions of an activated cell",
        source="Hindawi 2015 Table 1 (5.5-16.7 h, mouse CD8)",
    )  # fmt: skip
    cd4_cycle_ratio: float = quantity(
        1.2, "1", bounds=(0.5, 3), plausible=(1, 1.5), about="cycle of a CD4 cell over that of a CD8 cell",
        source="Blood Adv 2022;6:5737: CD8 outcompete CD4; factor assumed",
    )  # fmt: skip
    burst_divisions: float = quantity(
        4.5, "1", bounds=(1, 50), plausible=(3, 8), about="mean divisions of an activated cell before it is an effector",
        source="PMC3441463 (4-8 divisions per stimulation)",
    )  # fmt: skip
    division_budget: float = quantity(
        13.6, "1", bounds=(0, 200), plausible=(8, 18), about="divisions from the founder after which a cell is exhausted",
        source="assumption, from the fit of a well-mixed surrogate to Lee 2014; without it returning B cells feed CAR T for ever",
    )  # fmt: skip
    exhaustion_per_kill: float | None = quantity(
        None, "1", bounds=(0, 1), plausible=(0.0005, 0.02), about="chance of exhaustion per contact that kills",
        source="Zhao 2020, Lee 2014 discussion (faster for CD28); values from the surrogate",
    )  # fmt: skip
    resident_fraction: float | None = quantity(
        None, "1", bounds=(0, 1), plausible=(0.00001, 0.05), about="effectors that become marrow-resident memory",
        source="Stein 2019 (memory fraction 0.8 %, 4-1BB); values from the surrogate",
    )  # fmt: skip
    resident_budget: float = quantity(
        3, "1", bounds=(0, 20), plausible=(2, 5), about="divisions left to the effector emitted by a resident cell",
        source="assumption",
    )  # fmt: skip
    death_memory: float = quantity(
        0.02, "1/d", bounds=(0, 10), plausible=(0.005, 0.05), about="death rate of memory cells",
        source="assumption, between Stein 2019's two phases",
    )  # fmt: skip
    death_activated: float = quantity(
        0.03, "1/d", bounds=(0, 10), plausible=(0.01, 0.1), about="death rate of activated cells",
        source="assumption",
    )  # fmt: skip
    death_effector: float | None = quantity(
        None, "1/d", bounds=(0, 10), plausible=(0.05, 0.5), about="death rate of effectors",
        source="Stein 2019 (contraction 0.16/d, 4-1BB); Lee 2014 (half-life 3-4 d)",
    )  # fmt: skip
    death_exhausted: float | None = quantity(
        None, "1/d", bounds=(0, 10), plausible=(0.05, 0.5), about="death rate of exhausted cells",
        source="Stein 2019; Lee 2014",
    )  # fmt: skip
    death_resident: float = quantity(
        0.0032, "1/d", bounds=(0, 10), plausible=(0.001, 0.02), about="death rate of resident memory",
        source="Stein 2019 (persistence 0.0032/d)",
    )  # fmt: skip
    memory_function: float = quantity(
        0.3, "1", bounds=(0, 1), about="killing of a memory cell, relative to an effector",
        source="assumption",
    )  # fmt: skip
    exhausted_function: float = quantity(
        0.1, "1", bounds=(0, 1), plausible=(0.05, 0.5), about="killing of an exhausted cell, relative to an effector",
        source="Zhao 2020 as used by published models (PD1+ 0.1-0.2)",
    )  # fmt: skip

    @model_validator(mode="after")
    def _durations_are_ordered(self) -> Self:
        problems: list[tuple[tuple[int | str, ...], str]] = []
        for name in ("kill_duration", "unproductive_duration"):
            shortest, longest = (from_base(hours, "min") for hours in getattr(self, name))
            if shortest > longest:
                problems.append(((name,), f"the shortest must not exceed the longest, got {shortest:g} and {longest:g} min"))
        if problems:
            raise located(problems)
        return self

    @property
    def tests(self) -> float:
        """Tests of one random neighbour by a free cell [1/h]."""
        return self.speed / CONTACT_LENGTH if self.contact_rate is None else self.contact_rate

    def resolved(self, name: str) -> float:
        """Return a parameter, from :data:`COSTIMULATION` if the scenario leaves it open (base units)."""
        value = getattr(self, name)
        return COSTIMULATION[self.costimulation][name] if value is None else value


CONTACT_LENGTH = 6.0
"""Path of a walking cell per neighbour met [µm]."""

COSTIMULATION: dict[str, dict[str, float]] = {
    "cd28": {
        "activation_density": 2000.0,
        "exhaustion_per_kill": 0.005,
        "resident_fraction": 2e-5,
        "death_effector": 0.25 / 24,
        "death_exhausted": 0.33 / 24,
        "secretion": 1.0,
    },
    "4-1bb": {
        "activation_density": 4000.0,
        "exhaustion_per_kill": 0.001,
        "resident_fraction": 0.03,
        "death_effector": 0.2 / 24,
        "death_exhausted": 0.2 / 24,
        "secretion": 1 / 3,
    },
}
"""Defaults that differ between costimulatory domains, in base units; sources as declared above.

``secretion`` is cytokine per contact relative to CD28 (Majzner 2020: 4-1BB makes about a third).
"""

MOST_DRUG_DEATH = 1 / 24
"""Largest death rate [1/h] that drugs add; part of the upper rate at which candidate deaths are drawn."""


def death_rates(product: CarTParameters) -> list[float]:
    """Return the death rate of each programme [1/h], in the order of :class:`Programme`."""
    return [
        product.death_memory,
        product.death_activated,
        product.resolved("death_effector"),
        product.resolved("death_exhausted"),
        product.death_resident,
    ]


def upper_death_rate(products: Sequence[CarTParameters]) -> float:
    """Return the constant rate at which candidate deaths of all products are drawn, then thinned [1/h]."""
    return max((max(death_rates(item)) for item in products), default=0.0) + MOST_DRUG_DEATH
