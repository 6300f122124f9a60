# SPDX-License-Identifier: Apache-2.0
"""writing: what recording a patient costs, and what reading it again.

A patient of the scenarios shipped, scaled to a number of marrow sites, is carried some hours on and then recorded for some
days at the intervals of its scenario, without being simulated further: each day lays the same cells down once more. Each kind
of record is timed by itself as well, up to its being on the disk. Random frames are then sought in the finished file, by a
fresh process for each kind, whose memory is told beyond what it had after its imports. With ``--days`` the patient is also run
as by ``abm run``, in one thread and a process of its own, and the share of the time told that goes into observing and recording
(``record``), keeping states (``keep``, ``end``) and packing (``finish``). Raw bytes are those of all values recorded, before
compression; times are wall time and processor time. Prints one line of JSON.

    python benchmarks/writing.py --cells 1e6 --days 16 --json
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from patient import RSS_UNIT, SCENARIOS, lattice_cells

from abm.checkpointing import Checkpoints
from abm.model import TherapyModel
from abm.recording import Recorder, RecordParameters
from abm.scenario import Scenario, load_scenario
from abm.trajectory import Trajectory, TrajectoryWriter
from abm.units import TICKS_PER_DAY

HOURS_BEFORE = 3
"""Simulated before anything is recorded, so that the cells are no longer as they were laid out."""
DAYS_RECORDED = 4
REPEATS = 3
"""Frames of each kind that are timed by themselves."""
SEEKS = 20
SOUGHT = ("view", "kind", "cells")
RECORDING: dict[str, type] = {"record": Recorder, "keep": Checkpoints, "end": Checkpoints, "finish": TrajectoryWriter}
"""What a run does beside simulating, by the names of its methods."""


class Meter:
    """Adds up wall time and processor time [s]."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure what happens in the context."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - wall
            self.cpu += time.process_time() - cpu

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its times taken."""

        def timed(*arguments: Any, **named: Any) -> Any:
            with self.running():
                return function(*arguments, **named)

        return timed

    def cost(self, times: int = 1) -> dict[str, float]:
        """Return the times of one of so many repetitions."""
        return {"seconds": round(self.seconds / times, 5), "cpu_seconds": round(self.cpu / times, 5)}


def resident_now_mb() -> float:
    """Let the largest resident size count anew from here, where the system can (Linux), and return it [MB]."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak_mb()


