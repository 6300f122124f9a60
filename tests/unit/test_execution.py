# SPDX-License-Identifier: Apache-2.0
"""Runs as the command line asks for them, without its process: seeds, names, refusals before the first run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from abm.errors import InputError
from abm.execution import MAX_SEED, SEED_STRIDE, Terminated, cells_text, run_scenario
from abm.model import TherapyModel
from abm.scenario import Scenario
from abm.trajectory import Trajectory

TEXT = "abm: 1\nname: x\nseed: 7\nduration: 0.1 d\nmarrow: {shape: [8, 8, 8]}\ncsf: null\nblasts: {marrow_fraction: 50 %}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "x.yaml").write_text(TEXT, encoding="utf-8")
    return tmp_path / "x.yaml"


def test_replicates_have_names_and_seeds_of_their_own(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = run_scenario(path, path.with_name("run.h5"), replicates=3, threads=1, quiet=True)
    assert [one.name for one in written] == ["run_000.h5", "run_001.h5", "run_002.h5"]
    seeds, digests = [], set()
    for one in written:
        with Trajectory.open(one) as trajectory:
            seeds.append(trajectory.provenance["seed"])
            digests.add(trajectory.digest())
    assert seeds == [7, 7 + SEED_STRIDE, 7 + 2 * SEED_STRIDE]
    assert len(digests) == 3
    assert capsys.readouterr() == ("", "")
    (single,) = run_scenario(path, path.with_name("single.h5"), threads=1, quiet=True)
    with Trajectory.open(single) as trajectory:
        assert trajectory.digest() in digests


def test_overrides_seed_and_end(path: Path) -> None:
    (written,) = run_scenario(
        path, path.with_name("run.h5"), seed=3, until_days=0.05, overrides=("name=renamed", "record.observables=10 min"), quiet=True
    )
    with Trajectory.open(written) as trajectory:
        assert trajectory.provenance["seed"] == 3
        assert trajectory.provenance["scenario"] == "renamed"
        assert trajectory.observables.index[-1] == pytest.approx(80 / 60 / 24)
        assert trajectory.header.original == TEXT


def test_a_name_that_is_taken_is_refused_before_the_first_run(path: Path) -> None:
    path.with_name("run_001.h5").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"run_001\.h5: exists already"):
        run_scenario(path, path.with_name("run.h5"), replicates=2, quiet=True)
    with pytest.raises(InputError, match="none is not an existing folder"):
        run_scenario(path, path.with_name("none") / "run.h5", quiet=True)
    assert sorted(one.name for one in path.parent.iterdir()) == ["run_001.h5", "x.yaml"]


@pytest.mark.parametrize(("seed", "replicates"), [(MAX_SEED, 2), (-1, 1), (MAX_SEED + 1, 1)])
def test_seeds_out_of_range(path: Path, seed: int, replicates: int) -> None:
    with pytest.raises(InputError, match=rf"--seed: must be 0 to \d+, got {seed}"):
        run_scenario(path, path.with_name("run.h5"), seed=seed, replicates=replicates, quiet=True)
    assert not path.with_name("run.h5").exists()


def test_signals_are_as_before_after_a_run(path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    run_scenario(path, path.with_name("run.h5"), quiet=True)
    assert signal.getsignal(signal.SIGTERM) is before
    assert Terminated().code == 128 + signal.SIGTERM


def test_cells_in_a_few_words() -> None:
    blasts = {"marrow_fraction": "50 %", "cd19_negative_fraction": 0.25}
    model = TherapyModel(Scenario(name="x", body=None, marrow={"shape": [8, 8, 8]}, blasts=blasts), threads=1)
    negative = model.observe("cells_blast_cd19_negative_marrow")
    assert f" · CD19- {negative:.2g} · B " in cells_text(model)
    assert cells_text(model).startswith(f"CAR T 0 · blasts {model.observe('cells_blast_marrow'):.2g} · ")
