# SPDX-License-Identifier: Apache-2.0
"""What a study varies: places in a scenario, with the values they take there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from abm.errors import InputError
from abm.scenario import Scenario, scenario_from_text
from abm.study.sampling import DUMMY, Choice, Factor
from abm.units import OneLine, Parameters, parse_quantity
from abm.yamlfile import declared_units, flow, path_steps

Problem = tuple[tuple[int | str, ...], str]


class VariedParameter(Parameters):
    """A parameter of the scenario that differs between points."""

    path: OneLine = Field(description="where it stands in the scenario, such as treatments[1].dose")
    name: OneLine | None = Field(None, description="its column in the table; the path if not given")
    range: tuple[float | str, float | str] | None = Field(
        None, description="least and most; the plausible range of its declaration if neither range nor values are given"
    )
    values: tuple[Any, ...] | None = Field(None, min_length=1, description="a list of values, of any type, in place of a range")
    scale: Literal["linear", "log"] = Field("linear", description="whether equal steps are equal differences or equal ratios")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.range is not None and self.values is not None:
            raise ValueError("must have a range or values, not both")
        if self.column == DUMMY:
            raise ValueError(f"the name {DUMMY!r} is that of the factor without effect, which designs add themselves")
        return self

    @property
    def column(self) -> str:
        """Name of its column in the table."""
        return self.name or self.path

    def factor(self, scenario: Scenario) -> Factor | Choice:
        """Return what is varied, in the declared unit of the parameter.

        Parameters
        ----------
        scenario : Scenario
            The one that is varied; the path is one of it.

        Raises
        ------
        ValueError
            The declaration has no plausible range, or the ends are no numbers of its unit, or not in order.
        """
        unit = unit_at(scenario, self.path)
        if self.values is not None:
            return Choice(self.column, tuple(in_unit(value, unit) for value in self.values))
        ends: Any = self.range
        if ends is None:
            declared = declaration_at(scenario, self.path)
            extra = declared.json_schema_extra if declared is not None else None
            ends = extra.get("plausible") if isinstance(extra, dict) else None
            if ends is None:
                raise ValueError(f"{self.path} has no plausible range; give a range or values")
        low, high = (parse_quantity(end, unit or "1") for end in ends)
        try:
            return Factor(self.column, low, high, self.scale, unit or "1")
        except InputError as error:
            raise ValueError(str(error)) from None

    def fitted(self, value: Any, scenario: Scenario) -> Any:
        """Return a value of its factor as the scenario takes it: rounded, where that declares a whole number."""
        declared = declaration_at(scenario, self.path)
        annotation = declared.annotation if declared is not None else None
        is_whole = annotation is int or int in get_args(annotation)
        return round(value) if is_whole and isinstance(value, float) else value

    def setting(self, value: Any) -> str:
        """Return what puts a value into a scenario: ``path=value``."""
        return f"{self.path}={flow(value)}"


def declaration_at(scenario: Scenario, path: str) -> FieldInfo | None:
    """Return the declaration of what stands at a path of a scenario, None if there is none."""
    at: Any = scenario
    declared = None
    for step in path_steps(path):
        if isinstance(step, str) and isinstance(at, Parameters):
            declared = type(at).model_fields.get(step)
            at = getattr(at, step, None)
        elif isinstance(step, int) and isinstance(at, Sequence) and step < len(at):
            at = at[step]  # the declaration of a list of quantities holds for each of them
        else:
            return None
    return declared


def unit_at(scenario: Scenario, path: str) -> str | None:
    """Return the declared unit of what stands at a path of a scenario, None if it is no quantity."""
    declared = declaration_at(scenario, path)
    extra = declared.json_schema_extra if declared is not None else None
    return str(extra["unit"]) if isinstance(extra, dict) and "unit" in extra else None


def value_at(scenario: Scenario, path: str) -> Any:
    """Return what a scenario holds at a path of it, in its declared unit."""
    at: Any = scenario
    for step in path_steps(path):
        at = getattr(at, step) if isinstance(at, Parameters) and isinstance(step, str) else at[step]
    return declared_units(at, unit_at(scenario, path))


def in_unit(value: Any, unit: str | None) -> Any:
    """Return a value as a study file gives it, as a number in a unit if that is one.

    Raises
    ------
    ValueError
        Text that is no number of that unit.
    """
    is_number = unit is not None and isinstance(value, int | float | str) and not isinstance(value, bool)
    return parse_quantity(value, str(unit)) if is_number else value


def problems_of(parameter: VariedParameter, number: int, base: str, scenario: Scenario) -> list[Problem]:
    """Return what is wrong with a varied parameter: path in the study, and message.

    Parameters
    ----------
    parameter : VariedParameter
    number : int
        Its place in the list.
    base : str
        The scenario's text.
    scenario : Scenario
    """
    here = ("parameters", number)
    if not path_steps(parameter.path):
        return [((*here, "path"), "must be a path in the scenario, such as treatments[0].dose")]
    try:
        factor = parameter.factor(scenario)
    except ValueError as error:
        given = "range" if parameter.range is not None else "values" if parameter.values is not None else "path"
        refused = refusal(parameter, "null", base) if declaration_at(scenario, parameter.path) is None else None
        return [((*here, "path"), refused)] if refused else [((*here, given), str(error))]
    for value in factor.values if isinstance(factor, Choice) else (factor.low, factor.high):
        fitted = parameter.fitted(value, scenario)
        refused = refusal(parameter, fitted, base)
        if refused:
            return [((*here, "path"), f"cannot be {flow(fitted)}: {refused}")]
    return []


def refusal(parameter: VariedParameter, value: Any, base: str) -> str | None:
    """Say why a scenario, given as its text, cannot have a value at the path of a parameter; None if it can."""
    setting = parameter.setting(value)
    try:
        scenario_from_text(base, "scenario", [setting])
    except InputError as error:
        return "; ".join(line.partition(": ")[2] if line.startswith("--set ") else line for line in str(error).splitlines())
    return None
