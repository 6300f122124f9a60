# SPDX-License-Identifier: Apache-2.0
"""Which factors matter: the screening of Morris and the indices of Sobol', and how much of them is noise.

A stochastic model gives another output for the same point. What replicates leave of that noise after averaging looks like
sensitivity: the total index of a factor that does nothing is the share of noise in the variance. Two measures of it are
taken. A dummy factor, part of the design and of no effect, shows what an analysis finds where there is nothing; and the
replicates tell their standard error. A factor counts as told from noise if its interval lies above both.

The dummy measures noise only if every point has seeds of its own: with the seeds of a point shared by all others a run
that differs in the dummy alone is the same run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abm.errors import InputError, nearest, shown, spelled
from abm.study.noise import MUCH, Noise, averaged
from abm.study.sampling import DUMMY, check_levels
from abm.study.wording import sensitivity_text

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]
LEAST_WALKS = 4
"""Trajectories from which the interval of an elementary effect can be trusted: of 2 it misses one factor of no effect in six."""
WIDE_INTERVAL = 0.5
"""Half an interval of a share of the variance that leaves open whether a factor does nothing or everything."""


@dataclass(frozen=True)
class Sensitivity:
    """The result of an analysis.

    Parameters
    ----------
    method : {"morris", "sobol"}
    output : str
        What was analysed, with its unit.
    points : int
        Of the design.
    confidence : float
        Level of the intervals; columns ``*_conf`` are half their width.
    table : pandas.DataFrame
        A row per factor, the dummy among them, in the order of the design. Morris: ``name``, ``mu``, ``mu_star``,
        ``mu_star_conf``, ``sigma`` (unit of the output, per whole range of the factor), ``above_noise``. Sobol':
        ``name``, ``S1``, ``S1_conf``, ``ST``, ``ST_conf``, ``above_noise``.
    second_order : pandas.DataFrame or None
        A row per pair of factors: ``first``, ``second``, ``S2``, ``S2_conf``, ``above_noise``.
    noise : Noise
    floor : float
        What ``mu_star`` or ``ST`` must exceed with its whole interval to be told from noise.
    notes : tuple of str
        What the reader should know before relying on the table.
    """

    method: Literal["morris", "sobol"]
    output: str
    points: int
    confidence: float
    table: pd.DataFrame
    second_order: pd.DataFrame | None
    noise: Noise
    floor: float
    notes: tuple[str, ...]

    @property
    def ranked(self) -> pd.DataFrame:
        """The table with the factor of the largest effect first."""
        return self.table.sort_values(LEADING[self.method], ascending=False, kind="stable", ignore_index=True)

    def text(self) -> str:
        """Set the result for a terminal, the factor of the largest effect first."""
        return sensitivity_text(self)


LEADING = {"morris": "mu_star", "sobol": "ST"}
"""Column by which the factors are ranked and told from noise."""


def morris_indices(
    points: ArrayLike,
    outputs: ArrayLike,
    names: Sequence[str],
    levels: int,
    *,
    output: str = "output",
    seed: int = 0,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> Sensitivity:
    """Screen factors by their elementary effects.

    Parameters
    ----------
    points : array_like of float, shape (points, factors)
        The design in the unit cube, as :func:`abm.study.sampling.morris` made it.
    outputs : array_like of float, shape (points, replicates)
        NaN where a run failed or is missing, which is refused.
    names : sequence of str
        Of the factors; one is ``"dummy"``.
    levels : int
        Of the design.
    output : str
        What the outputs are, with their unit.
    seed, resamples : int
        Of the bootstrap that gives the intervals.
    confidence : float
        Level of the intervals.

    Raises
    ------
    InputError
        Runs without a finite value, an output that never changes, no dummy, or a design that is not Morris's.

    References
    ----------
    Morris 1991, Technometrics 33:161. Campolongo et al. 2007, Environmental Modelling & Software 22:1509 (mu*).
    """
    at = np.ascontiguousarray(points, dtype=np.float64)
    _check_names(names, confidence, resamples)
    check_levels(levels)
    means, noise = averaged(outputs, output)
    _check_trajectories(at, len(means), len(names), levels)
    if np.ptp(means) == 0:
        raise _constant(output, means[0], f"all {len(means)} points")
    import pandas as pd
    from SALib.analyze import morris

    found = morris.analyze(_problem(names), at, means, num_levels=levels, num_resamples=resamples, conf_level=confidence, seed=seed)
    table = pd.DataFrame(
        {"name": list(names)}
        | {column: np.asarray(found[column], dtype=np.float64) for column in ("mu", "mu_star", "mu_star_conf", "sigma")}
    )
    # two means of independent noise differ by 2 SE / sqrt(pi) on average
    step = levels / (2 * (levels - 1))
    replicated = 2 * noise.standard_error / (math.sqrt(math.pi) * step)
    walks = len(means) // (len(names) + 1)
    few = f"{walks} trajectories are too few to tell a factor from noise: {LEAST_WALKS} or more can." if walks < LEAST_WALKS else None
    found = _judged("morris", output, confidence, table, None, noise, replicated, len(means), few)
    found.table["above_noise"] &= walks >= LEAST_WALKS
    return found


def sobol_indices(
    outputs: ArrayLike,
    names: Sequence[str],
    second_order: bool,
    *,
    output: str = "output",
    seed: int = 0,
    resamples: int = 400,
    confidence: float = 0.95,
) -> Sensitivity:
    """Split the variance of an output among the factors.

    Parameters
    ----------
    outputs : array_like of float, shape (points, replicates)
        At the points of :func:`abm.study.sampling.saltelli`, in its order; NaN where a run failed or is missing, which
        is refused.
    names : sequence of str
        Of the factors; one is ``"dummy"``.
    second_order : bool
        As the design was made.
    output : str
        What the outputs are, with their unit.
    seed, resamples : int
        Of the bootstrap that gives the intervals.
    confidence : float
        Level of the intervals.

    Raises
    ------
    InputError
        Runs without a finite value, an output that never changes, no dummy, or another number of points.

    References
    ----------
    Saltelli et al. 2010, Computer Physics Communications 181:259 (S1, ST); Saltelli 2002, 145:280 (S2).
    """
    _check_names(names, confidence, resamples)
    means, noise = averaged(outputs, output)
    block = (2 if second_order else 1) * len(names) + 2
    if len(means) % block or len(means) < 2 * block:
        raise InputError(
            f"{output}: Sobol' indices of {len(names)} factors {'with' if second_order else 'without'} second order need a"
            f" multiple of {block} points, twice or more, got {len(means)}"
        )
    base = np.concatenate([means[::block], means[block - 1 :: block]])
    if np.ptp(base) == 0:
        raise _constant(output, base[0], f"all {len(base)} base points of the design")
    import pandas as pd
    from SALib.analyze import sobol

    # a generator, since SALib takes the seed 0 for none and would draw from NumPy's global state
    found = sobol.analyze(
        _problem(names), means, calc_second_order=second_order, num_resamples=resamples, conf_level=confidence,
        seed=np.random.default_rng(seed),
    )  # fmt: skip
    table = pd.DataFrame({"name": list(names)} | {column: found[column] for column in ("S1", "S1_conf", "ST", "ST_conf")})
    pairs = _pairs(found["S2"], found["S2_conf"], names) if second_order else None
    wide = float(table["ST_conf"].max())
    few = f"Intervals of up to ± {wide:.2g} say next to nothing: the design needs more samples." if wide > WIDE_INTERVAL else None
    return _judged("sobol", output, confidence, table, pairs, noise, noise.share, len(means), few)


def _pairs(index: Values, half_width: Values, names: Sequence[str]) -> pd.DataFrame:
    """Lay out the indices of pairs; a pair is told from noise if it lies above every pair with the dummy."""
    import pandas as pd

    rows = [(names[i], names[j], float(index[i, j]), float(half_width[i, j])) for i, j in combinations(range(len(names)), 2)]
    table = pd.DataFrame(rows, columns=["first", "second", "S2", "S2_conf"])
    with_dummy = (table["first"] == DUMMY) | (table["second"] == DUMMY)
    floor = max(0.0, float((table["S2"] + table["S2_conf"])[with_dummy].max()))
    table["above_noise"] = (table["S2"] - table["S2_conf"] > floor) & ~with_dummy
    return table


def _judged(
    method: Literal["morris", "sobol"],
    output: str,
    confidence: float,
    table: pd.DataFrame,
    second_order: pd.DataFrame | None,
    noise: Noise,
    replicated: float,
    points: int,
    few: str | None,
) -> Sensitivity:
    """Tell factors from noise: ``replicated`` is what a factor of no effect would show by the replicates' noise."""
    index = table[LEADING[method]]
    half_width = table[f"{LEADING[method]}_conf"]
    dummy = table["name"] == DUMMY
    floor = float(np.fmax((index + half_width)[dummy].iloc[0], replicated))
    table["above_noise"] = (index - half_width > floor) & ~dummy
    notes = (*([few] if few else []), *_notes(noise, unmoved=float(index[dummy].iloc[0]) == 0))
    return Sensitivity(method, output, points, confidence, table, second_order, noise, floor, notes)


