# SPDX-License-Identifier: Apache-2.0
"""The folder of a study: what is to be run, and what has been, all of it in files that appear whole or not at all.

========================================  ==================================================================
``study.yaml``, ``scenario.yaml``         the study with every value written out, and the scenario it varies
``original.yaml``                         the study as given
``design.parquet``                        a row per run: point, replicate, seed, parameters
``runs/<version>/<k>/<key>/``             a finished or failed run: ``result.json``, and what was kept of it
``work/<version>/<key>/``                 a run under way, or cut short: it is taken up from there
``version``                               that of the code that runs it; a study is not mixed from several
``table.parquet``                         the results, when they were last collected
========================================  ==================================================================

The key of a run is a digest of everything that decides its result: scenario, settings, seed, end, and what is kept. So a
run that is there is never run again, whoever asks for it: another study file in this folder, another scheduler, a retry.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from abm.errors import InputError, RunError
from abm.scenario import ScenarioFile, scenario_from_text
from abm.study.declaration import StudyFile, read_study
from abm.study.design import make_design, settings_of
from abm.study.version import code_version
from abm.trajectory.disk import replace_file, sync_folder
from abm.units import from_base
from abm.yamlfile import Loaded, dump

if TYPE_CHECKING:
    import pandas as pd

STUDY, SCENARIO, ORIGINAL, DESIGN = "study.yaml", "scenario.yaml", "original.yaml", "design.parquet"
VERSION, TABLE = "version", "table.parquet"
RESULT, TRAJECTORY = "result.json", "run.h5"
RECORDED = {
    "nothing": ("record.view=0", "record.cells=0", "record.fields=0", "record.checkpoints=0", "record.last_state=false"),
    "observables": ("record.view=0", "record.cells=0", "record.fields=0", "record.checkpoints=0", "record.last_state=false"),
    "trajectories": (),
}
"""Settings of the scenario's record, by what a study keeps."""


class Run(NamedTuple):
    """One run of a study.

    Parameters
    ----------
    number : int
        Its row in the design.
    key : str
        Digest of all that decides its result.
    settings : tuple of str
        ``path=value`` each, with the seed and what is recorded.
    until_days : float or None
        Day at which it ends, if not that of the scenario [d].
    """

    number: int
    key: str
    settings: tuple[str, ...]
    until_days: float | None


