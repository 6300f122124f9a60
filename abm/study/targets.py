# SPDX-License-Identifier: Apache-2.0
"""Targets of a calibration: published numbers, and how far what a scenario gives is from them.

The distance of a particle is the root mean square, over all targets, of how many standard deviations the simulated number is
off the published one. A number is the mean over replicates; where ``log`` is true, of decimal logarithms. Of a target
whose output did not happen in a share of the replicates (there was no relapse, so that it has no day; or a number of which the
logarithm is wanted is not above 0), that share counts ``missing`` standard deviations, squared, and the rest as it is off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from abm.errors import shown
from abm.study.outputs import Output, column_of
from abm.units import OneLine, Parameters, parse_quantity, quantity


@dataclass(frozen=True)
class Reading:
    """What the replicates of a particle came to.

    Parameters
    ----------
    value : float
        Mean over the replicates in which the output happened [unit of the output]; NaN if it happened in none.
    missing : float
        Share of the replicates in which it did not happen, 0 to 1.
    """

    value: float
    missing: float


@dataclass(frozen=True)
class Goal:
    """A target in the unit of its output.

    Parameters
    ----------
    name : str
        Its column in the table of the posterior.
    unit : str
        Of the output.
    published, sd : float
        The number and its standard deviation [``unit``]; with ``log`` the latter is in powers of ten.
    log : bool
        Whether ratios count, not differences.
    """

    name: str
    unit: str
    published: float
    sd: float
    log: bool = False

    def read(self, values: Sequence[float | None]) -> Reading:
        """Return what the outputs of replicates come to; None and NaN did not happen."""
        happened = [value for value in values if value is not None and math.isfinite(value) and (value > 0 or not self.log)]
        missing = 1.0 - len(happened) / len(values)
        if not happened:
            return Reading(math.nan, missing)
        if self.log:
            return Reading(10.0 ** (math.fsum(map(math.log10, happened)) / len(happened)), missing)
        return Reading(math.fsum(happened) / len(happened), missing)

    def off(self, value: float) -> float:
        """Return by how many standard deviations a number is off, upwards or downwards."""
        difference = math.log10(value) - math.log10(self.published) if self.log else value - self.published
        return difference / self.sd

    def squared(self, reading: Reading, missing: float) -> float:
        """Return the square of how far a reading is off.

        Parameters
        ----------
        reading : Reading
        missing : float
            Standard deviations that an output counts which did not happen.
        """
        there = 1.0 - reading.missing
        return reading.missing * missing**2 + (there * self.off(reading.value) ** 2 if there else 0.0)


def distance(goals: Sequence[Goal], readings: Sequence[Reading], missing: float) -> float:
    """Return how far a particle is from all targets [standard deviations].

    Parameters
    ----------
    goals : sequence of Goal
    readings : sequence of Reading
        Of each goal, in the same order.
    missing : float
        Standard deviations that an output counts which did not happen.
    """
    squares = [goal.squared(reading, missing) for goal, reading in zip(goals, readings, strict=True)]
    return math.sqrt(math.fsum(squares) / len(squares))


class Target(Parameters):
    """A published number, and the output of the scenario that is to meet it."""

    output: Output = Field(description="an endpoint by name, or what to take of an observable, as in a study")
    value: float | str = Field(description="the published number")
    sd: float | str = Field(
        description="its standard deviation: uncertainty of the source and what the model need not explain; with log in powers of ten"
    )
    log: bool = Field(False, description="whether ratios count, not differences: for numbers that span orders of magnitude")
    unit: OneLine | None = Field(None, description="unit of value and sd, where they are bare numbers; that of the output if not given")
    source: OneLine = Field(min_length=1, description="where the number is published: author, year, table or figure")
    name: OneLine | None = Field(None, description="its column in the table; that of the output if not given")
    set: dict[str, Any] = Field({}, description="values of the scenario for this target alone, such as those of a patient: path and value")
    until: float | None = quantity(
        None, "d", bounds=(0.01, 2800), about="day at which its runs end; that of the calibration if not given",
        source="calibration",
    )  # fmt: skip

    @property
    def column(self) -> str:
        """Name of its column in the table of the posterior."""
        return self.name or column_of(self.output)

    def goal(self, unit: str) -> Goal:
        """Return its numbers in the unit of its output.

        Parameters
        ----------
        unit : str
            Of the output.

        Raises
        ------
        ValueError
            A number of another unit, or none that can be met.
        """
        published, sd = self._number(self.value, "value", unit), self._number(self.sd, "sd", "1" if self.log else unit)
        if sd <= 0:
            raise ValueError(f"sd must be above 0, got {shown(self.sd)}")
        if self.log and published <= 0:
            raise ValueError(f"value must be above 0, as log is true, got {shown(self.value)}")
        return Goal(self.column, unit, published, sd, self.log)

    def _number(self, given: float | str, name: str, unit: str) -> float:
        is_bare = self.unit is not None and not isinstance(given, str) and not (name == "sd" and self.log)
        try:
            return parse_quantity(f"{float(given)!r} {self.unit}" if is_bare else given, unit)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
