# SPDX-License-Identifier: Apache-2.0
"""Indices against functions whose indices are known, against scipy, and under noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from abm.errors import InputError
from abm.study.noise import averaged
from abm.study.sampling import morris, saltelli
from abm.study.sensitivity import Sensitivity, morris_indices, sobol_indices

Values = NDArray[np.float64]

A, B = 7.0, 0.1
NAMES = ["x1", "x2", "x3", "dummy"]
SEED = 3
LINEAR = ["a", "b", "c", "dummy"]
SLOPES = np.array([4.0, -2.0, 0.5, 0.0])


def ishigami(points: Values) -> Values:
    """Ishigami and Homma's function at points in the unit cube, shape (points, 1)."""
    x = np.pi * (2 * points - 1)
    return np.asarray(np.sin(x[:, 0]) + A * np.sin(x[:, 1]) ** 2 + B * x[:, 2] ** 4 * np.sin(x[:, 0]))[:, None]


def ishigami_indices() -> dict[str, list[float]]:
    alone = 0.5 * (1 + B * np.pi**4 / 5) ** 2
    second = A**2 / 8
    together = 8 * B**2 * np.pi**8 / 225
    total = alone + second + together
    return {
        "S1": [alone / total, second / total, 0.0, 0.0],
        "ST": [(alone + together) / total, second / total, together / total, 0.0],
        "S2": [0.0, together / total, 0.0, 0.0, 0.0, 0.0],
    }


def noisy(outputs: Values, replicates: int, deviation: float, seed: int = 0) -> Values:
    return outputs + np.random.default_rng(seed).normal(0.0, deviation, (len(outputs), replicates))


@pytest.fixture(scope="module")
def points() -> Values:
    return saltelli(512, 4, SEED, second_order=True)


@pytest.fixture(scope="module")
def known(points: Values) -> Sensitivity:
    return sobol_indices(ishigami(points), NAMES, True, output="Ishigami")


class TestSobol:
    def test_ishigami_as_calculated(self, known: Sensitivity) -> None:
        table = known.table
        assert list(table.columns) == ["name", "S1", "S1_conf", "ST", "ST_conf", "above_noise"]
        assert list(table["name"]) == NAMES
        assert table["above_noise"].tolist() == [True, True, True, False]
        for column in ("S1", "ST"):
            off = np.abs(table[column] - ishigami_indices()[column])
            assert (off <= table[f"{column}_conf"]).all()
            assert (table[f"{column}_conf"] < 0.15).all()
        assert table["ST"].iloc[3] == 0.0

    def test_pairs_of_ishigami_as_calculated(self, known: Sensitivity) -> None:
        pairs = known.second_order
        assert pairs is not None
        assert list(zip(pairs["first"], pairs["second"], strict=True)) == [
            ("x1", "x2"), ("x1", "x3"), ("x1", "dummy"), ("x2", "x3"), ("x2", "dummy"), ("x3", "dummy"),
        ]  # fmt: skip
        assert (np.abs(pairs["S2"] - ishigami_indices()["S2"]) <= pairs["S2_conf"]).all()
        assert not pairs["above_noise"].drop(index=1).any()

    def test_a_pair_that_acts_together_alone_is_told_from_noise(self) -> None:
        at = saltelli(512, 3, 1, second_order=True) - 0.5
        result = sobol_indices((at[:, 0] * at[:, 1])[:, None], ["a", "b", "dummy"], True)
        assert result.second_order is not None
        assert result.second_order["above_noise"].tolist() == [True, False, False]
        assert result.table["above_noise"].tolist() == [True, True, False]

    def test_scipy_finds_the_same_at_the_same_points(self, points: Values, known: Sensitivity) -> None:
        from scipy.stats import sobol_indices as scipy_indices

        blocks = ishigami(points).reshape(512, 10)
        evaluated = {"f_A": blocks[:, 0][None], "f_B": blocks[:, 9][None], "f_AB": blocks[:, 1:5].T[:, None, :]}
        theirs = scipy_indices(func=evaluated, n=512)
        assert known.table["ST"].to_numpy() == pytest.approx(theirs.total_order.ravel(), abs=1e-9)
        # both centre the output first, by means over different points
        assert known.table["S1"].to_numpy() == pytest.approx(theirs.first_order.ravel(), abs=2e-3)

    def test_scipy_finds_as_much_at_points_of_its_own(self, known: Sensitivity) -> None:
        from scipy.stats import sobol_indices as scipy_indices
        from scipy.stats import uniform

        theirs = scipy_indices(func=lambda x: ishigami(x.T).T, n=4096, dists=[uniform()] * 4, rng=1)
        assert (np.abs(known.table["S1"] - theirs.first_order) <= known.table["S1_conf"] + 0.01).all()
        assert (np.abs(known.table["ST"] - theirs.total_order) <= known.table["ST_conf"] + 0.01).all()

    def test_without_second_order(self) -> None:
        at = saltelli(512, 4, SEED, second_order=False)
        result = sobol_indices(ishigami(at), NAMES, False)
        assert result.second_order is None
        assert (np.abs(result.table["ST"] - ishigami_indices()["ST"]) <= result.table["ST_conf"]).all()

    def test_intervals_narrow_with_points(self, known: Sensitivity) -> None:
        few = sobol_indices(ishigami(saltelli(32, 4, SEED, second_order=True)), NAMES, True)
        ratio = few.table["ST_conf"][:3] / known.table["ST_conf"][:3]
        assert ((ratio > 2) & (ratio < 8)).all()  # 4 by theory


