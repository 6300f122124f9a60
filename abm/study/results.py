# SPDX-License-Identifier: Apache-2.0
"""What a study has come to so far: a row per run, and the ways back to its trajectories."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from abm.errors import InputError, RunError, nearest
from abm.study.design import POSITION
from abm.study.folder import TABLE, TRAJECTORY, Run, StudyFolder
from abm.study.outputs import column_of
from abm.trajectory import Trajectory
from abm.trajectory.disk import replace_file, write_error

if TYPE_CHECKING:
    import pandas as pd

COST = ("seconds", "cpu_seconds", "peak_mb", "file_mb")
"""Columns that differ between two executions of the same study."""
FINISHED, FAILED, UNDER_WAY, WAITING = "finished", "failed", "under way", "waiting"


class Study:
    """A study on the disk, whether it goes on or is done.

    Parameters
    ----------
    folder : StudyFolder

    Examples
    --------
    >>> study = abm.Study.open("doses")                                   # doctest: +SKIP
    >>> study.table().groupby("dose").peak_car_t.mean()                   # doctest: +SKIP
    >>> study.trajectory(run=3).observables.il6.plot()                    # doctest: +SKIP
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.declaration = folder.study

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open the folder of a study.

        Raises
        ------
        InputError
            There is no study.
        """
        return cls(StudyFolder(path))

    def table(self) -> pd.DataFrame:
        """Return a row per run of the design, done or not.

        Returns
        -------
        pandas.DataFrame
            ``run``, ``point``, ``replicate``, ``seed``, the parameters [declared units], ``status`` (finished, failed,
            under way, waiting), the outputs (NaN where there is none), ``digest`` of the trajectory, ``error``, the cost
            (``seconds`` and ``cpu_seconds`` of its last attempt, ``peak_mb``, ``file_mb``), ``key``, and ``file``: the trajectory
            that was kept, relative to the folder.
        """
        import pandas as pd

        outputs = [column_of(output) for output in self.declaration.outputs]
        done, under_way = self.folder.done(), {*self.folder.under_way()}
        known = self._collected()
        rows = []
        for run in self.folder.runs:
            before = known.get(run.key)
            if before is not None and before["status"] == FINISHED and run.key in done and all(name in before for name in outputs):
                rows.append({name: before.get(name) for name in (*_columns(outputs),)})
                continue
            result = self.folder.result_of(run) if run.key in done else None
            rows.append(self._row(run, result, outputs, UNDER_WAY if run.key in under_way else WAITING))
        design = self.folder.design
        kept = design[[name for name in design.columns if not name.startswith(POSITION)]].reset_index(drop=True)
        made = pd.DataFrame(rows, columns=_columns(outputs))
        numbers = [*outputs, *COST]
        made[numbers] = made[numbers].astype("float64")
        return pd.concat([kept, made], axis=1)

    def collect(self) -> pd.DataFrame:
        """Return the table, and keep it in the folder as ``table.parquet``.

        Raises
        ------
        RunError
            The disk is full.
        """
        table = self.table()
        target = self.folder.path / TABLE
        try:
            replace_file(target, table.to_parquet(index=False))
        except OSError as error:
            raise write_error(error, f"writing {target}", "the runs are safe") from None
        return table

    def counts(self) -> dict[str, int]:
        """Return how many runs are finished, failed, under way and waiting; reads no result but those of failed runs."""
        found = Counter(self.table()["status"])
        return {status: found[status] for status in (FINISHED, FAILED, UNDER_WAY, WAITING)}

    def failed(self) -> list[tuple[Run, dict[str, Any]]]:
        """Return the runs that failed, with their results: ``error`` and ``traceback``."""
        done = self.folder.done()
        results = ((run, self.folder.result_of(run)) for run in self.folder.runs if run.key in done)
        return [(run, result) for run, result in results if result is not None and result["status"] == FAILED]

    def retry_failed(self) -> int:
        """Forget the runs that failed, so that they are done again; return how many."""
        keys = {run.key: run for run, _ in self.failed()}
        for run in keys.values():
            self.folder.forget(run)
        return len(keys)

    def trajectory(self, run: int) -> Trajectory:
        """Open the trajectory that was kept of a run.

        Raises
        ------
        InputError
            No such run, or nothing was kept of it.
        """
        if not 0 <= run < len(self.folder.runs):
            raise InputError(f"run {run}: the study has runs 0 to {len(self.folder.runs) - 1}")
        return Trajectory.open(self._file(self.folder.runs[run]))

    def trajectories(self, query: str) -> list[Path]:
        """Return the files of the finished runs that a query of the table chooses.

        Parameters
        ----------
        query : str
            As of :meth:`pandas.DataFrame.query`, such as ``"dose > 1e6 and relapse == 1"``; names with dots in backticks.

        Raises
        ------
        InputError
            A query that cannot be used, or nothing was kept of the runs.
        """
        table = self.table()
        try:
            chosen = table.query(query)
        except Exception as error:  # pandas, numexpr and Python each have their own
            names = nearest(str(error).split("'")[1], table.columns) if "'" in str(error) else None
            raise InputError(f"query {query!r}: {error}" + (f"; nearest column: {names!r}" if names else "")) from None
        return [self._file(self.folder.runs[number]) for number in chosen.loc[chosen["status"] == FINISHED, "run"]]

    def digest(self) -> str:
        """Return the sha256 of everything but the cost: the same, however and wherever the study was executed."""
        table = self.table().drop(columns=list(COST))
        return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()

    def _file(self, run: Run) -> Path:
        path = self.folder.place_of(run) / TRAJECTORY
        if not path.is_file():
            why = "the study keeps nothing (keep: nothing)" if self.declaration.keep == "nothing" else "it is not finished"
            raise InputError(f"run {run.number}: has no trajectory; {why}")
        return path

    def _collected(self) -> dict[str, dict[str, Any]]:
        """Return the rows that were collected before, by key."""
        import pandas as pd

        with suppress(OSError, ValueError):
            table = pd.read_parquet(self.folder.path / TABLE)
            return {row["key"]: row for row in table.to_dict("records")}
        return {}

    def _row(self, run: Run, result: dict[str, Any] | None, outputs: list[str], otherwise: str) -> dict[str, Any]:
        if result is None:
            return {"status": otherwise, "key": run.key}
        found = result.get("outputs", {})
        missing = [name for name in outputs if name not in found] if result["status"] == FINISHED else []
        if missing:
            found = self._made_again(run, missing, found)
        kept = self.folder.place_of(run) / TRAJECTORY
        return {
            "status": result["status"],
            **{name: found.get(name) for name in outputs},
            "digest": result.get("digest"),
            "error": result.get("error"),
            **result["cost"],
            "key": run.key,
            "file": str(kept.relative_to(self.folder.path)) if kept.is_file() else None,
        }

    def _made_again(self, run: Run, missing: list[str], found: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs of a run with those that were not asked for when it was done."""
        from abm.clinic import Courses
        from abm.study.outputs import outputs_of

        try:
            with self.trajectory(run.number) as trajectory:
                wanted = [output for output in self.declaration.outputs if column_of(output) in missing]
                return {**found, **outputs_of(Courses(trajectory.observables), wanted)}
        except InputError:
            names = ", ".join(missing)
            raise RunError(
                f"run {run.number}: {names} was not among the outputs when it was done, and nothing was kept of it; "
                f"remove {self.folder.place_of(run)}, and it is done again"
            ) from None


def _columns(outputs: list[str]) -> list[str]:
    return ["status", *outputs, "digest", "error", *COST, "key", "file"]
