# SPDX-License-Identifier: Apache-2.0
"""The calibration file: which scenario, which of its parameters are unknown, and which published numbers are to tell them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from abm.errors import InputError
from abm.machine import MOST_THREADS
from abm.scenario import MAX_SEED, Scenario, ScenarioFile, read_scenario, scenario_from_text
from abm.study.declaration import problems_of_paths, repeated_columns, unknown_observables
from abm.study.factors import Problem, VariedParameter, problems_of, refusal, refusal_of
from abm.study.outputs import unit_of
from abm.study.sampling import Factor
from abm.study.targets import Goal, Target
from abm.units import OneLine, Parameters, from_base, located, quantity
from abm.yamlfile import FOLDER, Loaded, dump, flow, load

RESERVED = ("particle", "weight", "distance")
"""Columns of the table of the posterior that are not the calibration's to name."""
MISSING = "missing."
"""Before the name of a target: the column of the share of replicates in which its output did not happen."""


class CalibrationFile(Parameters):
    """A calibration: parameters of one scenario told from published numbers by ABC-SMC."""

    calibration: Literal[1] = Field(1, description="version of the calibration format")
    name: OneLine = Field(min_length=1, max_length=200, description="short name, shown in titles")
    description: str = Field("", description="what is calibrated, and why these targets tell it")
    source: str = Field("", description="where its choices are from")
    scenario: OneLine = Field(description="the scenario that is calibrated, a YAML file, relative to this one")
    set: dict[str, Any] = Field({}, description="values that differ from the scenario in all runs: path and value")
    parameters: tuple[VariedParameter, ...] = Field(
        min_length=1, max_length=100, description="what is unknown; the prior is even over the range, or over its logarithm if scale is log"
    )
    targets: tuple[Target, ...] = Field(min_length=1, max_length=1000, description="published numbers that the scenario is to meet")
    missing: float = Field(100, gt=0, le=1e6, description="standard deviations that a target counts whose output did not happen")
    replicates: int = Field(1, ge=1, le=10_000, description="runs of each particle and target, of which the mean counts")
    population_size: int = Field(100, ge=2, le=1_000_000, description="particles of a generation")
    generations: int = Field(5, ge=1, le=1000, description="most generations, each of particles nearer to the targets than the one before")
    least_epsilon: float = Field(
        0, ge=0, description="distance [standard deviations] that is near enough: the generation of particles all as near is the last"
    )
    least_acceptance: float = Field(
        0.01, gt=0, le=1, description="a generation that accepts fewer of the particles tried is given up, and the one before is the last"
    )
    seed: int = Field(1, ge=0, le=MAX_SEED, description="from which all particles and the seeds of all runs follow")
    until: float | None = quantity(
        None, "d", bounds=(0.01, 2800), about="day at which runs end; that of the scenario if not given",
        source="calibration",
    )  # fmt: skip
    threads: int = Field(1, ge=1, le=MOST_THREADS, description="threads of a run")

    @model_validator(mode="after")
    def _fits_its_scenario(self, info: ValidationInfo) -> Self:
        problems = self._problems((info.context or {}).get(FOLDER, Path()))
        if problems:
            raise located(problems)
        return self

    def _problems(self, folder: Path) -> list[Problem]:
        try:
            base = self.base(folder)
        except InputError as error:
            return [(("scenario",), "cannot be used: " + "; ".join(str(error).splitlines()))]
        problems = problems_of_paths(self.parameters, with_end=True)
        for number, parameter in enumerate(self.parameters):
            if parameter.values is not None:
                problems.append((("parameters", number, "values"), "a prior needs a range, not a list of values"))
            else:
                problems += problems_of(parameter, number, base.resolved, base.scenario)
        targets = [target.column for target in self.targets]
        columns = {"parameters": [parameter.column for parameter in self.parameters], "targets": targets}
        problems += repeated_columns(columns, [*RESERVED, *(MISSING + name for name in targets)])
        if not problems:
            for number, target in enumerate(self.targets):
                problems += self._problems_of_target(target, number, base)
        return problems

    def _problems_of_target(self, target: Target, number: int, base: ScenarioFile) -> list[Problem]:
        here = ("targets", number)
        fixed = [parameter.path for parameter in self.parameters if parameter.path in target.set]
        if fixed:
            return [((*here, "set", fixed[0]), "is calibrated, so that a target cannot set it")]
        refused = refusal_of(settings_of(target), base.resolved)
        if refused:
            return [((*here, "set"), refused)]
        patient = scenario_from_text(base.resolved, "scenario", settings_of(target))
        if target.set:
            for parameter in self.parameters:
                factor = parameter.factor(patient.scenario)
                low = parameter.fitted(factor.low, patient.scenario) if isinstance(factor, Factor) else None
                refused = refusal(parameter, low, patient.resolved)
                if refused:
                    return [((*here, "set"), f"with it {parameter.path} cannot be {flow(low)}: {refused}")]
        problems = unknown_observables({(*here, "output"): target.output}, patient.scenario)
        if problems:
            return problems
        output = target.output
        if not isinstance(output, str) and output.day is not None:
            first, last = patient.scenario.start, self.end_of(target) or patient.scenario.duration
            if not first <= output.day <= last:
                ends = f"day {from_base(first, 'd'):g} to day {from_base(last, 'd'):g}"
                return [((*here, "output", "day"), f"its runs last from {ends}, so that there is nothing on day {output.day / 24:g}")]
        try:
            target.goal(output_unit(target, patient.scenario))
        except ValueError as error:
            return [(here, str(error))]
        return []

    def base(self, folder: Path) -> ScenarioFile:
        """Return the scenario that is calibrated, with the values that hold in all runs.

        Parameters
        ----------
        folder : Path
            Where the calibration file lies.

        Raises
        ------
        InputError
            It cannot be used.
        """
        return read_scenario(folder / self.scenario, [f"{path}={flow(value)}" for path, value in self.set.items()])

    def factors(self, base: Scenario) -> list[Factor]:
        """Return the range of each parameter, in its declared unit."""
        return [factor for parameter in self.parameters if isinstance(factor := parameter.factor(base), Factor)]

    def goals(self, base: ScenarioFile) -> list[Goal]:
        """Return the numbers of each target, in the unit of its output."""
        patients = [scenario_from_text(base.resolved, "scenario", settings_of(target)).scenario for target in self.targets]
        return [target.goal(output_unit(target, patient)) for target, patient in zip(self.targets, patients, strict=True)]

    def end_of(self, target: Target) -> float | None:
        """Return the day at which the runs of a target end [h]; None if it is that of its scenario."""
        return self.until if target.until is None else target.until

    def digest(self) -> str:
        """Return a digest of all that decides which particles are tried: not of what is only said, nor of how many generations."""
        said = {"name": "-", "description": "", "source": "", "generations": 1, "least_acceptance": 1.0, "threads": 1}
        return hashlib.sha256(dump(self.model_copy(update=said)).encode()).hexdigest()


def settings_of(target: Target) -> list[str]:
    """Return what puts the values of a target alone into the scenario, ``path=value`` each."""
    return [f"{path}={flow(value)}" for path, value in target.set.items()]


def output_unit(target: Target, scenario: Scenario) -> str:
    """Return the unit of a target's output."""
    observables = {item.name: item.unit for item in scenario.observables()}
    return unit_of(target.output, observables)


def read_calibration(path: str | Path) -> Loaded[CalibrationFile]:
    """Read and check a calibration file and the scenario that it calibrates.

    Raises
    ------
    InputError
        Everything that is wrong, one line each.
    """
    return load(path, CalibrationFile)
