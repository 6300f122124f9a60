# SPDX-License-Identifier: Apache-2.0
"""studies: what a parameter study costs beside its simulations, and how its throughput grows with workers.

Real runs (12 sites to a side, one day) show what one more worker gains on this machine, and whether cores do more as threads of a
run or as runs side by side. Sleeping runs, whose results are
published as those of real ones are, show what scheduler and file system take, and how many workers one driver can feed; their
workers are threads of this process. Prints one line of JSON.

    python benchmarks/studies.py --runs 24 --workers 2 --json
    python benchmarks/studies.py --runs 8 --side 60 --workers 1 --threads 2 --json
    python benchmarks/studies.py --runs 2000 --workers 64 --sleep 1 --json
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

import abm.study.serial
from abm.clinic import ENDPOINTS
from abm.study import Study, StudyFolder, drive, read_study
from abm.study.execution import Execution
from abm.study.folder import Run
from abm.study.work import Outcome

SCENARIOS = Path(__file__).parents[1] / "scenarios"
STUDY = """\
study: 1
name: benchmark
scenario: {scenario}
set: {{marrow.shape: [{side}, {side}, {side}], csf: null, start: 0, treatments: [{{type: car_t_infusion, day: 0, dose: 1e6}}]}}
until: 1
replicates: {runs}
keep: nothing
resources: {{runs_per_task: {per_task}, threads: {threads}}}
"""


def lay_out(folder: Path, **settings: int) -> tuple[StudyFolder, float]:
    path = folder / "study.yaml"
    path.write_text(STUDY.format(scenario=SCENARIOS / "quickstart.yaml", **settings), encoding="utf-8")
    start = time.perf_counter()
    made = StudyFolder.lay_out(read_study(path), folder / "study")
    return made, time.perf_counter() - start


def sleeping(seconds: float) -> Any:
    """Return what takes the place of a simulation."""
    outputs = dict.fromkeys(ENDPOINTS, 0.5)
    cost = {"seconds": seconds, "cpu_seconds": seconds, "peak_mb": 0.0, "file_mb": 0.0}

    def perform(folder: StudyFolder, run: Run, watch: object = None) -> Outcome:
        time.sleep(seconds)
        folder.work_of(run).mkdir(parents=True, exist_ok=True)
        folder.publish(run, {"status": "finished", "outputs": outputs, "settings": list(run.settings), "cost": cost}, None)
        return Outcome(run.number, "finished", seconds)

    return perform


def execute(folder: StudyFolder, workers: int, sleep: float) -> float:
    """Do all runs of a study; return the wall time from the first task on [s]."""
    if not sleep:
        start = time.perf_counter()
        drive(folder, workers=workers, quiet=True)
        return time.perf_counter() - start
    before = abm.study.serial.perform
    abm.study.serial.perform = sleeping(sleep)
    try:
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, processes=False, dashboard_address=":0", memory_limit=0) as cluster,
            Client(cluster) as client,
        ):
            start = time.perf_counter()
            Execution(folder, client, workers, quiet=True).run()
            return time.perf_counter() - start
    finally:
        abm.study.serial.perform = before


def measure(runs: int, workers: int, sleep: float, side: int, threads: int, per_task: int) -> dict[str, Any]:
    """Execute a study and return what it cost."""
    with tempfile.TemporaryDirectory() as name:
        folder, laid_out = lay_out(Path(name), runs=runs, side=side, threads=threads, per_task=per_task)
        seconds = execute(folder, workers, sleep)
        start = time.perf_counter()
        table = Study(folder).collect()
        collected = time.perf_counter() - start
        assert (table["status"] == "finished").all()
        busy = float(table["seconds"].sum())
        size = sum(path.stat().st_size for path in Path(name).rglob("*") if path.is_file())
    return {
        "workload": "studies",
        "runs": runs,
        "workers": workers,
        "threads": threads,
        "side": side,
        "runs_per_task": per_task,
        "sleep": sleep,
        "seconds": round(seconds, 2),
        "runs_per_second": round(runs / seconds, 3),
        "overhead_ms_per_run": round(1e3 * (seconds * max(workers, 1) - busy) / runs, 2),
        "lay_out_seconds": round(laid_out, 3),
        "collect_seconds": round(collected, 3),
        "bytes_per_run": round(size / runs),
        "peak_mb_of_driver": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--workers", type=int, default=1, help="0: in this process, without a scheduler")
    parser.add_argument("--sleep", type=float, default=0.0, help="seconds that a run sleeps; 0: real runs")
    parser.add_argument("--side", type=int, default=12, help="sites to a side of the marrow")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run")
    parser.add_argument("--runs-per-task", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line of JSON (the default is the same, indented)")
    args = parser.parse_args()
    measured = measure(args.runs, args.workers, args.sleep, args.side, args.threads, args.runs_per_task)
    print(json.dumps(measured, indent=None if args.json else 2))


if __name__ == "__main__":
    sys.exit(main())