def _notes(noise: Noise, *, unmoved: bool) -> tuple[str, ...]:
    """Say what to know of noise and of a dummy that did not move the output at all."""
    if unmoved and noise.replicates == 1:
        return (
            "The dummy changed nothing: the output does not vary by chance, or points share their seeds; one replicate cannot tell which.",
        )
    if unmoved and noise.standard_error > 0:
        return (
            "The dummy changed nothing although replicates differ: points share their seeds, or the output seldom varies. The"
            " floor is taken from the replicates; seeds of its own for each point would let the dummy measure it.",
        )
    if noise.share > MUCH:
        enough = noise.replicates_advised
        advice = f"{enough} replicates would bring that to 5 %" if enough else "the points cannot be told apart"
        return (f"Noise is {100 * noise.share:.0f} % of the variance and inflates the indices: {advice}.",)
    return ()


def _check_names(names: Sequence[str], confidence: float, resamples: int) -> None:
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise InputError(f"names of factors must differ, got {shown(twice[0])} twice")
    if DUMMY not in names:
        alike = nearest(DUMMY, names)
        raise InputError(
            f"one factor must be called {DUMMY!r} and change nothing, as the measure of noise; got {', '.join(names) or 'none'}"
            + (f" (nearest: {alike!r})" if alike else "")
        )
    if len(names) < 2:
        raise InputError("an analysis needs one factor or more beside the dummy, got none")
    if not 0 < confidence < 1:
        raise InputError(f"the level of confidence must lie between 0 and 1, got {shown(confidence)}")
    if resamples < 2:
        raise InputError(f"the bootstrap needs two resamples or more, got {shown(resamples)}")


def _check_trajectories(points: Values, runs: int, factors: int, levels: int) -> None:
    """Refuse points that are no walks in which each step moves one factor by the step of the design."""
    if points.ndim != 2 or points.shape != (runs, factors):
        raise InputError(f"points must have the shape (points, factors) = ({runs}, {factors}), got {points.shape}")
    if runs % (factors + 1) or runs < 2 * (factors + 1):
        raise InputError(f"the design of Morris for {factors} factors has a multiple of {factors + 1} points, twice or more, got {runs}")
    moves = np.abs(np.diff(points.reshape(-1, factors + 1, factors), axis=1))
    step = levels / (2 * (levels - 1))
    moved = np.isclose(moves, step, rtol=0, atol=1e-9)
    still = moves == 0
    if not ((moved | still).all() and (moved.sum(axis=1) == 1).all() and (moved.sum(axis=2) == 1).all()):
        raise InputError(f"points are not trajectories of Morris on {levels} levels: each step must move one factor by {step:.4g}")


def _constant(output: str, value: float, where: str) -> InputError:
    return InputError(f"{output}: the same value, {spelled(float(value))}, at {where}: nothing to explain, indices are not defined")


def _problem(names: Sequence[str]) -> dict[str, object]:
    return {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}