class TestMorris:
    def test_a_linear_function_has_its_slopes_and_no_spread(self) -> None:
        at = morris(6, 4, 4, 1)
        result = morris_indices(at, (at @ SLOPES)[:, None], LINEAR, 4)
        table = result.table
        assert list(table.columns) == ["name", "mu", "mu_star", "mu_star_conf", "sigma", "above_noise"]
        assert table["mu"].to_numpy() == pytest.approx(SLOPES, abs=1e-12)
        assert table["mu_star"].to_numpy() == pytest.approx(np.abs(SLOPES), abs=1e-12)
        assert table["sigma"].to_numpy() == pytest.approx(np.zeros(4), abs=1e-12)
        assert table["mu_star_conf"].to_numpy() == pytest.approx(np.zeros(4), abs=1e-12)
        assert table["above_noise"].tolist() == [True, True, True, False]

    @pytest.mark.parametrize("levels", [2, 4, 8])
    def test_effects_are_per_whole_range_whatever_the_levels(self, levels: int) -> None:
        at = morris(5, 4, levels, 2)
        found = morris_indices(at, (at @ SLOPES)[:, None], LINEAR, levels).table["mu_star"]
        assert found.to_numpy() == pytest.approx(np.abs(SLOPES), abs=1e-12)

    def test_few_walks_tell_nothing_from_noise(self) -> None:
        few = morris(3, 4, 4, 1)
        result = morris_indices(few, (few @ SLOPES)[:, None], LINEAR, 4)
        assert not result.table["above_noise"].any()
        assert result.notes[0] == "3 trajectories are too few to tell a factor from noise: 4 or more can."

    def test_what_acts_both_ways_has_no_mean_but_a_mean_size(self) -> None:
        at = morris(100, 3, 4, 1)
        table = morris_indices(at, (at[:, 0] * (at[:, 1] - 0.5))[:, None], ["a", "b", "dummy"], 4).table
        # steps of 2/3 from one of two levels: the other factor is at 0, 1/3, 2/3 or 1 with equal chances
        assert abs(table["mu"][0]) < 0.1
        assert table["mu_star"][0] == pytest.approx(1 / 3, abs=0.03)
        assert table["sigma"][0] > table["mu_star"][0]

    def test_ranked_by_mean_size(self) -> None:
        at = morris(6, 4, 4, 1)
        result = morris_indices(at, (at @ SLOPES[[2, 0, 1, 3]])[:, None], ["c", "a", "b", "dummy"], 4)
        assert list(result.ranked["name"]) == ["a", "b", "c", "dummy"]
        assert list(result.table["name"]) == ["c", "a", "b", "dummy"]


