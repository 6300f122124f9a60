# SPDX-License-Identifier: Apache-2.0
"""Markers in serum that follow the disease: CRP after IL-6, ferritin after activation, LDH after kills."""

from __future__ import annotations

from abm.processes.relaxation import read, relax, write
from abm.state.state import State
from abm.units import Parameters, from_base, quantity

LN2 = 0.6931471805599453
STAGES = 2
"""Stages in series that make up the lag of CRP."""


class AcutePhaseParameters(Parameters):
    """CRP [mg/L], ferritin and LDH (relative to their values before treatment)."""

    crp_baseline: float = quantity(
        3, "mg/L", bounds=(0, 500), plausible=(1, 50), about="CRP before treatment",
        source="assumption: no infection",
    )  # fmt: skip
    crp_maximum: float = quantity(
        400, "mg/L", bounds=(10, 1000), plausible=(300, 500), about="rise of CRP under lasting, saturating IL-6",
        source="Pepys, Clin Chem (300-500 mg/L at most)",
    )  # fmt: skip
    crp_half_signal: float = quantity(
        50, "pg/mL", bounds=(1, 10000), plausible=(10, 200),
        about="IL-6 at free receptors of half-maximal CRP synthesis",
        source="assumption",
    )  # fmt: skip
    crp_lag: float = quantity(
        9, "h", bounds=(0.5, 72), plausible=(6, 12), about="mean time from the signal to CRP in serum",
        source="Pepys, Clin Chem (6-12 h)",
    )  # fmt: skip
    crp_half_life: float = quantity(
        19, "h", bounds=(1, 100), about="half-life of CRP",
        source="Pepys, Clin Chem",
    )  # fmt: skip
    ferritin_gain: float = quantity(
        100, "1", bounds=(0, 10000), plausible=(30, 300),
        about="rise of ferritin over baseline under full macrophage activation",
        source="assumption: order of magnitude of the rise in Grupp 2013",
    )  # fmt: skip
    ferritin_half_life: float = quantity(
        3, "d", bounds=(0.1, 60), plausible=(2, 4), about="half-life of ferritin",
        source="Grupp 2013: fall from day 11 to days 26 and 21, 3.5 and 2.3 d",
    )  # fmt: skip
    ldh_kills: float = quantity(
        1e9, "cells/kg/d", bounds=(1e4, 1e13), plausible=(1e8, 1e10), about="kills that raise LDH by its normal value",
        source="assumption",
    )  # fmt: skip
    ldh_half_life: float = quantity(
        1, "d", bounds=(0.1, 30), plausible=(0.5, 4), about="half-life of LDH",
        source="assumption: 10 h to 4 d, by isoenzyme",
    )  # fmt: skip


def before_treatment(parameters: AcutePhaseParameters) -> dict[str, float]:
    """Return the markers of a patient without release, in the units of their observables."""
    return {"crp": from_base(parameters.crp_baseline, "mg/L"), "ferritin": 1.0, "ldh": 1.0}


def follow(state: State, parameters: AcutePhaseParameters, *, signal: float, activation: float, kills: float, hours: float) -> None:
    """Carry the markers over a period.

    Parameters
    ----------
    state : State
        ``crp`` [mg/L], ``ferritin`` and ``ldh`` [1] and the stages of the lag are changed.
    parameters : AcutePhaseParameters
    signal : float
        Mean rise of IL-6 at free receptors over the period [pg/mL].
    activation : float
        Mean activation of macrophages [1].
    kills : float
        Kill flux [cells/kg/h].
    hours : float
        Length of the period [h].
    """
    drive = signal / (signal + parameters.crp_half_signal)
    for stage in range(STAGES):
        name = f"crp_lag_{stage}"
        end, drive = relax(read(state, name), drive, STAGES / parameters.crp_lag, hours)
        write(state, name, end)
    rises = {
        "crp": (from_base(parameters.crp_maximum, "mg/L") * drive, parameters.crp_half_life),
        "ferritin": (parameters.ferritin_gain * activation, parameters.ferritin_half_life),
        "ldh": (kills / parameters.ldh_kills, parameters.ldh_half_life),
    }
    for name, baseline in before_treatment(parameters).items():
        rise, half_life = rises[name]
        write(state, name, relax(read(state, name, baseline), baseline + rise, LN2 / half_life, hours)[0])
