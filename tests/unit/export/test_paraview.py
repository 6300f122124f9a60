# SPDX-License-Identifier: Apache-2.0
"""What VTK reads from a ParaView export: every time step, its cells where they were, the views around them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
from vtkmodules.vtkIOHDF import vtkHDFReader

from abm.errors import InputError, RunError
from abm.export import export
from abm.export.paraview import export_paraview
from abm.playback.output import folder_written_whole
from abm.trajectory import Header, Trajectory, TrajectoryWriter
from tests.unit.export.conftest import CELL_DAYS, COLUMNS, COUNTS, CSF, MARROW, VIEW_DAYS, VIEW_DEPTH, Make, cells_at, view_at

SPACING = {"marrow": 10.0, "csf": 12.5}


class Steps:
    """The time steps of a file, as VTK reads them."""

    def __init__(self, path: Path) -> None:
        self.reader = vtkHDFReader()
        self.reader.SetFileName(str(path))
        self.reader.UpdateInformation()
        told, key = self.reader.GetOutputInformation(0), vtkStreamingDemandDrivenPipeline.TIME_STEPS()
        self.days = [told.Get(key, index) for index in range(told.Length(key))]

    def at(self, day: float) -> Any:
        self.reader.UpdateTimeStep(day)
        return self.reader.GetOutputDataObject(0)


@pytest.fixture
def folder(run: Trajectory, tmp_path: Path) -> Path:
    return export_paraview(run, tmp_path / "out")


def test_there_is_a_file_for_cells_and_views_of_each_lattice(folder: Path) -> None:
    files = ["csf_cells.vtkhdf", "csf_view.vtkhdf", "kinds.json", "marrow_cells.vtkhdf", "marrow_view.vtkhdf"]
    assert sorted(one.name for one in folder.iterdir()) == files
    assert sorted(one.name for one in folder.parent.iterdir()) == ["out"]


@pytest.mark.parametrize("compartment", ["marrow", "csf"])
class TestCells:
    def test_every_step_has_its_cells(self, folder: Path, compartment: str) -> None:
        steps = Steps(folder / f"{compartment}_cells.vtkhdf")
        assert steps.days == list(CELL_DAYS)
        for day, count in zip(CELL_DAYS, COUNTS[compartment], strict=True):
            points = steps.at(day)
            assert points.GetClassName() == "vtkPolyData"
            assert (points.GetNumberOfPoints(), points.GetNumberOfVerts(), points.GetNumberOfCells()) == (count, count, count)
            assert [points.GetCell(index).GetPointId(0) for index in range(count)] == list(range(count))

    def test_with_all_their_columns(self, folder: Path, compartment: str) -> None:
        steps = Steps(folder / f"{compartment}_cells.vtkhdf")
        for day in CELL_DAYS:
            data, cells = steps.at(day).GetPointData(), cells_at(compartment, day)
            assert {data.GetArrayName(index) for index in range(data.GetNumberOfArrays())} == {*COLUMNS, "guest"}
            np.testing.assert_array_equal(vtk_to_numpy(data.GetArray("guest")), cells["flags"] % 2)
            for name, values in cells.items():
                expected = values.astype(np.float16) if name.startswith("cd") else values  # as recorded
                np.testing.assert_array_equal(vtk_to_numpy(data.GetArray(name)), expected)
            assert data.GetScalars().GetName() == "kind"

    def test_they_stand_in_the_middle_of_their_sites(self, folder: Path, compartment: str) -> None:
        steps = Steps(folder / f"{compartment}_cells.vtkhdf")
        shape = MARROW if compartment == "marrow" else CSF
        points, sites = steps.at(2), cells_at(compartment, 2)["site"]
        for index, site in enumerate(sites):
            x, yz = divmod(int(site), shape[1] * shape[2])
            y, z = divmod(yz, shape[2])
            expected = [(step + 0.5) * SPACING[compartment] for step in (x, y, z)]
            assert points.GetPoint(index) == pytest.approx(expected)


@pytest.mark.parametrize("compartment", ["marrow", "csf"])
class TestViews:
    def test_every_step_has_its_codes(self, folder: Path, compartment: str) -> None:
        steps = Steps(folder / f"{compartment}_view.vtkhdf")
        assert steps.days == list(VIEW_DAYS)
        for day in VIEW_DAYS:
            block = steps.at(day)
            codes = view_at(compartment, day).reshape(*block_shape(compartment))
            assert [size - 1 for size in block.GetDimensions()] == list(codes.shape)
            data = block.GetCellData()
            for name, expected in (("site_code", codes), ("kind", codes & 0x1F)):
                found = vtk_to_numpy(data.GetArray(name)).reshape(codes.shape[::-1])
                np.testing.assert_array_equal(found.transpose(2, 1, 0), expected)
            assert data.GetScalars().GetName() == "kind"

    def test_each_cell_is_in_the_voxel_of_its_kind(self, folder: Path, compartment: str) -> None:
        points = Steps(folder / f"{compartment}_cells.vtkhdf").at(2)
        block = Steps(folder / f"{compartment}_view.vtkhdf").at(2)
        kinds = vtk_to_numpy(block.GetCellData().GetArray("kind"))
        inside = 0
        for index, kind in enumerate(vtk_to_numpy(points.GetPointData().GetArray("kind"))):
            where, voxel, inner = points.GetPoint(index), [0, 0, 0], [0.0, 0.0, 0.0]
            if block.ComputeStructuredCoordinates(where, voxel, inner):
                assert inner == pytest.approx([0.5, 0.5, 0.5])
                assert kinds[block.ComputeCellId(voxel)] == kind
                inside += 1
        layers = cells_at(compartment, 2)["site"] % (4 if compartment == "marrow" else 1)
        shown = np.isin(layers, [1, 2] if compartment == "marrow" else [0]).sum()
        assert inside == shown > 0

    def test_it_lies_in_the_middle_layers_of_its_lattice(self, folder: Path, compartment: str) -> None:
        bounds = Steps(folder / f"{compartment}_view.vtkhdf").at(-1).GetBounds()
        assert bounds == {"marrow": (0, 60, 0, 50, 10, 30), "csf": (0, 100, 0, 87.5, 0, 12.5)}[compartment]


def block_shape(compartment: str) -> tuple[int, int, int]:
    return (*MARROW[:2], VIEW_DEPTH) if compartment == "marrow" else CSF


def test_a_stretch_of_time_and_one_compartment(run: Trajectory, tmp_path: Path) -> None:
    folder = export_paraview(run, tmp_path / "out", compartment="csf", since=-0.6, until=1)
    assert sorted(one.name for one in folder.iterdir()) == ["csf_cells.vtkhdf", "csf_view.vtkhdf", "kinds.json"]
    assert Steps(folder / "csf_cells.vtkhdf").days == [0, 1]
    view = Steps(folder / "csf_view.vtkhdf")
    assert view.days == [-0.5, 0, 0.5, 1]
    np.testing.assert_array_equal(vtk_to_numpy(view.at(-0.5).GetCellData().GetArray("site_code")), view_at("csf", -0.5).T.reshape(-1))


def test_cells_or_views_alone(make: Make, tmp_path: Path) -> None:
    cells = export_paraview(make("cells.h5", views=False), tmp_path / "cells")
    views = export_paraview(make("views.h5", cells=False), tmp_path / "views")
    assert sorted(one.name for one in cells.glob("*.vtkhdf")) == ["csf_cells.vtkhdf", "marrow_cells.vtkhdf"]
    assert sorted(one.name for one in views.glob("*.vtkhdf")) == ["csf_view.vtkhdf", "marrow_view.vtkhdf"]
    with pytest.raises(InputError, match=r"none\.h5: no cells were recorded; a scenario asks for them with record\.cells"):
        export_paraview(make("none.h5", views=False, cells=False), tmp_path / "none")
    with pytest.raises(InputError, match=r"cells\.h5: no cells were recorded from day 5 to inf; there are some from day -1 to 2"):
        export_paraview(Trajectory.open(tmp_path / "cells.h5"), tmp_path / "late", since=5)


def test_a_compartment_that_is_named_must_be_there(header: Header, tmp_path: Path) -> None:
    with TrajectoryWriter(tmp_path / "csf.h5", header) as writer:
        writer.cells(0, "csf", cells_at("csf", 2))
    with Trajectory.open(tmp_path / "csf.h5") as run:
        assert len(list(export_paraview(run, tmp_path / "out").glob("*.vtkhdf"))) == 1
        with pytest.raises(InputError, match=r"csf\.h5: no cells of marrow were recorded"):
            export_paraview(run, tmp_path / "both", compartment=["csf", "marrow"])
    assert not (tmp_path / "both").exists()


def test_the_colours_name_every_code(folder: Path) -> None:
    [preset] = json.loads((folder / "kinds.json").read_text(encoding="utf-8"))
    names = dict(zip(preset["Annotations"][::2], preset["Annotations"][1::2], strict=True))
    assert (names["0"], names["9"], names["31"]) == ("void", "CAR T cell", "solid")
    colours = np.reshape(preset["IndexedColors"], (-1, 3))
    assert len(colours) == len(names)
    assert ((colours >= 0) & (colours <= 1)).all()
    orange = colours[list(names).index("9")] * 255
    assert orange.tolist() == pytest.approx([0xF9, 0x8C, 0x24])


class TestTheFolder:
    def test_an_earlier_export_is_replaced_as_a_whole(self, run: Trajectory, tmp_path: Path) -> None:
        export(run.path, tmp_path / "out", "paraview")
        with pytest.raises(InputError, match=r"out: exists already; .*\(--overwrite\)"):
            export(run.path, tmp_path / "out", "paraview", compartment="csf")
        export(run.path, tmp_path / "out", "paraview", compartment="csf", overwrite=True)
        assert len(list((tmp_path / "out").iterdir())) == 3
        assert sorted(one.name for one in tmp_path.iterdir()) == ["out"]

    def test_what_was_there_comes_back_if_the_new_one_cannot_take_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "kinds.json").write_text("mine", encoding="utf-8")
        with pytest.raises(RunError, match="out: cannot be written: "), folder_written_whole(tmp_path / "out", ["*.json"]) as folder:
            shutil.rmtree(folder)
        assert (tmp_path / "out" / "kinds.json").read_text(encoding="utf-8") == "mine"
        assert [one.name for one in tmp_path.iterdir()] == ["out"]

    @pytest.mark.parametrize("foreign", ["thesis.tex", "folder.json/"])
    def test_a_folder_with_anything_else_is_left_alone(self, run: Trajectory, tmp_path: Path, foreign: str) -> None:
        folder = tmp_path / "out"
        folder.mkdir()
        (folder / "kinds.json").write_text("{}", encoding="utf-8")
        mine = folder / foreign
        mine.mkdir() if foreign.endswith("/") else mine.write_text("mine", encoding="utf-8")
        with pytest.raises(InputError, match=f"holds '{mine.name}', which abm has not written"):
            export(run.path, folder, "paraview", overwrite=True)
        assert sorted(one.name for one in folder.iterdir()) == sorted(["kinds.json", mine.name])

    def test_a_file_in_the_way_is_left_alone(self, run: Trajectory, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("mine", encoding="utf-8")
        with pytest.raises(InputError, match="out: is in the way and not a folder"):
            export(run.path, tmp_path / "out", "paraview", overwrite=True)
        assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"
