# SPDX-License-Identifier: Apache-2.0
"""What a reader asks first of a scenario: patient, burden, product, treatments; in words with units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abm.errors import spelled
from abm.units import Parameters, field_unit, from_base
from abm.yamlfile import declared_units, flow

if TYPE_CHECKING:
    from abm.scenario import Scenario

Row = tuple[str, str]
_SAID_ELSEWHERE = ("type", "day", "when")
_ALWAYS = ("dose", "regimen")
"""Settings of a treatment that are told although nothing differs from the default."""
_NAMES = {"car_t_infusion": "CAR T infusion"}
_COSTIMULATION = {"cd28": "CD28", "4-1bb": "4-1BB"}
_TARGETS = {"cd19": "CD19", "cd22": "CD22", "either": "CD19 or CD22"}


def key_settings(scenario: Scenario) -> list[Row]:
    """Return what the run is about: name and value of each setting that a reader looks for first."""
    rows: list[Row] = []
    blasts = scenario.blasts
    if scenario.body is None:
        rows.append(("place", "a closed block of tissue, without a body"))
        rows.append(("effectors per target", _said(scenario, "effector_target_ratio")))
    else:
        rows.append(("body weight", _said(scenario.body, "weight")))
    rows.append(
        ("blasts in the marrow", f"{_said(blasts, 'marrow_fraction')} of its cells" if blasts.marrow_fraction else "none")
    )
    csf = scenario.csf
    if scenario.body is not None:
        rows.append(
            ("blasts in the CSF", "no CSF simulated" if csf is None else f"{csf.blasts:,.0f} cells" if csf.blasts else "none")
        )
    if blasts.marrow_fraction or (csf is not None and csf.blasts):
        rows.append(("CD19-negative from the start", _of_blasts(blasts.cd19_negative_fraction)))
        rows.append(("net growth of the blasts", _said(blasts, "net_growth")))
        rows.append(("CD19 per blast, mean", _said(blasts, "cd19_mean")))
    for number, product in enumerate(scenario.products if _are_given(scenario) else (), start=1):
        words = f"{_COSTIMULATION.get(product.costimulation, product.costimulation)}, against {_TARGETS[product.antigen]}"
        rows.append((f"product {number}", f"{words}; up to {spelled(product.division_budget)} divisions"))
    sites = " × ".join(str(length) for length in scenario.marrow.shape)
    rows.append(("marrow simulated", f"{sites} sites of {_said(scenario.marrow, 'spacing')}"))
    rows.append(("days", " to ".join(spelled(round(from_base(hours, "d"), 4)) for hours in (scenario.start, scenario.duration))))
    return rows


def _are_given(scenario: Scenario) -> bool:
    """Tell whether there are CAR T cells at all."""
    return scenario.effector_target_ratio > 0 or any(hasattr(treatment, "product") for treatment in scenario.treatments)


def _of_blasts(fraction: float) -> str:
    return f"{spelled(fraction)} of the blasts" if fraction else "none"


def treatments_planned(scenario: Scenario) -> list[tuple[str, str, str]]:
    """Return of each treatment of a scenario its name, when it is given, and what is particular about it."""
    rows = []
    for treatment in scenario.treatments:
        if treatment.when is not None:
            given = f"when {treatment.when}"
        else:
            days = [spelled(round(from_base(day, "d"), 4)) for day in treatment.days_given()]
            given = f"day {', '.join(days)}"
        name = _NAMES.get(treatment.label, treatment.label.replace("_", " "))
        rows.append((name, given, ", ".join(_particulars(treatment)) or "as declared"))
    return rows


def _particulars(group: Parameters) -> list[str]:
    """Say which settings of a treatment differ from their defaults."""
    said = []
    for name, value in declared_units(group).items():
        default = declared_units(type(group).model_fields[name].default)
        if name not in _SAID_ELSEWHERE and (name in _ALWAYS or value != default):
            said.append(f"{name.replace('_', ' ')} {_with_unit(value, field_unit(type(group), name))}")
    return said


def _said(group: Parameters, name: str) -> str:
    """Return a setting with its declared unit."""
    unit = field_unit(type(group), name)
    return _with_unit(declared_units(getattr(group, name), unit), unit)


def _with_unit(value: Any, unit: str | None) -> str:
    text = spelled(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    text = flow(value) if isinstance(value, list | tuple | dict) else text
    return text if unit in (None, "1") else f"{text} {unit}"
