# SPDX-License-Identifier: Apache-2.0
"""Runs as the command line asks for them, without its process: seeds, names, refusals before the first run."""

from __future__ import annotations

import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from abm import execution
from abm.errors import InputError
from abm.execution import MAX_SEED, SEED_STRIDE, Terminated, cells_text, run_scenario
from abm.model import TherapyModel
from abm.playback.phrases import figure
from abm.scenario import Scenario
from abm.trajectory import Trajectory, gathering, pack, packing, writer

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


class TestSignals:
    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def test_are_as_before_after_a_run(self, path: Path) -> None:
        before = [signal.getsignal(number) for number in self.NUMBERS]
        run_scenario(path, path.with_name("run.h5"), quiet=True)
        assert [signal.getsignal(number) for number in self.NUMBERS] == before
        assert [(Terminated(number).code, str(Terminated(number))) for number in self.NUMBERS[1:]] == [
            (143, "ended by SIGTERM"),
            (129, "ended by SIGHUP"),
        ]

    def test_one_that_is_ignored_stays_so(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As SIGHUP under nohup."""
        monkeypatch.setattr(execution, "cells_text", lambda model: signal.raise_signal(signal.SIGHUP) or "")
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            run_scenario(path, path.with_name("run.h5"), quiet=True)
        finally:
            signal.signal(signal.SIGHUP, before)
        with Trajectory.open(path.with_name("run.h5")) as trajectory:
            assert trajectory.status == "finished"

    def test_a_second_one_while_the_recording_is_closed_loses_nothing(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The second Ctrl-C comes at the moment when the last segment is about to be written."""
        write = gathering.replace_file

        def impatient(target: Path, image: Any) -> None:
            signal.raise_signal(signal.SIGINT)
            write(target, image)

        monkeypatch.setattr(execution, "cells_text", lambda model: signal.raise_signal(signal.SIGINT) or "")
        monkeypatch.setattr(gathering, "replace_file", impatient)
        with pytest.raises(KeyboardInterrupt):
            run_scenario(path, path.with_name("run.h5"), quiet=True)
        with Trajectory.open(path.with_name("run.h5")) as trajectory:
            assert (trajectory.status, trajectory.reason) == ("interrupted", "KeyboardInterrupt")
            assert len(trajectory.observables) == 3  # the hour under way was carried out
            assert trajectory.checkpoint_days == [trajectory.last_day]
        assert "closing the recording" in capsys.readouterr().err

    def test_one_while_packing_lets_it_finish(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        verify = packing._verify
        monkeypatch.setattr(packing, "_verify", lambda *given: (signal.raise_signal(signal.SIGTERM), verify(*given)))
        run_scenario(path, path.with_name("run.h5"), quiet=True)
        with Trajectory.open(path.with_name("run.h5")) as trajectory:
            assert trajectory.status == "finished"

    def test_one_asks_for_a_checkpoint(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []

        def look(model: TherapyModel) -> str:
            with Trajectory.open(path.with_name("run.h5")) as trajectory:
                seen.append(trajectory.checkpoint_days)
            if len(seen) == 1:
                signal.raise_signal(signal.SIGUSR1)
            return ""

        monkeypatch.setattr(execution, "cells_text", look)
        run_scenario(path, path.with_name("run.h5"), quiet=True, until_days=4 / 24)
        assert [len(days) for days in seen] == [0, 0, 1, 1]

    def test_while_packing_every_frame_stays(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C twice before the packed file is verified, and once more as the lock is let go."""
        verify, release = packing._verify, writer.release
        with monkeypatch.context() as patch:
            twice = [signal.SIGINT, signal.SIGINT]
            patch.setattr(packing, "_verify", lambda *given: ([*map(signal.raise_signal, twice)], verify(*given)))
            patch.setattr(writer, "release", lambda *given: (signal.raise_signal(signal.SIGINT), release(*given)))
            with pytest.raises(KeyboardInterrupt):
                run_scenario(path, path.with_name("run.h5"), quiet=True)
        with Trajectory.open(path.with_name("run.h5")) as trajectory:
            assert trajectory.status == "interrupted"
            assert "the packing was cut short" in trajectory.reason
            frames = len(trajectory.observables)
        pack(path.with_name("run.h5"))
        with Trajectory.open(path.with_name("run.h5")) as trajectory:
            assert (trajectory.status, len(trajectory.observables)) == ("finished", frames)
        assert sorted(one.name for one in path.parent.iterdir()) == ["run.h5", "x.yaml"]

    def test_an_exception_that_got_lost_comes_again(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def swallow(model: TherapyModel) -> str:
            with suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            return ""

        monkeypatch.setattr(execution, "cells_text", swallow)
        with pytest.raises(KeyboardInterrupt):
            run_scenario(path, path.with_name("run.h5"), quiet=True)

    def test_replicates_tell_which_are_finished(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def stop_the_second(model: TherapyModel) -> str:
            if path.with_name("run_001.h5").exists():
                signal.raise_signal(signal.SIGTERM)
            return ""

        monkeypatch.setattr(execution, "cells_text", stop_the_second)
        with pytest.raises(Terminated):
            run_scenario(path, path.with_name("run.h5"), replicates=3, quiet=True)
        said = capsys.readouterr().err.splitlines()
        assert said[0] == "ending after the hour that is being simulated; once more ends at once"
        assert re.fullmatch(r"ended at day 0\.1; what was recorded is in .*run_001\.h5; to go on: abm resume .*run_001\.h5", said[1])
        assert said[2] == f"1 of 3 replicates are finished: {path.with_name('run_000.h5')}"


@pytest.mark.parametrize(("view", "movie", "hint"), [(0, False, None), ("1 h", False, ""), ("1 h", True, " --overwrite")])
def test_the_last_line_is_a_command_that_works(
    path: Path, capsys: pytest.CaptureFixture[str], view: int | str, movie: bool, hint: str | None
) -> None:
    run = path.with_name("my run.h5")
    if movie:
        run.with_suffix(".mp4").touch()
    run_scenario(path, run, overrides=[f"record.view={view}"])
    last = capsys.readouterr().out.splitlines()[-1]
    command = f"; see it with: abm play '{run}' -o '{run.with_suffix('.mp4')}'{hint}" if hint is not None else ""
    assert last == f"wrote {run}{command}"


def test_cells_in_a_few_words() -> None:
    blasts = {"marrow_fraction": "50 %", "cd19_negative_fraction": 0.25}
    model = TherapyModel(Scenario(name="x", body=None, marrow={"shape": [8, 8, 8]}, blasts=blasts), threads=1)
    negative = model.observe("cells_blast_cd19_negative_marrow")
    assert f" · CD19- {figure(negative)} · B " in cells_text(model)
    assert cells_text(model).startswith(f"CAR T 0 · blasts {figure(model.observe('cells_blast_marrow'))} · ")