class TestNoise:
    def test_it_looks_like_sensitivity_until_replicates_average_it_out(self) -> None:
        names = ["strong", "weak", "inert", "dummy"]
        at = saltelli(256, 4, 1, second_order=False)
        signal = (at @ [3.0, 1.0, 0.0, 0.0])[:, None]
        deviation = 1.5 * float(signal.std())
        one = sobol_indices(noisy(signal, 1, deviation), names, False)
        many = sobol_indices(noisy(signal, 40, deviation), names, False)
        inert = {1: one.table["ST"][2], 40: many.table["ST"][2]}
        assert inert[1] > 0.5  # 1.5² / (1 + 1.5²) = 0.69
        assert inert[40] < 0.1  # 0.053
        assert one.table["above_noise"].tolist()[2:] == [False, False]
        assert many.table["above_noise"].tolist() == [True, True, False, False]

    def test_the_dummy_and_the_replicates_measure_the_same(self) -> None:
        at = saltelli(256, 3, 1, second_order=False)
        result = sobol_indices(noisy((at @ [2.0, 1.0, 0.0])[:, None], 4, 0.8), ["a", "b", "dummy"], False)
        assert result.noise.standard_error == pytest.approx(0.4, rel=0.05)
        assert result.noise.share == pytest.approx(result.table["ST"][2], rel=0.15)
        assert result.floor == pytest.approx((result.table["ST"] + result.table["ST_conf"])[2])

    def test_in_morris_too(self) -> None:
        at = morris(200, 3, 4, 1)
        result = morris_indices(at, noisy((at @ [2.0, 0.0, 0.0])[:, None], 4, 0.8), ["a", "inert", "dummy"], 4)
        assert result.table["above_noise"].tolist() == [True, False, False]
        expected = 2 * 0.4 / (math.sqrt(math.pi) * 2 / 3)
        assert result.table["mu_star"][2] == pytest.approx(expected, rel=0.1)

    def test_seeds_shared_by_points_deceive_the_dummy_but_not_the_replicates(self) -> None:
        names = ["strong", "chaotic", "dummy"]
        at = saltelli(256, 3, 1, second_order=False)
        rng = np.random.default_rng(2)
        # the second factor does nothing but start other random numbers
        drawn = {value: rng.normal(0.0, 1.0, 5) for value in np.unique(at[:, :2], axis=0)[:, 1]}
        outputs = 2 * at[:, :1] + np.array([drawn[value] for value in at[:, 1]])
        result = sobol_indices(outputs, names, False)
        assert result.table["ST"][2] == 0.0
        assert result.table["ST"][1] > 0.2
        assert "points share their seeds" in result.notes[0]
        assert result.floor == result.noise.share

    def test_advice(self) -> None:
        outputs = noisy(np.linspace(0, 3, 400)[:, None], 10, 2.0)
        noise = averaged(outputs, "x")[1]
        assert noise.replicates_advised is not None
        better = averaged(noisy(np.linspace(0, 3, 400)[:, None], noise.replicates_advised, 2.0), "x")[1]
        assert noise.share > 0.3
        assert better.share == pytest.approx(0.05, abs=0.01)
        assert averaged(noisy(np.zeros((50, 1)), 5, 1.0, seed=4), "x")[1].replicates_advised is None
        assert averaged(outputs[:, :1], "x")[1].replicates_advised is None

    def test_equal_replicates_have_none(self) -> None:
        outputs = np.repeat(np.linspace(0, 1, 7)[:, None], 3, axis=1)
        means, noise = averaged(outputs, "x")
        assert means.tolist() == outputs[:, 0].tolist()
        assert noise.standard_error == 0.0
        assert noise.share == 0.0


class TestDeterminism:
    @pytest.mark.parametrize("seed", [0, 1])
    def test_the_same_seed_gives_the_same_intervals(self, points: Values, seed: int) -> None:
        at = morris(8, 4, 4, 1)
        for analyse in (
            lambda seed: sobol_indices(ishigami(points), NAMES, True, seed=seed, resamples=50),
            lambda seed: morris_indices(at, ishigami(at), NAMES, 4, seed=seed, resamples=50),
        ):
            first = analyse(seed)
            np.random.seed(99)  # noqa: NPY002 - the global state has no say
            pd.testing.assert_frame_equal(first.table, analyse(seed).table, check_exact=True)
            assert not first.table.equals(analyse(seed + 1).table)


