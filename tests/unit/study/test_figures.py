# SPDX-License-Identifier: Apache-2.0
"""Figures of studies: what is drawn where, in which colour, and that nothing lies on anything else."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import LogNorm, to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from numpy.typing import NDArray

from abm.errors import InputError
from abm.study.axes import BLUE, ORANGE, PALE
from abm.study.figures import plot_ranking, plot_screening, plot_sobol, plot_surface, plot_tornado
from abm.study.sampling import Factor, grid, morris, saltelli, sobol_sequence
from abm.study.sensitivity import Sensitivity, morris_indices, sobol_indices

NAMES = ["weak", "car_t.kill_rate", "$odd_name", "_dose & more", "dummy"]
WEIGHTS = [0.6, 3.0, 0.0, -2.0, 0.0]
DOSE = Factor("dose", 1e5, 1e7, "log", "cells/kg")
BURDEN = Factor("burden", 5, 95, unit="%")


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def screened() -> Sensitivity:
    at = morris(20, 5, 4, 1)
    outputs = (at @ WEIGHTS)[:, None] + np.random.default_rng(1).normal(0, 0.25, (len(at), 3))
    return morris_indices(at, outputs, NAMES, 4, output="blasts [%]")


@pytest.fixture(scope="module")
def explained() -> Sensitivity:
    at = saltelli(128, 5, 1, second_order=False)
    outputs = (at @ WEIGHTS)[:, None] + np.random.default_rng(1).normal(0, 0.25, (len(at), 3))
    return sobol_indices(outputs, NAMES, False, output="blasts [%]")


def words(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def bars(axes: Axes) -> list[tuple[float, float, str]]:
    """Start, end and colour of all bars, in the order in which they were drawn."""
    every = [bar for container in axes.containers if isinstance(container, BarContainer) for bar in container]
    return [(bar.get_x(), bar.get_x() + bar.get_width(), to_hex(bar.get_facecolor())) for bar in every]


def keys(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def inside(figure: Figure) -> bool:
    """Whether no word of a figure leaves it."""
    figure.canvas.draw()  # lays out
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return bool(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height)


class TestTornado:
    def test_from_the_base_to_both_ends_the_widest_on_top(self) -> None:
        figure = plot_tornado(["narrow", "wide"], [9.0, 4.0], [12.0, 20.0], 10.0, output="blasts [%]")
        axes = figure.axes[0]
        assert words(axes) == ["wide", "narrow"]
        assert axes.get_ylim() == (1.5, -0.5)
        drawn = [(min(start, end), max(start, end), colour) for start, end, colour in bars(axes)]
        assert drawn == [(4.0, 10.0, ORANGE), (10.0, 20.0, BLUE), (9.0, 10.0, ORANGE), (10.0, 12.0, BLUE)]
        assert axes.get_xlabel() == "blasts [%]"
        assert keys(figure) == ["at the low end", "at the high end"]

    def test_ends_on_one_side_do_not_cover_each_other(self) -> None:
        axes = plot_tornado(["a"], [12.0], [15.0], 10.0, output="x").axes[0]
        low, high = (container[0] for container in axes.containers)
        assert low.get_y() + low.get_height() <= high.get_y() + 1e-12
        assert low.get_y() + 2 * low.get_height() == pytest.approx(high.get_y() + high.get_height())

    def test_the_dummy_is_a_band_of_noise(self) -> None:
        figure = plot_tornado(["a", "dummy"], [5.0, 9.5], [15.0, 10.2], 10.0, output="x")
        band = next(patch for patch in figure.axes[0].patches if patch.get_alpha() is not None)
        assert band.get_extents().transformed(figure.axes[0].transData.inverted()).intervalx == pytest.approx([9.5, 10.5])
        assert keys(figure)[-1] == "reach of the dummy: noise"

    def test_ranges_stand_at_their_bars(self) -> None:
        figure = plot_tornado(NAMES, [1.0] * 5, [3.0, 2.5, 2.2, 2.1, 2.0], 2.0, output="$x$", ranges=[("1 $/h", "2 $/h")] * 5)
        found = {(note.get_text(), note.xy, note.get_ha()) for note in figure.axes[0].texts if isinstance(note, Annotation)}
        assert ("1 $/h", (1.0, 0.0), "right") in found
        assert ("2 $/h", (2.5, 1.0), "left") in found
        assert ("2 $/h", (2.0, 4.0), "left") in found
        assert inside(figure)

    @pytest.mark.parametrize(
        ("names", "low", "told"),
        [(["a", "b"], [1.0], "shape"), ([], [], "0 factors"), (["a"], [float("nan")], "2 of 3 values are missing")],
    )
    def test_refused(self, names: list[str], low: list[float], told: str) -> None:
        with pytest.raises(InputError, match=told):
            plot_tornado(names, low, low, 1.0, output="x")


class TestRanking:
    def test_bars_by_rank_in_the_colour_of_their_verdict(self, screened: Sensitivity) -> None:
        figure = plot_ranking(screened)
        axes = figure.axes[0]
        ranked = screened.ranked
        assert words(axes) == list(ranked["name"])
        assert words(axes)[:2] == ["car_t.kill_rate", "_dose & more"]
        assert [end for _, end, _ in bars(axes)] == ranked["mu_star"].tolist()
        assert [colour for _, _, colour in bars(axes)] == [BLUE if above else PALE for above in ranked["above_noise"]]
        assert {BLUE, PALE} == {colour for _, _, colour in bars(axes)}
        floor = next(line for line in axes.lines if line.get_label() == "floor of noise")
        assert list(floor.get_xdata()) == [screened.floor] * 2
        assert axes.get_xlabel() == "µ*: mean size of the effect on blasts [%]"
        assert inside(figure)

    def test_of_total_indices(self, explained: Sensitivity) -> None:
        axes = plot_ranking(explained).axes[0]
        assert [end for _, end, _ in bars(axes)] == explained.ranked["ST"].tolist()
        assert axes.get_xlabel().startswith("ST")

    def test_long_names_are_cut_and_any_number_of_factors_fits(self) -> None:
        names = [f"a rather long name of a factor, which is number {number}" for number in range(24)]
        at = morris(4, 25, 4, 1)
        figure = plot_ranking(morris_indices(at, at @ np.arange(25.0)[::-1, None], [*names, "dummy"], 4))
        assert inside(figure)
        figure.canvas.draw()
        boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
        assert words(figure.axes[0])[0].endswith("…")


class TestSobol:
    def test_both_indices_of_each_factor_side_by_side(self, explained: Sensitivity) -> None:
        figure = plot_sobol(explained)
        axes = figure.axes[0]
        ranked = explained.ranked
        assert words(axes) == list(ranked["name"])
        assert bars(axes) == [(0, value, ORANGE) for value in ranked["S1"]] + [(0, value, BLUE) for value in ranked["ST"]]
        assert keys(figure) == ["S1, alone", "ST, with interactions", "floor of noise"]
        assert inside(figure)

    def test_of_another_method_is_refused(self, screened: Sensitivity, explained: Sensitivity) -> None:
        with pytest.raises(InputError, match=r"blasts \[%\]: this figure shows results of the method 'sobol', got 'morris'"):
            plot_sobol(screened)
        with pytest.raises(InputError, match="method 'morris', got 'sobol'"):
            plot_screening(explained)


class TestScreening:
    def test_points_and_the_floor(self, screened: Sensitivity) -> None:
        figure = plot_screening(screened)
        axes = figure.axes[0]
        table = screened.table.set_index("name")
        points = {line.get_marker(): line.get_xydata().tolist() for line in axes.lines if line.get_marker() in "osD"}
        told = table[table["above_noise"]]
        assert points["o"] == told[["mu_star", "sigma"]].to_numpy().tolist()
        assert points["D"] == [table.loc["dummy", ["mu_star", "sigma"]].tolist()]
        assert len(points["s"]) == len(table) - len(told) - 1
        band = next(patch for patch in axes.patches if patch.get_alpha() is not None)
        assert band.get_extents().transformed(axes.transData.inverted()).intervalx == pytest.approx([0.0, screened.floor])
        named = {note.get_text() for note in axes.texts if not note.get_text().startswith("σ/µ*")}
        assert named == set(told.index)
        assert inside(figure)

    def test_names_cover_neither_each_other_nor_points(self) -> None:
        names = [f"a factor of number {number}" for number in range(9)]
        at = morris(12, 10, 4, 1)
        weights = np.array([*np.linspace(3.0, 3.3, 9), 0.0])
        result = morris_indices(at, (at @ weights)[:, None] + 0.3 * at[:, :1] * at[:, 1:2], [*names, "dummy"], 4)
        figure = plot_screening(result)
        figure.canvas.draw()
        axes = figure.axes[0]
        boxes = {note.get_text(): Text.get_window_extent(note) for note in axes.texts if note.get_text() in names}
        assert set(boxes) == set(names)
        assert not any(one.overlaps(other) for one, other in combinations(boxes.values(), 2))
        dots = axes.transData.transform(result.table[["mu_star", "sigma"]].to_numpy())
        assert not any(box.contains(*dot) for box in boxes.values() for dot in dots)

    def test_without_noise_or_spread(self) -> None:
        at = morris(4, 3, 4, 1)
        figure = plot_screening(morris_indices(at, at @ np.array([[2.0], [1.0], [0.0]]), ["a", "b", "dummy"], 4))
        assert inside(figure)


class TestSurface:
    @staticmethod
    def values(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(10.0 ** (-4 * at[:, 0] + at[:, 1]))

    def test_a_grid_is_a_heat_map(self) -> None:
        at = grid([5, 4])
        figure = plot_surface(DOSE, BURDEN, at, self.values(at), output="MRD [1]")
        axes, bar = figure.axes
        square = axes.child_axes[0]
        mesh = next(each for each in square.collections if isinstance(each, QuadMesh))
        assert mesh.get_array().tolist() == self.values(at).reshape(5, 4).T.tolist()
        assert mesh.get_coordinates()[0, :, 0].tolist() == [0.0, 0.125, 0.375, 0.625, 0.875, 1.0]
        assert (axes.get_xscale(), axes.get_xlim(), axes.get_xlabel()) == ("log", (1e5, 1e7), "dose [cells/kg]")
        assert (axes.get_yscale(), axes.get_ylim(), axes.get_ylabel()) == ("linear", (5, 95), "burden [%]")
        assert bar.get_ylabel() == "MRD [1]"
        assert not any(isinstance(each, PathCollection) for each in square.collections)

    def test_a_grid_in_any_order_is_the_same_figure(self) -> None:
        at = grid([5, 4])
        shuffled = np.random.default_rng(1).permutation(at)
        one, other = (plot_surface(DOSE, BURDEN, each, self.values(each), output="x", log=True) for each in (at, shuffled))
        for figure in (one, other):
            figure.canvas.draw()
        assert np.array_equal(*(np.asarray(figure.canvas.buffer_rgba()) for figure in (one, other)))  # type: ignore[attr-defined]

    @pytest.mark.parametrize(("interpolate", "layers"), [(True, 3), (False, 1)])
    def test_points_stand_where_the_axes_say(self, interpolate: bool, layers: int) -> None:
        at = sobol_sequence(40, 2, 1)
        figure = plot_surface(DOSE, BURDEN, at, self.values(at), output="MRD [1]", log=True, interpolate=interpolate)
        figure.canvas.draw()
        axes = figure.axes[0]
        square = axes.child_axes[0]
        drawn = next(each for each in square.collections if isinstance(each, PathCollection))
        values = np.column_stack([DOSE.value(at[:, 0]), BURDEN.value(at[:, 1])])
        theirs = axes.transData.transform(values[np.lexsort(at.T[::-1])])
        assert square.transData.transform(np.asarray(drawn.get_offsets())) == pytest.approx(theirs, abs=0.01)
        assert isinstance(drawn.norm, LogNorm)
        assert len(square.collections) == layers

    def test_contours_follow_the_colours(self) -> None:
        at = grid([3, 2])
        figure = plot_surface(DOSE, BURDEN, at, 10.0 ** (4 * at[:, 0]), output="x", log=True)
        contours = figure.axes[0].child_axes[0].collections[-1]
        labels = sorted(text.get_text() for text in figure.axes[0].child_axes[0].texts)
        assert labels == ["10", "100", "1000"]
        # interpolated in the logarithm, 100 lies in the middle
        middle = contours.get_paths()[1].vertices[:, 0]  # type: ignore[attr-defined]
        assert middle[np.isfinite(middle)] == pytest.approx(0.5)

    def test_points_at_one_place_are_averaged(self) -> None:
        at = np.repeat(grid([2, 2]), 3, axis=0)
        figure = plot_surface(DOSE, BURDEN, at, np.arange(12.0), output="x")
        assert figure.axes[0].child_axes[0].collections[0].get_array().tolist() == [[1.0, 7.0], [4.0, 10.0]]

    def test_a_constant_output(self) -> None:
        for log in (False, True):
            plot_surface(DOSE, BURDEN, grid([3, 3]), np.full(9, 2.0), output="x", log=log).canvas.draw()

    @pytest.mark.parametrize(
        ("low", "high", "ticks"),
        [
            (1e-6, 1e2, ["1e-6", "1e-5", "1e-4", "0.001", "0.01", "0.1", "1", "10", "100"]),
            (1e5, 1e7, ["1e5", "2e5", "5e5", "1e6", "2e6", "5e6", "1e7"]),
            (0.2, 1.5, ["0.2", "0.5", "1"]),
            (0.5, 0.9, ["0.5", "0.6", "0.7", "0.8", "0.9"]),
        ],
    )
    def test_log_axes_bear_round_numbers(self, low: float, high: float, ticks: list[str]) -> None:
        at = grid([3, 3])
        figure = plot_surface(Factor("a", low, high, "log"), BURDEN, at, at[:, 0], output="x")
        figure.canvas.draw()
        axis = figure.axes[0].xaxis
        ends = low * (1 - 1e-9), high * (1 + 1e-9)
        found = [tick.label1.get_text() for tick in axis.get_major_ticks() if ends[0] <= tick.get_loc() <= ends[1]]
        assert found == ticks
        assert not any(axis.get_minorticklabels()[at].get_text() for at in range(len(axis.get_minorticklabels())))

    @pytest.mark.parametrize(
        ("at", "values", "log", "told"),
        [
            ([[0.1, 0.2], [0.3, 0.6]], [1.0], False, "a value each"),
            ([[0.1, 0.2, 0.3]], [1.0], False, "two factors"),
            ([[0.1, 1.2]], [1.0], False, "unit square, got 1.2"),
            ([[0.1, 0.2]], [float("nan")], False, "1 of 1 values are missing"),
            ([[0.1, 0.2], [0.3, 0.6]], [0.0, 1.0], True, "above 0, got 0"),
            ([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]], [1.0, 2.0, 3.0], False, "no surface through 3 points on one line"),
            ([[0.1, 0.1], [0.2, 0.2]], [1.0, 2.0], False, "no surface through 2 points"),
        ],
    )
    def test_refused(self, at: list[list[float]], values: list[float], log: bool, told: str) -> None:
        with pytest.raises(InputError, match=told):
            plot_surface(DOSE, BURDEN, at, values, output="x", log=log)


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_figures_can_be_saved_in_each_format(screened: Sensitivity, tmp_path: Path, suffix: str) -> None:
    at = sobol_sequence(16, 2, 1)
    for number, figure in enumerate((plot_screening(screened), plot_surface(DOSE, BURDEN, at, at[:, 0], output="x"))):
        figure.savefig(tmp_path / f"{number}.{suffix}", dpi=60)
        assert (tmp_path / f"{number}.{suffix}").stat().st_size > 1000


def test_colours_differ_in_lightness_as_well() -> None:
    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    lit = [lightness(colour) for colour in (BLUE, ORANGE)]
    assert (max(lit) + 0.05) / (min(lit) + 0.05) > 2
