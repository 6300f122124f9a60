# SPDX-License-Identifier: Apache-2.0
"""The design of a study: its points, the runs of each, and their seeds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.errors import InputError
from abm.scenario import MAX_SEED, Scenario
from abm.study import sampling
from abm.study.declaration import (
    GridDesign,
    LatinHypercubeDesign,
    ListDesign,
    MorrisDesign,
    OneAtATimeDesign,
    SobolDesign,
    SobolSequenceDesign,
    StudyFile,
)
from abm.study.factors import in_unit, unit_at, value_at
from abm.study.sampling import DUMMY, Choice, Factor, Points
from abm.yamlfile import flow

if TYPE_CHECKING:
    import pandas as pd

POSITION = "position."
"""Before the name of a factor: the column of where its value lies in the unit interval."""
MOST_RUNS = 10_000_000


def size_of(study: StudyFile) -> int:
    """Return the number of points of a study, without making them."""
    design, factors = study.design, len(study.names)
    if isinstance(design, ListDesign):
        return len(design.points)
    if isinstance(design, GridDesign):
        return sampling.grid_size([_levels(parameter.values, design.levels) for parameter in study.parameters])
    if isinstance(design, LatinHypercubeDesign | SobolSequenceDesign):
        return design.points
    if isinstance(design, OneAtATimeDesign):
        return sampling.one_at_a_time_size(factors)
    if isinstance(design, SobolDesign):
        return sampling.saltelli_size(design.samples, factors, second_order=design.second_order)
    return sampling.morris_size(design.trajectories, factors)


def make_design(study: StudyFile, scenario: Scenario) -> pd.DataFrame:
    """Lay out all runs of a study.

    Parameters
    ----------
    study : StudyFile
    scenario : Scenario
        The one that is varied.

    Returns
    -------
    pandas.DataFrame
        A row per run, points in the order of the design and the replicates of each together: ``run``, ``point``,
        ``replicate``, ``seed``, a column per parameter [its declared unit], and the positions of the factors in the
        unit interval.

    Raises
    ------
    InputError
        More runs than can be, or a value that a list does not hold in the unit of its parameter.
    """
    import pandas as pd

    if size_of(study) * study.replicates > MOST_RUNS:
        raise InputError(f"a study has at most {MOST_RUNS:,} runs, this one {size_of(study) * study.replicates:,}")
    if isinstance(study.design, ListDesign):
        columns = _listed(study, study.design, scenario)
    else:
        factors = [parameter.factor(scenario) for parameter in study.parameters]
        points = _points(study, factors, scenario)
        columns = {}
        for number, (parameter, factor) in enumerate(zip(study.parameters, factors, strict=True)):
            values = factor.value(points[:, number])
            columns[parameter.column] = [parameter.fitted(value, scenario) for value in values.tolist()]
        for number, name in enumerate(study.names):
            columns[POSITION + name] = points[:, number].tolist()
    table = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()}, index=range(size_of(study)))
    rows = table.loc[table.index.repeat(study.replicates)].reset_index(names="point")
    rows.insert(1, "replicate", np.tile(np.arange(study.replicates), len(table)))
    rows.insert(2, "seed", [_seed(study, row) for row in rows.to_dict("records")])
    rows.insert(0, "run", np.arange(len(rows)))
    return rows


def settings_of(study: StudyFile, row: Mapping[str, Any]) -> list[str]:
    """Return what puts the values of a row of the design into the scenario, ``path=value`` each."""
    return [parameter.setting(row[parameter.column]) for parameter in study.parameters]


def _points(study: StudyFile, factors: list[Factor | Choice], scenario: Scenario) -> Points:
    design, count, seed = study.design, len(study.names), study.seed
    if isinstance(design, GridDesign):
        if not factors:
            return np.empty((1, 0))
        return sampling.grid([_levels(parameter.values, design.levels) for parameter in study.parameters])
    if isinstance(design, LatinHypercubeDesign):
        return sampling.latin_hypercube(design.points, count, seed)
    if isinstance(design, SobolSequenceDesign):
        return sampling.sobol_sequence(design.points, count, seed)
    if isinstance(design, SobolDesign):
        return sampling.saltelli(design.samples, count, seed, second_order=design.second_order)
    if isinstance(design, MorrisDesign):
        return sampling.morris(design.trajectories, count, design.levels, seed)
    return sampling.one_at_a_time([_base(study, number, factor, scenario) for number, factor in enumerate(factors)])


def _base(study: StudyFile, number: int, factor: Factor | Choice, scenario: Scenario) -> float:
    """Return where the scenario itself stands in the range of a factor."""
    path = study.parameters[number].path
    value = value_at(scenario, path)
    if isinstance(factor, Choice):
        if value not in factor.values:
            raise InputError(f"{path}: the scenario's {flow(value)} is not among the values, from which one at a time departs")
        return (factor.values.index(value) + 0.5) / len(factor.values)
    return float(factor.position(value))


def _listed(study: StudyFile, design: ListDesign, scenario: Scenario) -> dict[str, list[Any]]:
    return {
        parameter.column: [in_unit(point[parameter.column], unit_at(scenario, parameter.path)) for point in design.points]
        for parameter in study.parameters
    }


def _levels(values: tuple[Any, ...] | None, levels: int) -> int:
    return levels if values is None else len(values)


def _seed(study: StudyFile, row: Mapping[str, Any]) -> int:
    """Return the seed of a run: of its replicate alone, or of its point as well, wherever in the design that stands."""
    words = [str(study.seed), str(row["replicate"])]
    if study.random_numbers == "independent":
        words += settings_of(study, row)
        words.append(repr(row.get(POSITION + DUMMY)))
    return int.from_bytes(hashlib.sha256("\n".join(words).encode()).digest()[:8]) & MAX_SEED
