# SPDX-License-Identifier: Apache-2.0
"""What anndata reads from an export: cells, antigens, positions, kinds, and how the run was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest

from abm.errors import InputError
from abm.export.anndata import export_anndata
from abm.export.selection import positions
from abm.state.kinds import KINDS
from abm.trajectory import Trajectory
from tests.unit.export.conftest import COLUMNS, Make, cells_at

BOTH = ("marrow", "csf")


def exported(run: Trajectory, tmp_path: Path, **options: Any) -> anndata.AnnData:
    return anndata.read_h5ad(export_anndata(run, tmp_path / "x.h5ad", **options))


def test_the_last_day_with_all_lattices(run: Trajectory, tmp_path: Path) -> None:
    data = exported(run, tmp_path)
    frames = [cells_at(name, 2) for name in BOTH]
    expected = {name: np.concatenate([frame[name] for frame in frames]) for name in COLUMNS}
    assert data.shape == (24, 2)
    assert data.obs_names.tolist() == [str(uid) for uid in expected["uid"]]
    assert data.obs["compartment"].tolist() == ["marrow"] * 20 + ["csf"] * 4
    assert set(data.obs.columns) == {*COLUMNS, "guest", "compartment"} - {"uid"}
    np.testing.assert_array_equal(data.obs["guest"], expected["flags"] % 2 == 1)
    for name in ("weight", "site", "flags", "cd19"):
        values = expected[name].astype(np.float16) if name == "cd19" else expected[name]
        np.testing.assert_array_equal(data.obs[name], values)
    assert data.obs["kind"].astype(str).tolist() == [KINDS[int(code)].name for code in expected["kind"]]


def test_the_variables_are_the_antigens(run: Trajectory, tmp_path: Path) -> None:
    data = exported(run, tmp_path, compartment="marrow")
    assert data.var_names.tolist() == ["cd19", "cd22"]
    assert data.var["unit"].tolist() == ["molecules"] * 2
    expected = np.stack([cells_at("marrow", 2)[name].astype(np.float16) for name in ("cd19", "cd22")], axis=1)
    np.testing.assert_array_equal(data.X, expected.astype(np.float32))


def test_kinds_that_are_there_have_labels_and_colours(run: Trajectory, tmp_path: Path) -> None:
    data = exported(run, tmp_path)
    names = data.obs["kind"].cat.categories.tolist()
    assert names == ["pre_b", "blast", "car_t"]  # in the order of their codes; no others
    assert data.uns["kind_colors"].tolist() == [KINDS[name].colour for name in names]
    assert data.uns["kind_labels"]["car_t"] == "CAR T cell"


def test_positions_are_in_micrometres_and_compartments_lie_apart(run: Trajectory, tmp_path: Path) -> None:
    data = exported(run, tmp_path)
    for name, rows in zip(BOTH, (slice(0, 20), slice(20, None)), strict=True):
        own = positions(cells_at(name, 2)["site"], run.header.compartments[name])
        offset = data.uns["spatial_offset_um"][name]
        np.testing.assert_allclose(data.obsm["spatial"][rows], own + offset)
    assert data.uns["spatial_offset_um"]["marrow"].tolist() == [0, 0, 0]
    marrow, csf = data.obsm["spatial"][:20], data.obsm["spatial"][20:]
    assert csf[:, 0].min() - marrow[:, 0].max() > 90
    assert data.uns["abm"]["spatial_unit"] == "µm"


def test_a_flat_lattice_has_two_axes(run: Trajectory, tmp_path: Path) -> None:
    data = exported(run, tmp_path, compartment=["csf"])
    assert data.obsm["spatial"].shape == (4, 2)
    assert list(data.uns["spatial_offset_um"]) == ["csf"]


@pytest.mark.parametrize(("day", "found", "count"), [(-1, -1, 3), (0.4, 0, 7), (None, 2, 24)])
def test_the_day_that_is_asked_for(run: Trajectory, tmp_path: Path, day: float | None, found: float, count: int) -> None:
    data = exported(run, tmp_path, day=day)
    assert data.n_obs == count
    assert data.uns["abm"]["day"] == found


def test_a_day_without_a_cell(run: Trajectory, tmp_path: Path) -> None:
    data = exported(run, tmp_path, day=1)
    assert data.shape == (0, 2)
    assert data.obsm["spatial"].shape == (0, 3)


def test_it_says_how_it_was_made(run: Trajectory, tmp_path: Path) -> None:
    about = exported(run, tmp_path).uns["abm"]
    assert json.loads(about["provenance"]) == {"scenario": "tiny", "seed": 7}
    assert about["scenario"] == "name: tiny\n"
    assert about["units"]["weight"] == "cells"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"compartment": "periphery"}, "periphery: is well mixed, nothing in it has a position; with a lattice: marrow, csf"),
        ({"compartment": "marow"}, "unknown compartment 'marow'; nearest: 'marrow'"),
        ({"day": 20}, "frames reach from day -1 to 2, asked for day 20"),
        ({"day": float("nan")}, "asked for day nan"),
    ],
)
def test_what_is_not_there(run: Trajectory, tmp_path: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        exported(run, tmp_path, **options)
    assert not list(tmp_path.glob("*x.h5ad*"))


def test_no_cells_were_recorded(make: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.h5: no cells were recorded; a scenario asks for them with record\.cells"):
        exported(make(cells=False), tmp_path)
