# SPDX-License-Identifier: Apache-2.0
"""The study file: which scenario, what is varied, where in it the study looks, and what is kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from abm.clinic import ENDPOINTS
from abm.errors import InputError, nearest
from abm.machine import MOST_THREADS
from abm.scenario import MAX_SEED, Scenario, ScenarioFile, read_scenario
from abm.study import sampling
from abm.study.factors import NO_EFFECT, Problem, VariedParameter, base_position, problems_of, problems_of_listed
from abm.study.outputs import AnyOutput, Output, column_of
from abm.study.sampling import DUMMY
from abm.units import OneLine, Parameters, from_base, located, quantity
from abm.yamlfile import FOLDER, Loaded, flow, load, path_steps

RESERVED = ("run", "point", "replicate", "seed", "key", "status", "error", "digest", "seconds", "cpu_seconds", "peak_mb", "file_mb", "file")
"""Columns of the table that are not the study's to name."""
MOST_RUNS = 10_000_000


class GridDesign(Parameters):
    """Every value of each parameter with every value of all others."""

    type: Literal["grid"] = "grid"
    levels: int = Field(3, ge=1, le=10_000, description="values of a parameter with a range, evenly from end to end")


class ListDesign(Parameters):
    """Points one by one."""

    type: Literal["list"] = "list"
    points: tuple[dict[str, Any], ...] = Field(min_length=1, description="of each point the value of every parameter, by its name")


class LatinHypercubeDesign(Parameters):
    """Points so that each of as many equal slices of every range holds one."""

    type: Literal["latin_hypercube"] = "latin_hypercube"
    points: int = Field(ge=1, le=10_000_000, description="points")


class SobolSequenceDesign(Parameters):
    """Points that fill the ranges evenly, however many are taken."""

    type: Literal["sobol_sequence"] = "sobol_sequence"
    points: int = Field(ge=1, le=10_000_000, description="points; best a power of two")


class OneAtATimeDesign(Parameters):
    """The scenario as it is, and each parameter alone at both ends of its range: for a tornado diagram."""

    type: Literal["one_at_a_time"] = "one_at_a_time"


class SobolDesign(Parameters):
    """Points from which Sobol' indices are estimated (Saltelli 2002, Computer Physics Communications 145:280)."""

    type: Literal["sobol"] = "sobol"
    samples: int = Field(
        ge=2, le=1 << 23, description="base points, a power of two; points are samples × (parameters + 3), or twice as many"
    )
    second_order: bool = Field(False, description="whether indices of pairs are wanted as well, for about twice the runs")


class MorrisDesign(Parameters):
    """Walks that move each parameter once, for screening (Morris 1991, Technometrics 33:161)."""

    type: Literal["morris"] = "morris"
    trajectories: int = Field(10, ge=2, le=100_000, description="walks; each has a point more than there are parameters, with the dummy")
    levels: int = Field(4, ge=2, le=1000, multiple_of=2, description="levels of each parameter; even")


AnyDesign = Annotated[
    GridDesign | ListDesign | LatinHypercubeDesign | SobolSequenceDesign | OneAtATimeDesign | SobolDesign | MorrisDesign,
    Field(discriminator="type"),
]
WITH_DUMMY = (SobolDesign, MorrisDesign)
"""Designs for sensitivity: they have a factor more, which changes nothing."""


class Resources(Parameters):
    """What a run takes; where runs are executed says the command line."""

    threads: int = Field(1, ge=1, le=MOST_THREADS, description="threads of a run; many runs of one thread are done sooner than few of many")
    runs_per_task: int | None = Field(None, ge=1, le=100_000, description="runs packed into one task; by their expected time if not given")


