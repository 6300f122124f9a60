# SPDX-License-Identifier: Apache-2.0
"""A scenario: everything that a run needs besides its seed, read from one YAML file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from abm.celltypes import AnyCells
from abm.celltypes.b_lineage import BLineageParameters
from abm.celltypes.background import BackgroundParameters
from abm.celltypes.blast import BlastParameters
from abm.celltypes.car_t import CarTParameters
from abm.celltypes.host_t import HostTParameters
from abm.celltypes.macrophage import MacrophageParameters
from abm.celltypes.marrow import MarrowCells
from abm.choices import TAG
from abm.errors import nearest, shown, spelled
from abm.html import grid, table
from abm.observables import OBSERVABLES, Observable, catalogue
from abm.observables import OTHERS as OTHER_OBSERVABLES
from abm.processes.body import BodyParameters, CsfParameters
from abm.processes.cytokines import CytokineParameters
from abm.processes.neurotoxicity import NeurotoxicityParameters
from abm.processes.quiet import QuietParameters
from abm.processes.toxicity import ToxicityParameters
from abm.processes.trafficking import TraffickingParameters
from abm.processes.weighting import WeightingParameters
from abm.recording import RecordParameters
from abm.settings import key_settings, treatments_planned
from abm.sizing import problems as problems_of_size
from abm.state.kinds import KINDS, CellType
from abm.state.marrow import MarrowParameters
from abm.state.places import CSF, MARROW, PERIPHERY
from abm.treatments import AnyTreatment
from abm.treatments.infusion import MOST_SHARES, CarTInfusion
from abm.treatments.rules import parse_rule
from abm.units import TICKS_PER_HOUR, OneLine, Parameters, from_base, located, quantity
from abm.yamlfile import dump, load, load_text

FORMAT: Literal[1] = 1
MAX_SEED = 2**63 - 1


class PopulationParameters(Parameters):
    """Constants of division that no single cell type owns."""

    il15_sensitivity: float = quantity(
        0.1, "1", bounds=(0, 2), plausible=(0, 0.3), about="exponent with which relative IL-15 speeds up the division of CAR T cells",
        source="assumption: weak; not identifiable from Lee 2014, where all were depleted",
    )  # fmt: skip
    retry: float = quantity(
        1, "h", bounds=(0.1, 24), about="time after which a division without room is tried again",
        source="assumption",
    )  # fmt: skip


class Scenario(Parameters):
    """A run: patient, disease, product, treatments, and what to record."""

    abm: Literal[1] = Field(FORMAT, description="version of the scenario format")
    name: OneLine = Field(min_length=1, max_length=200, description="short name, shown in titles")
    description: str = Field("", description="what the scenario is about")
    source: str = Field("", description="where its numbers are from")
    seed: int = Field(1, ge=0, le=MAX_SEED, description="seed of every random draw")
    duration: float = quantity(
        60, "d", bounds=(0.01, 2800), about="day at which the run ends",
        source="scenario",
    )  # fmt: skip
    start: float = quantity(
        0, "d", bounds=(-60, 0), about="day at which the run starts; before day 0 to let lymphodepletion act",
        source="scenario",
    )  # fmt: skip
    body: BodyParameters | None = Field(BodyParameters(), description="the body around the marrow; null for a closed block of tissue")
    marrow: MarrowParameters = MarrowParameters()
    csf: CsfParameters | None = Field(CsfParameters(), description="cerebrospinal fluid; null to leave it out")
    blasts: BlastParameters = BlastParameters()
    b_lineage: BLineageParameters = BLineageParameters()
    host_t: HostTParameters = HostTParameters()
    macrophages: MacrophageParameters = MacrophageParameters()
    background: BackgroundParameters = BackgroundParameters()
    other_cells: tuple[AnyCells, ...] = Field((), description="cells of types that other packages add, in the marrow from the start")
    products: tuple[CarTParameters, ...] = Field(
        (CarTParameters(),), min_length=1, max_length=8, description="CAR T products, numbered from 1"
    )
    effector_target_ratio: float = quantity(
        0, "1", bounds=(0, 100), about="CAR T cells of product 1 per CD19+ cell, mixed in at the start (co-culture)",
        source="scenario",
    )  # fmt: skip
    susceptibility: float = quantity(
        1, "1", bounds=(0, 100), plausible=(0.4, 2.7), about="the patient's CRS signal per IL-6, relative to the median patient",
        source="assumption: log-normal between patients, ln-SD about 1",
    )  # fmt: skip
    population: PopulationParameters = PopulationParameters()
    weighting: WeightingParameters = WeightingParameters()
    quiet: QuietParameters = QuietParameters()
    trafficking: TraffickingParameters = TraffickingParameters()
    cytokines: CytokineParameters = CytokineParameters()
    toxicity: ToxicityParameters = ToxicityParameters()
    neurotoxicity: NeurotoxicityParameters = NeurotoxicityParameters()
    treatments: tuple[AnyTreatment, ...] = Field((), description="what is given, on a day or by a rule")
    record: RecordParameters = RecordParameters()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems: list[tuple[tuple[int | str, ...], str]] = []
        if self.body is None and self.treatments:
            message = "a closed block (body: null) takes none; mix CAR T cells in with effector_target_ratio"
            problems.append((("treatments",), message))
        problems.extend(self._problems_of_additions())
        own = catalogue(self.places, with_body=self.body is not None, kinds=self.kinds)
        names = {*(item.name for item in own), *OTHER_OBSERVABLES.names()}
        for index, treatment in enumerate(self.treatments):
            product, known = getattr(treatment, "product", 1), len(self.products)
            if product > known:
                problems.append((("treatments", index, "product"), f"must be at most {known} (products of the scenario), got {product}"))
            if treatment.day is not None and round(treatment.day * TICKS_PER_HOUR) < round(self.start * TICKS_PER_HOUR):
                day, start = _day(treatment.day), _day(self.start)
                message = f"must not lie before the start of the run, day {start}, got day {day}; set start: {day} d"
                problems.append((("treatments", index, "day"), message))
            if treatment.when is not None:
                rule = parse_rule(treatment.when)
                try:
                    rule.require_known(names)
                    OTHER_OBSERVABLES.get(rule.observable)
                except ValueError as error:
                    problems.append((("treatments", index, "when"), str(error)))
        shares = sum(len(item.shares) for item in self.treatments if isinstance(item, CarTInfusion))
        if shares > MOST_SHARES:
            problems.append((("treatments",), f"must have at most {MOST_SHARES} parts of infusions in all, got {shares}"))
        wanted = math.fsum(self.marrow_cells.shares().values())
        if wanted > 1 + 1e-9:
            message = "blasts, B lineage, T cells, macrophages, CAR T cells (effector_target_ratio) and other cells of the start"
            problems.append((("marrow",), f"{message} must be at most 100 % of its cells, got {100 * wanted:.4g} %"))
        problems.extend(problems_of_size(self))
        if problems:
            raise located(problems)
        return self

    def _problems_of_additions(self) -> Iterator[tuple[tuple[int | str, ...], str]]:
        """Yield what is wrong with what other packages add, and where."""
        types = [cells.kind.name for cells in self.other_cells]
        for number, name in enumerate(types):
            if name in types[:number]:
                yield ("other_cells", number, TAG), f"{name!r} is listed twice"
        for number, name in enumerate(self.record.also):
            here, found = ("record", "also", number), OTHER_OBSERVABLES.get(name)
            if name in self.record.also[:number]:
                yield here, f"{name!r} is listed twice"
            elif name in OBSERVABLES:
                yield here, f"{name!r} is recorded in any case; name those that other packages add"
            elif found is None:
                known = OTHER_OBSERVABLES.names()
                told = f"nearest: {nearest(name, known)!r}; known: {', '.join(known)}" if known else "no installed package adds any"
                yield here, f"unknown observable {shown(name)}; {told}"
            elif found.needs_body and self.body is None:
                yield here, f"{name!r} makes no sense in a closed block (body: null)"

    def _repr_html_(self) -> str:
        """Show the scenario in a notebook."""
        treatments = grid("Treatments", ("what", "when", "settings"), treatments_planned(self)) if self.treatments else ""
        return table(self.name, [*([("about", self.description)] if self.description else []), *key_settings(self)]) + treatments

    @property
    def places(self) -> tuple[int, ...]:
        """Codes of the compartments of the run."""
        if self.body is None:
            return (MARROW,)
        return (MARROW, PERIPHERY) if self.csf is None else (MARROW, CSF, PERIPHERY)

    @property
    def kinds(self) -> tuple[CellType, ...]:
        """Cell types of the run, in the order of their codes."""
        return (*KINDS.own(), *sorted((cells.kind for cells in self.other_cells), key=lambda kind: kind.code))

    def observables(self) -> Iterator[Observable]:
        """Yield what is observed in the run."""
        return catalogue(self.places, with_body=self.body is not None, kinds=self.kinds, also=self.record.also)

    @property
    def marrow_cells(self) -> MarrowCells:
        """What the marrow is filled with."""
        return MarrowCells(
            self.blasts,
            self.b_lineage,
            self.host_t,
            self.macrophages,
            self.marrow.voids,
            self.marrow.cellularity,
            self.products[0],
            self.effector_target_ratio,
            self.other_cells,
        )

    def never_given(self) -> list[str]:
        """Say which treatments, or which parts of them, the run is too short for, one line each."""
        notes = []
        for index, treatment in enumerate(self.treatments):
            days = sorted(treatment.days_given())
            late = [day for day in days if day >= self.duration]
            if late:
                what = f"treatments[{index}] (day {_day(late[0])}) is"
                if len(late) < len(days):
                    what = f"treatments[{index}]: {len(late)} of {len(days)} parts (from day {_day(late[0])}) are"
                notes.append(f"{what} not given: the run ends on day {_day(self.duration)}")
        return notes


def _day(hours: float) -> str:
    """Write a time as a day, as in a scenario."""
    return spelled(from_base(hours, "d"))


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario with the texts it came from."""

    scenario: Scenario
    resolved: str
    original: str


