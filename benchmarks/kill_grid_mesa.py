# SPDX-License-Identifier: Apache-2.0
"""The yardstick: kill-grid as a plain Mesa model, one Python object per cell.

The same rules as ``kill_grid.py`` (T cells each minute, tumour cells hourly), written as one would with Mesa
alone: cells are ``mesa.Agent`` on a ``mesa.discrete_space`` grid. Prints one line of JSON.

    python benchmarks/kill_grid_mesa.py --cells 1e4 --minutes 1440 --json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import mesa
from kill_grid import BIND, DAUGHTER, DEATH, DIVISION, FILLED, KILL, MINUTES_PER_HOUR, T_SHARE
from mesa.discrete_space import CellAgent, OrthogonalVonNeumannGrid

SHORTEST, LONGEST = 30, 59


class TumourCell(CellAgent):  # type: ignore[misc]  # Mesa has no types
    """A tumour cell, which divides into an empty neighbour or dies."""

    bound = False

    def step(self) -> None:
        """Draw the fate of an hour."""
        draw = self.random.random()
        if draw < DIVISION:
            empty = [site for site in self.cell.neighborhood if site.is_empty]
            if empty:
                TumourCell(self.model).cell = self.random.choice(empty)
                self.model.divisions += 1
        elif draw < DIVISION + DEATH and not self.bound:
            self.model.deaths += 1
            self.remove()


class TCell(CellAgent):  # type: ignore[misc]
    """A T cell, which walks, binds and kills."""

    def __init__(self, model: mesa.Model) -> None:
        super().__init__(model)
        self.target: TumourCell | None = None
        self.left = 0

    def step(self) -> None:
        """Spend a minute."""
        if self.target is not None:
            self.left -= 1
            if self.left <= 0:
                self.finish(self.target)
            return
        site = self.random.choice(list(self.cell.neighborhood))
        if site.is_empty:
            self.cell = site
            return
        other = site.agents[0]
        if isinstance(other, TumourCell) and not other.bound and self.random.random() < BIND:
            other.bound, self.target, self.left = True, other, self.random.randint(SHORTEST, LONGEST)

    def finish(self, target: TumourCell) -> None:
        """End the synapse: the target dies or is let go."""
        target.bound, self.target = False, None
        if self.random.random() >= KILL:
            return
        site = target.cell
        target.remove()
        self.model.kills += 1
        if self.random.random() < DAUGHTER:
            TCell(self.model).cell = site


class KillGrid(mesa.Model):  # type: ignore[misc]
    """The cube with its cells."""

    def __init__(self, cells: float, seed: int) -> None:
        super().__init__(seed=seed)
        edge = max(round((cells / FILLED) ** (1 / 3)), 3)
        grid = OrthogonalVonNeumannGrid((edge, edge, edge), torus=False, capacity=1, random=self.random)
        self.kills = self.divisions = self.deaths = 0
        for site in grid.all_cells:
            draw = self.random.random()
            if draw < FILLED:
                (TCell if draw < FILLED * T_SHARE else TumourCell)(self).cell = site

    def count(self, kind: type) -> int:
        """Return the living cells of a kind."""
        return len(self.agents_by_type[kind]) if kind in self.agents_by_type else 0


def simulate(cells: float, minutes: int, seed: int) -> dict[str, Any]:
    """Run the workload and return its counts and cost."""
    model = KillGrid(cells, seed)
    cell_minutes = 0
    start = time.perf_counter()
    for minute in range(minutes):
        model.agents_by_type[TCell].shuffle_do("step")
        if (minute + 1) % MINUTES_PER_HOUR == 0:
            model.agents_by_type[TumourCell].shuffle_do("step")
        cell_minutes += len(model.agents)
    seconds = time.perf_counter() - start
    return {
        "workload": "kill-grid, plain Mesa",
        "cells": int(cell_minutes / minutes),
        "minutes": minutes,
        "threads": 1,
        "seconds": round(seconds, 4),
        "ns_per_cell_minute": round(1e9 * seconds / cell_minutes, 2),
        "kills": model.kills,
        "divisions": model.divisions,
        "deaths": model.deaths,
        "t_cells_end": model.count(TCell),
    }


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=float, default=1e4, help="cells at the start")
    parser.add_argument("--minutes", type=int, default=1440, help="simulated minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line of JSON (the default is the same, indented)")
    args = parser.parse_args()
    print(json.dumps(simulate(args.cells, args.minutes, args.seed), indent=None if args.json else 2))


if __name__ == "__main__":
    sys.exit(main())
