# SPDX-License-Identifier: Apache-2.0
"""What holds for all formats: any state of a run, whole outputs or none, clear refusals, memory for a frame."""

from __future__ import annotations

import gc
import inspect
import resource
import shutil
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas import DataFrame

from abm.errors import InputError, RunError
from abm.export import FORMATS, export
from abm.progress import Progress
from abm.trajectory import Header, Trajectory, TrajectoryWriter
from abm.units import TICKS_PER_DAY
from tests.unit.export.conftest import Make

OUTPUTS = {"paraview": "out", "anndata": "x.h5ad", "csv": "x.csv", "parquet": "x.parquet", "ome-tiff": "x.ome.tiff"}
TABLES = ("csv", "parquet")
every_format = pytest.mark.parametrize("to", sorted(FORMATS))


def content(path: Path) -> dict[str, int]:
    """Return names and sizes of an output."""
    return {one.name: one.stat().st_size for one in ([path] if path.is_file() else sorted(path.iterdir()))}


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@every_format
@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_a_run_that_is_not_finished(make: Make, run: Trajectory, tmp_path: Path, to: str, status: str) -> None:
    cut = make("run.h5", status=status)
    options = {"cells": True} if to in TABLES else {}
    outputs = []
    for name, path in (("whole", run.path), ("cut", cut.path)):
        (tmp_path / name).mkdir()
        outputs.append(content(export(path, tmp_path / name / OUTPUTS[to], to, **options)))
    assert outputs[0] == outputs[1]


@every_format
def test_nothing_is_replaced_unless_allowed(run: Trajectory, tmp_path: Path, to: str) -> None:
    output = tmp_path / OUTPUTS[to]
    first = content(export(run.path, output, to))
    with pytest.raises(InputError, match=rf"{output.name}: exists already; .*\(--overwrite\)"):
        export(run.path, output, to)
    assert content(export(run.path, output, to, overwrite=True)) == first


@every_format
def test_the_folder_must_be_there(run: Trajectory, tmp_path: Path, to: str) -> None:
    with pytest.raises(InputError, match=r"the folder '.*none' does not exist"):
        export(run.path, tmp_path / "none" / OUTPUTS[to], to)
    assert names(tmp_path) == []


class Interrupted(Progress):
    """Ctrl-C on the second day."""

    def update(self, day: float, text: str = "") -> None:
        if day >= 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("to", sorted(set(FORMATS) - {"anndata"}))
