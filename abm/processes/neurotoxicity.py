# SPDX-License-Identifier: Apache-2.0
"""Neurotoxicity: a hazard on CAR T cells in the CSF and on IL-6, and the episode that it brings on."""

from __future__ import annotations

from abm.celltypes.car_t import CAR_T
from abm.processes.body import MICROLITRES_PER_ML
from abm.processes.relaxation import read, write
from abm.state.places import CSF
from abm.state.state import State
from abm.streams import Stream
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE, Parameters, from_base, quantity


class NeurotoxicityParameters(Parameters):
    """How CAR T cells in the CSF and IL-6 bring on neurotoxicity.

    The sources contradict each other: Lee 2014 links it to CAR T cells in the CSF, Santomasso 2018 to a barrier
    opened by cytokines, without correlation with those cells. ``csf_share`` lies between the two.
    """

    rate: float = quantity(
        0.25, "1/d", bounds=(0, 100), plausible=(0.05, 1), about="hazard under plentiful IL-6 and CAR T cells in the CSF",
        source="assumption: 6 of the 16 patients of Lee 2014 with release, that is 0.47 in 4.8 d, at 40 % of this rate on average",
    )  # fmt: skip
    half_signal: float = quantity(
        90, "pg/mL", bounds=(0.1, 1e5), plausible=(30, 270), about="IL-6, times susceptibility, of a half-maximal hazard",
        source="assumption: the threshold of release of grade 2; mild neurotoxicity goes with moderate release",
    )  # fmt: skip
    half_cells: float = quantity(
        0.1, "cells/µL", bounds=(1e-6, 1e4), plausible=(0.01, 1), about="CAR T cells in the CSF of a half-maximal share of the hazard",
        source="assumption: what an entry of 1e-4/d and an exit of 1/d give with 40 per µL in blood (scale of Lee 2014, figure 2A)",
    )  # fmt: skip
    csf_share: float = quantity(
        0.5, "1", bounds=(0, 1), plausible=(0, 1), about="share of the hazard that needs CAR T cells in the CSF",
        source="assumption: midway between 1 (Lee 2014) and 0 (Santomasso 2018), which contradict each other",
    )  # fmt: skip
    resolution: float = quantity(
        0.5, "1", bounds=(0, 1), plausible=(0.2, 0.8), about="hazard, relative to the highest of the episode, below which it resolves",
        source="assumption: it was reversible in all patients of Lee 2014, and passes with the release",
    )  # fmt: skip


class Neurotoxicity:
    r"""Carry the hazard of neurotoxicity, and the episode, over ten minutes.

    Parameters
    ----------
    parameters : NeurotoxicityParameters

    Notes
    -----
    With X = susceptibility · IL-6 and C CAR T cells per volume of CSF the hazard is

    .. math:: h = r \frac{X^2}{X^2 + K_X^2} \left(1 - s + s \frac{C}{C + K_C}\right).

    Blocked receptors do not lower it: an antibody hardly enters the CSF, and IL-6 rises under it. The square
    keeps the IL-6 of health, some 3 pg/mL, from having an effect over months. An episode begins when the
    hazard cumulated since the last one reaches an exponential of mean 1, drawn once for each episode, so that
    the waiting time under a constant hazard is exponential; it resolves when the hazard has fallen below a
    share of its highest.
    """

    name = "neurotoxicity"
    period = 10 * TICKS_PER_MINUTE

    def __init__(self, parameters: NeurotoxicityParameters) -> None:
        self.parameters = parameters

    def start(self, state: State) -> None:
        """Set hazard and episode, for the first row of a record."""
        if _is_possible(state):
            write(state, "neurotoxicity_hazard", self._hazard(state))
            write(state, "neurotoxicity", 0.0)

    def run(self, state: State) -> None:
        """Cumulate the hazard or watch the episode; onset and resolution are events."""
        if not _is_possible(state):
            return
        hazard = self._hazard(state)
        write(state, "neurotoxicity_hazard", hazard)
        if read(state, "neurotoxicity"):
            highest = max(read(state, "neurotoxicity_highest"), hazard)
            write(state, "neurotoxicity_highest", highest)
            if hazard < self.parameters.resolution * highest:
                self._change(state, "resolved", hazard)
            return
        if "neurotoxicity_left" not in state.body:
            write(state, "neurotoxicity_left", hazard_to_onset(state, 0))
        left = read(state, "neurotoxicity_left") - hazard * self.period / TICKS_PER_HOUR
        write(state, "neurotoxicity_left", left)
        if left <= 0:
            episodes = int(read(state, "neurotoxicity_episodes")) + 1
            write(state, "neurotoxicity_episodes", float(episodes))
            write(state, "neurotoxicity_left", hazard_to_onset(state, episodes))
            write(state, "neurotoxicity_highest", hazard)
            self._change(state, "onset", hazard)

    def _hazard(self, state: State) -> float:
        """Return the hazard [1/h]."""
        rules = self.parameters
        signal = read(state, "susceptibility", 1.0) * read(state, "il6")
        cells = int(state.ledger.balance()[CAR_T.code, CSF]) / (read(state, "csf_volume_ml") * MICROLITRES_PER_ML)
        opened = signal**2 / (signal**2 + rules.half_signal**2)
        return rules.rate * opened * (1.0 - rules.csf_share + rules.csf_share * cells / (cells + rules.half_cells))

    def _change(self, state: State, what: str, hazard: float) -> None:
        write(state, "neurotoxicity", float(what == "onset"))
        detail = {"change": what, "hazard_per_day": from_base(hazard, "1/d")}
        state.events.append((state.tick, "neurotoxicity", detail))


def hazard_to_onset(state: State, episode: int) -> float:
    """Draw the cumulated hazard at which an episode, counted from 0, begins; the same at any time of a run."""
    return state.draws.exponential(Stream.NEUROTOXICITY, 0, episode)


def _is_possible(state: State) -> bool:
    return CSF in state.places and "il6" in state.body and "csf_volume_ml" in state.body