def read_scenario(path: str | Path, overrides: Sequence[str] = ()) -> ScenarioFile:
    """Read and check a scenario file, keeping its text.

    Raises
    ------
    InputError
        Everything that is wrong with the file, one line each.
    """
    loaded = load(path, Scenario, overrides)
    return ScenarioFile(loaded.model, loaded.resolved, loaded.original)


def scenario_from_text(text: str, source: str, overrides: Sequence[str] = ()) -> ScenarioFile:
    """Read and check a scenario that is at hand as a text, such as that of a trajectory.

    Parameters
    ----------
    text : str
        YAML.
    source : str
        What stands for the file's name in messages.
    overrides : sequence of str
        ``path=value`` each.

    Raises
    ------
    InputError
        Everything that is wrong with it, one line each.
    """
    loaded = load_text(text, source, Scenario, overrides)
    return ScenarioFile(loaded.model, loaded.resolved, loaded.original)


def load_scenario(path: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Read and check a scenario file.

    Parameters
    ----------
    path : str or Path
        The YAML file.
    overrides : sequence of str
        ``path=value`` each, as with ``abm run --set``.

    Raises
    ------
    InputError
        Everything that is wrong with the file, one line each.
    """
    return read_scenario(path, overrides).scenario


STARTER = """\
abm: 1
name: my first patient
description: a child with relapsed B-ALL and one dose of CD28 CAR T cells after lymphodepletion
source: where your numbers are from
seed: 1
duration: 30 d
start: -4 d
body:
  weight: 35 kg
marrow:
  shape: [32, 32, 32]
blasts:
  marrow_fraction: 40 %
  cd19_negative_fraction: 0
products:
  - costimulation: cd28
treatments:
  - type: lymphodepletion
    day: -4
  - type: car_t_infusion
    day: 0
    dose: 1e6 cells/kg
"""
"""What ``abm new`` leaves uncommented."""


def resolved_text(scenario: Scenario) -> str:
    """Return a scenario as YAML in declared units."""
    return dump(scenario)


