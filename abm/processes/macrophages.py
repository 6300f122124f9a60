# SPDX-License-Identifier: Apache-2.0
"""IL-6 from macrophages: stimulated by IFN-gamma where they sit, amplified by debris and TNF, desensitised.

A macrophage of responsiveness m (column ``mood``) secretes s m x (1 + a D/(D + K_D)) with the stimulus
x = P/(P + K_P); P is IFN-gamma at its site, D the debris of killed cells per body weight. Its own stimulus
tires it: dm/dt = -k m x + r (1 - m). Saturation in P lets a small burden cause severe release, and
desensitisation ends it; laws linear in activation or without desensitisation made release last too long.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from abm.celltypes.macrophage import MACROPHAGE
from abm.processes.diffusion import FieldGrid
from abm.processes.relaxation import read
from abm.state.columns import Array
from abm.state.state import State
from abm.units import Parameters, quantity

SURROGATE = "assumption: order of magnitude from a well-mixed surrogate of Lee 2014; the local rule is untested"


class Il6Parameters(Parameters):
    """IL-6: secretion by macrophages, and what becomes of it in the body."""

    secretion: float = quantity(
        300, "molecules/h", bounds=(0, 1e6), plausible=(50, 3000),
        about="IL-6 that reaches the circulation from one responsive, fully stimulated macrophage without debris",
        source=f"{SURROGATE}: 2e8 macrophages per kg then give 30-1000 pg/mL; not tuned to outcomes",
    )  # fmt: skip
    half_stimulus: float = quantity(
        1000, "pg/mL", bounds=(0.01, 1e6), plausible=(100, 10000),
        about="local IFN-gamma of half-maximal stimulation (K_P)",
        source="assumption: macrophages in culture respond to about 1 ng/mL",
    )  # fmt: skip
    debris_gain: float = quantity(
        4, "1", bounds=(0, 100), plausible=(0, 10),
        about="additional secretion under plentiful debris, over that without (a)",
        source=SURROGATE,
    )  # fmt: skip
    half_debris: float = quantity(
        1e9, "cells/kg", bounds=(1, 1e12), plausible=(1e8, 1e10), about="debris of half-maximal amplification (K_D)",
        source=SURROGATE,
    )  # fmt: skip
    debris_decay: float = quantity(
        2, "1/d", bounds=(0.01, 100), plausible=(1, 5), about="rate at which dead cells are cleared away",
        source="CARTopiaX hyperparams.h (516 min for an apoptotic cell)",
    )  # fmt: skip
    tnf_gain: float = quantity(
        0.3, "1", bounds=(0, 10), plausible=(0, 1),
        about="additional secretion under normal TNF, over that without TNF",
        source="assumption: small, since etanercept alone did little (Grupp 2013, patient 1)",
    )  # fmt: skip
    desensitisation: float = quantity(
        0.5, "1/d", bounds=(0, 20), plausible=(0.2, 2), about="rate at which full stimulation tires a macrophage (k)",
        source=f"{SURROGATE}; Lee 2014: release lasts 4.8 d on average",
    )  # fmt: skip
    recovery: float = quantity(
        0.05, "1/d", bounds=(0, 5), plausible=(0.02, 0.2), about="rate at which responsiveness returns",
        source=SURROGATE,
    )  # fmt: skip
    clearance: float = quantity(
        2, "1/d", bounds=(0.1, 50), plausible=(1, 8), about="clearance rate of IL-6 while its receptor is free",
        source="assumption: 6-15 h effective half-life in vivo, through soluble receptor; human value not retrieved",
    )  # fmt: skip
    volume: float = quantity(
        100, "mL/kg", bounds=(20, 1000), plausible=(50, 250), about="volume of distribution of IL-6",
        source="assumption: between plasma and extracellular fluid; acts only in its product with secretion",
    )  # fmt: skip
    baseline: float = quantity(
        3, "pg/mL", bounds=(0, 1000), plausible=(1, 10), about="IL-6 before treatment",
        source="Grupp 2013 Figure 1 legend (4.3 and 1.9 pg/mL)",
    )  # fmt: skip


class Response(NamedTuple):
    """What all macrophages do over a period."""

    secretion: float
    """IL-6 into the circulation, before drugs [molecules/h]."""
    activation: float
    """Mean of m x (1 + a D/(D + K_D)) over macrophages [1]."""


def respond(state: State, parameters: Il6Parameters, grids: dict[int, FieldGrid], debris: float, hours: float) -> Response:
    """Let every macrophage respond to IFN-gamma at its site and tire; return what all secrete.

    Parameters
    ----------
    state : State
        The column ``mood`` is carried over the period.
    parameters : Il6Parameters
    grids : dict of int to FieldGrid
        By compartment; a macrophage elsewhere is stimulated by IFN-gamma in serum.
    debris : float
        Mean over the period [cells/kg].
    hours : float
        Length of the period [h].
    """
    table = state.sessile
    rows = np.flatnonzero(table.array("kind") == MACROPHAGE.code)
    if not len(rows):
        return Response(0.0, 0.0)
    ifn_gamma = _stimulus(state, rows, grids)
    x = ifn_gamma / (ifn_gamma + parameters.half_stimulus)
    mood = table.array("mood")
    before = mood[rows].astype(np.float64)
    after = _tired(before, x, parameters, hours)
    mood[rows] = after
    weights = table.array("weight")[rows]
    # fsum is exact, hence the same in whatever order the rows stand
    amplified = 1.0 + parameters.debris_gain * debris / (debris + parameters.half_debris)
    active = math.fsum((0.5 * (before + after) * x * weights).tolist()) * amplified
    return Response(active * parameters.secretion, active / int(weights.sum()))


def tnf_factor(state: State, parameters: Il6Parameters) -> float:
    """Return secretion at the present TNF over that at normal TNF."""
    return (1.0 + parameters.tnf_gain * read(state, "effect_tnf", 1.0)) / (1.0 + parameters.tnf_gain)


def _stimulus(state: State, rows: Array, grids: dict[int, FieldGrid]) -> Array:
    sites, places = (state.sessile.array(name)[rows] for name in ("site", "compartment"))
    found = np.full(len(rows), read(state, "ifn_gamma"))
    for code, grid in grids.items():
        here = places == code
        found[here] = state.fields[(code, "ifn_gamma")].reshape(-1)[grid.voxel(sites[here])]
    return found


def _tired(mood: Array, x: Array, parameters: Il6Parameters, hours: float) -> Array:
    """Carry dm/dt = r - (k x + r) m over a period by the trapezoidal rule.

    It is of second order; an exponential of arrays would differ in its last bit between processors.
    """
    half = 0.5 * hours * (parameters.desensitisation * x + parameters.recovery)
    return np.asarray(((1.0 - half) * mood + hours * parameters.recovery) / (1.0 + half))
