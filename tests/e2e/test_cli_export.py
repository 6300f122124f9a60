# SPDX-License-Identifier: Apache-2.0
"""``abm export`` as a user types it, on a real run, and what a mistake looks like."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import tifffile
from vtkmodules.vtkIOHDF import vtkHDFReader

import abm
from abm.cli import main
from abm.trajectory import Trajectory
from tests.small_scenarios import ROOT, small

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}


def export(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "abm", "export", *words],
        cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run of a day and a half around the infusion."""
    folder = tmp_path_factory.mktemp("export")
    scenario = small(ROOT / "scenarios" / "quickstart.yaml", "record.cells=6 h")
    abm.TherapyModel(scenario, threads=1).run(folder / "my.h5", until_days=0.5)
    return folder


class TestAsTheUserTypesIt:
    def test_csv(self, folder: Path) -> None:
        done = export(folder, "my.h5", "--to", "csv", "-o", "my.csv", "--since", "0")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "wrote my.csv; read it with: pandas.read_csv('my.csv')\n"
        table = pd.read_csv(folder / "my.csv", dtype=str).astype(float).set_index("day")  # pandas 2 rounds numbers that it reads
        with Trajectory.open(folder / "my.h5") as run:
            pd.testing.assert_frame_equal(table, run.observables[run.observables.index >= 0], check_exact=True)

    def test_parquet_with_cells(self, folder: Path) -> None:
        done = export(folder, "my.h5", "--to", "parquet", "-o", "c.parquet", "--cells", "--compartment", "marrow", "--compartment", "csf")
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(r"c\.parquet: day 0\.5 of 0\.5 · \d+ s elapsed\n", done.stderr)
        cells = pd.read_parquet(folder / "c.parquet")
        assert set(cells["compartment"]) == {"marrow", "csf"}
        assert not cells[["x", "y", "z"]].isna().any().any()
        with Trajectory.open(folder / "my.h5") as run:
            assert len(cells) == sum(int(run.cell_frames(name).counts.sum()) for name in ("marrow", "csf"))

    def test_paraview(self, folder: Path) -> None:
        done = export(folder, "my.h5", "--to", "paraview", "-o", "my_3d", "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        with Trajectory.open(folder / "my.h5") as run:
            for name in ("marrow", "csf"):
                reader = vtkHDFReader()
                reader.SetFileName(str(folder / "my_3d" / f"{name}_cells.vtkhdf"))
                reader.UpdateInformation()
                found = []
                for step in range(reader.GetNumberOfSteps()):
                    reader.SetStep(step)
                    reader.Update()
                    found.append(reader.GetOutputDataObject(0).GetNumberOfPoints())
                assert found == run.cell_frames(name).counts.tolist()

    def test_anndata(self, folder: Path) -> None:
        done = export(folder, "my.h5", "--to", "anndata", "-o", "my.h5ad", "--day", "0.25")
        assert (done.returncode, done.stderr) == (0, "")
        cells = anndata.read_h5ad(folder / "my.h5ad")
        with Trajectory.open(folder / "my.h5") as run:
            expected = [run.cells(name, day=0.25)["uid"] for name in ("marrow", "csf")]
        assert cells.obs_names.tolist() == np.concatenate(expected).astype(str).tolist()
        assert cells.uns["abm"]["day"] == 0.25

    def test_ome_tiff(self, folder: Path) -> None:
        done = export(folder, "my.h5", "--to", "ome-tiff", "-o", "csf.ome.tiff", "--compartment", "csf")
        assert done.returncode == 0, done.stderr
        with tifffile.TiffFile(folder / "csf.ome.tiff") as file, Trajectory.open(folder / "my.h5") as run:
            views = run.views("csf")
            assert (file.series[0].axes, file.series[0].shape) == ("TCZYX", (len(views), 2, *views.shape[::-1]))
            np.testing.assert_array_equal(file.series[0].asarray()[-1, 1], views[-1].transpose(2, 1, 0))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["my.h5", "--to", "h5ad", "-o", "x.h5ad"], "unknown format 'h5ad'; nearest: "),
        (["my.h5", "--to", "vtk", "-o", "x"], "there are paraview, anndata, csv, parquet, ome-tiff"),
        (["my.h5", "--to", "csv", "-o", "taken.csv"], "taken.csv: exists already; choose another name, or allow overwriting (--overwrite)"),
        (["my.h5", "--to", "csv", "-o", "none/x.csv"], "none/x.csv: the folder 'none' does not exist"),
        (["my.h5", "--to", "csv", "-o", "x.csv", "--day", "1"], "option 'day' goes with a table of cells"),
        (["my.h5", "--to", "anndata", "-o", "x.h5ad", "--compartment", "periphery"], "periphery: is well mixed"),
        (["my.h5", "--to", "anndata", "-o", "x.h5ad", "--day", "nan"], "asked for day nan"),
        (["my.h5", "--to", "ome-tiff", "-o", "x.ome.tif", "--cells"], "option 'cells' does not go with the format 'ome-tiff'"),
        (["none.h5", "--to", "csv", "-o", "x.csv"], "none.h5"),
        (["taken.csv", "--to", "csv", "-o", "x.csv"], "taken.csv: is not an HDF5 file, so not a trajectory"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / "taken.csv").write_text("mine", encoding="utf-8")
    assert main(["export", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err
    assert len(said.err.splitlines()) == 1
    assert not list(folder.glob("*x*.*"))
    assert (folder / "taken.csv").read_text(encoding="utf-8") == "mine"