def peak_mb() -> float:
    """Return the largest resident size of this process [MB]; what it was before it became this program does not count."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e6


def patient(scenario: Path, sites: float) -> Scenario:
    """Return the scenario with a cube of about so many marrow sites."""
    edge = max(round(sites ** (1 / 3)), 1)
    return load_scenario(scenario, [f"marrow.shape=[{edge}, {edge}, {edge}]"])


def record_alone(model: TherapyModel, folder: Path, series: str) -> dict[str, float]:
    """Return what one record of one kind takes, up to its being on the disk."""
    none = dict.fromkeys(("observables", "view", "cells", "fields"), 0.0)
    period = getattr(model.scenario.record, series)
    parameters = RecordParameters(**{**none, series: period}, view_depth=model.scenario.record.view_depth)
    meter = Meter()
    writer = TrajectoryWriter(folder / f"{series}.h5", model.header("benchmark", model.day + 1))
    recorder = Recorder(writer, parameters, model.day_zero)
    for _ in range(REPEATS):
        model.state.tick += recorder.periods[series] - model.state.tick % recorder.periods[series]
        with meter.running():
            recorder.record(model.state)
            writer.flush()
    writer.abort("timed")
    return meter.cost(REPEATS)


def record_days(model: TherapyModel, path: Path, days: float) -> dict[str, Any]:
    """Record some days at the intervals of the scenario, and return what that takes."""
    recording, keeping, packing = Meter(), Meter(), Meter()
    writer = TrajectoryWriter(path, model.header("benchmark", model.day + days))
    recorder = Recorder(writer, model.scenario.record, model.day_zero)
    begin = model.state.tick
    while model.state.tick < begin + days * TICKS_PER_DAY:
        model.state.tick += recorder.stride
        with recording.running():
            recorder.record(model.state)
    with recording.running():
        writer.flush()
    before = resident_now_mb()
    with keeping.running():
        Checkpoints(model, writer).keep()
    keeping_mb = peak_mb() - before
    (state,) = writer.path.with_name(writer.path.name + ".parts").glob("checkpoint_*.h5")
    state_mb = state.stat().st_size / 1e6
    parts_mb = sum(part.stat().st_size for part in state.parent.glob("0*.h5")) / 1e6
    before = resident_now_mb()
    with packing.running():
        writer.finish()
    packing_mb = peak_mb() - before
    raw, stored, cells = sizes(path)
    return {
        "days_recorded": days,
        "raw_mb": round(raw / 1e6, 2),
        "stored_mb": round(stored / 1e6, 2),
        "parts_mb": round(parts_mb, 2),
        "raw_mb_per_s": round(raw / 1e6 / recording.seconds, 1),
        "stored_mb_per_s": round(stored / 1e6 / recording.seconds, 1),
        "raw_mb_per_s_packed": round(raw / 1e6 / (recording.seconds + packing.seconds), 1),
        "bytes_per_cell_frame": round(cells, 3),
        "recording": recording.cost(),
        "packing": {**packing.cost(), "extra_mb": round(packing_mb, 1)},
        "checkpoint": {**keeping.cost(), "mb": round(state_mb, 2), "extra_mb": round(keeping_mb, 1)},
    }


def sizes(path: Path) -> tuple[int, int, float]:
    """Return the bytes of all values recorded, of the same as stored, and those stored for a cell of a frame."""
    raw = stored = of_cells = 0
    with h5py.File(path) as file:

        def look(name: str, item: Any) -> None:
            nonlocal raw, stored, of_cells
            if isinstance(item, h5py.Dataset) and item.ndim and not name.startswith("checkpoint/"):
                size = item.id.get_storage_size()
                raw, stored = raw + item.size * item.dtype.itemsize, stored + size
                of_cells += size if name.startswith("cells/") else 0

        file.visititems(look)
        rows = sum(int(group["frame_offset"][-1]) for group in file["cells"].values())
    return raw, stored, of_cells / rows


def seek(path: Path, series: str) -> dict[str, float]:
    """Read random frames of a finished file: views, one column of the cells of a frame, or all."""
    before = resident_now_mb()
    chosen = random.Random(1)
    taken = []
    with Trajectory.open(path) as trajectory:
        frames = trajectory.views() if series == "view" else trajectory.cell_frames()
        for _ in range(SEEKS):
            number = chosen.randrange(len(frames))
            start = time.perf_counter()
            if series == "view":
                np.asarray(frames[number])
            elif series == "kind":
                np.asarray(frames[number]["kind"])
            else:
                frame = frames[number]
                for column in frame:
                    np.asarray(frame[column])
            taken.append(time.perf_counter() - start)
    return {"seconds": round(statistics.median(taken), 6), "slowest": round(max(taken), 6), "extra_mb": round(peak_mb() - before, 1)}


def run(scenario: Scenario, path: Path, days: float) -> dict[str, Any]:
    """Run the patient for some days in one thread, and return the share of its time that goes into what it leaves behind."""
    model = TherapyModel(scenario, threads=1)
    parts = {name: Meter() for name in RECORDING}
    whole = Meter()
    before = {name: getattr(owner, name) for name, owner in RECORDING.items()}
    resident_now_mb()
    try:
        for name, owner in RECORDING.items():
            setattr(owner, name, parts[name].around(before[name]))
        with whole.running():
            trajectory = model.run(path, until_days=model.day + days)
    finally:
        for name, owner in RECORDING.items():
            setattr(owner, name, before[name])
    assert trajectory is not None
    trajectory.close()
    shares = {name: round(part.cpu / whole.cpu, 4) for name, part in parts.items()}
    wall = sum(part.seconds for part in parts.values()) / whole.seconds
    return {
        "days": days,
        **whole.cost(),
        "peak_mb": round(peak_mb(), 1),
        "wall_share": round(wall, 4),
        "cpu_share": round(sum(shares.values()), 4),
        "cpu_shares": shares,
    }


def apart(*arguments: str) -> dict[str, Any]:
    """Measure one part in a process of its own, whose memory is that of the part alone."""
    done = subprocess.run([sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(scenario: Path, sites: float, days: float, recorded: float) -> dict[str, Any]:
    """Measure everything."""
    chosen = patient(scenario, sites)
    model = TherapyModel(chosen, threads=1)
    model.run(until_days=model.day + HOURS_BEFORE / 24)
    model.state.events.clear()
    found: dict[str, Any] = {
        "workload": "writing",
        "scenario": scenario.stem,
        "cells": lattice_cells(model.state),
        "agents": sum(len(table) for table in model.state.tables.values()),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "days.h5"
        found |= record_days(model, path, recorded)
        found["one"] = {series: record_alone(model, folder, series) for series in ("observables", "view", "cells")}
        del model
        found["seek"] = {series: apart("--part", series, "--file", str(path)) for series in SOUGHT}
        same = ("--scenario", str(scenario), "--cells", str(sites), "--days", str(days), "--file", str(folder / "run.h5"))
        found["run"] = apart("--part", "run", *same) if days else None
    return found


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", type=Path, default=SCENARIOS / "lee2014_patient14.yaml", help="a scenario, YAML")
    parser.add_argument("--cells", type=float, default=1e5, help="sites of the marrow, about")
    parser.add_argument("--recorded", type=float, default=DAYS_RECORDED, help="days that are recorded without being simulated")
    parser.add_argument("--days", type=float, default=0, help="days that are simulated for the share of the time")
    parser.add_argument("--json", action="store_true", help="one line of JSON (the default is the same, indented)")
    parser.add_argument("--part", choices=(*SOUGHT, "run"), help="only this, with --file: what a process of its own measures")
    parser.add_argument("--file", type=Path, help="of a part: the trajectory that is read, or written")
    args = parser.parse_args()
    if args.part == "run":
        result = run(patient(args.scenario, args.cells), args.file, args.days)
    elif args.part:
        result = seek(args.file, args.part)
    else:
        result = measure(args.scenario, args.cells, args.days, args.recorded)
    print(json.dumps(result, indent=None if args.json else 2))


if __name__ == "__main__":
    sys.exit(main())