class StudyFile(Parameters):
    """A study: many runs of one scenario."""

    study: Literal[1] = Field(1, description="version of the study format")
    name: OneLine = Field(min_length=1, max_length=200, description="short name, shown in titles")
    description: str = Field("", description="what the study asks")
    source: str = Field("", description="where its numbers are from")
    scenario: OneLine = Field(description="the scenario that is varied, a YAML file, relative to this one")
    set: dict[str, Any] = Field({}, description="values that differ from the scenario in all runs: path and value")
    parameters: tuple[VariedParameter, ...] = Field((), max_length=1000, description="what is varied")
    design: AnyDesign = Field(GridDesign(), description="which points are looked at")
    replicates: int = Field(1, ge=1, le=100_000, description="runs of each point, each with a seed of its own")
    random_numbers: Literal["independent", "common"] = Field(
        "independent", description="whether each point has seeds of its own, or all points share those of their replicates"
    )
    seed: int = Field(1, ge=0, le=MAX_SEED, description="from which the design and the seeds of all runs follow")
    until: float | None = quantity(
        None, "d", bounds=(0.01, 2800), about="day at which runs end; that of the scenario if not given",
        source="study",
    )  # fmt: skip
    outputs: tuple[Output, ...] = Field(tuple(ENDPOINTS), min_length=1, description="columns of the table: endpoints and observables")
    keep: Literal["nothing", "observables", "trajectories"] = Field(
        "observables", description="what stays of each run beside its row: nothing, the courses of its observables, or all that it recorded"
    )
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _fits_its_scenario(self, info: ValidationInfo) -> Self:
        problems = self._problems((info.context or {}).get(FOLDER, Path()))
        if problems:
            raise located(problems)
        return self

    def _problems(self, folder: Path) -> list[Problem]:
        columns = {
            "parameters": [parameter.column for parameter in self.parameters],
            "outputs": [column_of(output) for output in self.outputs],
        }
        problems = repeated_columns(columns, RESERVED) + self._problems_of_paths()
        try:
            base = self.base(folder)
        except InputError as error:
            return problems + self._problems_of_base(error)
        if isinstance(self.design, ListDesign):
            problems += self._problems_of_points(self.design, base)
        else:
            for number, parameter in enumerate(self.parameters):
                problems += problems_of(parameter, number, base.resolved, base.scenario)
        problems += unknown_observables({("outputs", number): output for number, output in enumerate(self.outputs)}, base.scenario)
        problems += self._problems_of_days(base.scenario)
        return problems + self._problems_of_design(base, right=not problems)

    def _problems_of_paths(self) -> list[Problem]:
        return problems_of_paths(self.parameters, with_end=self.until is not None, records_all=self.keep == "trajectories")

    def _problems_of_days(self, base: Scenario) -> list[Problem]:
        """Return which outputs are of days at which no run is going on."""
        varied = {str(path_steps(parameter.path)[0]) for parameter in self.parameters if path_steps(parameter.path)}
        first = -math.inf if varied & {"start", "treatments"} else base.start
        last = math.inf if "duration" in varied else base.duration if self.until is None else self.until
        ends = f"runs go from day {from_base(first, 'd'):g} to day {from_base(last, 'd'):g}"
        return [
            (("outputs", number, "day"), f"{ends}, got {from_base(output.day, 'd'):g}")
            for number, output in enumerate(self.outputs)
            if not isinstance(output, str) and output.day is not None and not first <= output.day <= last
        ]

    def _problems_of_base(self, error: InputError) -> list[Problem]:
        """Return what is wrong with the scenario, at the value of ``set`` that makes it so if it is one."""
        found: list[Problem] = []
        for line in str(error).splitlines():
            given = (path for path, text in zip(self.set, self._settings(), strict=True) if line.startswith(f"--set {text[:80]}"))
            path = next(given, None)
            found.append((("scenario",), f"cannot be used: {line}") if path is None else (("set", path), line.partition(": ")[2]))
        return found

    def _problems_of_design(self, base: ScenarioFile, *, right: bool) -> list[Problem]:
        """Return what is wrong with the design; of one at a time only if everything else is right."""
        design = self.design
        if not self.parameters and not isinstance(design, GridDesign):
            return [(("design",), "needs parameters to vary; without any a study is replicates of its scenario (design: grid)")]
        if isinstance(design, SobolDesign) and design.samples & (design.samples - 1):
            below = 1 << (design.samples.bit_length() - 1)
            return [(("design", "samples"), f"must be a power of two, got {design.samples}; nearest: {below} and {2 * below}")]
        points = size_of(self)
        if points * self.replicates > MOST_RUNS:
            words = f"{points:,} points and {self.replicates:,} replicates make {points * self.replicates:,} runs"
            return [(("design",), f"{words}; must be at most {MOST_RUNS:,}")]
        found: list[Problem] = []
        for number, parameter in enumerate(self.parameters if right and isinstance(design, OneAtATimeDesign) else ()):
            try:
                base_position(parameter, parameter.factor(base.scenario), base.scenario)
            except ValueError as error:
                found.append((("parameters", number), str(error)))
        return found

    def _problems_of_points(self, design: ListDesign, base: ScenarioFile) -> list[Problem]:
        found: list[Problem] = []
        for number, parameter in enumerate(self.parameters):
            if parameter.range is not None or parameter.values is not None:
                found.append((("parameters", number), "has its values in the list of points: must have neither range nor values"))
        parameters = {parameter.column: parameter for parameter in self.parameters}
        for number, point in enumerate(design.points):
            here = ("design", "points", number)
            found += [(here, f"has no value of {name!r}") for name in parameters if name not in point]
            for name in point.keys() - parameters.keys():
                words = f"; nearest: {nearest(name, parameters)!r}" if parameters else ""
                found.append(((*here, name), f"is not among the parameters{words}"))
        return found + problems_of_listed(parameters, design.points, base.resolved, base.scenario)

    def base(self, folder: Path) -> ScenarioFile:
        """Return the scenario that is varied, with the values that hold in all runs.

        Parameters
        ----------
        folder : Path
            Where the study file lies.

        Raises
        ------
        InputError
            It cannot be used.
        """
        return read_scenario(folder / self.scenario, self._settings())

    def _settings(self) -> list[str]:
        return [f"{path}={flow(value)}" for path, value in self.set.items()]

    @property
    def names(self) -> list[str]:
        """Names of the factors of the design, with the dummy if it has one."""
        return [*(parameter.column for parameter in self.parameters), *([DUMMY] if isinstance(self.design, WITH_DUMMY) else [])]


