# SPDX-License-Identifier: Apache-2.0
"""The model: a Mesa shell around the state, its schedule and its recorder."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import mesa
import numpy as np

from abm import provenance, sizing
from abm.agents import ColumnarAgents
from abm.assembly import build_schedule, build_state
from abm.checkpointing import CHECKPOINT_SECONDS, Checkpoints
from abm.errors import InputError, RunError, shown
from abm.extensions import noted
from abm.html import grid
from abm.machine import free_memory, number_of_threads, require_disk
from abm.observables import observe, observe_all
from abm.recording import Recorder, header_parts
from abm.scenario import MAX_SEED, Scenario, ScenarioFile, resolved_text
from abm.state.kinds import KINDS
from abm.state.places import PLACE_NAMES
from abm.state.state import State
from abm.state.table import CrowdedError
from abm.trajectory import Header, Trajectory, TrajectoryWriter, check_room
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR

MOST_DAYS = 2800
"""Also the bound of a scenario's `duration`."""
Watcher = Callable[["TherapyModel"], None]


def check_end(end: float, now: float) -> None:
    """Refuse a day to which a run cannot be carried.

    Parameters
    ----------
    end : float
        Day at which it is to end [d].
    now : float
        Where it stands [d].

    Raises
    ------
    InputError
        Not a number, too late, or over.
    """
    if math.isnan(end) or end > MOST_DAYS:
        raise InputError(f"the run must end by day {MOST_DAYS}, got day {end:g}")
    if end <= now:
        raise InputError(f"the run must end after day {now:g}, where it stands, got day {end:g}")


