# SPDX-License-Identifier: Apache-2.0
"""Branches, and runs made again. That a resumed run equals an uninterrupted one: tests/contract/test_resume.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import abm
from abm.errors import InputError, RunError
from abm.model import TherapyModel
from abm.trajectory import Trajectory
from tests.small_scenarios import everything

AT = 0.5


@pytest.fixture(scope="module")
def ancestor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("branching")
    trajectory = TherapyModel(everything(folder, "record.checkpoints=6 h"), threads=1).run(folder / "ancestor.h5", until_days=0.9)
    assert trajectory is not None
    trajectory.close()
    return folder / "ancestor.h5"


def branch(ancestor: Path, *overrides: str, name: str = "branch.h5", at: float = AT, until: float | None = None) -> Trajectory:
    return abm.branch(
        ancestor, ancestor.with_name(name), at_day=at, overrides=overrides, until_days=until, threads=1, overwrite=True
    )


def test_states_are_kept_as_the_scenario_asks(ancestor: Path) -> None:
    with Trajectory.open(ancestor) as found:
        assert found.checkpoint_days == pytest.approx([-0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 130 / 144])


@pytest.mark.parametrize("at", [-0.9, 0, 0.49, 0.9])
def test_without_a_change_it_is_its_ancestor(ancestor: Path, at: float) -> None:
    with branch(ancestor, at=at, until=1.0) as found, abm.resume(_copy(ancestor), until_days=1.0, threads=2) as whole:
        assert found.observables.equals(whole.observables)
        assert found.events == whole.events
        for compartment in ("marrow", "csf", "periphery"):
            ours, theirs = found.cell_frames(compartment), whole.cell_frames(compartment)
            assert len(ours) == len(theirs) > 0
            for one, other in zip(ours, theirs, strict=True):
                assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in other)


def test_it_parts_from_its_ancestor_when_the_change_acts(ancestor: Path) -> None:
    with branch(ancestor, "treatments[6].half_life=20 h") as found, Trajectory.open(ancestor) as whole:
        ours, theirs = found.observables, whole.observables
        differ = ((ours != theirs) & ~(ours.isna() & theirs.isna())).any(axis=1)
        # the steroid is given on day 0.6
        assert 0.6 < differ[differ].index[0] <= 0.7
        assert found.first_day == whole.first_day
        made = found.provenance["ancestors"]
        assert [(one["file"], one["until_days"]) for one in made] == [("ancestor.h5", AT)]
        assert made[0]["digest"] == whole.noted_digest


def test_a_treatment_is_added_and_given(ancestor: Path) -> None:
    with branch(ancestor, "treatments[7]={type: tocilizumab, day: 0.7}") as found:
        given = [event for event in found.events if event["detail"].get("index") == 7]
        assert [event["day"] for event in given] == pytest.approx([0.7], abs=0.01)


def test_a_rate_is_changed_for_cells_that_wait_already(ancestor: Path) -> None:
    """Candidate fates had been drawn at the old rate; they are drawn anew."""
    with branch(ancestor, "blasts.net_growth=2 1/d", at=-0.5, until=-0.1) as fast, Trajectory.open(ancestor) as slow:
        grown = [run.observables["cells_blast_marrow"].loc[-0.25:].iloc[0] for run in (fast, slow)]
        assert grown[0] > 1.15 * grown[1]


def test_a_constant_of_the_body_follows_the_new_scenario(ancestor: Path) -> None:
    with branch(ancestor, "susceptibility=2", until=0.6) as found, Trajectory.open(ancestor) as whole:
        ours, theirs = (run.observables["crs_signal"].loc[0.51:].iloc[-1] for run in (found, whole))
        il6 = whole.observables["il6"]
        assert ours > theirs
        assert (il6 > 0).any()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["marrow.voids=10 %"], r"marrow\.voids: changes how the run begins"),
        (["blasts.marrow_fraction=20 %"], r"blasts\.marrow_fraction: changes how the run begins"),
        (["record.view_depth=3"], r"record\.view_depth: changes how the run begins"),
        (["csf=null"], "csf: changes how the run begins"),
        (["start=-2 d"], "start: changes how the run begins"),
        (["treatments[1].dose=1e6"], r"treatments\[1\]: was given on day 0; a branch from day 0.5"),
        (["treatments=[]"], r"treatments\[0\]: was given on day -1"),
        (["treatments[7]={type: tocilizumab, day: 0.3}"], r"treatments\[7\]\.day: must not lie before the branch, day 0.5, got day 0.3"),
        (["treatments[8]={type: tocilizumab, day: 1}"], r"has no item \[8\]; items: \[0\] to \[6\]; \[7\]={...} adds one"),
        (["treatment=[]"], "unknown key; nearest: 'treatments'"),
    ],
)
def test_what_cannot_be_changed(ancestor: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        branch(ancestor, *overrides, name="refused.h5")
    assert not ancestor.with_name("refused.h5").exists()


@pytest.mark.parametrize("at", [-1.5, 0.95, float("nan"), float("inf")])
def test_a_day_that_the_ancestor_has_not_seen(ancestor: Path, at: float) -> None:
    with pytest.raises(InputError, match=r"--at: must be after day -1 and up to 0\.9"):
        branch(ancestor, at=at)


def test_a_branch_does_not_take_its_ancestors_place(ancestor: Path) -> None:
    with pytest.raises(InputError, match="choose another name"):
        abm.branch(ancestor, ancestor, at_day=AT, overrides=[], threads=1, overwrite=True)


def test_a_branch_of_a_branch_is_made_again(ancestor: Path) -> None:
    branch(ancestor, "treatments[6].half_life=20 h", name="first.h5").close()
    with branch(ancestor.with_name("first.h5"), "treatments[7]={type: tocilizumab, day: 0.8}", name="second.h5", at=0.7) as second:
        assert [one["file"] for one in second.provenance["ancestors"]] == ["ancestor.h5", "first.h5"]
        with abm.rerun(second.path, ancestor.with_name("again.h5"), threads=2) as again:
            assert again.digest() == second.digest()
    assert not list(ancestor.parent.glob("again.h5.*"))


def test_a_run_is_made_again(ancestor: Path) -> None:
    with abm.rerun(ancestor, ancestor.with_name("rerun.h5"), threads=2) as again, Trajectory.open(ancestor) as whole:
        assert again.noted_digest == whole.noted_digest


def test_a_resumed_branch_goes_on(ancestor: Path) -> None:
    class Stop(Exception):
        pass

    def watch(model: TherapyModel) -> None:
        if model.day > 0.65:
            raise Stop

    path = ancestor.with_name("cut.h5")
    change = ["treatments[6].half_life=20 h"]
    with pytest.raises(Stop):
        abm.branch(ancestor, path, at_day=AT, overrides=change, threads=1, watch=watch)
    with abm.resume(path, threads=1) as found, branch(ancestor, *change) as whole:
        assert found.digest() == whole.digest()


def test_only_a_finished_run_is_made_again(ancestor: Path, tmp_path: Path) -> None:
    def stop(model: TherapyModel) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TherapyModel(everything(tmp_path), threads=1).run(tmp_path / "cut.h5", watch=stop)
    with pytest.raises(InputError, match="is interrupted; only a finished run"):
        abm.rerun(tmp_path / "cut.h5", tmp_path / "again.h5")


def test_a_recording_from_the_middle_says_so(tmp_path: Path) -> None:
    model = TherapyModel(everything(tmp_path), threads=1)
    model.run(until_days=-0.8)
    late = model.run(tmp_path / "late.h5", until_days=-0.6)
    assert late is not None
    late.close()
    with pytest.raises(InputError, match="what led there is not in the file"):
        abm.rerun(tmp_path / "late.h5", tmp_path / "again.h5")
    longer = abm.resume(tmp_path / "late.h5", until_days=-0.5, threads=1)
    assert longer.last_day == pytest.approx(-0.5)
    longer.close()


@pytest.mark.parametrize(("until", "message"), [(0.9, "has come to day 0.9"), (0.2, "has come to day 0.9"), (1e9, "must end by day 2800")])
def test_resuming_what_is_done(ancestor: Path, until: float, message: str) -> None:
    before = ancestor.read_bytes()
    with pytest.raises(InputError, match=message):
        abm.resume(ancestor, until_days=until)
    assert ancestor.read_bytes() == before


def test_another_version_is_refused(ancestor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _copy(ancestor)
    monkeypatch.setattr(abm, "__version__", "9.9")
    with pytest.raises(RunError, match=r"was written by abm 0\.1\.0, this is abm 9\.9"):
        abm.resume(path, until_days=1.0)


def _copy(path: Path) -> Path:
    copy = path.with_name("copy.h5")
    copy.write_bytes(path.read_bytes())
    return copy
