# SPDX-License-Identifier: Apache-2.0
"""The folder of a calibration: what is calibrated, the runs of its particles, and the history of its generations.

=========================================  =================================================================
``calibration.yaml``, ``scenario.yaml``    the calibration with every value written out, and its scenario
``original.yaml``                          the calibration as given
``simulations/``                           its runs, a folder as that of a study: each under the key of what decides its result
``history/<digest>.db``                    generations, kept by pyABC; of another calibration in the same folder another file
``posterior.parquet``, ``.txt``, ``.png``  what it came to
=========================================  =================================================================

A particle is a set of values of the parameters. Its runs follow from these values alone, their seeds as well, so that whoever
meets the same particle again, after a kill or with more generations, finds them done.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from abm.errors import RunError, spelled
from abm.scenario import MAX_SEED, ScenarioFile, scenario_from_text
from abm.sizing import estimate
from abm.study.calibration import CalibrationFile, read_calibration, settings_of
from abm.study.declaration import Resources, StudyFile
from abm.study.folder import ORIGINAL, RECORDED, SCENARIO, Run, StudyFolder
from abm.study.keys import deciding, key_of
from abm.study.outputs import AnyOutput, definition_of
from abm.study.plan import START_SECONDS
from abm.study.sampling import Factor
from abm.study.sharing import refuse_foreign, require_folder_of
from abm.study.targets import Goal, Reading, Target
from abm.study.version import code_version
from abm.trajectory.disk import replace_file, write_error
from abm.trajectory.lock import BEAT_SECONDS, acquire, beat, release, require_free
from abm.units import from_base
from abm.yamlfile import FOLDER, Loaded, dump

CALIBRATION, SIMULATIONS, HISTORY = "calibration.yaml", "simulations", "history"
POSTERIOR, SUMMARY, FIGURE = "posterior.parquet", "posterior.txt", "posterior.png"
SHARED_SECONDS = 60.0
"""Within which a result that another machine has written is to be seen here [s]."""


class CalibrationFolder:
    """A calibration on the disk.

    Parameters
    ----------
    path : path
        Of its folder.

    Raises
    ------
    InputError
        There is no calibration.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = require_folder_of("calibration", path, CALIBRATION, "abm study calibrate CALIBRATION.yaml -o FOLDER")
        self.file: CalibrationFile = read_calibration(self.path / CALIBRATION).model
        self.simulations = StudyFolder(self.path / SIMULATIONS)
        self._numbers: dict[str, int] = {}
        self._results: dict[str, dict[str, Any]] = {}

    @classmethod
    def lay_out(cls, loaded: Loaded[CalibrationFile], path: str | Path) -> Self:
        """Make the folder of a calibration, or bring one up to date with a changed file; runs that are there stay.

        Parameters
        ----------
        loaded : Loaded of CalibrationFile
            As :func:`abm.study.calibration.read_calibration` returns it.
        path : path
            The folder; it may be there if it is empty or holds a calibration.

        Raises
        ------
        InputError
            It holds something else, or cannot be made.
        RunError
            It cannot be written.
        """
        folder = Path(path).resolve()
        given = loaded.model
        base = given.base(loaded.files[0].parent)
        refuse_foreign("calibration", path, folder, CALIBRATION)
        require_free(folder / CALIBRATION)
        try:
            (folder / HISTORY).mkdir(parents=True, exist_ok=True)
            replace_file(folder / SCENARIO, base.resolved.encode())
            replace_file(folder / ORIGINAL, loaded.original.encode())
            StudyFolder.lay_out(_simulations(given, folder), folder / SIMULATIONS)
            replace_file(folder / CALIBRATION, dump(given.model_copy(update={"scenario": SCENARIO, "set": {}})).encode())
        except OSError as error:
            raise write_error(error, f"laying out {path}", "what was done before is safe") from None
        return cls(folder)

    @cached_property
    def base(self) -> ScenarioFile:
        """The scenario that is calibrated."""
        return self.file.base(self.path)

    @cached_property
    def factors(self) -> list[Factor]:
        """The range of each parameter."""
        return self.file.factors(self.base.scenario)

    @cached_property
    def goals(self) -> list[Goal]:
        """The number of each target."""
        return self.file.goals(self.base)

    @cached_property
    def history(self) -> Path:
        """The file of its generations: another if anything differs that decides them, the version of the code as well."""
        decided = "\0".join([self.base.resolved, self.file.digest(), code_version(), version("pyabc")])
        return self.path / HISTORY / f"{hashlib.sha256(decided.encode()).hexdigest()[:12]}.db"

    def values_of(self, positions: Mapping[str, float]) -> dict[str, Any]:
        """Return the values of a particle, in declared units.

        Parameters
        ----------
        positions : mapping of str to float
            Of each parameter, by its name, in the unit interval.
        """
        return {
            parameter.column: parameter.fitted(float(factor.value(positions[factor.name])), self.base.scenario)
            for parameter, factor in zip(self.file.parameters, self.factors, strict=True)
        }

    def runs_of(self, values: Mapping[str, Any]) -> list[list[Run]]:
        """Return the runs of a particle: of each target one for each replicate; targets may share them.

        Parameters
        ----------
        values : mapping of str to value
            Of each parameter, by its name, in its declared unit.
        """
        own = [parameter.setting(values[parameter.column]) for parameter in self.file.parameters]
        return [[self._run(target, own, replicate) for replicate in range(self.file.replicates)] for target in self.file.targets]

    def _run(self, target: Target, own: list[str], replicate: int) -> Run:
        settings = [*self._settings_of(target), *own]
        words = "\n".join([str(self.file.seed), str(replicate), *settings])
        seed = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8]) & MAX_SEED
        settings += [f"seed={seed}", *RECORDED["nothing"]]
        key = key_of(self._decided, settings)
        return Run(self._numbers.setdefault(key, len(self._numbers)), key, tuple(settings), None)

    @cached_property
    def _decided(self) -> str:
        """What the results of all runs depend on."""
        return deciding(self.simulations.study, self.simulations.base.scenario)

    def _settings_of(self, target: Target) -> list[str]:
        """Return what differs from the scenario in the runs of a target: its settings, and the day at which they end."""
        end = self.file.end_of(target)
        return [*settings_of(target), *([] if end is None else [f"duration={spelled(from_base(end, 'd'))} d"])]

    def result_of(self, run: Run, *, is_done: bool = False) -> dict[str, Any] | None:
        """Return what a run came to, None if it is not done.

        Parameters
        ----------
        run : Run
        is_done : bool
            Whether its worker says so: then its result is waited for, as other machines' files may be seen late.

        Raises
        ------
        RunError
            It cannot be read, or is not to be seen.
        """
        if run.key not in self._results:
            result = self.simulations.result_of(run)
            until = time.monotonic() + SHARED_SECONDS
            while is_done and result is None:
                if time.monotonic() > until:
                    place = self.simulations.place_of(run)
                    raise RunError(f"{place}: is not there, though a worker has done that run; do all machines share the folder?")
                time.sleep(1.0)
                result = self.simulations.result_of(run)
            if result is None:
                return None
            outputs = result.get("outputs", {})
            asked = {name: outputs.get(name) for name in map(definition_of, self.simulations.study.outputs)}
            self._results[run.key] = {"status": result["status"], "error": result.get("error", ""), "outputs": asked}
        return self._results[run.key]

    def readings_of(self, runs: list[list[Run]]) -> list[Reading] | None:
        """Return what the runs of a particle, which are done, come to for each target; None if one failed."""
        readings = []
        for target, goal, replicates in zip(self.file.targets, self.goals, runs, strict=True):
            found = [self._results[run.key] for run in replicates]
            if any(result["status"] == "failed" for result in found):
                return None
            readings.append(goal.read([result["outputs"][definition_of(target.output)] for result in found]))
        return readings

    def failures(self) -> list[str]:
        """Return the errors of the runs, of those that were looked at, that failed."""
        return [str(result.get("error", "")) for result in self._results.values() if result["status"] == "failed"]

    def seconds_of_particle(self) -> float:
        """Return the expected processor time of the runs of a particle [s]."""
        runs = self.runs_of(self._middle())
        different = {replicates[0].key: target for target, replicates in zip(self.file.targets, runs, strict=True)}
        total = 0.0
        for target in different.values():
            settings = [*self._settings_of(target), *RECORDED["nothing"]]
            total += estimate(scenario_from_text(self.base.resolved, SCENARIO, settings).scenario).seconds + START_SECONDS
        return total * self.file.replicates

    def runs_of_particle(self) -> int:
        """Return the number of runs of a particle."""
        return len({run.key for runs in self.runs_of(self._middle()) for run in runs})

    def _middle(self) -> dict[str, Any]:
        return self.values_of({factor.name: 0.5 for factor in self.factors})

    @contextmanager
    def held(self) -> Iterator[Callable[[], None]]:
        """Keep others from driving the calibration meanwhile.

        Yields
        ------
        callable
            To be called now and then: tells other machines that this process is at it.

        Raises
        ------
        InputError
            Another process is at it.
        """
        place = self.path / CALIBRATION
        mine = acquire(place)
        last = time.monotonic()

        def tell() -> None:
            nonlocal last
            if time.monotonic() - last > BEAT_SECONDS:
                last = time.monotonic()
                beat(place, mine)

        try:
            yield tell
        finally:
            release(place, mine)


def _simulations(given: CalibrationFile, folder: Path) -> Loaded[StudyFile]:
    """Return a study of which the runs of particles are: it has no points of its own."""
    outputs = {definition_of(target.output): _unnamed(target.output) for target in given.targets}
    fields = {
        "name": given.name,
        "description": "runs that a calibration asked for",
        "scenario": SCENARIO,
        "outputs": tuple(outputs.values()),
        "keep": "nothing",
        "resources": Resources(threads=given.threads),
    }
    return Loaded(StudyFile.model_validate(fields, context={FOLDER: folder}), "", "", (folder / CALIBRATION,))


def _unnamed(output: AnyOutput) -> AnyOutput:
    """Return an output without the name that a target gives to it: targets may call one by different names."""
    return output if isinstance(output, str) else output.model_copy(update={"name": None})