class StudyFolder:
    """A study on the disk.

    Parameters
    ----------
    path : path
        Of its folder.

    Raises
    ------
    InputError
        There is no study.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()
        if not (self.path / DESIGN).is_file():
            what = "is not the folder of a study" if self.path.is_dir() else "there is no such folder"
            raise InputError(f"{path}: {what}; abm study run STUDY.yaml -o FOLDER makes one")
        self.study: StudyFile = read_study(self.path / STUDY).model
        self.version = (self.path / VERSION).read_text(encoding="utf-8")

    @classmethod
    def lay_out(cls, loaded: Loaded[StudyFile], path: str | Path) -> Self:
        """Make the folder of a study, or bring one up to date with a changed file; runs that are there stay.

        Parameters
        ----------
        loaded : Loaded of StudyFile
            As :func:`abm.study.declaration.read_study` returns it.
        path : path
            The folder; it may be there if it is empty or holds a study.

        Raises
        ------
        InputError
            It holds something else, or cannot be made.
        RunError
            It cannot be written.
        """
        folder = Path(path).resolve()
        study = loaded.model
        base = study.base(loaded.files[0].parent)
        table = make_design(study, base.scenario)
        if folder.exists() and not (folder / DESIGN).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{path}: holds something else than a study; choose a folder that is empty or new")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / SCENARIO, base.resolved.encode())
            replace_file(folder / STUDY, dump(study.model_copy(update={"scenario": SCENARIO, "set": {}})).encode())
            replace_file(folder / ORIGINAL, loaded.original.encode())
            replace_file(folder / VERSION, code_version().encode())
            replace_file(folder / DESIGN, table.to_parquet(index=False))
        except OSError as error:
            raise RunError(f"{path}: cannot be written: {error.strerror}") from None
        return cls(folder)

    def adopt(self) -> int:
        """Let this version of the code go on with the study; return how many runs another one had done, which stay but do not count.

        Raises
        ------
        RunError
            It cannot be written.
        """
        if self.version == code_version():
            return 0
        left = len(self.done())
        try:
            replace_file(self.path / VERSION, code_version().encode())
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error.strerror}") from None
        self.version = code_version()
        return left - len(self.done() & {run.key for run in self.runs})

    def require_version(self) -> None:
        """Refuse to do runs with another version of the code than the study was begun with.

        Raises
        ------
        InputError
            It is another.
        """
        if self.version != code_version():
            raise InputError(
                f"{self.path}: is run with abm {self.version}, this is {code_version()}; abm study resume begins it anew with this one"
            )

    @property
    def stamp(self) -> int:
        """Changes whenever the study is laid out anew."""
        return (self.path / DESIGN).stat().st_mtime_ns

    @cached_property
    def base(self) -> ScenarioFile:
        """The scenario that is varied."""
        return self.study.base(self.path)

    @cached_property
    def design(self) -> pd.DataFrame:
        """A row per run, in the order of their numbers."""
        import pandas as pd

        return pd.read_parquet(self.path / DESIGN)

    @cached_property
    def runs(self) -> list[Run]:
        """All runs, in the order of the design."""
        recorded = RECORDED[self.study.keep]
        until = None if self.study.until is None else from_base(self.study.until, "d")
        decided = hashlib.sha256(f"{self.base.resolved}\0{until}\0{self.study.keep}\0".encode())
        found = []
        for row in self.design.to_dict("records"):
            settings = (*settings_of(self.study, row), f"seed={row['seed']}", *recorded)
            key = decided.copy()
            key.update("\0".join(settings).encode())
            found.append(Run(int(row["run"]), key.hexdigest()[:24], settings, until))
        return found

    def scenario_of(self, run: Run) -> ScenarioFile:
        """Return the scenario of a run.

        Raises
        ------
        InputError
            Its values do not go together.
        """
        return scenario_from_text(self.base.resolved, f"run {run.number}", run.settings)

    def place_of(self, run: Run) -> Path:
        """Return the folder in which a run lies when it is done."""
        return self.path / "runs" / self.version / run.key[:2] / run.key

    def work_of(self, run: Run) -> Path:
        """Return the folder in which a run lies while it goes on."""
        return self.path / "work" / self.version / run.key

    def result_of(self, run: Run) -> dict[str, Any] | None:
        """Return what a run came to, None if it is not done."""
        try:
            return dict(json.loads((self.place_of(run) / RESULT).read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RunError(f"{self.place_of(run) / RESULT}: cannot be read: {error}; remove its folder to do it again") from None

    def done(self) -> set[str]:
        """Return the keys of the runs that are done, finished or failed, of this version of the code."""
        return {place.name for place in self._places()}

    def _places(self) -> Iterator[Path]:
        with suppress(FileNotFoundError):
            for shelf in os.scandir(self.path / "runs" / self.version):
                for place in os.scandir(shelf.path):
                    if not place.name.startswith("."):
                        yield Path(place.path)

    def under_way(self) -> list[str]:
        """Return the keys of the runs that were begun and are not done."""
        try:
            return sorted(entry.name for entry in os.scandir(self.path / "work" / self.version) if entry.is_dir())
        except FileNotFoundError:
            return []

    def publish(self, run: Run, result: dict[str, Any], kept: Path | None) -> None:
        """Put a run that is done in its place, with the trajectory that is kept, and give up where it was at work.

        Raises
        ------
        OSError
            The disk is full, or gone.
        """
        place = self.place_of(run)
        made = place.with_name(f".{place.name}")
        shutil.rmtree(made, ignore_errors=True)  # of an attempt that was killed here
        made.mkdir(parents=True)
        replace_file(made / RESULT, json.dumps(result, indent=1, allow_nan=False).encode())
        if kept is not None:
            os.replace(kept, made / TRAJECTORY)
        if not place.exists():
            os.rename(made, place)
        shutil.rmtree(made, ignore_errors=True)
        sync_folder(place.parent)
        shutil.rmtree(self.work_of(run), ignore_errors=True)

    def forget(self, run: Run) -> None:
        """Remove a run that is done, so that it is done again."""
        shutil.rmtree(self.place_of(run), ignore_errors=True)
