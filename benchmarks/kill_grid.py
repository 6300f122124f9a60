# SPDX-License-Identifier: Apache-2.0
"""kill-grid: a workload that any lattice simulator of CAR T cells can run, on the package's own kernels.

A closed cube, 62 % full, 3 % of the cells T cells; every minute a free T cell touches one random
neighbour, steps there if it is empty, binds a tumour cell with p = 0.03 for 30-59 min, and at the end
kills it with p = 0.25; with p = 0.10 a daughter T cell then fills the site. Tumour cells divide into an
empty neighbour (0.013793/h) or die (0.002081/h). With ``--field``, bound T cells secrete 1 a minute into a
field on voxels of 20 µm (1e-7 cm²/s, decay 0.01/min), which is solved every minute. Prints one line of JSON.

    python benchmarks/kill_grid.py --cells 1e5 --minutes 1440 --threads 1 --json
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from typing import Any

import numpy as np

import abm.celltypes  # noqa: F401  registers the kinds
from abm.celltypes.blast import BLAST, BlastParameters
from abm.celltypes.car_t import CAR_T, CarTParameters
from abm.processes.diffusion import FieldGrid
from abm.processes.engagement import Engagement
from abm.processes.leukaemia import Leukaemia
from abm.state.columns import Array
from abm.state.kinds import BOUND_BIT
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import MARROW, Place
from abm.state.state import State
from abm.streams import Draws, Stream
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE

FILLED, T_SHARE = 0.62, 0.03
BIND, KILL, DAUGHTER = 0.03, 0.25, 0.10
DIVISION, DEATH = 0.013793, 0.002081
SPACING = 10.0
MINUTES_PER_HOUR = 60
DIFFUSIVITY, DECAY = 1e-7 * 1e8 * 3600, 0.01 * 60
"""Of the field [µm²/h, 1/h]."""
SECRETION = 60
"""Of a bound T cell [1/h]."""
ANTIGEN = 1e5
DRAW_DAUGHTER = 50


def build(cells: float, seed: int) -> State:
    """Return the cube with its cells."""
    edge = max(round((cells / FILLED) ** (1 / 3)), 3)
    lattice = Lattice((edge, edge, edge), SPACING, (False, False, False))
    state = State(Draws(seed), [Place(MARROW, 1, lattice.n_sites, lattice)])
    sites = np.arange(lattice.n_sites)
    draw = state.draws.uniform(Stream.PLACEMENT, 0, sites)
    t_cells, tumour = sites[draw < FILLED * T_SHARE], sites[(draw >= FILLED * T_SHARE) & (draw < FILLED)]
    state.add_cells(BLAST.code, MARROW, Entry.INITIAL, len(tumour), site=tumour, cd19=ANTIGEN)
    state.add_cells(CAR_T.code, MARROW, Entry.INITIAL, len(t_cells), site=t_cells, product=1, state=2, budget=255)
    return state


def product() -> CarTParameters:
    """Return the T cell of kill-grid in the terms of the package."""
    return CarTParameters(
        costimulation="cd28",
        speed=SPACING,
        contact_rate=1,
        persistence=0,
        bind_probability=BIND,
        kill_probability=KILL,
        activation_probability=0,
        killing_density_ratio=0.001,
        kill_duration=(30, 59),
        unproductive_duration=(30, 59),
        kill_point=1,
        refractory=0,
        exhaustion_per_kill=0,
    )


def fill_with_daughters(state: State, mothers: Array, sites: Array) -> None:
    """Let some killers leave a daughter where their target stood, in the order of their uids."""
    table = state.motile
    uids = table.array("uid")[mothers]
    divides = state.draws.uniform(Stream.DIVISION, state.tick, uids, DRAW_DAUGHTER) < DAUGHTER
    order = np.argsort(uids[divides])
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    lattice.site_code[sites] &= ~np.uint8(BOUND_BIT)
    sites = sites[divides][order]
    state.add_cells(CAR_T.code, MARROW, Entry.BIRTH, len(sites), site=sites, product=1, state=2, budget=255)


def secrete(state: State, grid: FieldGrid, field: Array) -> None:
    """Carry the field over a minute in which the bound T cells secrete."""
    sites, kinds, free_at = state.motile.arrays("site", "kind", "free_at")
    bound = sites[(kinds == CAR_T.code) & (free_at > state.tick)]
    source = np.bincount(grid.voxel(bound), minlength=grid.n_voxels).reshape(grid.shape) * float(SECRETION)
    grid.advance(field, source, diffusivity=DIFFUSIVITY, decay=DECAY, hours=1 / MINUTES_PER_HOUR)


def simulate(cells: float, minutes: int, threads: int, *, field: bool, seed: int) -> dict[str, Any]:
    """Run the workload and return its counts and cost."""
    state = build(cells, seed)
    engagement = Engagement(
        [product()], spacing=SPACING, open_fraction=1.0, period=TICKS_PER_MINUTE, n_threads=threads
    )
    # Chances per hour as rates: both fates together happen as often as in the hourly draw.
    total = -math.log1p(-DIVISION - DEATH)
    death, rate = (total * part / (DIVISION + DEATH) for part in (DEATH, DIVISION))
    growth = BlastParameters(
        net_growth=24 * (rate - death), death=24 * death, displacement=0, antigen_drift=0
    )
    leukaemia = Leukaemia(growth, period=TICKS_PER_HOUR, reach=1)
    leukaemia.start(state)
    place = state.places[MARROW]
    assert place.lattice is not None
    grid = FieldGrid(place.lattice, threads)
    concentration = grid.empty()
    cell_minutes = 0
    start = time.perf_counter()
    for minute in range(minutes):
        killers, sites = engagement.run_place(state, place, record=True)
        fill_with_daughters(state, killers, sites)
        state.tick += TICKS_PER_MINUTE
        if (minute + 1) % MINUTES_PER_HOUR == 0:
            leukaemia.run(state)
            if state.sessile.n_dead > 0.1 * state.sessile.n_rows:
                state.compact()
        if field:
            secrete(state, grid, concentration)
        cell_minutes += len(state.sessile) + len(state.motile)
    seconds = time.perf_counter() - start
    memory = place.lattice.nbytes + sum(table.nbytes for table in state.tables.values()) + engagement.scratch_bytes(state, place)
    memory += field * (concentration.nbytes + 8 * grid.n_voxels)
    ledger = state.ledger
    state.check()
    return {
        "workload": "kill-grid",
        "cells": int(cell_minutes / minutes),
        "sites": place.lattice.n_sites,
        "minutes": minutes,
        "threads": threads,
        "field": field,
        "seconds": round(seconds, 4),
        "ns_per_cell_minute": round(1e9 * seconds / cell_minutes, 4),
        "kills": ledger.total(Entry.KILLED),
        "divisions": ledger.total(Entry.BIRTH, BLAST.code),
        "deaths": ledger.total(Entry.DIED, BLAST.code),
        "t_cells_end": len(state.motile),
        "bytes_per_cell": round(memory / (len(state.sessile) + len(state.motile)), 1),
    }


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=float, default=1e5, help="cells at the start")
    parser.add_argument("--minutes", type=int, default=1440, help="simulated minutes")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--field", action="store_true", help="with a cytokine field at twice the spacing, every minute")
    parser.add_argument("--json", action="store_true", help="one line of JSON (the default is the same, indented)")
    args = parser.parse_args()
    result = simulate(args.cells, args.minutes, args.threads, field=args.field, seed=args.seed)
    print(json.dumps(result, indent=None if args.json else 2))


if __name__ == "__main__":
    sys.exit(main())
