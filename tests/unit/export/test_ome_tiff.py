# SPDX-License-Identifier: Apache-2.0
"""What tifffile reads from an image: axes, sizes, times, and the codes of every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from abm.errors import InputError
from abm.export.ome_tiff import export_ome_tiff
from abm.trajectory import Header, Trajectory, TrajectoryWriter
from abm.units import TICKS_PER_DAY
from tests.unit.export.conftest import VIEW_DAYS, Make, view_at

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"


def read(path: Path) -> tuple[np.ndarray, str, ElementTree.Element]:
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        [series] = file.series
        return series.asarray(), series.axes, ElementTree.fromstring(file.ome_metadata)


def pixels(about: ElementTree.Element) -> dict[str, str]:
    found = about.find(f".//{OME}Pixels")
    assert found is not None
    return found.attrib


def annotations(about: ElementTree.Element) -> dict[str, str | None]:
    return {entry.attrib["K"]: entry.text for entry in about.iter(f"{OME}M")}


def test_every_frame_with_kinds_and_codes(run: Trajectory, tmp_path: Path) -> None:
    image, axes, about = read(export_ome_tiff(run, tmp_path / "x.ome.tif"))
    assert (axes, image.shape, image.dtype) == ("TCZYX", (7, 2, 2, 5, 6), np.uint8)
    for frame, day in zip(image, VIEW_DAYS, strict=True):
        codes = view_at("marrow", day).transpose(2, 1, 0)
        np.testing.assert_array_equal(frame[1], codes)
        np.testing.assert_array_equal(frame[0], codes & 0x1F)
    assert [channel.attrib["Name"] for channel in about.iter(f"{OME}Channel")] == ["kind", "site_code"]


def test_sizes_and_times_have_units(run: Trajectory, tmp_path: Path) -> None:
    about = read(export_ome_tiff(run, tmp_path / "x.ome.tiff"))[2]
    told = pixels(about)
    assert {told[f"PhysicalSize{axis}"] for axis in "XYZ"} == {"10.0"}
    assert {told[f"PhysicalSize{axis}Unit"] for axis in "XYZ"} == {"µm"}
    assert (told["TimeIncrement"], told["TimeIncrementUnit"]) == ("12.0", "h")
    names = annotations(about)
    assert (names["kind 0"], names["kind 9"], names["kind 31"]) == ("void", "CAR T cell", "solid")
    assert (names["first day"], names["lowest layer [µm]"]) == ("-1", "10")


def test_a_flat_lattice_and_a_stretch_of_time(run: Trajectory, tmp_path: Path) -> None:
    image, axes, about = read(export_ome_tiff(run, tmp_path / "x.ome.tif", compartment="csf", since=0, until=1))
    assert image.squeeze().shape == (3, 2, 7, 8)
    assert axes.endswith("YX")
    np.testing.assert_array_equal(image.squeeze()[0, 1], view_at("csf", 0).T)
    assert pixels(about)["PhysicalSizeX"] == "12.5"
    assert annotations(about)["first day"] == "0"


def test_times_that_are_not_even_stand_with_each_plane(header: Header, tmp_path: Path) -> None:
    days = (0.0, 0.5, 1.25)
    with TrajectoryWriter(tmp_path / "run.h5", header) as writer:
        for day in days:
            writer.view(round(day * TICKS_PER_DAY), "marrow", np.zeros((6, 5, 2), np.uint8))
    with Trajectory.open(tmp_path / "run.h5") as run:
        about = read(export_ome_tiff(run, tmp_path / "x.ome.tif"))[2]
    assert "TimeIncrement" not in pixels(about)
    planes = [plane.attrib for plane in about.iter(f"{OME}Plane")]
    assert len(planes) == 3 * 2 * 2
    for plane in planes:
        assert (float(plane["DeltaT"]), plane["DeltaTUnit"]) == (24 * days[int(plane["TheT"])], "h")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"compartment": ["marrow", "csf"]}, "an image shows one compartment; got marrow, csf"),
        ({"compartment": "periphery"}, "periphery: is well mixed"),
        ({"until": -2}, r"no views were recorded from day -inf to -2; there are some from day -1 to 2"),
    ],
)
def test_what_an_image_cannot_show(run: Trajectory, tmp_path: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        export_ome_tiff(run, tmp_path / "x.ome.tif", **options)
    assert not list(tmp_path.glob("*.tif*"))


def test_no_views_were_recorded(make: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no views were recorded; a scenario asks for them with record\.view"):
        export_ome_tiff(make(views=False), tmp_path / "x.ome.tif")
