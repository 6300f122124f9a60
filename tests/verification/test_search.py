# SPDX-License-Identifier: Apache-2.0
"""How long a CAR T cell looks for the only target of a periodic block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse, stats

from abm.celltypes.blast import BLAST
from abm.celltypes.car_t import CAR_T, CarTParameters, Programme
from abm.processes.engagement import Engagement
from abm.state.columns import GUEST, NEVER, Array
from abm.units import TICKS_PER_MINUTE
from tests.verification.means import mean_and_error
from tests.verification.plotting import THEORY, points
from tests.verification.reporting import Report, verifies
from tests.verification.scenes import DENSE, EFFECTOR, SPACING, cube, lattice_of, put, shuffled_sites

LEVEL = 1e-3
WALKERS, RUNS, LONGEST = 40, 100, 80_000
DIRECTIONS = 6
SIMPLE_CUBIC = 1.516386
"""Watson's integral for the simple cubic lattice: visits to the origin of a walk that starts there."""


def torus_sum(edge: int) -> float:
    """Return the mean steps of a simple walk to one site of a periodic cube, over all starts, the target among them."""
    waves = np.cos(2 * np.pi * np.arange(edge) / edge)
    steps = (waves[:, None, None] + waves[None, :, None] + waves[None, None, :]) / 3
    steps = steps.ravel()[1:]
    return float((1 / (1 - steps)).sum())


def chain(edge: int, chance: float, keep: float) -> sparse.csr_matrix:
    """Return the minutes of a search as a Markov chain on (site, heading), the target left out.

    A cell tests a random neighbour; if that is the target, it has found. Else it keeps its heading with
    chance ``keep`` or takes the direction tested, and with ``chance`` steps, unless the target is in its way.
    """
    lattice = lattice_of(cube(edge, 0))
    n = lattice.n_sites
    there = np.array([[lattice.neighbour(site, way) for way in range(DIRECTIONS)] for site in range(n)])
    rows, columns, weights = [], [], []
    sites = np.arange(1, n)  # the target is site 0
    for heading in range(DIRECTIONS):
        for tested in range(DIRECTIONS):
            looking = sites[there[sites, tested] != 0]
            for taken, share in ((heading, keep), (tested, 1 - keep)):
                ahead = there[looking, taken]
                ahead = np.where(ahead == 0, looking, ahead)
                for place, part in ((ahead, chance), (looking, 1 - chance)):
                    rows.append(looking * DIRECTIONS + heading)
                    columns.append(place * DIRECTIONS + taken)
                    weights.append(np.full(len(looking), share * part / DIRECTIONS))
    size = n * DIRECTIONS
    data = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(data, shape=(size, size))[DIRECTIONS:, DIRECTIONS:]


def survival(steps: sparse.csr_matrix, longest: int = 20_000) -> Array:
    """Return the part of the cells that still search after each minute."""
    backward, now = steps.T.tocsr(), np.full(steps.shape[0], 1 / steps.shape[0])
    left = [1.0]
    for _ in range(longest):
        now = backward @ now
        left.append(float(now.sum()))
    return np.array(left)


def search_times(edge: int, product: CarTParameters, seed: int) -> Array:
    """Return the minute in which each of some cells first touched the only target."""
    state = cube(edge, seed, scale=2)
    sites = shuffled_sites(state)
    headings = np.random.default_rng(seed).integers(DIRECTIONS, size=WALKERS)
    # Guests: full cells that have found would stand in the way of the others.
    columns = {**EFFECTOR, "state": int(Programme.MEMORY), "heading": headings, "weight": 1, "flags": int(GUEST)}
    put(state, BLAST, sites[:1], cd19=DENSE)
    rows = put(state, CAR_T, sites[1 : 1 + WALKERS], **columns)
    Engagement([product], spacing=SPACING, open_fraction=1.0, period=LONGEST * TICKS_PER_MINUTE).run(state)
    first = state.motile.array("divide_at")[rows]  # set by the first contact, which activates
    assert (first != NEVER).all()
    return 1 + first // TICKS_PER_MINUTE


def samples(edge: int, speed: float, persistence: float) -> Array:
    product = CarTParameters(
        costimulation="cd28", speed=speed, contact_rate=1, persistence=persistence, kill_probability=0, activation_probability=1,
        activation_density=1, activation_lag=0, unproductive_duration=(600, 600),
    )  # fmt: skip
    return np.concatenate([search_times(edge, product, seed) for seed in range(1, RUNS + 1)])


