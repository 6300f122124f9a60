# SPDX-License-Identifier: Apache-2.0
"""How far cells come: the persistent walk of CAR T cells, and the exchanges of those that sit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from abm.celltypes.blast import BLAST, BlastParameters
from abm.celltypes.car_t import CAR_T, CarTParameters
from abm.processes.engagement import Engagement
from abm.processes.motility import Motility
from abm.scenario import Scenario
from abm.state.columns import GUEST, Array
from abm.state.kinds import VOID
from abm.state.marrow import build_marrow
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_MINUTE, from_base
from tests.verification.means import mean_and_error
from tests.verification.plotting import THEORY, points
from tests.verification.reporting import REPORTED, Report, verifies
from tests.verification.scenes import EFFECTOR, PERIOD, SPACING, cube, fill, lattice_of, put, shuffled_sites

LEVEL = 1e-3
WALK = CarTParameters()
VOIDS = 0.15


class Tracker:
    """Follows cells round a periodic lattice: adds up their steps, none longer than half of it."""

    def __init__(self, state: State, table: str, rows: Array) -> None:
        self.state, self.table, self.rows = state, table, rows
        self.shape = np.array(lattice_of(state).shape)
        self.last = self._now()
        self.path = [np.zeros_like(self.last)]

    def _now(self) -> Array:
        return lattice_of(self.state).coordinates(self.state.tables[self.table].array("site")[self.rows])

    def look(self) -> None:
        """Note where the cells are now."""
        now = self._now()
        step = (now - self.last + self.shape // 2) % self.shape - self.shape // 2
        self.path.append(self.path[-1] + step)
        self.last = now

    def tracks(self) -> Array:
        """Return the places since the start, shape ``(looks + 1, cells, 3)`` [sites]."""
        return np.array(self.path)


def walk(state: State, rows: Array, minutes: int, open_fraction: float = 1.0) -> Array:
    """Let CAR T cells walk; return their places at each minute."""
    process = Engagement([WALK], spacing=SPACING, open_fraction=open_fraction, period=TICKS_PER_MINUTE)
    tracker = Tracker(state, "motile", rows)
    for _ in range(minutes):
        process.run(state)
        state.tick += TICKS_PER_MINUTE
        tracker.look()
    state.check()
    return tracker.tracks()


def walk_in_background(seed: int, minutes: int, walkers: int = 300, *, guests: bool = True) -> Array:
    """Let CAR T cells walk among background cells and voids, without solid sites and targets."""
    state = cube(48, seed, scale=2 if guests else 1)
    sites = shuffled_sites(state)
    columns = {"weight": 1, "flags": int(GUEST)} if guests else {}
    headings = np.random.default_rng(seed).integers(6, size=walkers)
    rows = put(state, CAR_T, sites[:walkers], heading=headings, **columns, **EFFECTOR)
    fill(state, sites[walkers : round(len(sites) * (1 - VOIDS))])
    return walk(state, rows, minutes)


def walk_in_marrow(seed: int, minutes: int, walkers: int = 300) -> Array:
    """Let CAR T cells walk in a marrow with fat, bone and sinusoids."""
    draws = Draws(seed)
    lattice = build_marrow(Scenario(name="marrow", marrow={"shape": (48, 48, 48)}).marrow, draws)
    state = State(draws, [Place(MARROW, 1, lattice.n_sites, lattice)])
    sites = shuffled_sites(state)
    sites = sites[lattice.kinds()[sites] == VOID]
    rows = put(state, CAR_T, sites[:walkers], heading=np.random.default_rng(seed).integers(6, size=walkers), **EFFECTOR)
    fill(state, sites[walkers : round(len(sites) * (1 - VOIDS))])
    return walk(state, rows, minutes, lattice.n_open / lattice.n_sites)


def squared(tracks: Array, lag: int) -> float:
    """Return the mean squared displacement over a lag [sites²], from windows that do not overlap."""
    places = tracks[::lag]
    return float(((places[1:] - places[:-1]) ** 2).sum(axis=2).mean())


def persistent_walk(chance: float, keep: float, lags: Array) -> Array:
    """Return the mean squared displacement of the law [sites²]."""
    n = np.asarray(lags, float)
    return n * chance + 2 * chance**2 * (keep * n / (1 - keep) - keep * (1 - keep**n) / (1 - keep) ** 2)


@verifies(
    "Persistent walk of CAR T cells",
    law="Each minute a free cell keeps its heading with chance q = exp(−1 min/τ), else takes one of six at random, and steps with "
    "chance p = v · 1 min/h. Velocities then correlate as p² q^k over k minutes, and the mean squared displacement after n minutes "
    "is h² (n p + 2 p² Σ (n − k) q^k), k = 1 … n − 1: ballistic below τ, diffusive above.",
    source="persistent random walk on a lattice (sum of a geometric series); v = 6 µm/min and τ = 5 min as declared, h = 10 µm.",
    test="300 guests, which do not block each other, among background and 15 % voids in 48³ sites, 480 min, 20 seeds: t-tests "
    "over seeds of the mean squared displacement at lags of 1, 5, 20, 60 and 240 min. 300 full cells, one on 370 sites, stay "
    "within 5 % of the law.",
    false_alarm="1e-3 for the five (Bonferroni), below 1e-3 for the full cells.",
    limits="full cells block each other, and more so than their density says since those that meet keep their headings. In a "
    "marrow with fat, bone and sinusoids a cell loses time before obstacles: the chance of a step is raised by the share of "
    "solid sites, which does not make up for it. Both are reported.",
)
def test_persistent_walk(report: Report) -> None:
    minutes, seeds, lags = 480, range(1, 21), (1, 5, 20, 60, 240)
    chance, keep = from_base(WALK.speed, "µm/min") / SPACING, float(np.exp(-1 / from_base(WALK.persistence, "min")))
    runs = [walk_in_background(seed, minutes) for seed in seeds]
    law = persistent_walk(chance, keep, np.array(lags))
    p_values = []
    for lag, expected in zip(lags, law, strict=True):
        found = np.array([squared(run, lag) for run in runs])
        mean, error = mean_and_error(found)
        p_values.append(stats.ttest_1samp(found, expected).pvalue)
        area = SPACING**2
        report.add(
            f"mean squared displacement, {lag} min",
            mean * area,
            expected=expected * area,
            error=error * area,
            unit="µm²",
            allowed="p > 2e-4",
        )
    full = [walk_in_background(seed, minutes, guests=False) for seed in range(1, 7)]
    marrow = [walk_in_marrow(seed, minutes) for seed in range(1, 7)]
    for name, some in (("guests", runs), ("full cells", full), ("full cells in a marrow", marrow)):
        mean, error = mean_and_error([np.abs(np.diff(run, axis=0)).sum(axis=2).mean() * SPACING for run in some])
        report.add(f"speed, {name}", mean, expected=chance * SPACING, error=error, unit="µm/min")
    reach = {}
    for name, some in (("full cells", full), ("full cells in a marrow", marrow)):
        reach[name], error = mean_and_error([squared(run, 60) / law[3] for run in some])
        allowed = "5 %" if some is full else REPORTED
        report.add(f"mean squared displacement over the law, 60 min, {name}", reach[name], expected=1, error=error, allowed=allowed)

    def draw(axes: Sequence[Any]) -> None:
        many = np.unique(np.geomspace(1, 240, 25).astype(int))
        for index, (some, name) in enumerate(((runs, "free walk"), (marrow, "in a marrow with fat, bone, sinusoids"))):
            values = np.mean([[squared(run, lag) for lag in many] for run in some], axis=0) * SPACING**2
            axes[0].plot(many, values, label=name, **points(index))
        axes[0].plot(many, persistent_walk(chance, keep, many) * SPACING**2, label="law", **THEORY)
        axes[0].set(xlabel="lag [min]", ylabel="mean squared displacement [µm²]", xscale="log", yscale="log")
        axes[0].legend()
        steps = [np.diff(run, axis=0) for run in runs]
        lag = np.arange(1, 21)
        values = [np.mean([(s[k:] * s[:-k]).sum(axis=2).mean() for s in steps]) for k in lag]
        axes[1].plot(lag, values, label="free walk", **points(0))
        axes[1].plot(lag, chance**2 * keep**lag, label="law", **THEORY)
        axes[1].set(xlabel="lag [min]", ylabel="correlation of steps [sites²]", ylim=(0, None))
        axes[1].legend()

    report.plot("Mean squared displacement (left) and correlation of the steps of the free walk (right) of CAR T cells.", draw, 2)
    assert min(p_values) > LEVEL / len(lags)
    assert abs(reach["full cells"] - 1) < 0.05


@verifies(
    "Motility of blasts by exchange",
    law="A pair of neighbours changes places with a chance that is the same whoever they are, so that each cell performs an "
    "unbiased random walk: its mean squared displacement is 6 D t from the first exchange on, however crowded the block.",
    source="Kawasaki exchange of interchangeable cells (a symmetric exclusion process in which occupied sites exchange too); "
    "D = 1 µm²/min as declared.",
    test="1,000 tagged blasts among other blasts, background and 15 % voids in 24³ sites, 10 days, 16 seeds: t-tests over seeds at "
    "lags of 2 h, 1 day and 5 days.",
    false_alarm="1e-3 for the three (Bonferroni).",
)
def test_exchange(report: Report) -> None:
    blasts, days, seeds = BlastParameters(), 10, range(1, 17)
    diffusivity = from_base(blasts.motility, "µm²/min")
    lags = {"2 h": 2, "1 day": 24, "5 days": 120}
    runs = []
    for seed in seeds:
        state = cube(24, seed)
        sites = shuffled_sites(state)
        rows = put(state, BLAST, sites[: len(sites) // 3])[:1000]
        fill(state, sites[len(sites) // 3 : round(len(sites) * (1 - VOIDS))])
        process = Motility(blasts.motility, spacing=SPACING, period=PERIOD)
        tracker = Tracker(state, "sessile", rows)
        for minute in range(0, days * 1440, 10):
            process.run(state)
            state.tick += PERIOD
            if (minute + 10) % 60 == 0:
                tracker.look()
        state.check()
        runs.append(tracker.tracks())
    p_values = []
    for name, hours in lags.items():
        found = np.array([squared(run, hours) for run in runs]) * SPACING**2
        expected = 6 * diffusivity * hours * 60
        mean, error = mean_and_error(found)
        p_values.append(stats.ttest_1samp(found, expected).pvalue)
        report.add(f"mean squared displacement, {name}", mean, expected=expected, error=error, unit="µm²", allowed="p > 3.3e-4")

    def draw(axes: Sequence[Any]) -> None:
        many = np.array([1, 2, 4, 8, 16, 24, 48, 80, 120])
        values = np.array([[squared(run, lag) for lag in many] for run in runs]) * SPACING**2
        axes[0].errorbar(many / 24, values.mean(axis=0), values.std(axis=0, ddof=1), label="16 runs, ± SD", **points(0))
        axes[0].plot(many / 24, 6 * diffusivity * 60 * many, label="6 D t", **THEORY)
        axes[0].set(xlabel="lag [d]", ylabel="mean squared displacement [µm²]", xscale="log", yscale="log")
        axes[0].legend()

    report.plot("Mean squared displacement of blasts that change places with their neighbours.", draw)
    assert min(p_values) > LEVEL / len(lags)
