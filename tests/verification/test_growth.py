# SPDX-License-Identifier: Apache-2.0
"""Blasts alone: a birth-death process where there is room, a logistic law where crowding slows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from abm.celltypes.blast import BLAST, BlastParameters, endow_blasts
from abm.processes.leukaemia import Leukaemia
from abm.processes.motility import Motility
from abm.state.columns import Array
from abm.state.ledger import Entry
from abm.state.places import MARROW
from abm.units import TICKS_PER_DAY, from_base
from tests.verification.means import mean_and_error
from tests.verification.plotting import THEORY, points
from tests.verification.reporting import Report, verifies
from tests.verification.scenes import PERIOD, SPACING, cube, fill, put, shuffled_sites, started

LEVEL = 1e-3


def grow(blasts: BlastParameters, *, edge: int, start: int, days: int, seed: int, background: float = 0.0) -> Array:
    """Return the blasts of a closed block on each day, from a number of them at random sites."""
    state = cube(edge, seed)
    sites = shuffled_sites(state)
    endow_blasts(state, put(state, BLAST, sites[:start], clone=1), blasts)
    fill(state, sites[start : start + round(background * len(sites))])
    processes = [Motility(blasts.motility, spacing=SPACING, period=PERIOD), Leukaemia(blasts, period=3 * PERIOD)]
    schedule = started(state, processes)
    counts = [start]
    for _ in range(days):
        schedule.advance(state, TICKS_PER_DAY)
        counts.append(int(state.ledger.balance()[BLAST.code, MARROW]))
    state.check()
    return np.array(counts)


@verifies(
    "Exponential growth",
    law="A few blasts in an empty block are a linear birth-death process of birth rate b and death rate d. Of N₀ cells "
    "N₀ exp((b − d) t) are expected after a time t, with variance N₀ (b + d)/(b − d) e^((b − d) t) (e^((b − d) t) − 1).",
    source="Kendall 1948, Ann Math Stat 19:1; rates 0.069 and 0.036 per day as declared (Br J Haematol 1997;98:999).",
    test="400 blasts in 32³ sites, 20 days, 30 seeds: z-test of the mean against the law with its own variance, and "
    "chi-square test (two-sided) of the variance between seeds.",
    false_alarm="1e-3 each.",
    limits="where there is room. In packed marrow divisions wait for a void: see the next check and that of the untreated body.",
)
def test_exponential_growth(report: Report) -> None:
    blasts, start, days = BlastParameters(), 400, 20
    runs = np.array([grow(blasts, edge=32, start=start, days=days, seed=seed) for seed in range(1, 31)])
    net, death = (from_base(rate, "1/d") for rate in (blasts.net_growth, blasts.death))
    gain = np.exp(net * np.arange(days + 1))
    mean, variance = start * gain, start * (net + 2 * death) / net * gain * (gain - 1)
    last = runs[:, -1]
    z = (last.mean() - mean[-1]) / np.sqrt(variance[-1] / len(last))
    ratio = last.var(ddof=1) / variance[-1]
    p_variance = 2 * min(stats.chi2(len(last) - 1).cdf(ratio * (len(last) - 1)), stats.chi2(len(last) - 1).sf(ratio * (len(last) - 1)))
    rates = np.log(last / start) / days
    report.add("blasts on day 20", last.mean(), expected=mean[-1], error=np.sqrt(variance[-1] / len(last)), allowed="3.3 SE")
    report.add("net growth", rates.mean(), expected=net, error=mean_and_error(rates)[1], unit="1/d")
    report.add("variance between seeds, relative to the law", ratio, expected=1, error=np.sqrt(2 / (len(last) - 1)), allowed="p > 1e-3")

    def draw(axes: Sequence[Any]) -> None:
        t = np.arange(days + 1)
        band = 2 * np.sqrt(variance)
        axes[0].fill_between(t, mean - band, mean + band, color="0.88", label="law, ± 2 SD")
        for run in runs:
            axes[0].plot(t, run, color=BLAST.colour, alpha=0.35, lw=0.8)
        axes[0].plot([], [], color=BLAST.colour, label="runs")
        axes[0].plot(t, mean, label="law", **THEORY)
        axes[0].set(xlabel="time [d]", ylabel="blasts [cells]", yscale="log")
        axes[0].set_yticks([400, 800, 1600], ["400", "800", "1600"])
        axes[0].minorticks_off()
        axes[0].legend()
        axes[1].errorbar(t[1:], (runs.mean(axis=0) / mean - 1)[1:] * 100, (np.sqrt(variance / len(runs)) / mean)[1:] * 100, **points(0))
        axes[1].axhline(0, **THEORY)
        axes[1].set(xlabel="time [d]", ylabel="mean of the runs − law [%]")

    report.plot("Left: growth of 400 blasts. Right: mean of 30 runs against the law, ± 1 SE of the law.", draw, 2)
    assert abs(z) < stats.norm.isf(LEVEL / 2)
    assert p_variance > LEVEL


@verifies(
    "Logistic law of crowding",
    law="With `crowding` 1 the birth rate b falls to b (1 − L/K) when L blasts fill that part of K sites; then "
    "dL/dt = r L (1 − L/K*) with r = b − d and K* = K r/b, whose solution is L = K*/(1 + (K*/L₀ − 1) e^(−r t)).",
    source="Verhulst 1838; parameters as declared but for net growth and death of 0.3 per day each, which put K* at half the sites.",
    limits="at a step of 30 min deaths come first and are no longer counted when the room of the births is taken, which raises K* "
    "by the deaths of a step, d · 30 min = 0.6 %. The law below has that K*; with the declared rates it is 0.08 %.",
    test="24³ sites, 700 blasts at first, 30 days, 12 seeds: t-tests of the blasts on days 6, 12 and 30.",
    false_alarm="1e-3 for the three (Bonferroni).",
)
def test_crowding(report: Report) -> None:
    start, days, looks = 700, 30, (6, 12, 30)
    blasts = BlastParameters(net_growth=0.3, death=0.3, crowding=1.0)
    runs = np.array([grow(blasts, edge=24, start=start, days=days, seed=seed) for seed in range(1, 13)])
    capacity = 24**3 / 2 / (1 - 0.3 / 48)
    t = np.arange(days + 1)
    law = capacity / (1 + (capacity / start - 1) * np.exp(-0.3 * t))
    p_values = []
    for day in looks:
        mean, error = mean_and_error(runs[:, day])
        p_values.append(stats.ttest_1samp(runs[:, day], law[day]).pvalue)
        report.add(f"blasts on day {day}", mean, expected=law[day], error=error, allowed="p > 3.3e-4")

    def draw(axes: Sequence[Any]) -> None:
        axes[0].errorbar(t, runs.mean(axis=0), 2 * runs.std(axis=0, ddof=1), **points(0), label="mean of 12 runs, ± 2 SD")
        axes[0].plot(t, law, label="logistic law", **THEORY)
        axes[0].axhline(capacity, color="0.6", lw=0.8)
        axes[0].set(xlabel="time [d]", ylabel="blasts [cells]", ylim=(0, None))
        axes[0].legend(loc="lower right")

    report.plot("Growth under crowding; the grey line is the carrying capacity K*.", draw)
    assert min(p_values) > LEVEL / len(looks)


@verifies(
    "Growth in packed marrow",
    law="A division needs a void within three sites or, by chance, a normal neighbour to evict; otherwise it waits for the next "
    "draw. The fewer voids, the fewer divisions. In the design 5 % voids blocked 20-32 % of divisions and 30 % voids 1-9 %.",
    source="simulations made for the design of the model (compact and scattered leukaemia).",
    test="400 scattered blasts among background in 30³ sites, voids refilled by nobody, `displacement` 0 and 0.5, 10 days, 8 seeds. "
    "Asserted is only that more voids block fewer divisions.",
    false_alarm="below 1e-6: the differences are more than ten standard errors.",
)
def test_packed_marrow(report: Report) -> None:
    voids, days = (0.05, 0.15, 0.3), 10
    found = {}
    for displacement in (0.0, 0.5):
        blasts = BlastParameters(displacement=displacement)
        for share in voids:
            lost = [blocked_share(blasts, share, days, seed) for seed in range(1, 9)]
            found[displacement, share] = mean_and_error(lost)
            mean, error = found[displacement, share]
            report.add(f"divisions blocked, {share:.0%} voids, displacement {displacement:g}", 100 * mean, error=100 * error, unit="%")

    def draw(axes: Sequence[Any]) -> None:
        for index, displacement in enumerate((0.0, 0.5)):
            means, errors = np.array([found[displacement, share] for share in voids]).T * 100
            axes[0].errorbar(np.array(voids) * 100, means, errors, label=f"displacement {displacement:g}", **points(index))
        for share, low, high in ((5, 20, 32), (30, 1, 9)):
            axes[0].plot([share, share], [low, high], color="0.75", lw=6, solid_capstyle="butt", zorder=0)
        axes[0].plot([], [], color="0.75", lw=6, label="design, without displacement")
        axes[0].set(xlabel="voids [% of the sites]", ylabel="divisions blocked [%]", ylim=(0, None))
        axes[0].legend()

    report.plot("Divisions that had to wait, by the share of voids at the start.", draw)
    for displacement in (0.0, 0.5):
        series = [found[displacement, share][0] for share in voids]
        assert series[0] > series[1] > series[2]


def blocked_share(blasts: BlastParameters, voids: float, days: int, seed: int) -> float:
    """Return the share of the divisions of scattered blasts among background that found no room."""
    state = cube(30, seed)
    sites, start = shuffled_sites(state), 400
    cells = round(len(sites) * (1 - voids))
    endow_blasts(state, put(state, BLAST, sites[:start], clone=1), blasts)
    fill(state, sites[start:cells])
    started(state, [Motility(blasts.motility, spacing=SPACING, period=PERIOD), Leukaemia(blasts, period=3 * PERIOD)]).advance(
        state, days * TICKS_PER_DAY
    )
    blocked, born = (int(state.ledger.book[BLAST.code, MARROW, entry]) for entry in (Entry.BLOCKED, Entry.BIRTH))
    return blocked / (blocked + born)
