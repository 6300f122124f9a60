# SPDX-License-Identifier: Apache-2.0
"""patient: the whole model on a patient of the scenarios shipped, scaled to a number of marrow sites, and recorded.

Every process runs and everything that the scenario asks for is written, as in ``abm run``; the trajectory goes to
a temporary folder. What each process, and writing, take is told as a share of the time. Cells are the lattice cells
of marrow and CSF at the start, background included: all of them are moved, met or counted, whether they have a row
or not. Prints one line of JSON.

    python benchmarks/patient.py --sites 1e6 --days 28 --threads 2 --json
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from abm.model import TherapyModel
from abm.scenario import load_scenario
from abm.state.kinds import SOLID, VOID
from abm.state.state import State
from abm.trajectory import TrajectoryWriter

SCENARIOS = Path(__file__).parents[1] / "scenarios"
MINUTES_PER_DAY = 1440
WRITING = ("observables", "view", "cells", "field", "event", "checkpoint", "finish")
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Stopwatch:
    """Adds up the wall time of functions [s]; a call inside another counts once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time taken."""

        def timed(*arguments: Any, **named: Any) -> Any:
            self._depth += 1
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self.seconds += time.perf_counter() - start

        return timed


def lattice_cells(state: State) -> int:
    """Return the sites with a cell, in all lattices."""
    lattices = [place.lattice for place in state.places.values() if place.lattice is not None]
    return sum(int(np.count_nonzero((lattice.kinds() != VOID) & (lattice.kinds() != SOLID))) for lattice in lattices)


def stored_cells(path: Path) -> tuple[int, int]:
    """Return the bytes of all records of cells in a trajectory, and the number of such records."""
    with h5py.File(path) as file:
        series = list(file["cells"].values()) if "cells" in file else []
        size = sum(group[name].id.get_storage_size() for group in series for name in group)
        return size, max((len(group["tick"]) for group in series), default=0)


def simulate(scenario: Path, sites: float, days: float, threads: int, seed: int | None = None) -> dict[str, Any]:
    """Run the patient on a cube of about ``sites`` marrow sites, and return its cost."""
    edge = max(round(sites ** (1 / 3)), 1)
    patient = load_scenario(scenario, [f"marrow.shape=[{edge}, {edge}, {edge}]"])
    model = TherapyModel(patient, seed, threads=threads)
    cells = lattice_cells(model.state)
    watch = Stopwatch()
    by_process: dict[str, Stopwatch] = {}
    for process in (*model.schedule.processes, *model.schedule.coarse):
        process.run = by_process.setdefault(process.name, Stopwatch()).around(process.run)  # type: ignore[method-assign]
    before = {name: getattr(TrajectoryWriter, name) for name in WRITING}
    for name, function in before.items():
        setattr(TrajectoryWriter, name, watch.around(function))
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "patient.h5"
            start = time.perf_counter()
            trajectory = model.run(path, until_days=patient.start / 24 + days)
            seconds = time.perf_counter() - start
            assert trajectory is not None
            trajectory.close()
            file_bytes = path.stat().st_size
            size, frames = stored_cells(path)
    finally:
        for name, function in before.items():
            setattr(TrajectoryWriter, name, function)
    return {
        "workload": "patient",
        "scenario": scenario.stem,
        "sites": edge**3,
        "cells": cells,
        "days": days,
        "threads": threads,
        "seconds": round(seconds, 3),
        "ns_per_cell_minute": round(1e9 * seconds / (cells * days * MINUTES_PER_DAY), 4),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e6, 1),
        "bytes_per_cell_frame": round(size / (cells * frames), 3) if frames else math.nan,
        "file_mb": round(file_bytes / 1e6, 2),
        "write_share": round(watch.seconds / seconds, 4),
        "process_shares": {name: round(taken.seconds / seconds, 4) for name, taken in by_process.items()},
    }


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", type=Path, default=SCENARIOS / "lee2014_patient14.yaml", help="a scenario, YAML")
    parser.add_argument("--sites", type=float, default=1e5, help="sites of the marrow, about")
    parser.add_argument("--days", type=float, default=1, help="simulated days, from the start of the scenario")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="in place of the scenario's")
    parser.add_argument("--json", action="store_true", help="one line of JSON (the default is the same, indented)")
    args = parser.parse_args()
    result = simulate(args.scenario, args.sites, args.days, args.threads, args.seed)
    print(json.dumps(result, indent=None if args.json else 2))


if __name__ == "__main__":
    sys.exit(main())
