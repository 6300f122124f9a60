# SPDX-License-Identifier: Apache-2.0
"""Axes that no window shows, and a patient to draw on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from abm.trajectory import Trajectory
from tests.unit.plots.patient import write_patient


@pytest.fixture
def ax() -> Axes:
    figure = Figure(figsize=(7, 3))
    FigureCanvasAgg(figure)
    return figure.add_subplot()


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trajectory]:
    with Trajectory.open(write_patient(tmp_path_factory.mktemp("patient") / "p.h5")) as trajectory:
        yield trajectory
