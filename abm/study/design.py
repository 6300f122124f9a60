# SPDX-License-Identifier: Apache-2.0
"""The design of a study: its points, the runs of each, and their seeds."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.scenario import MAX_SEED, Scenario
from abm.study import sampling
from abm.study.declaration import (
    GridDesign,
    LatinHypercubeDesign,
    ListDesign,
    MorrisDesign,
    SobolDesign,
    SobolSequenceDesign,
    StudyFile,
    levels_of,
    size_of,
)
from abm.study.factors import VariedParameter, as_column, base_position, in_unit, unit_at
from abm.study.packages import study_packages
from abm.study.sampling import DUMMY, Choice, Factor, Points

if TYPE_CHECKING:
    import pandas as pd

POSITION = "position."
"""Before the name of a factor: the column of where its value lies in the unit interval."""


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
        A package that the design needs is not installed.
    """
    import pandas as pd

    size = size_of(study)
    columns: dict[str, list[Any]] = {}
    if isinstance(study.design, ListDesign):
        for parameter in study.parameters:
            columns[parameter.column] = as_column(_listed(study, parameter, scenario) or ())
    else:
        factors = [parameter.factor(scenario) for parameter in study.parameters]
        with study_packages():
            points = _points(study, factors, scenario)
        for number, (parameter, factor) in enumerate(zip(study.parameters, factors, strict=True)):
            if isinstance(factor, Choice):
                shown = as_column(factor.values)
                columns[parameter.column] = [shown[place] for place in factor.index(points[:, number]).tolist()]
            else:
                columns[parameter.column] = [parameter.fitted(value, scenario) for value in factor.value(points[:, number]).tolist()]
        for number, name in enumerate(study.names):
            columns[POSITION + name] = points[:, number].tolist()
    table = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()}, index=range(size))
    rows = table.loc[table.index.repeat(study.replicates)].reset_index(names="point")
    rows.insert(1, "replicate", np.tile(np.arange(study.replicates), size))
    rows.insert(2, "seed", _seeds(study, rows, scenario))
    rows.insert(0, "run", np.arange(len(rows)))
    return rows


def settings_of(study: StudyFile, table: pd.DataFrame, scenario: Scenario) -> list[tuple[str, ...]]:
    """Return what puts the values of each row of a design into the scenario, ``path=value`` each.

    Parameters
    ----------
    study : StudyFile
    table : pandas.DataFrame
        Rows of :func:`make_design`.
    scenario : Scenario
        The one that is varied.
    """
    if not study.parameters:
        return [()] * len(table)
    columns = [
        parameter.settings(table[parameter.column].tolist(), _listed(study, parameter, scenario)) for parameter in study.parameters
    ]
    return list(zip(*columns, strict=True))


def _points(study: StudyFile, factors: list[Factor | Choice], scenario: Scenario) -> Points:
    design, count, seed = study.design, len(study.names), study.seed
    if isinstance(design, GridDesign):
        if not factors:
            return np.empty((1, 0))
        return sampling.grid(levels_of(study, design))
    if isinstance(design, LatinHypercubeDesign):
        return sampling.latin_hypercube(design.points, count, seed)
    if isinstance(design, SobolSequenceDesign):
        return sampling.sobol_sequence(design.points, count, seed)
    if isinstance(design, SobolDesign):
        return sampling.saltelli(design.samples, count, seed, second_order=design.second_order)
    if isinstance(design, MorrisDesign):
        return sampling.morris(design.trajectories, count, design.levels, seed)
    return sampling.one_at_a_time([base_position(*pair, scenario) for pair in zip(study.parameters, factors, strict=True)])


def _listed(study: StudyFile, parameter: VariedParameter, scenario: Scenario) -> list[Any] | None:
    """Return the values of a parameter that are listed, in its unit; None if it has a range."""
    values: Sequence[Any] | None = parameter.values
    if isinstance(study.design, ListDesign):
        values = [point[parameter.column] for point in study.design.points]
    unit = unit_at(scenario, parameter.path)
    return None if values is None else [in_unit(value, unit) for value in values]


def _seeds(study: StudyFile, rows: pd.DataFrame, scenario: Scenario) -> list[int]:
    """Return the seeds of runs: of their replicate alone, or of their point as well, wherever in the design that stands.

    Points with the same values are told apart by how many of them stand before: patients alike in all are not one patient.
    """
    words = [[str(study.seed), str(replicate)] for replicate in rows["replicate"].tolist()]
    if study.random_numbers == "independent":
        dummies = rows[POSITION + DUMMY].tolist() if POSITION + DUMMY in rows else [None] * len(rows)
        alike: Counter[tuple[str, ...]] = Counter()
        for each, settings, dummy in zip(words, settings_of(study, rows, scenario), dummies, strict=True):
            each += [*sorted(settings), repr(dummy)]
            before = alike[tuple(each)]
            alike[tuple(each)] += 1
            each += [str(before)] if before else []
    return [int.from_bytes(hashlib.sha256("\n".join(each).encode()).digest()[:8]) & MAX_SEED for each in words]
