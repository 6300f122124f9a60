# SPDX-License-Identifier: Apache-2.0
"""What a study has come to so far: a row per run, and the ways back to its trajectories."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from abm.errors import InputError, RunError, nearest
from abm.html import table as html_table
from abm.study.design import POSITION
from abm.study.folder import TABLE, TRAJECTORY, Run, StudyFolder
from abm.study.outputs import column_of, definition_of
from abm.study.sharing import replace_shared
from abm.trajectory import Trajectory
from abm.trajectory.disk import write_error

if TYPE_CHECKING:
    import pandas as pd

COST = ("seconds", "cpu_seconds", "peak_mb", "file_mb")
"""Columns that differ between two executions of the same study."""
OUTPUTS, MADE_BY = "outputs", "version"
"""Attributes of the table that was collected: what its columns of outputs are, and the version of the code that did the runs."""
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

    def _repr_html_(self) -> str:
        """Show in a notebook what the study asks, and how far it has come."""
        declared = self.declaration
        counts = ", ".join(f"{count} {status}" for status, count in self.counts().items() if count)
        rows = [("folder", self.folder.path), *([("about", declared.description)] if declared.description else [])]
        varied = ", ".join(parameter.column for parameter in declared.parameters)
        rows += [("varied", varied or "nothing"), ("design", declared.design.type.replace("_", " "))]
        rows += [("runs of each point", declared.replicates), ("runs", counts)]
        return html_table(declared.name, [*rows, ("outputs", ", ".join(column_of(output) for output in declared.outputs))])

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
        columns = _columns(outputs)
        done, under_way = self.folder.done(), {*self.folder.under_way()}
        known = self._collected(columns)
        rows = []
        for run in self.folder.runs:
            before = known.get(run.key) if run.key in done else None
            if before is not None:
                rows.append(before)
                continue
            result = self.folder.result_of(run) if run.key in done else None
            rows.append(tuple(map(self._row(run, result, UNDER_WAY if run.key in under_way else WAITING).get, columns)))
        design = self.folder.design
        kept = design[[name for name in design.columns if not name.startswith(POSITION)]].reset_index(drop=True)
        made = pd.DataFrame(rows, columns=columns)
        numbers = [*outputs, *COST]
        made[numbers] = made[numbers].astype("float64")
        return pd.concat([kept, made], axis=1)

    def collect(self) -> pd.DataFrame:
        """Return the table, and keep it in the folder as ``table.parquet``.

        Raises
        ------
        RunError
            The study has been laid out anew in the meantime, or the disk is full.
        """
        table = self.table()
        self.keep(table)
        return table

    def keep(self, table: pd.DataFrame) -> None:
        """Write the table of the study into its folder, if another one is there.

        Raises
        ------
        RunError
            The study has been laid out anew in the meantime, or the disk is full.
        """
        self.folder.require_stamp(self.folder.stamp)
        target = self.folder.path / TABLE
        kept = table.copy(deep=False)
        kept.attrs |= {OUTPUTS: self._definitions(), MADE_BY: self.folder.version}
        content = kept.to_parquet(index=False)
        try:
            if not target.is_file() or target.read_bytes() != content:
                replace_shared(target, content)
        except OSError as error:
            raise write_error(error, f"writing {target}", "the runs are safe") from None

    def counts(self, table: pd.DataFrame | None = None) -> dict[str, int]:
        """Return how many runs are finished, failed, under way and waiting; of the table, if that is at hand."""
        found = Counter((self.table() if table is None else table)["status"])
        return {status: found[status] for status in (FINISHED, FAILED, UNDER_WAY, WAITING)}

    def failed(self, table: pd.DataFrame | None = None) -> list[tuple[Run, dict[str, Any]]]:
        """Return the runs that failed, with their results: ``error`` and ``traceback``; of the table, if that is at hand."""
        table = self.table() if table is None else table
        runs = [self.folder.runs[number] for number in table.loc[table["status"] == FAILED, "run"]]
        return [(run, result) for run in runs if (result := self.folder.result_of(run)) is not None]

    def retry_failed(self) -> int:
        """Forget the runs that failed, so that they are done again; return how many.

        Raises
        ------
        RunError
            They cannot be removed.
        """
        keys = {run.key: run for run, _ in self.failed()}
        try:
            for run in keys.values():
                self.folder.forget(run)
        except OSError as error:
            raise write_error(error, f"removing failed runs of {self.folder.path}", "the others are safe") from None
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
            chosen = table[table.eval(query).astype("boolean")]
        except Exception as error:  # pandas, numexpr and Python each have their own
            names = nearest(str(error).split("'")[1], table.columns) if "'" in str(error) else None
            raise InputError(f"query {query!r}: {error}" + (f"; nearest column: {names!r}" if names else "")) from None
        return [self._file(self.folder.runs[number]) for number in chosen.loc[chosen["status"] == FINISHED, "run"]]

    def digest(self, table: pd.DataFrame | None = None) -> str:
        """Return the sha256 of everything but the cost: the same, however and wherever the study was executed."""
        shared = (self.table() if table is None else table).drop(columns=list(COST))
        return hashlib.sha256(shared.to_csv(index=False).encode()).hexdigest()

    def _file(self, run: Run) -> Path:
        path = self.folder.place_of(run) / TRAJECTORY
        if not path.is_file():
            why = "the study keeps nothing (keep: nothing)" if self.declaration.keep == "nothing" else "it is not finished"
            if path.parent.is_dir() and self.declaration.keep != "nothing":
                why = f"somebody has removed it; remove {path.parent}, and it is done again"
            raise InputError(f"run {run.number}: has no trajectory; {why}")
        return path

    def _definitions(self) -> dict[str, str]:
        """Return what each column of outputs is: a name may be given to another output later."""
        return {column_of(output): definition_of(output) for output in self.declaration.outputs}

    def _collected(self, columns: list[str]) -> dict[str, tuple[Any, ...]]:
        """Return the rows of finished runs that were collected before, by key, if they hold the same outputs of the same code."""
        import pandas as pd

        try:
            table = pd.read_parquet(self.folder.path / TABLE)
        except (OSError, ValueError):
            return {}
        same = table.attrs.get(OUTPUTS) == self._definitions() and table.attrs.get(MADE_BY) == self.folder.version
        if not same or not {*columns} <= {*table.columns}:
            return {}
        found = table.loc[table["status"] == FINISHED, columns]
        return dict(zip(found["key"], found.itertuples(index=False, name=None), strict=True))

    def _row(self, run: Run, result: dict[str, Any] | None, otherwise: str) -> dict[str, Any]:
        if result is None:
            return {"status": otherwise, "key": run.key}
        found = result.get("outputs", {})
        if result["status"] == FINISHED and not found.keys() >= {*self._definitions().values()}:
            found = self._made_again(run, found)
        kept = self.folder.place_of(run) / TRAJECTORY
        return {
            "status": result["status"],
            **{column: found.get(definition) for column, definition in self._definitions().items()},
            "digest": result.get("digest"),
            "error": result.get("error"),
            **result["cost"],
            "key": run.key,
            "file": str(kept.relative_to(self.folder.path)) if kept.is_file() else None,
        }

    def _made_again(self, run: Run, found: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs of a run with those that were not asked for when it was done."""
        from abm.clinic import Courses
        from abm.study.outputs import outputs_of

        try:
            with self.trajectory(run.number) as trajectory:
                made = outputs_of(Courses(trajectory.observables), self.declaration.outputs, int(trajectory.provenance["seed"]))
        except InputError as error:
            words = "outputs that were not asked for when it was done cannot be read"
            raise RunError(f"{error}: {words}; remove {self.folder.place_of(run)}, and it is done again") from None
        return {**made, **found}


def _columns(outputs: list[str]) -> list[str]:
    return ["status", *outputs, "digest", "error", *COST, "key", "file"]