def test_an_interrupted_export_leaves_what_was_there(run: Trajectory, tmp_path: Path, to: str) -> None:
    options = {"cells": True} if to in TABLES else {}
    with pytest.raises(KeyboardInterrupt):
        export(run.path, tmp_path / OUTPUTS[to], to, progress=Interrupted(2.0, "x"), **options)
    assert names(tmp_path) == []
    export(run.path, tmp_path / OUTPUTS[to], to, **options)
    before = content(tmp_path / OUTPUTS[to])
    with pytest.raises(KeyboardInterrupt):
        export(run.path, tmp_path / OUTPUTS[to], to, overwrite=True, progress=Interrupted(2.0, "x"), **options)
    assert content(tmp_path / OUTPUTS[to]) == before
    assert not [name for name in names(tmp_path) if name.startswith(".")]


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """Let writing fail as on a full disk once a file is this long [bytes]."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@every_format
@pytest.mark.parametrize("size", [0, 500])
def test_a_full_disk(run: Trajectory, tmp_path: Path, to: str, size: int) -> None:
    options = {"cells": True} if to in TABLES else {}
    with small_files(size), pytest.raises(RunError, match=rf"{OUTPUTS[to]}.*: cannot be written: "):
        export(run.path, tmp_path / OUTPUTS[to], to, **options)
    assert names(tmp_path) == []


class TestWhatIsRefused:
    @pytest.mark.parametrize(("to", "near"), [("pariview", "paraview"), ("tiff", "ome-tiff"), ("", "")])
    def test_an_unknown_format(self, run: Trajectory, tmp_path: Path, to: str, near: str) -> None:
        told = rf"unknown format '{to}'; nearest: '{near}.*'; there are paraview, anndata, csv, parquet, ome-tiff"
        with pytest.raises(InputError, match=told):
            export(run.path, tmp_path / "x", to)

    @pytest.mark.parametrize("to", sorted(set(FORMATS) - {"paraview"}))
    def test_a_file_that_ends_otherwise(self, run: Trajectory, tmp_path: Path, to: str) -> None:
        with pytest.raises(InputError, match=rf"x\.dat: a file of the format '{to}' must end in \."):
            export(run.path, tmp_path / "x.dat", to)

    @pytest.mark.parametrize(
        ("to", "option", "allowed"),
        [
            ("paraview", "cells", "compartment, since, until"),
            ("anndata", "since", "compartment, day"),
            ("ome-tiff", "day", "compartment, since, until"),
            ("csv", "colour", "cells, compartment, day, since, until"),
        ],
    )
    def test_an_option_of_another_format(self, run: Trajectory, tmp_path: Path, to: str, option: str, allowed: str) -> None:
        with pytest.raises(InputError, match=rf"option '{option}' does not go with the format '{to}'; allowed: {allowed}$"):
            export(run.path, tmp_path / OUTPUTS[to], to, **{option: 1})

    @pytest.mark.parametrize(("to", "package"), [("anndata", "anndata"), ("parquet", "pyarrow"), ("ome-tiff", "tifffile")])
    def test_a_package_that_is_not_installed(
        self, run: Trajectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, package: str
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)  # what Python takes for: cannot be imported
        with pytest.raises(InputError, match=rf"'{to}' needs the package '{package}', .*: .*pip install '\.\[export\]'"):
            export(run.path, tmp_path / OUTPUTS[to], to)
        assert names(tmp_path) == []

    def test_the_trajectory_itself(self, run: Trajectory, tmp_path: Path) -> None:
        path = shutil.copy(run.path, tmp_path / "run.h5ad")
        with pytest.raises(InputError, match=r"run\.h5ad: is the trajectory itself"):
            export(path, tmp_path / "run.h5ad", "anndata", overwrite=True)

    @every_format
    def test_a_file_that_is_no_trajectory(self, tmp_path: Path, to: str) -> None:
        with pytest.raises(InputError, match=r"none\.h5"):
            export(tmp_path / "none.h5", tmp_path / OUTPUTS[to], to)


def test_cells_without_a_column_that_is_needed(header: Header, tmp_path: Path) -> None:
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        writer.cells(0, "marrow", {"uid": np.arange(3), "kind": np.full(3, 6, np.uint8)})
    with pytest.raises(InputError, match=r"run\.h5: the cells of marrow were recorded without 'site'"):
        export(tmp_path / "run.h5", tmp_path / "out", "paraview")


def test_each_format_takes_a_trajectory_and_an_output() -> None:
    for known in FORMATS.values():
        assert list(inspect.signature(known.load()).parameters)[:2] == ["trajectory", "output"]


def long_run(path: Path, header: Header, frames: int, count: int) -> Path:
    """Write a run with as many cells in each frame."""
    about = {**header.compartments, "marrow": {**header.compartments["marrow"], "shape": [50, 50, 4]}}
    long = Header(header.scenario, "", {}, header.kinds, about, {}, header.columns)
    cells: dict[str, Any] = {name: np.arange(count, dtype=np.int64) for name in ("uid", "weight")}
    cells |= {"site": np.arange(count, dtype=np.int32), "kind": np.full(count, 6, np.uint8), "cd19": np.ones(count, np.float32)}
    with TrajectoryWriter(path, long) as writer:
        for number in range(frames):
            writer.cells(number * TICKS_PER_DAY, "marrow", cells)
            writer.view(number * TICKS_PER_DAY, "marrow", np.full((50, 50, 4), number, np.uint8))
    return path


@pytest.mark.parametrize("to", sorted(set(FORMATS) - {"anndata", "csv"}))
def test_memory_does_not_grow_with_the_number_of_frames(header: Header, tmp_path: Path, to: str) -> None:
    peaks = []
    runs = {frames: long_run(tmp_path / f"run{frames}.h5", header, frames, 10_000) for frames in (3, 12)}
    for frames in (3, 3, 12):  # the first time modules are loaded
        tracemalloc.start()
        export(runs[frames], tmp_path / OUTPUTS[to], to, overwrite=True, **({"cells": True} if to in TABLES else {}))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.5 * peaks[1]


class Tables(Progress):
    """Counts the tables in memory."""

    most = 0

    def update(self, day: float, text: str = "") -> None:
        # pandas' own objects for writing text are so many that the size of memory would tell little
        self.most = max(self.most, sum(isinstance(one, DataFrame) for one in gc.get_objects()))


def test_csv_holds_one_table_at_a_time(header: Header, tmp_path: Path) -> None:
    gc.collect()
    before, tables = sum(isinstance(one, DataFrame) for one in gc.get_objects()), Tables(12.0, "x")
    export(long_run(tmp_path / "run.h5", header, 12, 100), tmp_path / "x.csv", "csv", cells=True, progress=tables)
    assert 1 <= tables.most - before <= 4
