# SPDX-License-Identifier: Apache-2.0
"""An output over two lists: a box for each combination, with its value."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from abm.errors import InputError
from abm.study import Study
from abm.study.analysis import surface
from abm.study.heat_map import plot_heat_map
from tests.small_studies import laid_out

PARAMETERS = """\
parameters:
  - {path: "treatments[0].dose", name: dose, values: [1e7, 0, 1e5]}
  - {path: blasts.marrow_fraction, name: burden, values: [10 %, 50 %]}
outputs: [killed]
keep: nothing
"""


def texts(figure: Figure) -> list[str]:
    return [words.get_text() for words in figure.axes[0].texts]


def test_values_stand_where_they_belong() -> None:
    figure = plot_heat_map(("dose", ["a", "b"]), ("$drug$", ["none", "$x_1$"]), [[1.0, 2.0], [3.0, math.nan]], output="killed")
    (mesh,) = (found for found in figure.axes[0].collections if isinstance(found, QuadMesh))
    assert mesh.get_array().filled(-1).tolist() == [[1.0, 2.0], [3.0, -1.0]]
    assert texts(figure) == ["1", "2", "3"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["none", "$x_1$"]
    assert figure.axes[0].get_ylabel() == "$drug$"


def test_zeros_on_a_logarithmic_scale_are_grey_and_told() -> None:
    figure = plot_heat_map(("x", ["a", "b"]), ("y", ["c"]), [[0.0, 20.0]], output="blasts", log=True)
    assert texts(figure) == ["0", "20"]
    (mesh,) = (found for found in figure.axes[0].collections if isinstance(found, QuadMesh))
    assert mesh.get_array().mask.tolist() == [[True, False]]


@pytest.mark.parametrize(("values", "log"), [([[math.nan]], False), ([[0.0]], True), ([[-1.0, 2.0]], True)])
def test_what_cannot_be_drawn_is_refused(values: list[list[float]], log: bool) -> None:
    with pytest.raises(InputError, match="blasts"):
        plot_heat_map(("x", ["a", "b"][: len(values[0])]), ("y", ["c"]), values, output="blasts", log=log)


def test_a_grid_of_uneven_lists_is_drawn_as_boxes_in_the_order_of_the_lists(tmp_path: Path) -> None:
    folder = laid_out(tmp_path, f"{PARAMETERS}design: {{type: grid}}\nreplicates: 2\n")
    for run, row in zip(folder.runs, folder.design.to_dict("records"), strict=True):
        value = row["dose"] / 1e5 + row["burden"] + 2.0 * row["replicate"]
        result = {"status": "finished", "settings": list(run.settings), "cost": {}, "outputs": {"killed": value}, "digest": ""}
        folder.publish(run, result, None)
    figure = surface(Study(folder), "killed", "dose", "burden")
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["1e7", "0", "100000"]
    (mesh,) = (found for found in figure.axes[0].collections if isinstance(found, QuadMesh))
    low, high = (row["burden"] for row in folder.design.drop_duplicates("burden").to_dict("records"))
    assert mesh.get_array().tolist() == [[101.0 + low, 1.0 + low, 2.0 + low], [101.0 + high, 1.0 + high, 2.0 + high]]
