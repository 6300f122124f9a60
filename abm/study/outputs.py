# SPDX-License-Identifier: Apache-2.0
"""What is kept of each run of a study: endpoints, numbers taken from the course of an observable, and results of assays."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from abm.clinic import ASSAYS, ENDPOINTS, Courses
from abm.errors import nearest, spelled
from abm.units import OneLine, Parameters, from_base, quantity

Take = Literal["max", "min", "mean", "final", "value", "day_of_max", "day_of_min"]


class ObservableOutput(Parameters):
    """One number of the course of an observable."""

    NAMED_BY: ClassVar[str] = "observable"
    observable: OneLine = Field(description="name of an observable, as abm info lists them")
    take: Take = Field(description="max, min, mean (over time), final (the last), value (on a day), day_of_max or day_of_min")
    day: float | None = quantity(
        None, "d", bounds=(-60, 2800), about="day of the value",
        source="study",
    )  # fmt: skip
    name: OneLine | None = Field(None, description="column of the table; made of observable, take and day if not given")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.take == "value") != (self.day is not None):
            raise ValueError("take: value needs a day, all others none, such as {observable: mrd, take: value, day: 28}")
        return self

    @property
    def column(self) -> str:
        """Name of its column in the table."""
        return self.name or self.definition

    @property
    def definition(self) -> str:
        """What it is, whatever it is called."""
        return f"{self.observable}_{self.take}" if self.day is None else f"{self.observable}_day{spelled(from_base(self.day, 'd'))}"

    def unit(self, observables: dict[str, str]) -> str:
        """Return its unit, given those of the observables."""
        return "d" if self.take.startswith("day_of") else observables[self.observable]

    def value(self, courses: Courses, seed: int) -> float:
        """Return the number, NaN if it was not recorded."""
        if self.day is not None:
            at = courses.at(self.observable, from_base(self.day, "d"))
            return math.nan if at is None else at
        course = courses.get(self.observable)
        if course is None:
            return math.nan
        days, values = course
        if self.take.startswith("day_of"):
            return float(days[values.argmax() if self.take == "day_of_max" else values.argmin()])
        if self.take == "final":
            return float(values[-1])
        return float(getattr(values, self.take)())


class AssayOutput(Parameters):
    """What a laboratory would have reported of a sample."""

    NAMED_BY: ClassVar[str] = "assay"
    assay: OneLine = Field(description="name of an assay: " + ", ".join(ASSAYS))
    day: float = quantity(
        ..., "d", bounds=(-60, 2800), about="day of the sample",
        source="study",
    )  # fmt: skip
    name: OneLine | None = Field(None, description="column of the table; made of assay and day if not given")

    @field_validator("assay")
    @classmethod
    def _is_known(cls, assay: str) -> str:
        if assay not in ASSAYS:
            raise ValueError(f"unknown assay {assay!r}; nearest: {nearest(assay, ASSAYS)!r}; assays: {', '.join(ASSAYS)}")
        return assay

    @property
    def observable(self) -> str:
        """Name of the observable that it measures."""
        return ASSAYS[self.assay].observable

    @property
    def column(self) -> str:
        """Name of its column in the table."""
        return self.name or self.definition

    @property
    def definition(self) -> str:
        """What it is, whatever it is called."""
        return f"{self.assay}_day{spelled(from_base(self.day, 'd'))}"

    def unit(self, observables: dict[str, str]) -> str:
        """Return its unit."""
        return ASSAYS[self.assay].unit

    def value(self, courses: Courses, seed: int) -> float:
        """Return what is reported, 0 if nothing is detected, NaN if nothing was recorded."""
        return ASSAYS[self.assay].report(courses, from_base(self.day, "d"), seed)


AnyOutput = str | ObservableOutput | AssayOutput


def _sort(given: Any) -> str:
    if isinstance(given, str):
        return "str"
    named = isinstance(given, AssayOutput) or (isinstance(given, dict) and AssayOutput.NAMED_BY in given)
    return AssayOutput.__name__ if named else ObservableOutput.__name__


def _known(output: AnyOutput) -> AnyOutput:
    if isinstance(output, str) and output not in ENDPOINTS:
        raise ValueError(
            f"unknown endpoint {output!r}; nearest: {nearest(output, ENDPOINTS)!r}; endpoints: {', '.join(ENDPOINTS)}; "
            "of an observable: {observable: il6, take: max}"
        )
    return output


Output = Annotated[
    Annotated[str, Tag("str")] | Annotated[ObservableOutput, Tag("ObservableOutput")] | Annotated[AssayOutput, Tag("AssayOutput")],
    Discriminator(_sort),
    AfterValidator(_known),
]
"""Name of an endpoint, what to take of an observable, or an assay and its day."""


def column_of(output: AnyOutput) -> str:
    """Return the name of an output's column."""
    return output if isinstance(output, str) else output.column


def definition_of(output: AnyOutput) -> str:
    """Return the name under which an output is kept: columns may be called otherwise, or be given to another."""
    return output if isinstance(output, str) else output.definition


def unit_of(output: AnyOutput, observables: dict[str, str]) -> str:
    """Return the unit of an output, given those of the observables."""
    return ENDPOINTS[output].unit if isinstance(output, str) else output.unit(observables)


def outputs_of(courses: Courses, outputs: Iterable[AnyOutput], seed: int) -> dict[str, float]:
    """Return the outputs of a run by definition.

    Parameters
    ----------
    courses : Courses
        What was recorded.
    outputs : iterable
        Names of endpoints, what to take of observables, and assays.
    seed : int
        Of the run, with which chance enters assays.
    """
    return {
        definition_of(output): ENDPOINTS[output].value(courses) if isinstance(output, str) else output.value(courses, seed)
        for output in outputs
    }
