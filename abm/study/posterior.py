# SPDX-License-Identifier: Apache-2.0
"""What a calibration came to: the particles of its last generation, and in words what they tell."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.errors import InputError
from abm.study.calibration import MISSING
from abm.study.calibration_folder import FIGURE, POSTERIOR, SUMMARY, CalibrationFolder
from abm.study.sampling import Factor
from abm.study.targets import Goal
from abm.study.wording import aligned
from abm.trajectory.disk import replace_file, write_error

if TYPE_CHECKING:
    import pandas as pd

TAILS = (0.05, 0.5, 0.95)
"""Quantiles that are told: the ends of the 90 % interval about the median."""
NARROW = 0.8
"""Width of an interval, to that of the prior, from which on the data are said not to inform a parameter."""
MET = 2.0
"""Standard deviations by which a target may be off and is still said to be met."""
FEW = 50
"""Effective number of particles below which the ends of an interval are rough."""
_WIDTH = 100


@dataclass(frozen=True)
class Posterior:
    """The last generation of a calibration.

    Parameters
    ----------
    name : str
        Of the calibration.
    table : pandas.DataFrame
        A row per particle: ``particle`` (its number among the proposals of its generation), ``weight`` (they sum to 1), the
        parameters [declared units], ``distance`` [standard deviations], and of each target what was simulated [unit of its
        output] and, after ``missing.``, the share of replicates in which it did not happen.
    generations : pandas.DataFrame
        A row per generation: ``generation`` (from 1), ``epsilon``, ``tried``, ``accepted`` (particles).
    factors : list of Factor
        The priors: even over the range, or over its logarithm.
    goals : list of Goal
        The targets.
    wanted : int
        Most generations.
    least_epsilon : float
        Distance that is near enough [standard deviations].
    """

    name: str
    table: pd.DataFrame
    generations: pd.DataFrame
    factors: list[Factor]
    goals: list[Goal]
    wanted: int
    least_epsilon: float

    @property
    def effective(self) -> float:
        """Effective number of particles."""
        return float(1.0 / (self.table["weight"] ** 2).sum())

    def interval(self, name: str) -> tuple[float, float, float]:
        """Return the low end of the 90 % interval, the median, and the high end, of a parameter or a target.

        NaN for a target whose output happened for no particle.
        """
        from abm.study.smc import weighted_quantiles

        there = self.table[self.table[name].notna()]
        if there.empty:
            return math.nan, math.nan, math.nan
        low, median, high = weighted_quantiles(there[name].to_numpy(float), there["weight"].to_numpy(), TAILS)
        return low, median, high

    def narrowed(self, factor: Factor) -> float:
        """Return the width of the 90 % interval of a parameter to that of its prior, on the scale of the prior."""
        low, _, high = self.interval(factor.name)
        at = factor.position(np.clip([low, high], factor.low, factor.high))
        return float(at[1] - at[0]) / (TAILS[-1] - TAILS[0])

    def uninformed(self) -> list[str]:
        """Return the names of the parameters of which the targets tell little: their intervals are about as wide as the priors'."""
        return [factor.name for factor in self.factors if self.narrowed(factor) >= NARROW]

    def text(self) -> str:
        """Tell in words and two tables what the calibration came to."""
        last = self.generations.iloc[-1]
        tried = int(self.generations["tried"].sum())
        lines = [
            f"{self.name}: {counted(len(self.generations), 'generation')} of {counted(int(last['accepted']), 'particle')}",
            f"{counted(tried, 'particle')} tried, of the last generation {100 * last['accepted'] / last['tried']:.2g} % accepted: "
            f"{self._threshold(float(last['epsilon']))}",
            f"effective number of particles {self.effective:.0f}",
            "",
            *aligned([("parameter", "prior", "median", "90 % interval", "its width"), *map(self._parameter, self.factors)]),
            "",
            *aligned([("target", "published", "simulated", "90 % interval", "off by"), *map(self._target, self.goals)]),
            "",
        ]
        for sentence in self._remarks():
            lines += textwrap.wrap(sentence, _WIDTH, subsequent_indent="  ")
        return "\n".join(lines)

    def _threshold(self, epsilon: float) -> str:
        farthest = f"the farthest is {self.table['distance'].max():.3g} standard deviations off"
        return farthest if len(self.generations) == 1 else f"all within {epsilon:.3g} standard deviations"

    def _parameter(self, factor: Factor) -> tuple[str, ...]:
        low, median, high = self.interval(factor.name)
        narrowed = self.narrowed(factor)
        verdict = "  not informed" if narrowed >= NARROW else ""
        prior = f"{factor.low:.3g} to {factor.high:.3g}{', log' * (factor.scale == 'log')}"
        return factor.label, prior, f"{median:.3g}", f"{low:.3g} to {high:.3g}", f"{100 * narrowed:.0f} % of the prior's{verdict}"

    def _target(self, goal: Goal) -> tuple[str, ...]:
        low, median, high = self.interval(goal.name)
        label = goal.name if goal.unit == "1" else f"{goal.name} [{goal.unit}]"
        published = f"{goal.published:.3g} {'×/÷' if goal.log else '±'} {10**goal.sd if goal.log else goal.sd:.2g}"
        missing = self._missing(goal)
        did_not = f"; did not happen in {100 * missing:.2g} %" if missing else ""
        if math.isnan(median):
            return label, published, "did not happen", "", ""
        return label, published, f"{median:.3g}", f"{low:.3g} to {high:.3g}", f"{goal.off(median):+.1f} sd{did_not}"

    def _missing(self, goal: Goal) -> float:
        return float((self.table[MISSING + goal.name] * self.table["weight"]).sum())

    def _remarks(self) -> list[str]:
        found = []
        uninformed = self.uninformed()
        if uninformed:
            found.append(f"Not informed by these targets: {', '.join(uninformed)}. What is told of them is the prior.")
        missed = [goal.name for goal in self.goals if self._missing(goal) > 0.5 or not abs(goal.off(self.interval(goal.name)[1])) <= MET]
        if missed:
            found.append(f"Not met, by more than {MET:g} standard deviations: {', '.join(missed)}.")
        epsilon = float(self.generations["epsilon"].iloc[-1])
        if len(self.generations) == 1:
            found.append("One generation is the prior: nothing is calibrated yet.")
        elif epsilon > self.least_epsilon and len(self.generations) < self.wanted:
            found.append(f"Ended after {len(self.generations)} of {self.wanted} generations: too few particles were accepted of the next.")
        if self.effective < FEW:
            found.append(f"With an effective number of particles below {FEW} the ends of the intervals are rough.")
        return found

    def write(self, folder: CalibrationFolder) -> None:
        """Write the table, the text and the figure into the folder.

        Raises
        ------
        RunError
            The disk is full.
        """
        import io

        from abm.study.marginals import plot_posterior

        drawn = io.BytesIO()
        plot_posterior(self).savefig(drawn, format="png", dpi=150)
        files = {POSTERIOR: self.table.to_parquet(index=False), SUMMARY: f"{self.text()}\n".encode(), FIGURE: drawn.getvalue()}
        for name, data in files.items():
            try:
                replace_file(folder.path / name, data)
            except OSError as error:
                raise write_error(error, f"writing {folder.path / name}", "the calibration is safe") from None


