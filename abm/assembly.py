# SPDX-License-Identifier: Apache-2.0
"""From a scenario to a state and the schedule of its processes: the one place that knows all of them."""

from __future__ import annotations

import numpy as np

from abm.celltypes.b_lineage import seed_mature_b
from abm.celltypes.blast import BLAST, CD19_NEGATIVE_BLAST
from abm.celltypes.car_t import COSTIMULATION
from abm.celltypes.host_t import seed_host_t
from abm.celltypes.marrow import fill_marrow
from abm.observables import OTHERS, available, observe
from abm.processes.background import Background
from abm.processes.body import MICROLITRES_PER_ML, BodyParameters, build_csf, build_periphery, seed_blasts
from abm.processes.car_t_population import CarTPopulation
from abm.processes.compaction import Compaction
from abm.processes.csf_flow import CsfFlow
from abm.processes.cytokines import Cytokines
from abm.processes.engagement import Engagement
from abm.processes.host_t import HostTRecovery
from abm.processes.leukaemia import Leukaemia
from abm.processes.lymphopoiesis import Lymphopoiesis
from abm.processes.motility import Motility
from abm.processes.neurotoxicity import Neurotoxicity
from abm.processes.process import Process
from abm.processes.quiet import Quiet
from abm.processes.toxicity import Toxicity
from abm.processes.trafficking import Trafficking
from abm.processes.weighting import Weighting
from abm.scenario import Scenario
from abm.schedule import Schedule
from abm.state.marrow import build_marrow
from abm.state.places import CSF, MARROW, PERIPHERY, Place
from abm.state.state import State
from abm.state.weights import body_scale, index_guests
from abm.streams import Draws
from abm.treatments import TreatmentSchedule
from abm.treatments.infusion import record_products
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE

PERIOD = 10 * TICKS_PER_MINUTE
SESSILE_PERIOD = 30 * TICKS_PER_MINUTE


def build_state(scenario: Scenario, seed: int) -> State:
    """Return the state at the start of a run.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    seed : int
        Seed of every draw, 0 to 2**63 - 1.
    """
    draws = Draws(seed)
    lattice = build_marrow(scenario.marrow, draws)
    room = max(round(lattice.n_open * (1 - scenario.marrow.voids)), 1)
    body = scenario.body
    scale = 1 if body is None else body_scale(body.marrow_cells, body.weight, room)
    places = [Place(MARROW, scale, lattice.n_sites, lattice)]
    if body is not None:
        if scenario.csf is not None:
            places.append(build_csf(scenario.csf, body))
        places.append(build_periphery(body, scale))
    state = State(draws, places, scenario.kinds)
    state.body["day_zero_tick"] = np.array([float(round(-scenario.start * TICKS_PER_HOUR))])
    fill_marrow(state, scenario.marrow_cells)
    if body is not None:
        fill_body(state, scenario, body)
    return state


def fill_body(state: State, scenario: Scenario, body: BodyParameters) -> None:
    """Put the first cells into periphery and CSF, and set the body variables."""
    constants = {
        "weight_kg": body.weight,
        "blood_volume_ml": body.blood_microlitres / MICROLITRES_PER_ML,
        "blood_share": body.blood_share,
        "susceptibility": scenario.susceptibility,
    }
    if scenario.csf is not None:
        constants["csf_volume_ml"] = scenario.csf.microlitres(body) / MICROLITRES_PER_ML
    for name, value in constants.items():
        state.body[name] = np.array([value])
    record_products(state, scenario.products)
    seed_mature_b(state, scenario.b_lineage, body.nucleated_marrow_cells)
    seed_host_t(state, scenario.host_t)
    in_marrow = int(state.ledger.balance()[[BLAST.code, CD19_NEGATIVE_BLAST.code], MARROW].sum())
    seed_blasts(state, state.places[PERIPHERY], round(in_marrow * scenario.trafficking.blast_share), scenario.blasts)
    if scenario.csf is not None:
        share = scenario.csf.adherent_share
        seed_blasts(state, state.places[CSF], round(scenario.csf.blasts), scenario.blasts, adherent_share=share)
        index_guests(state, state.places[CSF])
    index_guests(state, state.places[MARROW])


def build_schedule(scenario: Scenario, state: State, n_threads: int = 1, *, check: bool = False) -> Schedule:
    """Return the processes of a scenario, in the order in which they act at a common tick.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    state : State
        Its state at the start, on which first fates are scheduled.
    n_threads : int
        Threads of the kernels; the result does not depend on it.
    check : bool
        Verify every invariant after each process.
    """
    fine, coarse = (processes_of(scenario, state, period, n_threads) for period in (PERIOD, TICKS_PER_HOUR))
    schedule = Schedule(fine, coarse=coarse, is_quiet=Quiet(scenario.quiet).holds, check=check)
    schedule.start(state)
    return schedule


def processes_of(scenario: Scenario, state: State, period: int, n_threads: int) -> list[Process]:
    """Return the processes in their order, those of cells with a period [ticks] that fits the pace of events."""
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    products = list(scenario.products)
    spacing = scenario.marrow.spacing
    open_fraction = lattice.n_open / lattice.n_sites
    population = scenario.population
    secretion = [0.0] + [COSTIMULATION[product.costimulation]["secretion"] for product in products]
    names = [*(item.name for item in available(state)), *OTHERS.names()]
    found: list[Process] = [
        *([TreatmentSchedule(scenario.treatments, observe, names)] if scenario.treatments else []),
        Engagement(products, spacing=spacing, open_fraction=open_fraction, period=period, n_threads=n_threads),
        Motility(scenario.blasts.motility, spacing=spacing, period=period, n_threads=n_threads),
        CarTPopulation(products, il15_sensitivity=population.il15_sensitivity, retry=population.retry, period=period),
        Leukaemia(scenario.blasts, period=max(period, SESSILE_PERIOD)),
    ]
    if scenario.body is not None:
        found += body_processes(scenario, scenario.body, state, period)
    found.append(Cytokines(scenario.cytokines, secretion, n_threads))
    if scenario.body is not None:
        found.append(Toxicity(scenario.toxicity))
        if scenario.csf is not None:
            found.append(Neurotoxicity(scenario.neurotoxicity))
        found.append(Weighting(scenario.weighting, period=period))
    found.append(Compaction(period=TICKS_PER_HOUR))
    return found


def body_processes(scenario: Scenario, body: BodyParameters, state: State, period: int) -> list[Process]:
    """Return the processes that need a body around the marrow."""
    marrow_cells = body.nucleated_marrow_cells
    host_t = HostTRecovery(scenario.host_t, marrow_cells=marrow_cells)
    host_t_share = scenario.host_t.marrow_fraction * marrow_cells / max(host_t.normal(state), 1.0)
    found: list[Process] = [
        Trafficking(scenario.trafficking, body, host_t_marrow_share=host_t_share),
        Lymphopoiesis(scenario.b_lineage, marrow_cells=marrow_cells, period=period),
        host_t,
        Background(scenario.background, voids=scenario.marrow.voids),
    ]
    if scenario.csf is not None:
        found.append(CsfFlow(scenario.csf, period=period))
    return found


