# SPDX-License-Identifier: Apache-2.0
"""What a study varies: places in a scenario, with the values they take there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from abm.errors import InputError, spelled
from abm.scenario import Scenario, resolved_text, scenario_from_text
from abm.study.sampling import DUMMY, Choice, Factor
from abm.units import OneLine, Parameters, parse_quantity
from abm.yamlfile import declared_units, flow, path_steps

Problem = tuple[tuple[int | str, ...], str]

MOST_TRIED = 200
"""Values of a parameter that are tried in the scenario before any run; one among more that it refuses is a failed run."""
NO_EFFECT = {"seed": "seeds of runs follow from the seed of the study; replicates are runs of other seeds"}
"""Paths of a scenario that a study sets itself, and what to do instead."""


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
        """Return a value of its range as the scenario takes it: rounded, where that declares a whole number."""
        if self.values is not None:
            return value
        declared = declaration_at(scenario, self.path)
        annotation = declared.annotation if declared is not None else None
        is_whole = annotation is int or int in get_args(annotation)
        return round(value) if is_whole and isinstance(value, float) else value

    def setting(self, value: Any) -> str:
        """Return what puts a value into a scenario: ``path=value``."""
        return f"{self.path}={flow(value)}"

    def settings(self, column: Sequence[Any], given: Sequence[Any] | None) -> list[str]:
        """Return what puts the values of a column of the design into the scenario.

        Parameters
        ----------
        column : sequence
            As :func:`as_column` returns it.
        given : sequence, optional
            The values that are listed, in the unit of the parameter, if there is no range.
        """
        if given is None or are_alike(given):
            return [self.setting(value) for value in column]
        return [f"{self.path}={text}" for text in column]


def are_alike(values: Sequence[Any]) -> bool:
    """Return whether a column of a table can hold values as they are: all numbers of one type, all words, or all truth values."""
    kinds = {type(value) for value in values}
    if kinds == {int}:
        return all(abs(value) < 1 << 63 for value in values)
    return kinds in ({float}, {bool}, {str}, set())


def as_column(values: Sequence[Any]) -> list[Any]:
    """Return values as a table holds them: as they are if they are alike, otherwise each as YAML."""
    return list(values) if are_alike(values) else [flow(value) for value in values]


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
    """Return what a scenario holds at a path of it, in its declared unit; None if there is nothing."""
    at: Any = scenario
    for step in path_steps(path):
        if isinstance(step, str):
            at = getattr(at, step, None) if isinstance(at, Parameters) else at.get(step) if isinstance(at, Mapping) else None
        else:
            at = at[step] if isinstance(at, Sequence) and step < len(at) else None
    return declared_units(at, unit_at(scenario, path))


def base_position(parameter: VariedParameter, factor: Factor | Choice, scenario: Scenario) -> float:
    """Return where in the unit interval of its factor the scenario itself stands.

    Raises
    ------
    ValueError
        Outside the range, or not among the values.
    """
    value = value_at(scenario, parameter.path)
    if isinstance(factor, Factor):
        if isinstance(value, bool) or not isinstance(value, int | float) or not factor.low <= value <= factor.high:
            between = f"{spelled(factor.low)} to {spelled(factor.high)}"
            raise ValueError(f"the scenario's {flow(value)} lies outside the range, {between}, within which one at a time departs from it")
        return float(factor.position(value))
    text = resolved_text(scenario)
    for number, choice in enumerate(factor.values):
        with suppress(InputError):
            if scenario_from_text(text, "scenario", [parameter.setting(choice)]).scenario == scenario:
                return (number + 0.5) / len(factor.values)
    raise ValueError(f"the scenario's {flow(value)} is not among the values, and one at a time departs from it; add it")


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
    found: list[Problem] = []
    if parameter.values is not None:
        listed = [((*here, "values", number), value) for number, value in enumerate(parameter.values)]
        found = problems_of_values(parameter, listed, base, scenario)
    else:
        place = (*here, "path" if parameter.range is None else "range")
        try:
            factor = parameter.factor(scenario)
        except ValueError as error:
            # of a path that leads nowhere rather that: text is wrong wherever it leads
            refused = refusal(parameter, "", base) if declaration_at(scenario, parameter.path) is None else None
            return [((*here, "path"), refused)] if refused else [(place, str(error))]
        assert isinstance(factor, Factor)
        for value in (parameter.fitted(factor.low, scenario), parameter.fitted(factor.high, scenario)):
            refused = refusal(parameter, value, base)
            if refused:
                found.append((place, f"{parameter.path} cannot be {flow(value)}: {refused}"))
    if found and declaration_at(scenario, parameter.path) is None:  # what is wrong is the path, whatever the value
        return [((*here, "path"), found[0][1])]
    return found


def problems_of_values(
    parameter: VariedParameter, values: Sequence[tuple[tuple[int | str, ...], Any]], base: str, scenario: Scenario
) -> list[Problem]:
    """Return what is wrong with values of a parameter.

    Parameters
    ----------
    parameter : VariedParameter
    values : sequence of (path in the study, value)
    base : str
        The scenario's text.
    scenario : Scenario
    """
    found: list[Problem] = []
    for number, (where, value) in enumerate(values):
        try:
            fitted = in_unit(value, unit_at(scenario, parameter.path))
        except ValueError as error:
            found.append((where, f"{parameter.path}: {error}"))
            continue
        refused = refusal(parameter, fitted, base) if number < MOST_TRIED else None
        if refused:
            found.append((where, f"{parameter.path} cannot be {flow(value)}: {refused}"))
    return found


def problems_of_listed(
    parameters: Mapping[str, VariedParameter], points: Sequence[Mapping[str, Any]], base: str, scenario: Scenario
) -> list[Problem]:
    """Return what is wrong with points that are listed, each tried as a whole.

    Parameters
    ----------
    parameters : mapping of str to VariedParameter
        By name.
    points : sequence of mapping
        Values by name.
    base : str
        The scenario's text.
    scenario : Scenario
    """
    found: list[Problem] = []
    told: set[str] = set()  # of paths that lead nowhere, which is so for every point
    for number, point in enumerate(points):
        here, settings = ("design", "points", number), {}
        for name in parameters.keys() & point.keys():
            parameter = parameters[name]
            try:
                settings[name] = parameter.setting(in_unit(point[name], unit_at(scenario, parameter.path)))
            except ValueError as error:
                found.append(((*here, name), f"{parameter.path}: {error}"))
        if number >= MOST_TRIED or len(settings) < len(parameters):
            continue
        try:
            scenario_from_text(base, "scenario", [settings[name] for name in parameters])
        except InputError as error:
            for line in str(error).splitlines():
                said = [name for name, text in settings.items() if line.startswith(f"--set {text[:80]}")]
                if not said:
                    found.append((here, line))
                elif said[0] not in told:
                    path = parameters[said[0]].path
                    told |= {said[0]} if declaration_at(scenario, path) is None else set()
                    found.append(((*here, said[0]), f"{path} cannot be {flow(point[said[0]])}: {line.partition(': ')[2]}"))
    return found


def refusal(parameter: VariedParameter, value: Any, base: str) -> str | None:
    """Say why a scenario, given as its text, cannot have a value at the path of a parameter; None if it can."""
    return refusal_of([parameter.setting(value)], base)


def refusal_of(settings: Sequence[str], base: str) -> str | None:
    """Say why a scenario, given as its text, cannot have settings, ``path=value`` each; None if it can."""
    try:
        scenario_from_text(base, "scenario", settings)
    except InputError as error:
        return "; ".join(line.partition(": ")[2] if line.startswith("--set ") else line for line in str(error).splitlines())
    return None