def problems_of_paths(parameters: Sequence[VariedParameter], *, with_end: bool, records_all: bool = False) -> list[Problem]:
    """Return which parameters have no effect, or undo that of others.

    Parameters
    ----------
    parameters : sequence of VariedParameter
    with_end : bool
        Whether the file gives the day at which all runs end.
    records_all : bool
        Whether runs record what the scenario says, not only observables.
    """
    found: list[Problem] = []
    for number, parameter in enumerate(parameters):
        here = ("parameters", number, "path")
        if parameter.path in NO_EFFECT:
            found.append((here, f"cannot be varied: {NO_EFFECT[parameter.path]}"))
        if parameter.path == "duration" and with_end:
            found.append((here, "has no effect, as all runs end by the study's until; leave that out"))
        if parameter.path.startswith("record.") and parameter.path != "record.observables" and not records_all:
            found.append((here, "has no effect, as runs record only observables, unless a study says keep: trajectories"))
        steps = path_steps(parameter.path)
        for before, other in enumerate(parameters[:number]):
            if steps and path_steps(other.path)[: len(steps)] == steps:
                words = "is varied already" if parameter.path == other.path else f"takes the place of {other.path!r}; put it before"
                found.append((here, f"{words} (parameters[{before}])"))
    return found


def repeated_columns(columns: Mapping[str, Sequence[str]], reserved: Iterable[str]) -> list[Problem]:
    """Return what is wrong with the names that a file gives to columns of a table.

    Parameters
    ----------
    columns : mapping of str to sequence of str
        Names by the group of the file in which they are given.
    reserved : iterable of str
        Names of the table's own columns.
    """
    found: list[Problem] = []
    seen = set(reserved)
    for group, names in columns.items():
        for number, name in enumerate(names):
            if name in seen or name.startswith("position."):
                found.append(((group, number), f"{name!r} names another column of the table already; give it another name"))
            seen.add(name)
    return found


def unknown_observables(outputs: Mapping[tuple[int | str, ...], AnyOutput], scenario: Scenario) -> list[Problem]:
    """Return what is wrong with outputs, by where in the file they stand: observables that a scenario does not have or record."""
    known = [item.name for item in scenario.observables()]
    problems: list[Problem] = []
    for where, output in outputs.items():
        if not isinstance(output, str) and output.observable not in known:
            words = f"unknown observable {output.observable!r}; nearest: {nearest(output.observable, known)!r}"
            problems.append(((*where, output.NAMED_BY), words))
    if not scenario.record.observables:
        problems.append((("scenario",), "records no observables (record.observables is 0), of which all outputs are made"))
    return problems


def read_study(path: str | Path) -> Loaded[StudyFile]:
    """Read and check a study file and the scenario that it varies.

    Raises
    ------
    InputError
        Everything that is wrong, one line each.
    """
    return load(path, StudyFile)


def size_of(study: StudyFile) -> int:
    """Return the number of points of a study, without making them."""
    design, factors = study.design, len(study.names)
    if isinstance(design, ListDesign):
        return len(design.points)
    if isinstance(design, GridDesign):
        return sampling.grid_size(levels_of(study, design))
    if isinstance(design, LatinHypercubeDesign | SobolSequenceDesign):
        return design.points
    if isinstance(design, OneAtATimeDesign):
        return sampling.one_at_a_time_size(factors)
    if isinstance(design, SobolDesign):
        return sampling.saltelli_size(design.samples, factors, second_order=design.second_order)
    return sampling.morris_size(design.trajectories, factors)


def levels_of(study: StudyFile, design: GridDesign) -> list[int]:
    """Return the number of values of each parameter in a grid."""
    return [design.levels if parameter.values is None else len(parameter.values) for parameter in study.parameters]
