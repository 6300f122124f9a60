# SPDX-License-Identifier: Apache-2.0
"""A small scenario class with every kind of field, and a file of it, for the tests of reading and writing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from abm.sizing import Size
from abm.units import Parameters, quantity
from abm.yamlfile import load

__all__ = ["Example", "Scenario", "estimate", "load_scenario", "short_of_memory"]


class Infusion(Parameters):
    """CAR T cells into blood."""

    type: Literal["infusion"] = "infusion"
    dose: float = quantity(..., "cells/kg", bounds=(0, 1e9), about="Cells given.", source="Lee 2014, table 1")
    day: float = quantity(0.0, "d", bounds=(-30, 365), about="Day.", source="assumption: day 0", plausible=(0, 1))


class Tocilizumab(Parameters):
    """Blocks the receptor of IL-6."""

    type: Literal["tocilizumab"] = "tocilizumab"
    doses: tuple[float, ...] = quantity((8.0,), "mg/kg", bounds=(0, 12), about="Doses.", source="label")
    when: str | None = Field(None, description="Rule, such as crs_grade >= 3.", max_length=200)
    repeats: int = Field(1, ge=1, le=4, description="How often at most.")


class Motility(Parameters):
    """How CAR T cells walk."""

    speed: float = quantity(
        6.0, "µm/min", bounds=(0, 30), plausible=(2, 12), about="Free speed.", source="Mulazzani 2019"
    )
    persistence: float = quantity(5.0, "min", bounds=(0, math.inf), about="Persistence time.", source="assumption")
    death: float = quantity(0.03, "1/d", bounds=(0, 10), about="Death rate.", source="Stein 2019", plausible=(0, 0.3))
    by_kind: dict[str, float] = quantity({}, "%", bounds=(0, 100), about="Share by kind.", source="assumption")


class Patient(Parameters):
    """Who is treated."""

    weight: float = quantity(..., "kg", bounds=(2, 200), about="Body weight.", source="of the patient")
    sex: Literal["female", "male"] | None = None
    site: tuple[float, float] = (0.0, 0.0)

    @model_validator(mode="after")
    def _weight_suits_site(self) -> Patient:
        if self.site[0] > self.site[1]:
            raise ValueError("the site's first number must not exceed its second")
        return self


class Example(Parameters):
    """A scenario with every kind of field."""

    name: str = Field(..., min_length=1, description="Name of the run.")
    seed: int = Field(1, ge=0, le=2**63 - 1, description="Seed of all draws.")
    model: Literal["marrow", "block"] = "marrow"
    wrap: bool = True
    half_life: float = 1.5
    lattice: tuple[int, int, int] = (10, 10, 10)
    patient: Patient
    motility: Motility = Motility()
    csf: Motility | None = None
    body: Literal["none"] | Patient = "none"
    treatments: tuple[Annotated[Infusion | Tocilizumab, Field(discriminator="type")], ...] = ()

    @model_validator(mode="after")
    def _block_has_no_csf(self) -> Example:
        if self.model == "block" and self.csf is not None:
            raise ValueError("a block has no csf")
        return self

    def never_given(self) -> list[str]:
        """Tell of treatments that the run is too short for: it has no end."""
        return []


def estimate(scenario: Example) -> Size:
    """Tell the size of a run, as the command line asks for it."""
    cells = math.prod(scenario.lattice)
    return Size(agents=cells, memory_bytes=100 * cells, file_bytes=9 * cells, disk_bytes=18 * cells, seconds=cells / 10)


def short_of_memory(scenario: Example) -> str | None:
    """Warn of a run of more than a million cells."""
    return "too large" if math.prod(scenario.lattice) > 1_000_000 else None


Scenario = Example
STARTER = "name: my run\npatient: {weight: 40}\n"


def load_scenario(path: str | Path, overrides: Sequence[str] = ()) -> Example:
    """Read a scenario, as the command line does."""
    return load(path, Example, overrides).model


TEXT = """\
# A child with a high burden.
name: child, high burden
seed: 20140210
model: marrow
wrap: true
half_life: 2.5
lattice: [40, 40, 40]
patient:
  weight: 32.5
  sex: female
  site: [0.5, 1]
motility:
  speed: 6
  persistence: 4 min
  death: 0.72 1/d
  by_kind: {blast: 50, host_t: 0.1 1}
csf:
  speed: "0.2 mm/h"
treatments:
  - type: infusion
    dose: 1e6
    day: 0
  - type: tocilizumab
    doses: [8, 8 mg/kg]
    when: "crs_grade >= 3"
    repeats: 2
"""
