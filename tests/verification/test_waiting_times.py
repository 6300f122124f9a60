# SPDX-License-Identifier: Apache-2.0
"""How long cells wait for their fates: exponential waits by thinning, the fixed cycle, the length of a burst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats
from scipy.integrate import solve_ivp

from abm.celltypes.b_lineage import MATURE_B, PRE_B, PRO_B, BLineageParameters, endow
from abm.celltypes.blast import BLAST, BlastParameters
from abm.celltypes.car_t import CAR_T, CarTParameters, Programme, death_rates
from abm.processes.car_t_population import CarTPopulation
from abm.processes.leukaemia import Leukaemia
from abm.processes.lymphopoiesis import Lymphopoiesis
from abm.state.columns import NOWHERE, Array
from abm.state.ledger import Entry
from abm.state.places import PERIPHERY, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR
from tests.verification.means import mean_and_error
from tests.verification.plotting import SERIES, THEORY, points
from tests.verification.reporting import REPORTED, Report, verifies
from tests.verification.scenes import PERIOD, cube, put, shuffled_sites, started

LEVEL = 1e-3
PRODUCT = CarTParameters(costimulation="cd28")
HOURS_PER_DAY = 24


def periphery(seed: int, sites: int = 10**6) -> State:
    """Return a well-mixed place without cells, one body cell to an agent."""
    return State(Draws(seed), [Place(PERIPHERY, 1, sites)])


def mixed(state: State, kind: Any, count: int, /, **columns: Any) -> Array:
    """Put cells into the periphery; return their rows."""
    return state.add_cells(kind.code, PERIPHERY, Entry.INITIAL, count, site=NOWHERE, weight=1, **columns)


def times_of(state: State, process: Any, table: str, kind: int, days: float) -> Array:
    """Run a process and return when each cell present left its kind [d]; infinite for those that did not."""
    schedule = started(state, [process])
    left = np.full(state.next_uid, np.inf)
    watched = state.tables[table].array("uid")[state.tables[table].array("kind") == kind].copy()
    while state.tick < days * TICKS_PER_DAY:
        kinds, uids = state.tables[table].arrays("kind", "uid")
        before = uids[kinds == kind].copy()
        now = state.tick
        schedule.advance(state, process.period)
        kinds, uids = state.tables[table].arrays("kind", "uid")
        gone = np.setdiff1d(before, uids[kinds == kind], assume_unique=True)
        gone = gone[gone < len(left)]
        # a fate that is served at a tick fell due within the period before it, on average in its middle
        left[gone] = max(now - process.period / 2, 0) / TICKS_PER_DAY
    return left[watched]


def ks(times: Array, mean: float, days: float) -> float:
    """Return the p-value that times are exponential, of those seen within some days."""
    seen = times[np.isfinite(times)]
    most = -np.expm1(-days / mean)
    inside = stats.kstest(seen, lambda t: -np.expm1(-np.asarray(t) / mean) / most).pvalue
    return float(min(2 * min(inside, stats.binomtest(len(seen), len(times), most).pvalue), 1.0))


def draw_survival(axis: Any, samples: dict[str, tuple[Array, float]], days: float) -> None:
    """Draw the part of the cells that still waits, against exponentials."""
    for index, (name, (times, mean)) in enumerate(samples.items()):
        ordered = np.sort(times[np.isfinite(times)])
        axis.step(ordered, 1 - np.arange(1, len(ordered) + 1) / len(times), where="post", color=SERIES[index], label=name)
        fine = np.linspace(0, days, 100)
        axis.plot(fine, np.exp(-fine / mean), **(THEORY | {"lw": 0.9}))
    axis.set(xlabel="time [d]", yscale="log", xlim=(0, days))
    axis.plot([], [], label="exponential", **THEORY)
    axis.legend(fontsize=8)


@verifies(
    "Deaths of CAR T cells",
    law="Each programme dies at a constant rate, so that life times are exponential, though candidate deaths of all are drawn at one "
    "upper rate and accepted with the ratio of the two (thinning). A rate that a drug adds adds up.",
    source="Lewis & Shedler 1979, Nav Res Logist Q 26:403 (thinning); rates of a CD28 product as declared.",
    test="4,000 cells of each of five programmes, and effectors under a drug that adds 0.1 per day, for 12 days: number of deaths "
    "(binomial) and their times (Kolmogorov-Smirnov).",
    false_alarm="1e-3 for the six (Bonferroni, each over its two tests).",
    limits="deaths are served every 10 min and taken here for the middle of that time.",
)
def test_deaths(report: Report) -> None:
    days, count, drug = 12.0, 4000, 0.1
    rates = dict(zip((item.name.lower() for item in Programme), death_rates(PRODUCT), strict=True))
    cases = {name: (Programme[name.upper()], rate * HOURS_PER_DAY, 0.0) for name, rate in rates.items()}
    cases["effector, drug"] = (Programme.EFFECTOR, rates["effector"] * HOURS_PER_DAY + drug, drug)
    samples, p_values = {}, []
    for seed, (name, (programme, rate, extra)) in enumerate(cases.items(), start=1):
        state = periphery(seed)
        state.body["effect_car_t_death"] = np.array([extra / HOURS_PER_DAY])
        mixed(state, CAR_T, count, state=int(programme), product=1, subset=8, budget=255)
        times = times_of(state, CarTPopulation([PRODUCT], il15_sensitivity=0.0, retry=1.0, period=PERIOD), "motile", CAR_T.code, days)
        samples[name] = (times, 1 / rate)
        p_values.append(ks(times, 1 / rate, days))
        seen = np.isfinite(times)
        found = seen.sum() / np.where(seen, times, days).sum()  # maximum likelihood of censored times
        report.add(f"death rate, {name}", found, expected=rate, error=found / np.sqrt(seen.sum()), unit="1/d", allowed="p > 1.7e-4")

    def draw(axes: Sequence[Any]) -> None:
        draw_survival(axes[0], {name: samples[name] for name in ("effector", "exhausted", "activated", "memory", "effector, drug")}, days)
        axes[0].set(ylabel="cells alive", ylim=(0.01, 1.2))

    report.plot("Survival of 4,000 CAR T cells of each programme.", draw)
    assert min(p_values) > LEVEL / len(p_values)


@verifies(
    "Stays of the B lineage",
    law="A cell stays exponential times of mean 0.6, 6 and 60 days as pro-B, pre-B and mature B cell.",
    source="parameters as declared (Leon-Triana 2021 for the last two).",
    test="4,000 cells of each stage for 3, 20 and 60 days: number that left the stage (binomial) and when (Kolmogorov-Smirnov).",
    false_alarm="1e-3 for the three (Bonferroni, each over its two tests).",
)
def test_stays(report: Report) -> None:
    parameters = BLineageParameters()
    stays = {PRO_B: (parameters.pro_b_transit, 3.0), PRE_B: (parameters.pre_b_transit, 20.0), MATURE_B: (parameters.mature_life, 60.0)}
    samples, p_values = {}, []
    for seed, (kind, (stay, days)) in enumerate(stays.items(), start=1):
        state = cube(20, seed)
        state.places[PERIPHERY] = Place(PERIPHERY, 1, 10**6)
        rows = mixed(state, kind, 4000) if kind is MATURE_B else put(state, kind, shuffled_sites(state)[:4000])
        endow(state, rows, parameters)
        process = Lymphopoiesis(parameters.model_copy(update={"pre_b_fraction": 0.0}), marrow_cells=1.0)
        mean = stay / HOURS_PER_DAY
        times = times_of(state, process, "sessile", kind.code, days)
        samples[kind.label] = (times / mean, 1.0)
        p_values.append(ks(times, mean, days))
        seen = np.isfinite(times)
        found = np.where(seen, times, days).sum() / seen.sum()
        report.add(f"mean stay, {kind.label}", found, expected=mean, error=found / np.sqrt(seen.sum()), unit="d", allowed="p > 3.3e-4")

    def draw(axes: Sequence[Any]) -> None:
        draw_survival(axes[0], samples, 5.0)
        axes[0].set(xlabel="time over the mean stay", ylabel="cells still in the stage", ylim=(5e-3, 1.2))

    report.plot("Stays of 4,000 cells of each stage; mature B cells were followed for one mean stay.", draw)
    assert min(p_values) > LEVEL / len(p_values)


def counts_of_fates(birth: float, death: float, hours: float) -> dict[str, tuple[float, float]]:
    """Return mean and variance of the divisions and deaths within a time among one founder and its offspring.

    Of cells N with divisions B, say, d Cov(N, B)/dt = b (Var N + E N) + (b - d) Cov(N, B) and
    d Var B/dt = b (2 Cov(N, B) + E N); each death takes one cell away instead of adding one.
    """
    net = birth - death

    def slopes(t: float, y: Array) -> list[float]:
        mean = np.exp(net * t)
        variance = (birth + death) / net * mean * (mean - 1)
        found = []
        for rate, sign, covariance in ((birth, 1, y[0]), (death, -1, y[2])):
            found += [rate * (variance + sign * mean) + net * covariance, rate * (2 * covariance + mean)]
        return found

    exposure = np.expm1(net * hours) / net
    end = solve_ivp(slopes, (0, hours), [0.0] * 4, rtol=1e-9, atol=1e-12).y[:, -1]
    return {"divisions": (birth * exposure, end[1]), "deaths": (death * exposure, end[3])}


@verifies(
    "Fates of blasts",
    law="A blast divides at rate b and dies at rate d, whichever comes first, and so does each daughter: within a time t N₀ blasts "
    "and their offspring divide N₀ b (e^((b − d) t) − 1)/(b − d) times and die d/b times as often.",
    source="linear birth-death process (Kendall 1948, Ann Math Stat 19:1), whose second moments give the errors.",
    test="100,000 blasts with b = 0.8 and d = 0.3 per day, faster than as declared, among 1e9 well-mixed sites, so that nothing crowds "
    "them, for 6 h, served each tick of 15 s: numbers of divisions and of deaths by a z-test. Served each half hour, as in a run, "
    "they are reported.",
    false_alarm="1e-3 for the two (Bonferroni).",
    limits="a daughter is born when its mother is served, a quarter of an hour late on average in a run, and its own fates count "
    "from then: growth is slower by that time's part of births, 0.8 % with the rates here and 0.1 % with those declared.",
)
def test_fates_of_blasts(report: Report) -> None:
    blasts, count, ticks = BlastParameters(net_growth=0.5, death=0.3), 100_000, 6 * TICKS_PER_HOUR
    # waits are rounded to ticks: those that end with the last tick are up to half a tick longer
    law = counts_of_fates(blasts.net_growth + blasts.death, blasts.death, (ticks + 0.5) / TICKS_PER_HOUR)
    entries = {"divisions": Entry.BIRTH, "deaths": Entry.DIED}
    p_values = []
    for period, served in ((1, "each tick"), (3 * PERIOD, "each half hour")):
        state = periphery(1, 10**9)
        mixed(state, BLAST, count, clone=1)
        started(state, [Leukaemia(blasts, period=period)]).advance(state, ticks + 1)
        book = state.ledger.book[BLAST.code, PERIPHERY]
        for name, (mean, variance) in law.items():
            found, expected, error = int(book[entries[name]]), mean * count, np.sqrt(variance * count)
            tested = period == 1
            if tested:
                p_values.append(2 * stats.norm.sf(abs(found - expected) / error))
            allowed = "p > 5e-4" if tested else REPORTED
            report.add(f"{name} in 6 h, served {served}", found, expected=expected, error=error, unit="cells", allowed=allowed)
    assert min(p_values) > LEVEL / 2


@verifies(
    "Division cycle and burst",
    law="An activated cell divides every 12 h (CD8) or 14.4 h (CD4). After each division each half goes on with chance 1 − 1/n, "
    "n = 4.5, so that per founder 2^k (1 − 1/n)^(k−1)/n effectors are k divisions old.",
    source="branching process with the declared cycle and burst length.",
    test="2,000 CD8 founders without death, 4 days: t-test over founders of the effectors with 1 to 6 divisions. Cycles, of 20 CD8 and "
    "20 CD4 cells, 12 h and 14.4 h, each cycle to 10 min, and three in a row to 10 min together.",
    false_alarm="1e-3 for the six (Bonferroni); none for the cycle.",
    limits="divisions are served every 10 min; each cycle counts from when the last division was due, so that the delays do not add up.",
)
def test_cycle_and_burst(report: Report) -> None:
    still = {"death_memory": 0, "death_activated": 0, "death_effector": 0, "death_exhausted": 0, "resident_fraction": 0}
    product = PRODUCT.model_copy(update=still)
    founders, ages = 2000, np.arange(1, 7)
    state = periphery(1)
    activated = {"state": int(Programme.ACTIVATED), "product": 1, "budget": 255, "divide_at": 0}
    mixed(state, CAR_T, founders, subset=8, **activated)
    origin = np.arange(founders)
    process = CarTPopulation([product], il15_sensitivity=0.0, retry=1.0, period=PERIOD)
    schedule = started(state, [process])
    for _ in range(8):
        mothers = np.sort(state.motile.array("uid")[state.motile.array("divide_at") <= state.tick])
        schedule.advance(state, 12 * TICKS_PER_HOUR)
        origin = np.concatenate([origin, origin[mothers]])  # daughters take their uids in the order of their mothers
    programmes, divisions, order = (state.motile.array(name) for name in ("state", "divisions", "uid"))
    n = product.burst_divisions
    expected = 2.0**ages * (1 - 1 / n) ** (ages - 1) / n
    p_values, means = [], []
    for age, value in zip(ages, expected, strict=True):
        chosen = (programmes == Programme.EFFECTOR) & (divisions == age)
        per_founder = np.bincount(origin[order[chosen]], minlength=founders)
        means.append(mean_and_error(per_founder))
        p_values.append(stats.ttest_1samp(per_founder, value).pvalue)
        report.add(f"effectors {age} divisions old, per founder", means[-1][0], expected=value, error=means[-1][1], allowed="p > 1.7e-4")
    cycles = {}
    for subset, hours in ((8, 12.0), (4, 14.4)):
        state = periphery(2)
        mixed(state, CAR_T, 20, subset=subset, **activated)
        schedule = started(
            state, [CarTPopulation([product.model_copy(update={"burst_divisions": 1e9})], il15_sensitivity=0.0, retry=1.0, period=PERIOD)]
        )
        moments = []
        while len(moments) < 4:
            before = len(state.motile)
            schedule.advance(state, PERIOD)
            if len(state.motile) > before:
                moments.append(state.tick)
        cycles[subset] = np.diff(moments) / TICKS_PER_HOUR
        report.add(f"cycle of CD{subset} cells", cycles[subset].mean(), expected=hours, unit="h", allowed="10 min in all of three")
        # served every ten minutes, but each counts from when the last was due: the delays do not add up
        assert (np.abs(cycles[subset] - hours) <= PERIOD / TICKS_PER_HOUR).all()
        assert abs(cycles[subset].sum() - 3 * hours) <= PERIOD / TICKS_PER_HOUR

    def draw(axes: Sequence[Any]) -> None:
        axes[0].errorbar(ages, *np.array(means).T, label="simulated, ± SE", **points(1))
        axes[0].plot(ages, expected, label="branching process", **THEORY)
        axes[0].set(xlabel="divisions since the founder", ylabel="effectors per founder [cells]", ylim=(0, None))
        axes[0].legend()

    report.plot("Effectors that have left a burst, by their divisions.", draw)
    assert min(p_values) > LEVEL / len(p_values)
