# SPDX-License-Identifier: Apache-2.0
"""Runs that go on from a trajectory: resumed, branched, or made again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from abm import extensions, provenance, sizing
from abm.branching import graft
from abm.checkpointing import CHECKPOINT_SECONDS, restore
from abm.errors import InputError, RunError
from abm.machine import require_disk
from abm.model import TherapyModel, Watcher, check_end
from abm.recording import STRIDE
from abm.scenario import ScenarioFile, scenario_from_text
from abm.trajectory import Checkpoint, Header, Trajectory, TrajectoryWriter, check_room
from abm.trajectory.checkpoints import checkpoint_ticks, load_checkpoint
from abm.trajectory.lock import require_free
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR


def resume(
    path: str | Path,
    *,
    until_days: float | None = None,
    threads: int | None = None,
    command: str | list[str] = "abm.resume",
    watch: Watcher | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Trajectory:
    """Carry on a run that was cut short, or one that has ended to a later day.

    The result is what one uninterrupted run would have left, byte for byte. The run goes on from its last
    checkpoint, or from its start if it has none; what was recorded after it is made again and not recorded twice.

    Parameters
    ----------
    path : path
        The trajectory; it grows in place.
    until_days : float, optional
        Day to end at; the day to which the run was to go if not given [d].
    threads : int, optional
        Threads of the kernels; all cores if not given.
    command : str or list of str
        How it was started, for the provenance.
    watch : callable, optional
        Called after each hour, with the model.
    checkpoint_seconds : float
        Wall time between two checkpoints [s].

    Raises
    ------
    InputError
        No trajectory, one that another process writes, or one that has come to that day already.
    RunError
        Damaged, written by another version, or the disk is full.
    """
    path = Path(path).resolve()
    with Trajectory.open(path) as found:
        header, status, last_day = found.header, found.status, found.last_day
    end = float(header.provenance["until_days"]) if until_days is None else until_days
    require_free(path)
    check_end(end, -math.inf)
    scenario = _scenario_of(header, path)
    goal, reached = _tick_of(end, scenario), round(last_day * TICKS_PER_DAY)
    if goal < reached or (goal == reached and status == "finished"):
        raise InputError(f"{path}: has come to day {last_day:.4g} already, got day {end:g} to end at; --until takes a later one")
    model = TherapyModel(scenario, _seed_of(header), threads=threads)
    require_disk(path, sizing.estimate(model.scenario, end).disk_bytes)
    checkpoint = _last_checkpoint(path, goal)
    if checkpoint is not None:
        restore(model, checkpoint)
    else:
        _require_root(header, path)
    going_on = _going_on(header, model, end, command)
    with TrajectoryWriter(path, going_on, resume=True, until=goal) as writer:
        writer.resume_at(checkpoint)
        model.record(writer, model.day_zero + goal, watch, checkpoint_seconds)
    return Trajectory.open(path)


def branch(
    path: str | Path,
    output: str | Path,
    *,
    at_day: float,
    overrides: Sequence[str],
    until_days: float | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    command: str | list[str] = "abm.branch",
    watch: Watcher | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Trajectory:
    """Let a run go another way from some day on, as if tocilizumab had come on day 5.

    The branch holds what its ancestor recorded up to that day, and knows its ancestor. Seed, streams and
    identities go on, so that without a change it is its ancestor, byte for byte but for the scenario's text.

    Parameters
    ----------
    path : path
        The ancestor.
    output : path
        Trajectory of the branch.
    at_day : float
        Day from which the changes hold, one that the ancestor has come to; to the next ten minutes [d].
    overrides : sequence of str
        ``path=value`` each, such as ``treatments[2].day=5``; the item after the last adds one to a list.
    until_days : float, optional
        Day to end at; that of the ancestor if not given [d].
    threads, overwrite, command, watch, checkpoint_seconds
        As of :meth:`abm.TherapyModel.run`.

    Raises
    ------
    InputError
        The day or the changes cannot be had, or the output is in the way.
    RunError
        The ancestor is damaged or of another version, or the disk is full.
    """
    path = Path(path).resolve()
    with Trajectory.open(path) as found:
        header, first_day, last_day, digest = found.header, found.first_day, found.last_day, found.noted_digest
    before, changed = _scenario_of(header, path), _scenario_of(header, path, overrides)
    if math.isnan(at_day) or not first_day < at_day <= last_day:
        raise InputError(
            f"--at: must be after day {first_day:g} and up to {last_day:g}, to which {path.name} has come, got day {at_day:g}; "
            "what differs from the start is a new run (abm run --set)"
        )
    if changed.scenario.seed != before.scenario.seed:
        raise InputError("--set seed: a branch goes on with the seed of its ancestor; another one makes a new run (abm run --seed)")
    if until_days is None and changed.scenario.duration != before.scenario.duration:
        until_days = changed.scenario.duration / 24
    ticks = _tick_of(at_day, changed)
    _require_own_day(header, ticks, path)
    line = {"file": path.name, "digest": digest, "scenario": header.scenario, "until_days": ticks / TICKS_PER_DAY}
    ancestors = [*header.provenance.get("ancestors", []), line]
    return _branch(
        path, Path(output), ticks, header, changed, ancestors,
        end=float(header.provenance["until_days"]) if until_days is None else until_days,
        threads=threads, overwrite=overwrite, command=command, watch=watch, checkpoint_seconds=checkpoint_seconds,
    )  # fmt: skip


def _branch(
    path: Path,
    output: Path,
    tick: int,
    header: Header,
    changed: ScenarioFile,
    ancestors: list[dict[str, Any]],
    *,
    end: float,
    threads: int | None,
    overwrite: bool,
    command: str | list[str],
    watch: Watcher | None,
    checkpoint_seconds: float,
) -> Trajectory:
    seed = _seed_of(header)
    if output.resolve() == path:
        raise InputError(f"{path}: a branch cannot take the place of its ancestor; choose another name")
    check_room(output.resolve(), overwrite)
    check_end(end, tick / TICKS_PER_DAY)
    require_disk(output, sizing.estimate(changed.scenario, end).disk_bytes)
    ancestor = TherapyModel(_scenario_of(header, path), seed, threads=threads)
    checkpoint = _last_checkpoint(path, tick)
    if checkpoint is not None:
        restore(ancestor, checkpoint)
    else:
        _require_root(header, path)
    last_tick = ancestor.day_zero + tick
    if ancestor.state.tick < last_tick:
        ancestor.run(until_days=tick / TICKS_PER_DAY, watch=watch)
    ancestor.state.events.clear()  # the ancestor has recorded them
    model = TherapyModel(changed, seed, threads=threads)
    graft(model, ancestor, TherapyModel(_scenario_of(header, path), seed, threads=threads))
    own = model.header(command, end)
    own = own.but(original=own.scenario, provenance={**own.provenance, "ancestors": ancestors})
    with TrajectoryWriter(output, own, overwrite=overwrite, ancestor=path, since=tick) as writer:
        model.record(writer, model.day_zero + round(end * TICKS_PER_DAY), watch, checkpoint_seconds)
    return Trajectory.open(output)


def rerun(
    path: str | Path,
    output: str | Path,
    *,
    threads: int | None = None,
    overwrite: bool = False,
    command: str | list[str] = "abm.rerun",
    watch: Watcher | None = None,
) -> Trajectory:
    """Make a finished run again, from nothing but what its file says; compare the digests to know whether it is the same.

    A branch is made again with all its ancestors.

    Parameters
    ----------
    path : path
        The trajectory.
    output : path
        Where the new one goes; not the trajectory itself.
    threads, overwrite, command, watch
        As of :meth:`abm.TherapyModel.run`.

    Raises
    ------
    InputError
        Not finished, or does not say enough to be made again.
    RunError
        The disk is full.
    """
    path, output = Path(path).resolve(), Path(output)
    if output.resolve() == path:
        raise InputError(f"{path}: cannot be made again in its own place, with nothing left to compare; choose another name")
    with Trajectory.open(path) as found:
        header, status = found.header, found.status
    if status != "finished":
        remedy = "wait for it" if status == "running" else "abm resume finishes it"
        raise InputError(f"{path}: is {status}; only a finished run can be made again and compared ({remedy})")
    made = header.provenance
    if made["begins_at_tick"] > 0 and "ancestors" not in made:
        raise InputError(f"{path}: was recorded from a model that had been carried on before; what led there is not in the file")
    extensions.require(made, path)
    stages = [*made.get("ancestors", []), {"scenario": header.scenario, "until_days": made["until_days"]}]
    options: dict[str, Any] = {"threads": threads, "command": command, "watch": watch}
    first = scenario_from_text(stages[0]["scenario"], f"{path} (scenario)")
    if len(stages) == 1:
        model = TherapyModel(replace(first, original=header.original), _seed_of(header), threads=threads)
        trajectory = model.run(
            output, until_days=stages[0]["until_days"], overwrite=overwrite, command=command, watch=watch
        )
        assert trajectory is not None
        return trajectory
    check_room(output.resolve(), overwrite)
    with TemporaryDirectory(dir=output.resolve().parent, prefix=f"{output.name}.") as folder:
        before = Path(folder) / "0.h5"
        model = TherapyModel(first, _seed_of(header), threads=threads)
        done = model.run(before, until_days=stages[0]["until_days"], command=command, watch=watch)
        assert done is not None
        done.close()
        for number, (stage, following) in enumerate(pairwise(stages), 1):
            with Trajectory.open(before) as found:
                now = found.header
            is_last = number == len(stages) - 1
            after = output if is_last else Path(folder) / f"{number}.h5"
            tick = round(stage["until_days"] * TICKS_PER_DAY)
            scenario = scenario_from_text(following["scenario"], f"{path} (scenario)")
            _branch(
                before, after, tick, now, scenario, stages[:number],
                end=following["until_days"], overwrite=overwrite and is_last, checkpoint_seconds=CHECKPOINT_SECONDS, **options,
            ).close()  # fmt: skip
            before = after
    return Trajectory.open(output)


def _tick_of(day: float, file: ScenarioFile) -> int:
    """Return the tick at which a run to some day ends: that of the day, or the next at which it can be recorded."""
    day_zero = round(-file.scenario.start * TICKS_PER_HOUR)
    return math.ceil((round(day * TICKS_PER_DAY) + day_zero) / STRIDE) * STRIDE - day_zero


def _require_own_day(header: Header, tick: int, path: Path) -> None:
    """Refuse to branch from before the day from which a branch is a run of its own."""
    made = header.provenance
    if "ancestors" in made:
        own = made["ancestors"][-1]
        if tick < round(own["until_days"] * TICKS_PER_DAY):
            day = own["until_days"]
            raise InputError(f"--at: {path.name} is itself a branch, from day {day:.4g} on; for an earlier day branch from {own['file']}")


def _seed_of(header: Header) -> int:
    return int(header.provenance["seed"])


def _require_root(header: Header, path: Path) -> None:
    if header.provenance["begins_at_tick"] > 0:
        raise RunError(f"{path}: its recording does not begin at the start of a run, and the checkpoint from which it does is gone")


def _scenario_of(header: Header, path: Path, overrides: Sequence[str] = ()) -> ScenarioFile:
    extensions.require(header.provenance, path)
    return scenario_from_text(header.scenario, f"{path} (scenario)", overrides)


def _last_checkpoint(path: Path, until: int | None = None) -> Checkpoint | None:
    """Return the last checkpoint, up to a tick, that is whole; the run itself has what is needed to do without."""
    for tick in reversed(checkpoint_ticks(path)):
        if until is None or tick <= until:
            try:
                return load_checkpoint(path, tick)
            except RunError:
                continue
    return None


def _going_on(header: Header, model: TherapyModel, end: float, command: str | list[str]) -> Header:
    """Return the header of a run that goes on, which tells so."""
    made = provenance.collect(model.run_seed, model.threads, command)
    stage = {name: made[name] for name in ("software", "git", "python", "platform", "threads", "command", "started")}
    before = header.provenance
    return model.header(before["command"], end).but(
        original=header.original,
        provenance={**before, "until_days": end, "resumed": [*before.get("resumed", []), {"day": model.day, **stage}]},
    )