class TestRefused:
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_runs_without_a_value_are_named(self, points: Values, value: float) -> None:
        outputs = noisy(ishigami(points), 2, 1.0)
        outputs[3, 1] = value
        with pytest.raises(InputError, match=r"mrd: 1 of 10240 runs have no finite value \(point 3 replicate 1; counted from 0\)"):
            sobol_indices(outputs, NAMES, True, output="mrd")
        outputs[10:20, 0] = value
        with pytest.raises(InputError, match=r"11 of .*\(point 3 replicate 1, point 10 replicate 0, .* and 6 more"):
            sobol_indices(outputs, NAMES, True, output="mrd")
        at = morris(4, 4, 4, 1)
        with pytest.raises(InputError, match="20 of 20 runs"):
            morris_indices(at, np.full((20, 1), value), NAMES, 4)

    def test_an_output_that_never_changes(self, points: Values) -> None:
        with pytest.raises(InputError, match=r"mrd: the same value, 2\.5, at all 1024 base points"):
            sobol_indices(np.full((len(points), 3), 2.5), NAMES, True, output="mrd")
        off_base = np.zeros((10, 10))
        off_base[:, 1:9] = np.random.default_rng(1).normal(size=(10, 8))
        with pytest.raises(InputError, match="the same value, 0, at all 20 base points"):
            sobol_indices(off_base.reshape(-1, 1), NAMES, True)
        at = morris(4, 4, 4, 1)
        with pytest.raises(InputError, match=r"mrd: the same value, 0\.1, at all 20 points"):
            morris_indices(at, np.full((20, 3), 0.1), NAMES, 4, output="mrd")

    @pytest.mark.parametrize(
        ("names", "told"),
        [
            (["a", "b", "c", "d"], "one factor must be called 'dummy'"),
            (["a", "b", "c", "dumy"], r"nearest: 'dumy'"),
            (["a", "a", "c", "dummy"], "must differ, got 'a' twice"),
            (["dummy"], "one factor or more beside the dummy"),
            ([], "got none"),
        ],
    )
    def test_names(self, points: Values, names: list[str], told: str) -> None:
        with pytest.raises(InputError, match=told):
            sobol_indices(ishigami(points), names, True)

    @pytest.mark.parametrize(
        ("analyse", "told"),
        [
            (lambda y: sobol_indices(y[:-1], NAMES, True), "with second order need a multiple of 10 points, twice or more, got 5119"),
            (lambda y: sobol_indices(y[:6], NAMES, False), "without second order need a multiple of 6 points, twice or more, got 6"),
            (lambda y: sobol_indices(y[:, 0], NAMES, True), r"shape \(points, replicates\), got \(5120,\)"),
            (lambda y: sobol_indices(y[:, :0], NAMES, True), r"got \(5120, 0\)"),
            (lambda y: sobol_indices(y, NAMES, True, confidence=95), "must lie between 0 and 1, got 95"),
            (lambda y: sobol_indices(y, NAMES, True, resamples=1), "two resamples or more, got 1"),
        ],
    )
    def test_shapes(self, points: Values, analyse: Callable[[Values], object], told: str) -> None:
        with pytest.raises(InputError, match=told):
            analyse(ishigami(points))

    @pytest.mark.parametrize(
        ("spoil", "levels", "told"),
        [
            (lambda at: at, 6, "not trajectories of Morris on 6 levels: each step must move one factor by 0.6"),
            (lambda at: at, 5, "levels must be even, got 5"),
            (lambda at: at[::-1][[0, 2, 1, *range(3, 20)]], 4, "not trajectories"),
            (lambda at: at[:-1], 4, r"shape \(points, factors\) = \(20, 4\), got \(19, 4\)"),
            (lambda at: at[:, :3], 4, r"got \(20, 3\)"),
        ],
    )
    def test_points_of_another_design(self, spoil: Callable[[Values], Values], levels: int, told: str) -> None:
        at = morris(4, 4, 4, 1)
        with pytest.raises(InputError, match=told):
            morris_indices(spoil(at), ishigami(at), NAMES, levels)

    def test_too_few_trajectories(self) -> None:
        at = morris(2, 4, 4, 1)[:5]
        with pytest.raises(InputError, match="multiple of 5 points, twice or more, got 5"):
            morris_indices(at, ishigami(at), NAMES, 4)


class TestText:
    def test_sobol(self, known: Sensitivity) -> None:
        lines = known.text().splitlines()
        assert lines[0] == "Shares of variance (Sobol' indices): Ishigami"
        assert lines[1] == "5120 points, 1 replicate each; ± 95 % interval"
        assert [line.split()[0] for line in lines[3:8]] == ["factor", "x1", "x2", "x3", "dummy"]
        assert "the floor of noise" in lines[7]
        assert lines[10].startswith("  x1 × x3")
        assert not any("× dummy" in line for line in lines)
        assert "-0.00" not in known.text()
        assert "one replicate" in known.text()
        assert max(map(len, lines)) <= 100

    def test_morris_under_noise(self) -> None:
        at = morris(10, 4, 4, 1)
        result = morris_indices(at, noisy((at @ SLOPES)[:, None], 3, 2.0), LINEAR, 4, output="blasts [%]")
        text = result.text()
        assert text.startswith("Elementary effects (Morris): blasts [%]\n50 points, 3 replicates each")
        assert [line.endswith("not told from noise") for line in text.splitlines() if line.startswith("  c ")] == [True]
        share = f"{100 * result.noise.share:.0f} % of the variance and inflates the indices"
        assert share in text.replace("\n  ", " ")

    def test_many_pairs_are_cut(self) -> None:
        names = [*"abcdef", "dummy"]
        at = saltelli(16, 7, 1, second_order=True)
        text = sobol_indices((at @ np.arange(7.0)[::-1])[:, None], names, True, resamples=10).text()
        assert sum(" × " in line for line in text.splitlines()) == 10
        assert "and 5 smaller" in text