@verifies(
    "Search for the only target",
    law="A simple random walk on a periodic cube of N sites needs Σ 1/(1 − λ) steps on average to reach a given site, over all "
    "starts, with λ the structure function of the walk and the sum over all waves but the constant one: about 1.516 N. With a "
    "chance of a step below one, and persistence, the search is a Markov chain on (site, heading), solved exactly.",
    source="Montroll 1969, J Math Phys 10:753; Watson 1939 for 1.516386; the chain is written from the rules of the walk.",
    test="40 guests in a cube of 8³, 12³ and 16³ sites, 100 seeds: t-tests over seeds of the mean time, for 10 µm/min without "
    "persistence (one step a minute: Montroll's walk) and for 6 µm/min with 5 min (as declared); Kolmogorov-Smirnov test of the "
    "times of the latter at 12³, four cells of each run, against the distribution of the chain.",
    false_alarm="1e-3 for the six t-tests (Bonferroni), 1e-3 for the distribution.",
    limits="an empty block, and cells that do not get in each other's way.",
)
def test_search(report: Report) -> None:
    edges = (8, 12, 16)
    walks = {"10 µm/min, no persistence": (10.0, 0.0), "6 µm/min, persistence 5 min": (6.0, 5.0)}
    found: dict[tuple[str, int], tuple[float, float]] = {}
    exact: dict[tuple[str, int], float] = {}
    p_values = []
    for name, (speed, persistence) in walks.items():
        keep = float(np.exp(-1 / persistence)) if persistence else 0.0
        for edge in edges:
            times = samples(edge, speed, persistence)
            means = times.reshape(RUNS, WALKERS).mean(axis=1)
            if persistence:
                left = survival(chain(edge, speed / SPACING, keep))
                exact[name, edge] = float(left.sum() + left[-1] / (left[-2] / left[-1] - 1))  # it ends as a geometric series
                if edge == 12:
                    distribution, ours = left, times.reshape(RUNS, WALKERS)[:, :4].ravel()
            else:
                exact[name, edge] = torus_sum(edge) * edge**3 / (edge**3 - 1)  # the start is not the target
            found[name, edge] = mean_and_error(means)
            p_values.append(stats.ttest_1samp(means, exact[name, edge]).pvalue)
            report.add(f"mean time, {edge}³ sites, {name}", found[name, edge][0], expected=exact[name, edge],
                       error=found[name, edge][1], unit="min", allowed="p > 1.7e-4")  # fmt: skip
    ks = stats.kstest(ours, lambda minutes: 1 - distribution[np.minimum(np.asarray(minutes, int), len(distribution) - 1)])
    report.add("Kolmogorov-Smirnov distance of the times, 12³ sites", ks.statistic, expected="below 0.097", allowed="p > 1e-3")
    report.add("Montroll's sum over N, 16³ sites", torus_sum(16) / 16**3, expected=SIMPLE_CUBIC)

    def draw(axes: Sequence[Any]) -> None:
        for index, name in enumerate(walks):
            values = np.array([found[name, edge] for edge in edges]).T / np.array(edges) ** 3
            axes[0].errorbar(edges, *values, label=name, **points(index))
            axes[0].plot(edges, [exact[name, edge] / edge**3 for edge in edges], **THEORY)
        axes[0].axhline(SIMPLE_CUBIC, color="0.7", label="1.516, N → ∞")
        axes[0].plot([], [], label="theory", **THEORY)
        axes[0].set(xlabel="edge of the cube [sites]", ylabel="mean time / N [min]", ylim=(1.05, 1.95))
        axes[0].set_xticks(edges)
        axes[0].legend(fontsize=8)
        ordered = np.sort(ours)
        axes[1].step(ordered, 1 - np.arange(1, len(ours) + 1) / len(ours), where="post", color=points(1)["color"], label="simulated")
        axes[1].plot(np.arange(len(distribution)), distribution, label="chain", **THEORY)
        axes[1].set(xlabel="time [min]", ylabel="still searching", yscale="log", ylim=(3e-3, 1), xlim=(0, 15_000))
        axes[1].legend()

    report.plot("Mean search time by size of the block (left), and its distribution at 12³ sites as declared (right).", draw, 2)
    assert min(p_values) > LEVEL / len(p_values)
    assert ks.pvalue > LEVEL
