# SPDX-License-Identifier: Apache-2.0
"""Figures of a run: what they draw is what was recorded, and what is missing is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_hex

from abm.errors import InputError
from abm.plots import Plots
from abm.plots.blasts import antigen_course, weighted_quantiles
from abm.state.kinds import KINDS
from abm.trajectory import Trajectory
from tests.docs.markdown import ENVIRONMENT
from tests.unit.plots.patient import BLOCK, COURSES, write_patient

PATIENT = ["leukaemia", "car_t", "crs", "cytokines", "b_cells", "csf", "clones", "antigen", "marrow"]


def words(ax: Axes) -> list[str]:
    """Return all that is written inside axes."""
    return [text.get_text() for text in ax.texts]


def line(ax: Axes, label: str) -> np.ndarray:
    """Return the values of a line by its name in the legend."""
    return np.asarray(next(each for each in ax.get_lines() if each.get_label() == label).get_ydata(), float)


def draw(ax: Axes) -> None:
    ax.get_figure(root=True).canvas.draw()


def test_all_figures_are_methods_and_functions_of_their_names() -> None:
    assert Plots.all_names() == [*PATIENT, "cells", "kills", "ratio"]


def test_names_are_of_what_the_run_can_draw(patient: Trajectory, tmp_path: Path) -> None:
    assert patient.plot.names() == PATIENT
    with Trajectory.open(write_patient(tmp_path / "il6.h5", {"il6": [3.0] * 5}, cells=False, views=False)) as some:
        assert some.plot.names() == ["cytokines"]
    with Trajectory.open(write_patient(tmp_path / "block.h5", BLOCK, body=False, cells=False, treatments=())) as block:
        assert block.plot.names() == ["marrow", "cells", "kills", "ratio"]


@pytest.mark.parametrize("name", PATIENT)
def test_each_draws_on_the_axes_it_is_given(name: str, patient: Trajectory, ax: Axes) -> None:
    assert getattr(patient.plot, name)(ax) is ax
    draw(ax)
    assert ax.has_data()


def test_without_axes_there_is_a_new_figure(patient: Trajectory) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    made = patient.plot.car_t()
    assert made.get_xlabel() == "time [d]"
    assert len(pyplot.get_fignums()) == len(before) + 1
    pyplot.close(made.get_figure())


def test_leukaemia(patient: Trajectory, ax: Axes) -> None:
    patient.plot.leukaemia(ax)
    np.testing.assert_allclose(line(ax, "leukaemia"), COURSES["mrd"])
    np.testing.assert_allclose(line(ax, "CD19-negative")[2:], [5e-3, 1e-5, 1e-5])
    assert ax.get_yscale() == "log"
    ruled = [each.get_ydata()[0] for each in ax.get_lines() if each.get_label().startswith("_child") and len(set(each.get_ydata())) == 1]
    assert {0.05, 1e-4} <= set(ruled)


def test_car_t_tells_its_peak_and_when_it_was_given(patient: Trajectory, ax: Axes) -> None:
    patient.plot.car_t(ax)
    assert "40 on day 2" in words(ax)
    given = next(each for each in ax.get_lines() if each.get_label() == "_infusions")
    assert list(given.get_xdata()) == [1.0]


def test_aplasia_is_shaded(patient: Trajectory, ax: Axes) -> None:
    patient.plot.b_cells(ax)
    (shade,) = [patch for patch in ax.patches if patch.get_extents().width > 1]
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (2.0, 4.0)


def test_a_row_for_each_treatment_and_for_neurotoxicity(patient: Trajectory, ax: Axes) -> None:
    patient.plot.crs(ax)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[:5] == ["none", "grade 1", "grade 2", "grade 3", "grade 4"]
    assert labels[5:] == ["lymphodepletion", "CAR T infusion", "tocilizumab", "neurotoxicity"]
    below = [each.get_ydata()[0] for each in ax.get_lines() if each.get_marker() == "v"]
    assert len(set(below)) == 3  # neurotoxicity is no treatment: it has no mark
    grades = [float(collection.get_paths()[0].vertices[:, 1].max()) for collection in ax.collections]
    assert grades == [1.0, 2.0, 2.0, 3.0]  # of those not reached nothing is above their floor


def test_cytokines(patient: Trajectory, ax: Axes) -> None:
    patient.plot.cytokines(ax)
    np.testing.assert_allclose(line(ax, "CRS signal"), COURSES["crs_signal"])
    np.testing.assert_allclose(line(ax, "IFN-γ")[1:], COURSES["ifn_gamma"][1:])
    assert "IL-2" not in ax.get_legend_handles_labels()[1]
    assert "grade 4" in words(ax)


def test_neurotoxicity_is_shaded_in_the_csf(patient: Trajectory, ax: Axes) -> None:
    patient.plot.csf(ax)
    (shade,) = [patch for patch in ax.patches if patch.get_extents().width > 1]
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (2.0, 4.0)


def test_the_fish_is_as_high_as_the_leukaemia_and_its_parts_as_wide_as_their_shares(patient: Trajectory, ax: Axes) -> None:
    patient.plot.clones(ax)
    areas = {each.get_label(): each for each in ax.collections if isinstance(each, FillBetweenPolyCollection)}
    assert list(areas) == ["CD19+", "CD19-low", "CD19-negative"]
    top = {label: float(area.get_paths()[0].vertices[:, 1].max()) for label, area in areas.items()}
    assert top["CD19+"] == pytest.approx(np.log10(1.001e9 + 1) / 2)
    at_two = {label: max(y for x, y in area.get_paths()[0].vertices if x == 2.0) for label, area in areas.items()}
    whole = np.log10(2e6 + 1) / 2
    assert at_two["CD19+"] == pytest.approx(whole)
    assert at_two["CD19-negative"] == pytest.approx(0.5 * whole)
    assert at_two["CD19-low"] == pytest.approx((0.5 + 0.5 * 0.1) * whole)  # one of ten blasts has less than 2000


def test_a_quantile_counts_cells_and_not_agents() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 97.0, 2.0])
    assert weighted_quantiles(values, weights, (0.05, 0.97, 0.98, 1.0)).tolist() == [1.0, 1.0, 2.0, 3.0]


def test_antigen_of_few_blasts_is_not_told(patient: Trajectory, ax: Axes) -> None:
    course = antigen_course(patient)
    assert course is not None
    np.testing.assert_array_equal(course.days, np.arange(5.0))
    np.testing.assert_allclose(course.quantiles[:3, 2], [6000.0, 6000.0, 5000.0])
    assert np.isnan(course.quantiles[3:]).all()
    np.testing.assert_allclose(course.low[:4], [1 / 12, 1 / 11, 1 / 10, 1 / 9])
    assert np.isnan(course.low[4])
    patient.plot.antigen(ax)
    np.testing.assert_allclose(line(ax, "median")[:3], [6000.0, 6000.0, 5000.0])


def test_another_antigen_is_refused(patient: Trajectory, ax: Axes) -> None:
    with pytest.raises(InputError, match=r"must be cd19 or cd22, got 'cd91'; nearest: 'cd19'"):
        patient.plot.antigen(ax, name="cd91")


def test_marrow_shows_the_view_of_the_day_and_the_layer(patient: Trajectory, ax: Axes) -> None:
    patient.plot.marrow(ax, day=0.9)
    assert ax.get_title(loc="left") == "Marrow, day 1\nlayer x = 35 µm"
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("y [µm]", "z [µm]")
    picture = ax.images[0].get_array()
    assert to_hex(np.asarray(picture)[0, 0] / 255) == KINDS["blast"].colour
    assert ax.images[0].get_extent() == [0.0, 60.0, 60.0, 0.0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["CD19+ blast"]


def test_another_layer(patient: Trajectory, ax: Axes) -> None:
    patient.plot.marrow(ax, layer=0)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["background marrow"]
    with pytest.raises(InputError, match=r"layer: must be a whole number between 0 and 5, .* got 6"):
        patient.plot.marrow(ax, layer=6)
    with pytest.raises(InputError, match=r"got 1\.5"):
        patient.plot.marrow(ax, layer=1.5)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("leukaemia", "not recorded in this run: mrd"),
        ("crs", "not recorded in this run: crs_grade"),
        ("antigen", "no cells were recorded"),
        ("clones", "not recorded in this run: cells_blast_marrow"),
        ("marrow", "no views of the marrow were recorded"),
        ("cells", "closed blocks"),
    ],
)
def test_what_is_missing_is_said_in_its_place(name: str, said: str, tmp_path: Path, ax: Axes) -> None:
    path = write_patient(tmp_path / "x.h5", {"il6": [3.0] * 5}, cells=False, views=False)
    with Trajectory.open(path) as trajectory:
        getattr(trajectory.plot, name)(ax)
    assert any(said in text for text in words(ax))


def test_a_run_without_observables(tmp_path: Path, ax: Axes) -> None:
    with Trajectory.open(write_patient(tmp_path / "x.h5", {})) as trajectory:
        trajectory.plot.b_cells(ax)
    assert any("not recorded" in text for text in words(ax))


def test_a_closed_block(tmp_path: Path, ax: Axes) -> None:
    with Trajectory.open(write_patient(tmp_path / "x.h5", BLOCK, body=False, treatments=())) as trajectory:
        trajectory.plot.kills(ax)
    np.testing.assert_allclose(line(ax, "targets killed"), BLOCK["kills_total"])


def test_names_of_treatments_are_no_formulas(tmp_path: Path, ax: Axes) -> None:
    with Trajectory.open(write_patient(tmp_path / "x.h5", treatments=((r"$\nothing$", 1.0),))) as trajectory:
        trajectory.plot.crs(ax)
        draw(ax)
    assert r"$\nothing$" in [label.get_text() for label in ax.get_yticklabels()]


def test_reading_a_trajectory_needs_no_matplotlib() -> None:
    code = "import sys, abm.trajectory; assert 'matplotlib' not in sys.modules and 'abm.plots' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True, timeout=60)
