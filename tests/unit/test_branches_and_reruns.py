# SPDX-License-Identifier: Apache-2.0
"""Branches under other intervals, of branches, and of damaged files; and all of them made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest

from abm import branch, rerun, resume
from abm.errors import InputError, RunError
from abm.model import TherapyModel
from abm.trajectory import Trajectory
from tests.small_scenarios import ROOT, small

TREATED = "treatments=[{type: car_t_infusion, day: 0, dose: 1e6}]"
INTERVALS = ("record.observables=1 h", "record.view=2 h", "record.cells=3 h")


@pytest.fixture(scope="module")
def ancestor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ancestor") / "a.h5"
    scenario = small(ROOT / "scenarios" / "quickstart.yaml", TREATED, *INTERVALS)
    made = TherapyModel(scenario, threads=1).run(path, until_days=0.5)
    assert made is not None
    made.close()
    return path


def noted(trajectory: Trajectory) -> str:
    with trajectory:
        return trajectory.noted_digest


@pytest.mark.parametrize(
    ("at", "changed"),
    [
        (0.25, "record.view=7 h"),
        (0.25, "record.observables=0"),
        (0.25, "record.cells=5 h"),
        (0.5, "blasts.net_growth=0.5"),
        (0.3, "duration=0.6 d"),
    ],
)
def test_branches_are_made_again_to_the_byte(ancestor: Path, tmp_path: Path, at: float, changed: str) -> None:
    until = None if changed.startswith("duration") else 0.6
    one = branch(ancestor, tmp_path / "b.h5", at_day=at, overrides=[changed], until_days=until, threads=1)
    assert one.last_day == pytest.approx(0.6, abs=0.01)
    first = noted(one)
    assert noted(rerun(tmp_path / "b.h5", tmp_path / "again.h5", threads=1)) == first


def test_a_branch_does_not_depend_on_how_far_its_ancestor_ran(ancestor: Path, tmp_path: Path) -> None:
    far = noted(branch(ancestor, tmp_path / "far.h5", at_day=0.25, overrides=["record.view=7 h"], threads=1))
    scenario = small(ROOT / "scenarios" / "quickstart.yaml", TREATED, *INTERVALS)
    made = TherapyModel(scenario, threads=1).run(tmp_path / "short.h5", until_days=0.25)
    assert made is not None
    made.close()
    near = branch(tmp_path / "short.h5", tmp_path / "near.h5", at_day=0.25, overrides=["record.view=7 h"], until_days=0.5, threads=1)
    assert noted(near) == far


def test_what_a_branch_cannot_do_is_told(ancestor: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be after day -1 .* a new run"):
        branch(ancestor, tmp_path / "b.h5", at_day=-1, overrides=[])
    with pytest.raises(InputError, match="a branch goes on with the seed of its ancestor"):
        branch(ancestor, tmp_path / "b.h5", at_day=0.25, overrides=["seed=3"])
    branch(ancestor, tmp_path / "b.h5", at_day=0.25, overrides=["blasts.net_growth=0.5"], until_days=0.3, threads=1).close()
    with pytest.raises(InputError, match=r"b\.h5 is itself a branch, from day 0\.25 on; for an earlier day branch from a\.h5"):
        branch(tmp_path / "b.h5", tmp_path / "c.h5", at_day=0.1, overrides=[])


def test_a_run_is_not_made_again_in_its_own_place(ancestor: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.h5"
    link.symlink_to(ancestor)
    before = ancestor.read_bytes()
    for output in (ancestor, link):
        with pytest.raises(InputError, match="in its own place"):
            rerun(ancestor, output, overwrite=True)
    assert ancestor.read_bytes() == before


def test_nothing_goes_on_from_a_finished_file_whose_values_were_changed(ancestor: Path, tmp_path: Path) -> None:
    path = tmp_path / "changed.h5"
    shutil.copy(ancestor, path)
    with h5py.File(path, "r+") as file:
        file["observables/il6"][3] = 77.0
    before = path.read_bytes()
    for go_on in (
        lambda: resume(path, until_days=0.6),
        lambda: branch(path, tmp_path / "b.h5", at_day=0.25, overrides=[]),
    ):
        with pytest.raises(RunError, match="is damaged"):
            go_on()
    assert path.read_bytes() == before
    assert not (tmp_path / "changed.h5.parts").exists()
    assert not (tmp_path / "b.h5").exists()
    with Trajectory.open(path) as damaged:  # it can be made again as it was
        assert noted(rerun(path, tmp_path / "r.h5", threads=1)) == damaged.noted_digest


def test_a_path_below_a_file_is_no_file(ancestor: Path) -> None:
    with pytest.raises(InputError, match=r"no such file; .*a\.h5 is not a folder"):
        Trajectory.open(ancestor / "x.h5")


def test_info_tells_ancestors_and_resumptions(ancestor: Path, tmp_path: Path) -> None:
    branch(ancestor, tmp_path / "b.h5", at_day=0.25, overrides=["blasts.net_growth=0.5"], until_days=0.3, threads=1).close()
    with resume(tmp_path / "b.h5", until_days=0.35, threads=1) as gone_on:
        told = gone_on.describe()
    assert "branch of:" in told
    assert "a.h5, from day 0.25 on" in told
    assert "resumed:" in told
