# SPDX-License-Identifier: Apache-2.0
"""Designs in the unit cube, their sizes, and what a position means for a factor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.errors import InputError
from abm.study.sampling import (
    Choice,
    Factor,
    Points,
    grid,
    grid_size,
    latin_hypercube,
    morris,
    morris_size,
    one_at_a_time,
    one_at_a_time_size,
    saltelli,
    saltelli_size,
    sobol_sequence,
)

SEEDED: dict[str, tuple[Callable[[int], Points], tuple[int, int]]] = {
    "latin_hypercube": (lambda seed: latin_hypercube(7, 3, seed), (7, 3)),
    "sobol_sequence": (lambda seed: sobol_sequence(7, 3, seed), (7, 3)),
    "saltelli": (lambda seed: saltelli(4, 3, seed, second_order=False), (saltelli_size(4, 3, second_order=False), 3)),
    "saltelli of second order": (lambda seed: saltelli(4, 3, seed, second_order=True), (saltelli_size(4, 3, second_order=True), 3)),
    "morris": (lambda seed: morris(5, 3, 4, seed), (morris_size(5, 3), 3)),
}


class TestFactor:
    @pytest.mark.parametrize(
        ("factor", "values"),
        [
            (Factor("a", 0, 1), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
            (Factor("a", -10, 10), [-10.0, -8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
            (Factor("a", 1e-5, 1e5, "log"), [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5]),
        ],
    )
    def test_steps_are_equal_and_numbers_round(self, factor: Factor, values: list[float]) -> None:
        assert factor.value(np.linspace(0, 1, 11)).tolist() == values
        assert factor.position(values) == pytest.approx(np.linspace(0, 1, 11), abs=1e-11)

    def test_shape_is_kept(self) -> None:
        assert Factor("a", 1, 2).value([[0.25], [0.5]]).tolist() == [[1.25], [1.5]]
        assert Factor("a", 1, 2).value(0.25).shape == ()

    @given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9), st.floats(0, 1))
    def test_values_stay_between_exact_ends(self, low: float, width: float, position: float) -> None:
        factor = Factor("a", low, low + width)
        assert factor.value([0.0, 1.0]).tolist() == [low, low + width]
        assert low <= float(factor.value(position)) <= low + width

    @given(st.floats(1e-9, 1e9), st.floats(1.001, 1e9), st.floats(0, 1))
    def test_on_a_log_scale_too(self, low: float, ratio: float, position: float) -> None:
        factor = Factor("a", low, low * ratio, "log")
        assert factor.value([0.0, 1.0]).tolist() == [low, low * ratio]
        assert float(factor.position(factor.value(position))) == pytest.approx(position, abs=1e-7)

    def test_what_machines_differ_in_is_rounded_off(self) -> None:
        at = 0.123456789
        nearby = [at, np.nextafter(at, 1.0), np.nextafter(at, 0.0)]
        assert len(set(Factor("a", 1e-3, 1e3, "log").value(nearby).tolist())) == 1

    @pytest.mark.parametrize(
        ("low", "high", "scale", "told"),
        [
            (2, 1, "linear", "'a': needs finite ends with low < high, got 2 and 1"),
            (1, 1, "linear", "low < high"),
            (float("nan"), 1, "linear", "finite"),
            (0, float("inf"), "linear", "finite"),
            (0, 1, "log", "'a': a log scale needs ends above 0, got 0"),
            (1, 2, "cubic", "'linear' or 'log', got 'cubic'"),
        ],
    )
    def test_refused(self, low: float, high: float, scale: str, told: str) -> None:
        with pytest.raises(InputError, match=told):
            Factor("a", low, high, scale)  # type: ignore[arg-type]

    @pytest.mark.parametrize("position", [-0.1, 1.1, float("nan"), [0.5, 2.0]])
    def test_positions_outside_are_refused(self, position: float | list[float]) -> None:
        with pytest.raises(InputError, match="a: a position in the unit interval must lie between 0 and 1"):
            Factor("a", 1, 2).value(position)

    @pytest.mark.parametrize("value", [0.5, 2.5, float("nan")])
    def test_values_outside_are_refused(self, value: float) -> None:
        with pytest.raises(InputError, match="lies outside its range, 1 to 2"):
            Factor("a", 1, 2).position(value)

    def test_label_has_the_unit_if_there_is_one(self) -> None:
        assert Factor("dose", 1, 2, unit="cells/kg").label == "dose [cells/kg]"
        assert Factor("ratio", 1, 2).label == "ratio"


class TestChoice:
    @pytest.mark.parametrize("count", [1, 2, 3, 7, 49, 100])
    def test_levels_of_a_grid_are_its_values_in_order(self, count: int) -> None:
        choice = Choice("a", tuple(f"value {number}" for number in range(count)))
        positions = grid([count])[:, 0]
        assert choice.index(positions).tolist() == list(range(count))
        assert choice.value(positions).tolist() == list(choice.values)

    def test_values_have_equal_shares(self) -> None:
        drawn = Choice("a", ("x", "y", "z")).index(latin_hypercube(300, 1, 1))
        assert np.bincount(drawn.ravel()).tolist() == [100, 100, 100]

    def test_values_may_be_anything(self) -> None:
        values = ((1, 2), None, "x", {"a": 1})
        assert Choice("a", values).value([[0.0], [0.3], [0.6], [1.0]]).ravel().tolist() == list(values)
        assert Choice("a", values).value(0.0).item() == (1, 2)

    def test_one_value_or_more(self) -> None:
        with pytest.raises(InputError, match="'a': needs one value or more"):
            Choice("a", ())


class TestGrid:
    def test_every_combination_once_the_last_fastest(self) -> None:
        assert grid([2, 3]).tolist() == [[0, 0], [0, 0.5], [0, 1], [1, 0], [1, 0.5], [1, 1]]

    def test_a_single_level_is_the_middle(self) -> None:
        assert grid([1, 2]).tolist() == [[0.5, 0], [0.5, 1]]

    @pytest.mark.parametrize("levels", [[4], [2, 3, 5], [1, 1]])
    def test_size(self, levels: list[int]) -> None:
        assert grid_size(levels) == len(grid(levels))

    @pytest.mark.parametrize(
        ("levels", "told"),
        [([3, 0], "levels of factor 1: must be a whole number, 1 or more, got 0"), ([], "one factor or more"), ([10] * 9, "1,000,000,000")],
    )
    def test_refused(self, levels: Sequence[int], told: str) -> None:
        with pytest.raises(InputError, match=told):
            grid(levels)

    def test_sizes_of_what_cannot_be_made_are_told(self) -> None:
        assert grid_size([1000] * 10) == 10**30


def test_one_at_a_time_moves_each_factor_to_both_ends() -> None:
    points = one_at_a_time([0.25, 0.5])
    assert points.tolist() == [[0.25, 0.5], [0, 0.5], [1, 0.5], [0.25, 0], [0.25, 1]]
    assert len(points) == one_at_a_time_size(2)


class TestSeeded:
    @pytest.mark.parametrize("name", SEEDED)
    def test_the_same_seed_gives_the_same_bytes(self, name: str) -> None:
        make, shape = SEEDED[name]
        first = make(0)
        assert first.shape == shape
        assert first.dtype == np.float64
        assert first.flags.c_contiguous
        assert ((first >= 0) & (first <= 1)).all()
        np.random.seed(99)  # noqa: NPY002 - the global state has no say
        assert first.tobytes() == make(0).tobytes()
        assert first.tobytes() != make(1).tobytes()

    def test_a_latin_hypercube_has_a_point_in_each_slice(self) -> None:
        slices = np.sort((latin_hypercube(20, 4, 3) * 20).astype(int), axis=0)
        assert (slices == np.arange(20)[:, None]).all()

    def test_a_longer_sequence_begins_with_the_shorter(self) -> None:
        longer = sobol_sequence(100, 3, 5)
        assert sobol_sequence(1, 3, 5).tolist() == longer[:1].tolist()
        assert sobol_sequence(17, 3, 5).tolist() == longer[:17].tolist()

    def test_a_sequence_fills_evenly(self) -> None:
        quarters = (sobol_sequence(64, 2, 1) * 4).astype(int)
        assert np.bincount(quarters[:, 0] * 4 + quarters[:, 1]).tolist() == [4] * 16

    def test_saltelli_crosses_two_samples(self) -> None:
        block = saltelli(8, 3, 2, second_order=True).reshape(8, 8, 3)
        first, last = block[:, 0], block[:, -1]
        for factor in range(3):
            for at, one, other in ((1 + factor, first, last), (4 + factor, last, first)):
                expected = one.copy()
                expected[:, factor] = other[:, factor]
                assert block[:, at].tolist() == expected.tolist()

    @pytest.mark.parametrize("levels", [2, 4, 10])
    def test_trajectories_of_morris_move_each_factor_once_on_levels(self, levels: int) -> None:
        points = morris(30, 4, levels, 1)
        # exactly: what differs by rounding would be another scenario
        assert set(points.ravel().tolist()) == {level / (levels - 1) for level in range(levels)}
        moves = np.abs(np.diff(points.reshape(30, 5, 4), axis=1))
        assert moves.sum(axis=1) == pytest.approx(np.full((30, 4), levels / (2 * (levels - 1))))
        assert ((moves > 0).sum(axis=2) == 1).all()

    @pytest.mark.parametrize(
        ("make", "told"),
        [
            (lambda: latin_hypercube(0, 2, 1), "points: must be a whole number, 1 or more, got 0"),
            (lambda: latin_hypercube(2, 0, 1), "factors: must be a whole number, 1 or more, got 0"),
            (lambda: sobol_sequence(2, 2, -1), "seed: must be a whole number, 0 or more, got -1"),
            (lambda: sobol_sequence(2.5, 2, 1), "points: .* got 2.5"),  # type: ignore[arg-type]
            (lambda: saltelli(1000, 2, 1, second_order=False), "must be a power of two, got 1000; nearest: 512 and 1024"),
            (lambda: saltelli(1, 2, 1, second_order=False), "base points: must be a whole number, 2 or more, got 1"),
            (lambda: saltelli(1 << 22, 2, 1, second_order=False), "at most 10,000,000 points, got 16,777,216"),
            (lambda: morris(1, 2, 4, 1), "trajectories: must be a whole number, 2 or more, got 1"),
            (lambda: morris(4, 2, 5, 1), "levels must be even, got 5; nearest: 4 and 6"),
            (lambda: morris(4, 2, 0, 1), "levels: must be a whole number, 2 or more, got 0"),
            (lambda: one_at_a_time([]), "factors: must be"),
        ],
    )
    def test_refused(self, make: Callable[[], object], told: str) -> None:
        with pytest.raises(InputError, match=told):
            make()


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    heavy = ["matplotlib.pyplot", "pandas", "SALib", "scipy"]
    code = f"import sys, abm.study.figures; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