def counted(number: int, word: str) -> str:
    """Say how many of something there are."""
    return f"{number:,} {word}{'s' * (number != 1)}"


def read_posterior(folder: CalibrationFolder) -> Posterior:
    """Return what a calibration has come to so far.

    Parameters
    ----------
    folder : CalibrationFolder

    Raises
    ------
    InputError
        No generation is done.
    """
    import pandas as pd

    from abm.study.smc import EVERY, NUMBER, opened, readings

    history = opened(folder.history)
    if history is None:
        raise InputError(f"{folder.path}: no generation of the calibration is done yet")
    rows: list[dict[str, Any]] = []
    for particle in history.get_population().particles:
        positions = {factor.name: particle.parameter[f"p{number:03d}"] for number, factor in enumerate(folder.factors)}
        found = readings(particle.sum_stat, len(folder.goals)) or []
        row = {"particle": int(particle.sum_stat[NUMBER]), "weight": float(particle.weight), **folder.values_of(positions)}
        row |= {"distance": float(particle.distance)}
        row |= {goal.name: reading.value for goal, reading in zip(folder.goals, found, strict=True)}
        row |= {MISSING + goal.name: reading.missing for goal, reading in zip(folder.goals, found, strict=True)}
        rows.append(row)
    table = pd.DataFrame(rows).sort_values("particle", ignore_index=True)
    table["weight"] /= table["weight"].sum()
    kept = history.get_all_populations()
    kept = kept[kept["t"] >= 0].sort_values("t")
    generations = pd.DataFrame(
        {
            "generation": kept["t"].to_numpy() + 1,
            "epsilon": np.where(kept["epsilon"] >= EVERY, math.inf, kept["epsilon"]),
            "tried": kept["samples"].to_numpy(),
            "accepted": kept["particles"].to_numpy(),
        }
    )
    return Posterior(
        folder.file.name, table, generations, folder.factors, folder.goals, folder.file.generations, folder.file.least_epsilon
    )