def checked_seed(seed: int) -> int:
    """Return a seed that can be used.

    Raises
    ------
    InputError
        Not a whole number from 0 to 2**63 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed: must be a whole number between 0 and {MAX_SEED}, got {shown(seed)}")
    return int(seed)


class TherapyModel(ColumnarAgents, mesa.Model):  # type: ignore[misc]  # Mesa has no types
    """A patient, or a closed block of tissue, as a Mesa model whose step is one hour.

    Parameters
    ----------
    scenario : Scenario or ScenarioFile
        What to simulate; of a file, the text is kept for the trajectory.
    seed : int, optional
        In place of the scenario's seed.
    threads : int, optional
        Threads of the kernels, 1 to 256; all cores if not given. The result does not depend on it.
    check : bool
        Verify every invariant of the state after each process (slow; for tests).

    Raises
    ------
    InputError
        The run would need more memory than is free, its marrow has no room that is connected, or an argument
        cannot be used. The first is told before anything is allocated.

    Attributes
    ----------
    state : State
        Cells, places, body variables, ledger, clock.
    agents, agents_by_type : CellSet, mapping
        The cells as Mesa agents.

    Examples
    --------
    >>> import abm
    >>> scenario = abm.load_scenario("scenarios/quickstart.yaml")     # doctest: +SKIP
    >>> model = abm.TherapyModel(scenario, seed=7)                     # doctest: +SKIP
    >>> model.run(until_days=2)                                        # doctest: +SKIP
    """

    state: State

    def __init__(
        self,
        scenario: Scenario | ScenarioFile,
        seed: int | None = None,
        *,
        threads: int | None = None,
        check: bool = False,
    ) -> None:
        if isinstance(scenario, Scenario):
            scenario = ScenarioFile(scenario, resolved_text(scenario), "")
        self.scenario = scenario.scenario
        self.run_seed = self.scenario.seed if seed is None else checked_seed(seed)
        super().__init__(seed=self.run_seed)
        self.threads = number_of_threads(threads)
        self._texts = scenario
        self._state_wanted = False
        free = free_memory()
        sizing.require_memory(self.scenario, free)
        self.state = build_state(self.scenario, self.run_seed)
        for table in self.state.tables.values():
            table.limit = sizing.most_agents(self.scenario, free)
        self.schedule = build_schedule(self.scenario, self.state, self.threads, check=check)
        self.day_zero = round(-self.scenario.start * TICKS_PER_HOUR)

    def _repr_html_(self) -> str:
        """Show in a notebook where the model stands, and its body cells by kind and place."""
        places = self.state.places
        stock = self.state.ledger.balance()
        rows = [(kind.label, *(f"{int(stock[kind.code, code]):,}" for code in places)) for kind in KINDS if stock[kind.code].any()]
        caption = f"{self.scenario.name}, seed {self.run_seed}, day {self.day:.4g}: cells of the body"
        return grid(caption, ("", *(place.name for place in places.values())), rows)

    @property
    def day(self) -> float:
        """Time relative to day 0 [d]."""
        return (self.state.tick - self.day_zero) / TICKS_PER_DAY

    @property
    def scenario_text(self) -> str:
        """The resolved scenario (YAML)."""
        return self._texts.resolved

    def step(self) -> None:
        """Carry the model one hour on.

        Raises
        ------
        RunError
            There are far more cells than the places have room for; the state is not to be used any more.
        """
        self._carry(TICKS_PER_HOUR)

    def observe(self, name: str) -> float:
        """Return one observable by name, in its own unit."""
        return observe(name, self.state)

    def observables(self) -> dict[str, float]:
        """Return all observables by name."""
        return observe_all(self.state, self.scenario.record.also)

    def run(
        self,
        output: str | Path | None = None,
        *,
        until_days: float | None = None,
        overwrite: bool = False,
        command: str | list[str] = "TherapyModel.run",
        watch: Watcher | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> Trajectory | None:
        """Carry the model to the end of its scenario.

        Parameters
        ----------
        output : path, optional
            Trajectory to write; without it nothing is recorded.
        until_days : float, optional
            Day to end at, in place of the scenario's [d].
        overwrite : bool
            Whether an earlier trajectory there may be replaced.
        command : str or list of str
            How the run was started, for its provenance.
        watch : callable, optional
            Called after each hour, with the model. If it raises, the run ends with a checkpoint, from which
            :func:`abm.resume` goes on.
        checkpoint_seconds : float
            Wall time between two checkpoints [s].

        Returns
        -------
        Trajectory or None
            The finished trajectory, open for reading.

        Raises
        ------
        InputError
            The day is not after the present one, the output cannot be used, or its disk has no room for the
            trajectory; told before the first step.
        RunError
            The output cannot be written any more, or there are far more cells than the places have room for;
            what was recorded is readable.
        """
        end = self.scenario.duration / 24 if until_days is None else until_days
        check_end(end, self.day)
        last_tick = self.day_zero + round(end * TICKS_PER_DAY)
        if output is None:
            self._advance(last_tick, None, None, watch)
            return None
        check_room(Path(output).resolve(), overwrite)
        require_disk(Path(output), sizing.estimate(self.scenario, end).disk_bytes)
        with TrajectoryWriter(Path(output), self.header(command, end), overwrite=overwrite) as writer:
            self.record(writer, last_tick, watch, checkpoint_seconds)
        return Trajectory.open(output)

    def record(
        self, writer: TrajectoryWriter, last_tick: int, watch: Watcher | None = None, checkpoint_seconds: float = CHECKPOINT_SECONDS
    ) -> None:
        """Carry the model to a tick and record it, from what is due now.

        Parameters
        ----------
        writer : TrajectoryWriter
            Where to.
        last_tick : int
            The end, counted from the start of the run.
        watch, checkpoint_seconds
            As of :meth:`run`.
        """
        recorder = Recorder(writer, self.scenario.record, self.day_zero)
        checkpoints = Checkpoints(self, writer, checkpoint_seconds)
        recorder.record(self.state)
        checkpoints.begin()
        self._advance(last_tick, recorder, checkpoints, watch)
        checkpoints.end()

    def keep_state(self) -> None:
        """Ask for a checkpoint at the end of the hour that is under way."""
        self._state_wanted = True

    def _advance(
        self, last_tick: int, recorder: Recorder | None, checkpoints: Checkpoints | None, watch: Watcher | None
    ) -> None:
        stride = TICKS_PER_HOUR if recorder is None else recorder.stride
        while self.state.tick < last_tick:
            # An earlier run may have ended between two strides: hours and times of recording count from the start.
            ahead = stride - self.state.tick % stride
            self._carry(min(ahead, last_tick - self.state.tick))
            if recorder is not None:
                recorder.record(self.state, last=self.state.tick >= last_tick)
            if self.state.tick % TICKS_PER_HOUR == 0:
                self.steps += 1
                self._look_after(checkpoints, watch)

    def _look_after(self, checkpoints: Checkpoints | None, watch: Watcher | None) -> None:
        """Show the model to whoever watches it, and keep its state if it is time or the run is to end here."""
        try:
            if watch is not None:
                watch(self)
        except BaseException:
            if checkpoints is not None:
                checkpoints.keep()
            raise
        if checkpoints is not None:
            checkpoints.look(asked=self._state_wanted)
            self._state_wanted = False

    def _carry(self, ticks: int) -> None:
        try:
            self.schedule.advance(self.state, ticks)
        except CrowdedError:
            raise RunError(self._crowded()) from None

    def _crowded(self) -> str:
        """Say which cells are too many."""
        agents = {}
        for kind in KINDS:
            if kind.home in self.state.tables:
                kinds, places = self.state.table_of(kind.code).arrays("kind", "compartment")
                for code in self.state.places:
                    agents[kind.label, PLACE_NAMES[code]] = int(((kinds == kind.code) & (places == code)).sum())
        (label, place), most = max(agents.items(), key=lambda item: item[1])
        limit = self.state.sessile.limit
        return (
            f"day {self.day:.4g}: the run has come to more than {limit:.3g} agents, {most:.3g} of them {label}s of the {place}: "
            "more than memory or the model has room for; end it before (--until), or look at what lets them grow"
        )

    def header(self, command: str | list[str], end: float) -> Header:
        """Return the header of a trajectory of this model.

        Parameters
        ----------
        command : str or list of str
            How the run was started.
        end : float
            Day at which it is to end [d].
        """
        made = provenance.collect(self.run_seed, self.threads, command) | noted(self.scenario)
        record = self.scenario.record
        return Header(
            scenario=self._texts.resolved,
            original=self._texts.original or self._texts.resolved,
            provenance={"scenario": self.scenario.name, **made, "begins_at_tick": self.state.tick, "until_days": end},
            **header_parts(self.state, record.view_depth, record.also),
        )
