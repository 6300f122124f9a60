# SPDX-License-Identifier: Apache-2.0
"""Reading a recorded run: moments, selections of cells, and a file of the first format, which stays readable for ever.

``data/version_1.h5.xz`` is a run of the scenario with everything switched on, in a marrow of 6 sites to a side, as version 0.1.0
recorded it; it is never made anew.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from abm.errors import InputError
from abm.trajectory import Trajectory

DATA = Path(__file__).parent / "data" / "version_1.h5.xz"
DIGEST = "bc726c0557b76d2c86502d267ec6192b4e6357ac89afc258f31b2b5a2a8e3136"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("version_1") / "run.h5"
    path.write_bytes(lzma.decompress(DATA.read_bytes()))
    return path


@pytest.fixture
def trajectory(path: Path) -> Trajectory:
    return Trajectory.open(path)


def test_a_file_of_version_1_is_what_it_was(trajectory: Trajectory) -> None:
    assert (trajectory.status, trajectory.digest(), trajectory.noted_digest) == ("finished", DIGEST, DIGEST)
    assert trajectory.provenance["software"]["abm"] == "0.1.0"
    assert trajectory.observables.shape == (4, 52)
    assert [event["kind"] for event in trajectory.events].count("infusion") == 4
    assert trajectory.checkpoint_days == [0.5]
    assert [trajectory.views(name).shape for name in ("marrow", "csf")] == [(6, 6, 6), (8, 4, 4)]
    assert sorted(trajectory.fields["marrow"]) == ["ifn_gamma", "il2"]
    assert trajectory.cells("marrow")["cd19"].dtype == np.float16


def test_frames_are_the_moments_that_were_recorded(trajectory: Trajectory) -> None:
    assert trajectory.frames.days.tolist() == [-1.0, -0.5, 0.0, 0.5]
    assert len(trajectory.frames) == 4
    assert [moment.day for moment in trajectory.frames] == [-1.0, -0.5, 0.0, 0.5]
    last = trajectory.frames[-1]
    assert last.observables == trajectory.observables.loc[0.5].to_dict()
    np.testing.assert_array_equal(last.view("csf"), trajectory.views("csf")[-1])
    np.testing.assert_array_equal(last.field("il2"), trajectory.fields["marrow"]["il2"][-1])
    np.testing.assert_array_equal(last.cells("csf", "car_t").uid, trajectory.cells("csf", "car_t", day=0.5)["uid"])


def test_a_moment_is_what_is_nearest(trajectory: Trajectory) -> None:
    moment = trajectory.at(day=-0.3)
    assert moment.observables == trajectory.observables.loc[-0.5].to_dict()
    assert moment.cells().day == 0.0
    np.testing.assert_array_equal(moment.view(), trajectory.views("marrow")[1])


@pytest.mark.parametrize("day", [-1.01, 0.6, float("nan")])
def test_a_day_that_was_not_recorded(trajectory: Trajectory, day: float) -> None:
    with pytest.raises(InputError, match=r"covers day -1 to 0\.5, asked for day"):
        trajectory.at(day=day)


def test_a_field_that_was_not_recorded(trajectory: Trajectory) -> None:
    with pytest.raises(InputError, match="no field 'il9' of the csf was recorded"):
        trajectory.at(day=0).field("il9", "csf")


def test_cells_are_selected_like_those_of_a_model(trajectory: Trajectory) -> None:
    cells = trajectory.cells("marrow")
    dim = cells.select(lambda cells: cells.cd19 < 20_000)
    assert 0 < len(dim) < len(cells)
    assert dim.cd19.max() < 20_000 <= cells["cd19"].max()
    np.testing.assert_array_equal(cells[cells.cd19 < 20_000].uid, dim.uid)
    both = cells.kind("blast").select(lambda cells: cells.weight > 1, at_most=3)
    assert len(both) == 3
    assert set(both["kind"]) == {6}
    np.testing.assert_array_equal(both.uid, np.sort(both.uid))
    np.testing.assert_array_equal(cells[2:5].uid, cells.uid[2:5])
    assert len(cells.select(lambda cells: True)) == len(cells)
    assert len(cells.select(lambda cells: False)) == 0
    assert cells.agg("weight", np.sum) == cells.weight.sum()
    uids, sites = cells.get("uid", "site")
    assert len(uids) == len(sites) == len(cells.get("kind"))
    assert repr(dim) == f"CellFrame({len(dim)} cells of marrow, day 0.5)"


def test_positions_are_those_of_the_sites(trajectory: Trajectory) -> None:
    cells = trajectory.cells("csf")
    sites = np.ravel_multi_index(tuple((cells.position / 10).astype(int).T), (8, 4, 4))
    np.testing.assert_array_equal(sites, cells.site)
    with pytest.raises(InputError, match="periphery is well mixed"):
        _ = trajectory.cells("periphery").position


def test_cells_as_a_table(trajectory: Trajectory) -> None:
    cells = trajectory.cells("csf", "car_t")
    table = cells.to_frame()
    assert len(table) == len(cells)
    assert table.index.name == "uid"
    assert table["weight"].sum() == cells.weight.sum()


def test_an_unknown_column_is_named(trajectory: Trajectory) -> None:
    with pytest.raises(AttributeError, match="no column 'cd20'; there are uid, kind"):
        _ = trajectory.cells("marrow").cd20
