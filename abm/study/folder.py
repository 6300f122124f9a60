# SPDX-License-Identifier: Apache-2.0
"""The folder of a study: what is to be run, and what has been, all of it in files that appear whole or not at all.

========================================  ==================================================================
``study.yaml``, ``scenario.yaml``         the study with every value written out, and the scenario it varies
``original.yaml``                         the study as given
``design.parquet``                        a row per run: point, replicate, seed, parameters
``runs/<version>/<k>/<key>/``             a finished or failed run: ``result.json``, and what was kept of it
``work/<version>/<key>/``                 a run under way, or cut short: it is taken up from there
``version``                               that of the code that runs it; a study is not mixed from several
``layout.json``                           digests of the first files, by which one that was cut short is told
``table.parquet``                         the results, when they were last collected
========================================  ==================================================================

The key of a run is a digest of everything that decides its result: scenario, settings, seed, end, and what is kept; but not
names and descriptions, threads, or what is read from what is kept. So a run that is there is never run again, whoever asks
for it: another study file in this folder, another scheduler, a retry.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from abm.errors import InputError, RunError
from abm.extensions import identities
from abm.scenario import ScenarioFile, scenario_from_text
from abm.study.declaration import StudyFile
from abm.study.design import make_design, settings_of
from abm.study.factors import Problem
from abm.study.keys import deciding, key_of
from abm.study.packages import study_packages
from abm.study.sharing import one_at_a_time, refuse_foreign, replace_shared, require_folder_of
from abm.study.version import code_version
from abm.trajectory.disk import replace_file, sync_folder, write_error
from abm.trajectory.lock import live_holder
from abm.units import from_base
from abm.yamlfile import Loaded, dump, load_text

if TYPE_CHECKING:
    import pandas as pd

STUDY, SCENARIO, ORIGINAL, DESIGN = "study.yaml", "scenario.yaml", "original.yaml", "design.parquet"
VERSION, TABLE, LAYOUT = "version", "table.parquet", "layout.json"
RESULT, TRAJECTORY = "result.json", "run.h5"
RECORDED = {
    "nothing": ("record.view=0", "record.cells=0", "record.fields=0", "record.checkpoints=0", "record.last_state=false"),
    "observables": ("record.view=0", "record.cells=0", "record.fields=0", "record.checkpoints=0", "record.last_state=false"),
    "trajectories": (),
}
"""Settings of the scenario's record, by what a study keeps."""
_AGAIN = "abm study run STUDY.yaml -o FOLDER lays it out again, and keeps what is done"


