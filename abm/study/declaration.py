# SPDX-License-Identifier: Apache-2.0
"""The study file: which scenario, what is varied, where in it the study looks, and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from abm.clinic import ENDPOINTS
from abm.errors import InputError, nearest
from abm.machine import MOST_THREADS
from abm.observables import catalogue
from abm.scenario import MAX_SEED, ScenarioFile, read_scenario
from abm.study.factors import Problem, VariedParameter, problems_of, refusal
from abm.study.outputs import ObservableOutput, Output, column_of
from abm.study.sampling import DUMMY
from abm.units import OneLine, Parameters, located, quantity
from abm.yamlfile import FOLDER, Loaded, flow, load

RESERVED = ("run", "point", "replicate", "seed", "key", "status", "error", "digest", "seconds", "cpu_seconds", "peak_mb", "file_mb", "file")
"""Columns of the table that are not the study's to name."""


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
        try:
            base = self.base(folder)
        except InputError as error:
            return [(("scenario",), "cannot be used: " + "; ".join(str(error).splitlines()))]
        problems: list[Problem] = []
        if isinstance(self.design, ListDesign):
            problems += self._problems_of_points(self.design, base)
        else:
            for number, parameter in enumerate(self.parameters):
                problems += problems_of(parameter, number, base.resolved, base.scenario)
        problems += self._problems_of_names()
        known = [item.name for item in catalogue(base.scenario.places, with_body=base.scenario.body is not None)]
        for number, output in enumerate(self.outputs):
            if isinstance(output, ObservableOutput) and output.observable not in known:
                words = f"unknown observable {output.observable!r}; nearest: {nearest(output.observable, known)!r}"
                problems.append((("outputs", number, "observable"), words))
        if not base.scenario.record.observables:
            problems.append((("scenario",), "records no observables (record.observables is 0), of which all outputs are made"))
        if not self.parameters and not isinstance(self.design, GridDesign):
            problems.append((("design",), "needs parameters to vary; without any a study is replicates of its scenario (design: grid)"))
        elif isinstance(self.design, SobolDesign) and self.design.samples & (self.design.samples - 1):
            below = 1 << (self.design.samples.bit_length() - 1)
            message = f"must be a power of two, got {self.design.samples}; nearest: {below} and {2 * below}"
            problems.append((("design", "samples"), message))
        return problems

    def _problems_of_names(self) -> list[Problem]:
        found: list[Problem] = []
        seen = set(RESERVED)
        for group, columns in (
            ("parameters", [parameter.column for parameter in self.parameters]),
            ("outputs", [column_of(output) for output in self.outputs]),
        ):
            for number, column in enumerate(columns):
                if column in seen or column.startswith("position."):
                    found.append(((group, number), f"{column!r} names another column of the table already; give it another name"))
                seen.add(column)
        return found

    def _problems_of_points(self, design: ListDesign, base: ScenarioFile) -> list[Problem]:
        found: list[Problem] = []
        for number, parameter in enumerate(self.parameters):
            if parameter.range is not None or parameter.values is not None:
                found.append((("parameters", number), "has its values in the list of points: must have neither range nor values"))
        parameters = {parameter.column: parameter for parameter in self.parameters}
        checked: dict[tuple[str, str], str | None] = {}
        for number, point in enumerate(design.points):
            here = ("design", "points", number)
            found += [(here, f"has no value of {name!r}") for name in parameters if name not in point]
            for name, value in point.items():
                if name not in parameters:
                    words = f"; nearest: {nearest(name, parameters)!r}" if parameters else ""
                    found.append((here, f"has a value of {name!r}, which is not among the parameters{words}"))
                    continue
                asked = name, flow(value)
                if asked not in checked:
                    checked[asked] = refusal(parameters[name], value, base.resolved)
                if checked[asked]:
                    found.append(((*here, name), f"{parameters[name].path} cannot be {flow(value)}: {checked[asked]}"))
        return found

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
        return read_scenario(folder / self.scenario, [f"{path}={flow(value)}" for path, value in self.set.items()])

    @property
    def names(self) -> list[str]:
        """Names of the factors of the design, with the dummy if it has one."""
        return [*(parameter.column for parameter in self.parameters), *([DUMMY] if isinstance(self.design, WITH_DUMMY) else [])]


def read_study(path: str | Path) -> Loaded[StudyFile]:
    """Read and check a study file and the scenario that it varies.

    Raises
    ------
    InputError
        Everything that is wrong, one line each.
    """
    return load(path, StudyFile)
