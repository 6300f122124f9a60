# SPDX-License-Identifier: Apache-2.0
"""Levels in serum, markers and drugs against their equations, integrated by somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import stats
from scipy.integrate import solve_ivp

from abm.celltypes.b_lineage import MATURE_B
from abm.celltypes.blast import BLAST
from abm.celltypes.car_t import CAR_T, CarTParameters
from abm.celltypes.host_t import HOST_T
from abm.celltypes.macrophage import MACROPHAGE
from abm.processes import acute_phase
from abm.processes.acute_phase import LN2, STAGES
from abm.processes.cytokines import PG_PER_MOLECULE, CytokineParameters, Cytokines
from abm.processes.relaxation import read
from abm.schedule import Schedule
from abm.state.columns import NOWHERE, Array
from abm.state.ledger import Entry
from abm.state.places import PERIPHERY, Place
from abm.state.state import State
from abm.treatments import TreatmentSchedule
from abm.treatments.corticosteroid import Corticosteroid
from abm.treatments.infusion import CarTInfusion, record_products
from abm.treatments.lymphodepletion import Lymphodepletion
from abm.treatments.tocilizumab import Tocilizumab
from abm.treatments.treatment import Treatment
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR, from_base
from tests.verification.plotting import SERIES, THEORY
from tests.verification.reporting import Report, verifies
from tests.verification.scenes import EFFECTOR, PERIOD, cube

LEVEL = 1e-3
KILOGRAMS, SCALE = 30.0, 10**7
PARAMETERS = CytokineParameters()
ENGAGED_UNTIL, TOCILIZUMAB_AT, END = 24.0, 36.0, 120.0
CAR_T_CELLS, MACROPHAGES, KILLS = 2 * 10**10, 6 * 10**9, 10**10
"""Body cells engaged, body cells that answer, body cells killed per hour; while the CAR T cells are engaged."""
NAMES = ("ifn_gamma", "il2", "debris", "mood", "il6", "crp", "ferritin", "ldh")
LABELS = {
    **{"ifn_gamma": "IFN-gamma [pg/mL]", "il6": "IL-6 [pg/mL]", "il2": "IL-2 [pg/mL]", "crp": "CRP [mg/L]"},
    **{"ferritin": "ferritin [× normal]", "ldh": "LDH [× normal]"},
}


def patient(seed: int = 1, scale: int = SCALE) -> State:
    """Return a body with an empty marrow."""
    state = cube(8, seed, scale)
    state.places[PERIPHERY] = Place(PERIPHERY, scale, 10**6)
    state.body["weight_kg"] = np.array([KILOGRAMS])
    return state


def mixed(state: State, kind: Any, cells: int, /, **columns: Any) -> Array:
    """Put body cells into the periphery, as full agents; return their rows."""
    count = cells // state.places[PERIPHERY].scale
    weight = state.places[PERIPHERY].scale
    return state.add_cells(kind.code, PERIPHERY, Entry.INITIAL, count, site=NOWHERE, weight=weight, **columns)


def nothing(name: str, state: State) -> float:
    """Observe nothing: no treatment here has a rule."""
    raise AssertionError(name)


def given(*treatments: Treatment) -> TreatmentSchedule:
    return TreatmentSchedule(treatments, nothing, [])


def simulate() -> dict[str, Array]:
    """Return each level hourly: a day of engagement, tocilizumab on day 1.5, then rest."""
    state = patient()
    rows = mixed(state, CAR_T, CAR_T_CELLS, **EFFECTOR)
    mixed(state, MACROPHAGE, MACROPHAGES)
    cytokines = Cytokines(PARAMETERS, [0.0, 1.0])
    schedule = Schedule([given(Tocilizumab(day=TOCILIZUMAB_AT / 24)), cytokines])
    schedule.start(state)
    state.body["kills"] = np.zeros(1)
    levels = {name: [read(state, name)] for name in NAMES}
    levels["mood"] = [1.0]
    for half_hour in range(round(2 * END)):
        if half_hour < 2 * ENGAGED_UNTIL:
            state.motile.array("engaged")[rows] = cytokines.period
            state.body["kills"] += KILLS / 2
        schedule.advance(state, cytokines.period)
        if half_hour % 2:
            for name in NAMES:
                levels[name].append(float(state.sessile.array("mood")[0]) if name == "mood" else read(state, name))
    return {name: np.array(values) for name, values in levels.items()}


def integrate() -> dict[str, Array]:
    """Return the same from the equations."""
    rules, marks = PARAMETERS.il6, PARAMETERS.acute_phase
    drug = Tocilizumab(day=0)
    base = acute_phase.before_treatment(marks)

    def slopes(t: float, y: Array) -> list[float]:
        ifn, il2, debris, mood, il6, one, two, crp, ferritin, ldh = y
        engaged = t < ENGAGED_UNTIL
        kills = KILLS / KILOGRAMS * engaged
        pools = []
        for name, level in (("ifn_gamma", ifn), ("il2", il2)):
            secretion, release, clearance, volume = (
                getattr(PARAMETERS, f"{name}_{item}") for item in ("secretion", "release", "clearance", "volume")
            )
            source = CAR_T_CELLS * engaged * secretion * release * PG_PER_MOLECULE[name]
            pools.append((source / KILOGRAMS - clearance * level) / volume)
        x = ifn / (ifn + rules.half_stimulus)
        active = mood * x * (1 + rules.debris_gain * debris / (debris + rules.half_debris))
        since = t - TOCILIZUMAB_AT
        level = drug.dose / drug.volume * 1e9 * np.exp(-drug.clearance / drug.volume * since) if since >= 0 else 0.0
        bound = level / (level + drug.half_occupancy)
        uptake = rules.clearance * (1 - drug.receptor_clearance * bound)
        gain = rules.clearance * rules.baseline + MACROPHAGES * active * rules.secretion * PG_PER_MOLECULE["il6"] / (
            rules.volume * KILOGRAMS
        )
        signal = max(il6 - rules.baseline, 0) * (1 - bound)
        lag = STAGES / marks.crp_lag
        return [
            *pools,
            kills - rules.debris_decay * debris,
            -rules.desensitisation * mood * x + rules.recovery * (1 - mood),
            gain - uptake * il6,
            lag * (signal / (signal + marks.crp_half_signal) - one),
            lag * (one - two),
            LN2 / marks.crp_half_life * (base["crp"] + from_base(marks.crp_maximum, "mg/L") * two - crp),
            LN2 / marks.ferritin_half_life * (1 + marks.ferritin_gain * active - ferritin),
            LN2 / marks.ldh_half_life * (1 + kills / marks.ldh_kills - ldh),
        ]

    now, columns = [0, 0, 0, 1, rules.baseline, 0, 0, base["crp"], 1, 1], []
    stops = [0.0, ENGAGED_UNTIL, TOCILIZUMAB_AT, END]
    for begin, end in pairwise(stops):
        # a hair after the jump, so that each piece is smooth
        part = solve_ivp(slopes, (begin + 1e-9, end - 1e-9), now, t_eval=np.arange(begin, end) + 1e-9, rtol=1e-9, atol=1e-9, max_step=0.5)
        last = solve_ivp(slopes, (begin + 1e-9, end - 1e-9), now, rtol=1e-9, atol=1e-9, max_step=0.5)
        columns.append(part.y)
        now = last.y[:, -1]
    course = np.concatenate([*columns, np.array(now)[:, None]], axis=1)
    kept = [*course[:5], *course[7:]]
    return dict(zip(NAMES, kept, strict=True))


@verifies(
    "Serum levels and markers",
    law="IFN-gamma and IL-2 are pools with constant release and first-order clearance; macrophages secrete IL-6 by IFN-gamma and "
    "debris and tire; tocilizumab takes receptors, and with them the signal and most of the clearance of IL-6, out of use; CRP "
    "follows the signal through two stages of lag, ferritin the macrophages, LDH the kills.",
    source="the ten ordinary differential equations, written out in the check and integrated by an adaptive Runge-Kutta method to 1e-9.",
    test="2e10 CAR T cells engaged for a day and 1e10 kills an hour in a child of 30 kg, tocilizumab on day 1.5, 5 days. Largest "
    "difference of each level from its equation, relative to its own largest rise: below 2 %.",
    false_alarm="none: nothing is drawn at random.",
    limits="macrophages stand in the periphery here, where serum stimulates them; in marrow they see the field where they are.",
)
def test_levels(report: Report) -> None:
    found, law = simulate(), integrate()
    worst = {}
    for name in NAMES:
        rise = np.abs(law[name] - law[name][0]).max()
        worst[name] = np.abs(found[name] - law[name]).max() / rise
        report.add(f"{name}: largest difference, of its largest change", 100 * worst[name], expected=0, unit="%", allowed="2 %")

    def draw(axes: Sequence[Any]) -> None:
        t = np.arange(len(found["il6"])) / 24
        for panel, names in zip(axes, (("ifn_gamma", "il6"), ("crp",), ("il2", "ferritin", "ldh")), strict=True):
            for index, name in enumerate(names):
                panel.plot(t, found[name], color=SERIES[index], lw=2.5, label=LABELS[name])
                panel.plot(t, law[name], **THEORY)
            panel.plot([], [], label="equations", **THEORY)
            panel.axvspan(0, 1, color="0.94")
            panel.axvline(1.5, color="0.6", lw=0.8)
            panel.set(xlabel="time [d]", ylabel="level")
            panel.legend(fontsize=8)
        axes[0].set(yscale="log", ylim=(1, 3000))

    report.plot("A day of engagement (grey), and tocilizumab on day 1.5 (line).", draw, 3)
    assert max(worst.values()) < 0.02


@verifies(
    "Pharmacokinetics",
    law="Tocilizumab falls exponentially from dose over volume, and doses add; its occupancy is level/(level + half). The effect of "
    "a corticosteroid follows the daily dose, held and then tapered, with its biological half-life: dE/dt = k (dose(t)/reference − E).",
    source="one-compartment kinetics; the second integrated numerically.",
    test="two doses of tocilizumab on days 0 and 3, a corticosteroid for 7 days, acting every 10 min, as in a run, "
    "for 14 days; read each hour. Largest differences below 1e-6 of the largest level (tocilizumab) and 1e-4 (steroid).",
    false_alarm="none: nothing is drawn at random.",
)
def test_drugs(report: Report) -> None:
    drug, steroid = Tocilizumab(day=0), Corticosteroid(day=0)
    schedule = given(drug, Tocilizumab(day=3), steroid)
    state = patient()
    occupancy, relative, division = [], [], []
    hours = np.arange(0, 14 * 24 + 1)
    for tick in range(0, int(hours[-1]) * TICKS_PER_HOUR + 1, PERIOD):
        state.tick = tick
        schedule.run(state)
        if tick % TICKS_PER_HOUR:
            continue
        occupancy.append(read(state, "il6r_occupancy"))
        relative.append(read(state, "drug_2_relative_level"))
        division.append(read(state, "effect_division"))
    rate = drug.clearance / drug.volume
    level = drug.dose / drug.volume * 1e9 * (np.exp(-rate * hours) + np.where(hours >= 72, np.exp(-rate * (hours - 72)), 0))
    law = level / (level + drug.half_occupancy)
    hold, end = steroid.full_duration, steroid.full_duration + steroid.taper_duration

    def slope(t: float, y: Array) -> Array:
        dose = np.interp(t, [hold, end], [1.0, 0.0])
        return LN2 / steroid.half_life * (dose * steroid.dose / steroid.reference_dose - y)

    effect = solve_ivp(slope, (0, hours[-1]), [0.0], t_eval=hours, rtol=1e-9, atol=1e-10, max_step=1.0).y[0]
    errors = np.abs(np.array(occupancy) - law).max(), np.abs(np.array(relative) - effect).max() / effect.max()
    report.add("occupancy of IL-6 receptors: largest difference", errors[0], expected=0, allowed="1e-6")
    report.add("effect of the corticosteroid: largest difference, of its largest", errors[1], expected=0, allowed="1e-4")
    report.add(
        "least division under the corticosteroid",
        min(division),
        expected=1 - steroid.division_reduction * min(effect.max(), 1),
        allowed="1e-4",
    )

    def draw(axes: Sequence[Any]) -> None:
        for panel, values, theory, label in (
            (axes[0], occupancy, law, "receptors occupied"),
            (axes[1], relative, effect, "effective daily dose, relative"),
        ):
            panel.plot(hours / 24, values, color=SERIES[0], lw=2.5, label="simulated")
            panel.plot(hours / 24, theory, label="equation", **THEORY)
            panel.set(xlabel="time [d]", ylabel=label)
            panel.legend()
        axes[0].set(ylim=(0.95, 1.002))

    report.plot("Tocilizumab on days 0 and 3 (left), corticosteroid for a week (right).", draw, 2)
    assert errors[0] < 1e-6
    assert errors[1] < 1e-4
    assert abs(min(division) - (1 - steroid.division_reduction * min(effect.max(), 1))) < 1e-4


@verifies(
    "Lag of CRP",
    law="Under a signal that sets in at once, the drive of CRP lags behind by its mean time of 9 h, with a gamma distribution of two "
    "stages; CRP then falls with a half-life of 19 h.",
    source="Pepys, Clin Chem, as declared; linear chain of two stages.",
    test="saturating signal of five days, then none: mean lag from the area above the response, and half-life between two and four "
    "days after the end, within 1 %.",
    false_alarm="none: nothing is drawn at random.",
)
def test_crp(report: Report) -> None:
    state, marks = patient(), PARAMETERS.acute_phase
    hours, drive, levels = 0.5, [], []
    for step in range(20 * 48):
        signal = 1e12 if step < 5 * 48 else 0.0
        acute_phase.follow(state, marks, signal=signal, activation=0.0, kills=0.0, hours=hours)
        drive.append(read(state, "crp_lag_1"))
        levels.append(read(state, "crp") - from_base(marks.crp_baseline, "mg/L"))
    lag = hours * np.sum(1 - np.array([0.0, *drive[: 5 * 48]])) - hours / 2
    fall = np.array(levels)[[7 * 48, 9 * 48]]
    half_life = 48 * LN2 / np.log(fall[0] / fall[1])
    report.add("mean lag", lag, expected=marks.crp_lag, unit="h", allowed="1 %")
    report.add("half-life two to four days after the end", half_life, expected=marks.crp_half_life, unit="h", allowed="1 %")
    assert abs(lag / marks.crp_lag - 1) < 0.01
    assert abs(half_life / marks.crp_half_life - 1) < 0.01


@verifies(
    "Survival of lymphodepletion and of infusion",
    law="Of blasts 80 %, of mature B cells 10 % and of T cells 3 % survive lymphodepletion, each by chance. Of infused CAR T cells "
    "that do not divide 90 % are lost within two days, at a constant rate.",
    source="survivals as declared.",
    test="20,000 cells of each kind, one to an agent, through lymphodepletion of 3 days; 30,000 CAR T cells, one to an "
    "agent, through the days after infusion: binomial tests.",
    false_alarm="1e-3 for the four (Bonferroni).",
    limits="agents of full weight survive or die as a whole, so that chance acts on agents, not on body cells.",
)
def test_survival(report: Report) -> None:
    depletion = Lymphodepletion(day=0)
    state = patient(scale=1)
    cells = {BLAST: depletion.blast_survival, MATURE_B: depletion.b_survival, HOST_T: depletion.t_survival}
    for kind in cells:
        mixed(state, kind, 20_000)
    schedule = Schedule([given(depletion)])
    curves = {kind: [20_000] for kind in cells}
    for _ in range(4 * 24):
        schedule.advance(state, TICKS_PER_HOUR)
        for kind in cells:
            curves[kind].append(int(state.ledger.balance()[kind.code, PERIPHERY]))
    state.check()
    p_values = []
    for kind, survival in cells.items():
        left = curves[kind][-1]
        p_values.append(stats.binomtest(left, 20_000, survival).pvalue)
        error = np.sqrt(survival * (1 - survival) / 20_000)
        report.add(f"{kind.label}: survival of lymphodepletion", left / 20_000, expected=survival, error=error, allowed="p > 2.5e-4")
    infusion = CarTInfusion(day=0, dose=1e3)
    state = patient(seed=2, scale=1)
    record_products(state, [CarTParameters()])
    state.body["weight_kg"] = np.array([KILOGRAMS])
    schedule = Schedule([given(infusion)])
    infused = []
    for _ in range(3 * 24 * 6):
        schedule.advance(state, PERIOD)
        infused.append(int(state.ledger.balance()[CAR_T.code, PERIPHERY]))
    total, kept = int(1e3 * KILOGRAMS), 1 - infusion.early_loss
    p_values.append(stats.binomtest(infused[-1], total, kept).pvalue)
    report.add(
        "CAR T cells left two days after infusion",
        infused[-1] / total,
        expected=kept,
        error=np.sqrt(kept * (1 - kept) / total),
        allowed="p > 2.5e-4",
    )

    def draw(axes: Sequence[Any]) -> None:
        t = np.arange(4 * 24 + 1) / 24
        for index, (kind, survival) in enumerate(cells.items()):
            axes[0].plot(t, np.array(curves[kind]) / 20_000, color=SERIES[index], lw=2.5, label=kind.label)
            axes[0].plot(t, survival ** np.minimum(t / 3, 1), **THEORY)
        axes[0].set(xlabel="time [d]", ylabel="cells left", yscale="log", ylim=(0.02, 1.1))
        axes[0].legend(fontsize=8)
        days = np.arange(1, len(infused) + 1) * PERIOD / TICKS_PER_DAY
        axes[1].plot(days, np.array(infused) / total, color=CAR_T.colour, lw=2.5, label="CAR T cells")
        axes[1].plot(days, kept ** np.minimum(days / 2, 1), label="constant rate of loss", **THEORY)
        axes[1].set(xlabel="time since infusion [d]", ylabel="cells left", yscale="log", ylim=(0.08, 1.1))
        axes[1].legend()

    report.plot("Lymphodepletion (left, with the law dashed) and early loss of infused cells (right).", draw, 2)
    assert min(p_values) > LEVEL / len(p_values)