class LaidOutStudy(StudyFile):
    """A study that was checked when its folder was laid out, and is not again by each of its workers."""

    def _problems(self, folder: Path) -> list[Problem]:
        return []


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
        self.path = require_folder_of("study", path, LAYOUT, "abm study run STUDY.yaml -o FOLDER")
        with study_packages():
            import_module("pyarrow")  # of all tables of a study
        try:
            self._digests: dict[str, str] = dict(json.loads((self.path / LAYOUT).read_bytes()))
            declared, self._scenario = (self._checked(name, (self.path / name).read_bytes()).decode() for name in (STUDY, SCENARIO))
            self.version = (self.path / VERSION).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: {Path(error.filename).name}: {error.strerror}; {_AGAIN}") from None
        except ValueError as error:
            raise InputError(f"{path}: is damaged: {error}; {_AGAIN}") from None
        self.study: StudyFile = load_text(declared, STUDY, LaidOutStudy).model
        self.superseded = 0

    def _checked(self, name: str, content: bytes) -> bytes:
        if self._digests.get(name) != hashlib.sha256(content).hexdigest():
            raise InputError(f"{self.path}: {name} is not as it was laid out: that was cut short, or somebody has changed it; {_AGAIN}")
        return content

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
            It holds something else.
        RunError
            It cannot be written.
        """
        folder = Path(path).resolve()
        study = loaded.model
        base = study.base(loaded.files[0].parent)
        table = make_design(study, base.scenario)
        with study_packages():
            import_module("pyarrow")  # which pandas would call an engine
        contents = {
            SCENARIO: base.resolved.encode(),
            STUDY: dump(study.model_copy(update={"scenario": SCENARIO, "set": {}})).encode(),
            ORIGINAL: loaded.original.encode(),
            DESIGN: table.to_parquet(index=False),
        }
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with one_at_a_time(folder):
                refuse_foreign("study", path, folder, LAYOUT)
                folder.mkdir(exist_ok=True)
                _write(folder, contents)
        except OSError as error:
            raise write_error(error, f"laying out {path}", "what was done before is safe") from None
        made = cls(folder)
        made.adopt()
        return made

    def adopt(self) -> None:
        """Let this version of the code go on with the study; runs of another one stay, but do not count.

        How many of these there are that have to be done again is :attr:`superseded` then.

        Raises
        ------
        RunError
            It cannot be written.
        """
        if self.version == code_version():
            return
        before = self.done()
        try:
            replace_shared(self.path / VERSION, code_version().encode())
        except OSError as error:
            raise write_error(error, f"writing {self.path}", "nothing has changed") from None
        self.version = code_version()
        self.superseded = len((before - self.done()) & {run.key for run in self.runs})

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
    def stamp(self) -> str:
        """Another if the study has been laid out anew and is another."""
        return _stamp(self._digests)

    def require_stamp(self, stamp: str) -> None:
        """Refuse to go on with a study that somebody has laid out anew, and otherwise, in the meantime.

        Raises
        ------
        RunError
            It is another.
        """
        with suppress(OSError, ValueError):
            if _stamp(json.loads((self.path / LAYOUT).read_bytes())) == stamp:
                return
        raise RunError(f"{self.path}: was laid out anew while it was executed; what is done is safe, abm study resume goes on")

    @cached_property
    def base(self) -> ScenarioFile:
        """The scenario that is varied."""
        return scenario_from_text(self._scenario, SCENARIO)

    @cached_property
    def design(self) -> pd.DataFrame:
        """A row per run, in the order of their numbers."""
        import pandas as pd

        try:
            return pd.read_parquet(io.BytesIO(self._checked(DESIGN, (self.path / DESIGN).read_bytes())))
        except OSError as error:
            raise InputError(f"{self.path}: {DESIGN}: {error.strerror}; {_AGAIN}") from None

    @cached_property
    def runs(self) -> list[Run]:
        """All runs, in the order of the design."""
        until = None if self.study.until is None else from_base(self.study.until, "d")
        recorded = RECORDED[self.study.keep]
        values = settings_of(self.study, self.design, self.base.scenario)
        found = []
        for number, (varied, seed) in enumerate(zip(values, self.design["seed"].tolist(), strict=True)):
            settings = (*varied, f"seed={seed}", *recorded)
            found.append(Run(number, key_of(self._decided, settings), settings, until))
        return found

    @cached_property
    def _decided(self) -> str:
        return deciding(self.study, self.base.scenario)

    def require_same(self, run: Run) -> None:
        """Refuse to do a run of whoever drives the study with other versions of the packages that it uses than there.

        Raises
        ------
        InputError
            They are others here.
        """
        if key_of(self._decided, run.settings) != run.key:
            here = identities("\n".join((self.base.resolved, *run.settings)))
            found = ", ".join(here) or "none"
            raise InputError(f"{self.path}: run {run.number} uses other packages, or versions of them, than are found here: {found}")

    def scenario_of(self, run: Run) -> ScenarioFile:
        """Return the scenario of a run.

        Raises
        ------
        InputError
            Its values do not go together.
        """
        return scenario_from_text(self.base.resolved, SCENARIO, run.settings)

    def place_of(self, run: Run) -> Path:
        """Return the folder in which a run lies when it is done."""
        return self.path / "runs" / self.version / run.key[:2] / run.key

    def work_of(self, run: Run) -> Path:
        """Return the folder in which a run lies while it goes on."""
        return self.path / "work" / self.version / run.key

    def result_of(self, run: Run) -> dict[str, Any] | None:
        """Return what a run came to, None if it is not done; one whose result is damaged has failed.

        Raises
        ------
        RunError
            It cannot be read: no permission, a disk that is gone.
        """
        path = self.place_of(run) / RESULT
        try:
            return dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except ValueError as error:
            return {"status": "failed", "error": f"{path}: is damaged: {error}", "traceback": "", "settings": [*run.settings], "cost": {}}
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror}") from None

    def done(self) -> set[str]:
        """Return the keys of the runs that are done, finished or failed, of this version of the code."""
        return {place.name for place in self._places()}

    def _places(self) -> Iterator[Path]:
        with suppress(FileNotFoundError):
            for shelf in os.scandir(self.path / "runs" / self.version):
                for place in os.scandir(shelf.path):
                    if not place.name.startswith(".") and os.path.exists(f"{place.path}/{RESULT}"):
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
        if kept is not None:
            os.replace(kept, made / TRAJECTORY)
        replace_file(made / RESULT, json.dumps(result, indent=1, allow_nan=False).encode())
        if not (place / RESULT).is_file():
            shutil.rmtree(place, ignore_errors=True)  # of which somebody has removed it
            os.rename(made, place)
        shutil.rmtree(made, ignore_errors=True)
        sync_folder(place.parent)
        shutil.rmtree(self.work_of(run), ignore_errors=True)

    def forget(self, run: Run) -> None:
        """Remove a run that is done, so that it is done again.

        Raises
        ------
        OSError
            It cannot be removed.
        """
        place = self.place_of(run)
        gone = place.with_name(f".{place.name}")
        shutil.rmtree(gone, ignore_errors=True)
        with suppress(FileNotFoundError):
            os.rename(place, gone)  # at once, not file by file
        shutil.rmtree(gone, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what processes that were killed have left of runs that are done."""
        done = self.done()
        for key in self.under_way():
            work = self.path / "work" / self.version / key
            if key in done and live_holder(work) is None:
                shutil.rmtree(work, ignore_errors=True)


def _stamp(digests: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write what a study is laid out as, where it is not there already."""
    if not (folder / LAYOUT).exists():
        replace_file(folder / LAYOUT, b"{}")  # the folder is ours from now on, whatever happens
    if not (folder / VERSION).exists():
        replace_file(folder / VERSION, code_version().encode())
    for name, content in contents.items():
        if not (folder / name).is_file() or (folder / name).read_bytes() != content:
            replace_file(folder / name, content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    replace_file(folder / LAYOUT, json.dumps(digests, indent=1).encode())
