# SPDX-License-Identifier: Apache-2.0
"""From the table of a study to what it says: sensitivity, tornado, response surface."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError, nearest, spelled
from abm.study.declaration import MorrisDesign, OneAtATimeDesign, SobolDesign
from abm.study.design import POSITION
from abm.study.factors import VariedParameter
from abm.study.outputs import column_of, unit_of
from abm.study.packages import study_packages
from abm.study.results import FINISHED, Study
from abm.study.sampling import Choice, Factor
from abm.study.sensitivity import Sensitivity, morris_indices, sobol_indices

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


def label_of(study: Study, output: str, *, log: bool = False) -> str:
    """Return an output with its unit, for an axis.

    Raises
    ------
    InputError
        It is not among the outputs of the study.
    """
    declared = {column_of(item): item for item in study.declaration.outputs}
    if output not in declared:
        raise InputError(f"{output!r} is not among the outputs of the study; nearest: {nearest(output, declared)!r}")
    base = study.folder.base.scenario
    units = {item.name: item.unit for item in base.observables()}
    unit = unit_of(declared[output], units)
    label = output if unit == "1" else f"{output} [{unit}]"
    return f"log10 of {label}" if log else label


def outputs_by_point(study: Study, output: str, *, log: bool = False) -> NDArray[np.float64]:
    """Return an output of all runs.

    Parameters
    ----------
    study : Study
    output : str
    log : bool
        Its decimal logarithm.

    Returns
    -------
    ndarray of float64, shape (points, replicates)
        NaN where a run failed, is not done, or has no such output.

    Raises
    ------
    InputError
        A logarithm of what is not positive.
    """
    label_of(study, output)
    table = study.table()
    column = table[output].where(table["status"] == FINISHED).to_numpy(dtype=float)
    values: NDArray[np.float64] = column.reshape(-1, study.declaration.replicates)
    if not log:
        return values
    if (values <= 0).any():
        raise InputError(f"{output}: a logarithm needs values above 0, got {spelled(float(np.nanmin(values)))}")
    return np.log10(values)


def sensitivity(study: Study, output: str, *, log: bool = False) -> Sensitivity:
    """Say which parameters an output depends on.

    Parameters
    ----------
    study : Study
        Of the design ``morris`` or ``sobol``.
    output : str
    log : bool
        Analyse the decimal logarithm of the output.

    Raises
    ------
    InputError
        Another design, runs that failed or are not done, or an output that is missing or constant.
    """
    declared = study.declaration
    values, label = outputs_by_point(study, output, log=log), label_of(study, output, log=log)
    with study_packages():
        if isinstance(declared.design, SobolDesign):
            return sobol_indices(values, declared.names, declared.design.second_order, output=label, seed=declared.seed)
        if isinstance(declared.design, MorrisDesign):
            positions = study.folder.design.iloc[:: declared.replicates][[POSITION + name for name in declared.names]]
            points = positions.to_numpy(dtype=float)
            return morris_indices(points, values, declared.names, declared.design.levels, output=label, seed=declared.seed)
    raise InputError(f"the design of the study is {declared.design.type!r}; sensitivity needs 'morris' or 'sobol'")


def tornado(study: Study, output: str, *, log: bool = False) -> Figure:
    """Draw what each parameter alone does to an output.

    Parameters
    ----------
    study : Study
        Of the design ``one_at_a_time``.
    output : str
    log : bool
        Draw the decimal logarithm of the output.

    Raises
    ------
    InputError
        Another design, or outputs that are missing.
    """
    from abm.study.figures import plot_tornado

    if not isinstance(study.declaration.design, OneAtATimeDesign):
        raise InputError(f"the design of the study is {study.declaration.design.type!r}; a tornado needs 'one_at_a_time'")
    means = outputs_by_point(study, output, log=log).mean(axis=1)
    ranges = []
    for parameter in study.declaration.parameters:
        factor = _factor(study, parameter)
        ends = (factor.values[0], factor.values[-1]) if isinstance(factor, Choice) else (factor.low, factor.high)
        unit = "" if isinstance(factor, Choice) or factor.unit == "1" else f" {factor.unit}"
        ranges.append((f"{_shown(ends[0])}{unit}", f"{_shown(ends[1])}{unit}"))
    label = label_of(study, output, log=log)
    return plot_tornado(study.declaration.names, means[1::2], means[2::2], float(means[0]), output=label, ranges=ranges)


def surface(study: Study, output: str, x: str, y: str, *, log: bool = False) -> Figure:
    """Draw an output over two parameters; where others vary too, as points alone.

    Lists of values that are no numbers, or lie unevenly, are drawn as boxes of equal size.

    Parameters
    ----------
    study : Study
    output, x, y : str
        Columns of the table.
    log : bool
        Colours on a logarithmic scale.

    Raises
    ------
    InputError
        Columns that are none or no numbers, or outputs that are missing.
    """
    from abm.study.figures import plot_surface

    label = label_of(study, output)
    parameters = {parameter.column: parameter for parameter in study.declaration.parameters}
    for name in (x, y):
        if name not in parameters:
            raise InputError(f"{name!r} is not among the parameters of the study; nearest: {nearest(name, parameters)!r}")
    factors = [(_factor(study, parameters[name]), parameters[name].scale) for name in (x, y)]
    rows = study.folder.design.iloc[:: study.declaration.replicates]
    values = outputs_by_point(study, output).mean(axis=1)
    if len(parameters) == 2 and any(_is_uneven(factor, scale) for factor, scale in factors):
        return _heat_map(rows, values, [factor for factor, _ in factors], label, log)
    across, up = (_numbers(factor, scale) for factor, scale in factors)
    points = np.stack([factor.position(rows[factor.name].to_numpy(dtype=float)) for factor in (across, up)], axis=1)
    return plot_surface(across, up, points, values, output=label, log=log, interpolate=len(parameters) == 2)


def _heat_map(rows: DataFrame, values: NDArray[np.float64], factors: Sequence[Factor | Choice], label: str, log: bool) -> Figure:
    """Draw the points of a study as boxes; those at one place are averaged."""
    from abm.study.heat_map import plot_heat_map

    if not np.isfinite(values).all():
        raise InputError(f"{label}: {np.count_nonzero(~np.isfinite(values))} of {len(values)} points have no value")
    (across, x), (up, y) = (_levels(rows, factor) for factor in factors)
    shape = len(y), len(x)
    at = np.ravel_multi_index((up, across), shape)
    with np.errstate(invalid="ignore"):  # no point, no value
        means = np.bincount(at, values, math.prod(shape)) / np.bincount(at, minlength=math.prod(shape))
    labels = [factor.label if isinstance(factor, Factor) else factor.name for factor in factors]
    return plot_heat_map((labels[0], x), (labels[1], y), means.reshape(shape), output=label, log=log)


def _levels(rows: DataFrame, factor: Factor | Choice) -> tuple[NDArray[np.int64], list[str]]:
    """Return which value of a factor each point has, and the names of its values."""
    if isinstance(factor, Choice) and POSITION + factor.name in rows:
        return factor.index(rows[POSITION + factor.name].to_numpy(dtype=float)), [_shown(value) for value in factor.values]
    values, which = np.unique(rows[factor.name], return_inverse=True)
    return which, [_shown(value) for value in values.tolist()]


def _factor(study: Study, parameter: VariedParameter) -> Factor | Choice:
    return parameter.factor(study.folder.base.scenario)


def _is_uneven(factor: Factor | Choice, scale: str) -> bool:
    """Whether a list of values is no series of equal steps."""
    if isinstance(factor, Factor) or len(factor.values) < 2:
        return False
    if not all(_is_number(value) and (scale == "linear" or value > 0) for value in factor.values):
        return True
    steps = np.diff(np.log(factor.values) if scale == "log" else np.array(factor.values, dtype=float))
    return not np.allclose(steps, steps[0])


def _numbers(factor: Factor | Choice, scale: Literal["linear", "log"]) -> Factor:
    """Return a list of numbers as the range that it spans."""
    if isinstance(factor, Factor):
        return factor
    numbers = [value for value in factor.values if _is_number(value)]
    if len(numbers) < len(factor.values) or min(numbers) == max(numbers):
        raise InputError(f"{factor.name!r}: an axis needs two numbers or more, and nothing else")
    return Factor(factor.name, float(min(numbers)), float(max(numbers)), scale)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return spelled(float(f"{value:.3g}")) if isinstance(value, int | float) else str(value)
