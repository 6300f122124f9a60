# SPDX-License-Identifier: Apache-2.0
"""The model: its clock, its runs, what it hands to a recording, and the cells as agents."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import abm.model
from abm.agents import Blast, CarTCell, HostTCell
from abm.errors import InputError, RunError
from abm.model import TherapyModel
from abm.recording import cells_of, view_of
from abm.scenario import Scenario, read_scenario
from abm.state.places import MARROW
from abm.trajectory import Trajectory
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR
from tests.contract.shuffling import state_digest


def scenario(**parts: Any) -> Scenario:
    """Return a small patient with CAR T cells on day 0, half a day of lymphodepletion before."""
    settings = {
        "name": "small", "seed": 4, "start": "-0.5 d", "duration": "1 d",
        "body": {"weight": "20 kg"}, "marrow": {"shape": [10, 10, 10]}, "csf": {"shape": [8, 4, 4], "blasts": 1e5},
        "blasts": {"marrow_fraction": "40 %"},
        "treatments": [
            {"type": "lymphodepletion", "day": -0.5, "duration": "6 h"},
            {"type": "car_t_infusion", "day": 0, "dose": 1e8},
        ],
        "record": {"observables": "1 h", "view": "2 h", "cells": "6 h"},
    }  # fmt: skip
    return Scenario(**{**settings, **parts})


@pytest.fixture
def model() -> TherapyModel:
    return TherapyModel(scenario(), threads=1)


class TestClock:
    def test_days_before_day_zero_are_negative(self, model: TherapyModel) -> None:
        assert (model.day, model.state.tick) == (-0.5, 0)
        for _ in range(6):
            model.step()
        assert model.day == -0.25
        model.run(until_days=0)
        assert (model.day, model.state.tick) == (0, TICKS_PER_DAY // 2)
        assert model.observe("car_t_total") == 0
        model.run(until_days=0.01)
        assert model.observe("car_t_total") > 0
        assert [(tick, detail["treatment"]) for tick, _, detail in model.state.events] == [
            (0, "lymphodepletion"),
            (TICKS_PER_DAY // 2, "car_t_infusion"),
        ]

    def test_a_step_is_an_hour(self, model: TherapyModel) -> None:
        assert model.steps == 0
        model.step()
        assert model.state.tick == TICKS_PER_HOUR
        assert model.steps == 1

    def test_the_end_is_met_to_ten_minutes(self, model: TherapyModel) -> None:
        model.run(until_days=-0.5 + 1.01 / 24)
        assert model.state.tick == TICKS_PER_HOUR + 40


class TestRunsAgree:
    def test_steps_one_run_and_runs_in_pieces(self) -> None:
        models = [TherapyModel(scenario(), threads=1) for _ in range(3)]
        for _ in range(20):
            models[0].step()
        models[1].run(until_days=-0.5 + 20 / 24)
        for hours in (0.1, 3.3, 11, 20):
            models[2].run(until_days=-0.5 + hours / 24)
        assert len({state_digest(one.state) for one in models}) == 1
        assert [one.steps for one in models] == [20, 20, 20]

    def test_recording_changes_nothing(self, tmp_path: Path) -> None:
        plain, recorded = TherapyModel(scenario(), threads=1), TherapyModel(scenario(), threads=1)
        plain.run()
        recorded.run(tmp_path / "x.h5")
        recorded.state.events, plain.state.events = [], []
        assert state_digest(plain.state) == state_digest(recorded.state)

    def test_a_file_and_its_scenario_and_a_seed_given_or_stated(self, tmp_path: Path) -> None:
        (tmp_path / "x.yaml").write_text("abm: 1\nname: x\nmarrow: {shape: [8, 8, 8]}\ncsf: null\n", encoding="utf-8")
        file = read_scenario(tmp_path / "x.yaml")
        seeded = file.scenario.model_copy(update={"seed": 8})
        digests = [
            state_digest(TherapyModel(one, seed, threads=1).state) for one, seed in ((file, 8), (file.scenario, 8), (seeded, None))
        ]
        assert len(set(digests)) == 1
        assert digests[0] != state_digest(TherapyModel(file, threads=1).state)
        assert TherapyModel(file, 0).run_seed == 0


class TestWhatIsRefused:
    @pytest.mark.parametrize("threads", [0, -1, 257, 10**6])
    def test_threads(self, threads: int) -> None:
        with pytest.raises(InputError, match=rf"^threads: must be between 1 and 256, got {'1e6' if threads > 1e5 else threads}$"):
            TherapyModel(scenario(), threads=threads)

    @pytest.mark.parametrize(("seed", "told"), [(-1, "-1"), (1.5, "1.5"), (True, "true"), (2**63, "9223372036854775808")])
    def test_seeds(self, seed: Any, told: str) -> None:
        with pytest.raises(InputError, match=rf"^seed: must be a whole number between 0 and 9223372036854775807, got {told}$"):
            TherapyModel(scenario(), seed=seed, threads=1)

    def test_more_threads_than_cores(self) -> None:
        assert TherapyModel(scenario(), threads=200).threads == 200

    def test_a_run_that_memory_does_not_hold_before_anything_is_allocated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(abm.model, "free_memory", lambda: 1e9)
        monkeypatch.setattr(abm.model, "build_state", lambda *arguments: pytest.fail("was laid out"))
        with pytest.raises(InputError, match=r"needs about .* GB of memory, 1 GB are free: reduce marrow\.shape, now \[900, 900, 900\]"):
            TherapyModel(scenario(marrow={"shape": [900, 900, 900]}))

    def test_a_marrow_without_connected_room(self) -> None:
        solid = {"shape": [200, 200, 1], "fat": 0.7}
        with pytest.raises(InputError, match=r"^marrow: fat, bone and sinusoids leave \d+ connected sites of 40000, too few"):
            TherapyModel(scenario(marrow=solid))

    @pytest.mark.parametrize("day", [float("nan"), float("inf"), 1e300, 2801])
    def test_a_day_that_is_none_or_too_late(self, model: TherapyModel, day: float) -> None:
        with pytest.raises(InputError, match=r"must end by day 2800, got day (nan|inf|1e\+300|2801)"):
            model.run(until_days=day)

    def test_a_disk_without_room(self, model: TherapyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(total=10**9, free=1000))
        with pytest.raises(InputError, match=r"x\.h5: needs about .* of disk until it is packed, 1 kB are free in "):
            model.run(tmp_path / "x.h5")
        assert list(tmp_path.iterdir()) == []
        assert model.state.tick == 0

    def test_more_agents_than_there_is_room_for_end_a_run_that_stays_readable(self, tmp_path: Path) -> None:
        model = TherapyModel(scenario(blasts={"marrow_fraction": "40 %", "net_growth": "2 1/d"}, treatments=[]), threads=1)
        for table in model.state.tables.values():
            table.limit = table.n_rows + 50
        with pytest.raises(RunError, match=r"^day -0\.\d+: the run has come to more than \d+ agents, \d+ of them CD19\+ blasts of the "):
            model.run(tmp_path / "x.h5")
        with Trajectory.open(tmp_path / "x.h5") as trajectory:
            assert trajectory.status == "interrupted"
            assert "the run has come to more than" in trajectory.reason
            assert len(trajectory.observables) > 0


class TestRun:
    def test_ends_where_the_scenario_says(self, model: TherapyModel) -> None:
        assert model.run() is None
        assert model.day == 1

    def test_refuses_a_day_that_is_over(self, model: TherapyModel) -> None:
        model.run(until_days=0.25)
        for day in (0.25, 0, -3):
            with pytest.raises(InputError, match=rf"must end after day 0\.25, where it stands, got day {day}"):
                model.run(until_days=day)

    def test_refuses_an_output_that_is_there_and_stays_where_it_was(self, model: TherapyModel, tmp_path: Path) -> None:
        path = tmp_path / "x.h5"
        path.write_text("mine", encoding="utf-8")
        with pytest.raises(InputError, match="exists already"):
            model.run(path, until_days=0)
        with pytest.raises(InputError, match="not an HDF5 file, so it is not overwritten"):
            model.run(path, until_days=0, overwrite=True)
        with pytest.raises(InputError, match="none is not an existing folder"):
            model.run(tmp_path / "none" / "x.h5")
        assert model.state.tick == 0
        assert path.read_text(encoding="utf-8") == "mine"
        assert [one.name for one in tmp_path.iterdir()] == ["x.h5"]

    def test_watchers_see_every_hour_whatever_is_recorded_when(self, tmp_path: Path) -> None:
        for number, periods in enumerate(({"observables": "10 min"}, {"observables": "90 min"}, {"observables": 0, "view": "5 h"})):
            hours: list[float] = []
            model = TherapyModel(scenario(record=periods, csf=None), threads=1)
            model.run(until_days=-0.45)
            model.run(tmp_path / f"{number}.h5", until_days=0, watch=lambda seen, hours=hours: hours.append(seen.day * 24))
            np.testing.assert_allclose(hours, np.arange(-10, 1))
            assert model.steps == 12

    def test_the_trajectory_is_the_state_at_its_times(self, model: TherapyModel, tmp_path: Path) -> None:
        seen: dict[float, Any] = {}

        def look(running: TherapyModel) -> None:
            marrow = running.state.places[MARROW]
            seen[running.day] = (running.observables(), view_of(running.state, marrow, 16), cells_of(running.state, marrow))

        look(model)
        trajectory = model.run(tmp_path / "x.h5", until_days=0.5, watch=look)
        assert trajectory is not None
        with trajectory:
            assert trajectory.status == "finished"
            table = trajectory.observables
            np.testing.assert_allclose(table.index, np.arange(-12, 13) / 24)
            for day, (observables, _, _) in seen.items():
                row = table.iloc[np.abs(table.index.to_numpy() - day).argmin()]
                np.testing.assert_array_equal(row.to_numpy(), [observables[name] for name in table.columns])
            np.testing.assert_allclose(trajectory.views("marrow").days, np.arange(-12, 13, 2) / 24)
            for frame, day in enumerate(trajectory.views("marrow").days):
                np.testing.assert_array_equal(trajectory.views("marrow")[frame], seen[day][1])
            np.testing.assert_allclose(trajectory.cell_frames("marrow").days, [-0.5, -0.25, 0, 0.25, 0.5])
            for day in (-0.5, 0.0, 0.5):
                frame = trajectory.cells("marrow", day=day)
                for name in ("uid", "kind", "weight", "site", "divisions"):
                    np.testing.assert_array_equal(frame[name], seen[day][2][name])
            assert [(event["day"], event["kind"]) for event in trajectory.events] == [(-0.5, "treatment"), (0, "infusion")]
            assert trajectory.provenance["seed"] == 4
            assert trajectory.provenance["scenario"] == "small"
            assert "name: small" in trajectory.scenario_text

    def test_a_fault_in_the_middle_leaves_what_was_recorded(self, model: TherapyModel, tmp_path: Path) -> None:
        from abm.trajectory import Trajectory

        def stumble(running: TherapyModel) -> None:
            if running.day >= -0.25:
                raise ZeroDivisionError("on purpose")

        with pytest.raises(ZeroDivisionError):
            model.run(tmp_path / "x.h5", watch=stumble)
        with Trajectory.open(tmp_path / "x.h5") as found:
            assert found.status == "interrupted"
            assert found.reason == "ZeroDivisionError: on purpose"
            assert found.observables.index[-1] == pytest.approx(-0.25)


def test_two_dimensions_run(tmp_path: Path) -> None:
    model = TherapyModel(scenario(marrow={"shape": [32, 32, 1]}), threads=1, check=True)
    trajectory = model.run(tmp_path / "flat.h5", until_days=0.5)
    assert trajectory is not None
    with trajectory:
        assert trajectory.views("marrow")[-1].shape == (32, 32, 1)
        assert trajectory.observables["car_t_total"].iloc[-1] > 0
        assert trajectory.observables["kills_total"].iloc[-1] > 0
    assert (model.state.coordinates(MARROW, np.arange(1024))[:, 2] == 0).all()


@pytest.mark.parametrize("shape", [[1, 1, 1], [7, 1, 1], [1, 5, 9], [2, 2, 2]])
def test_the_smallest_blocks_run(shape: list[int]) -> None:
    model = TherapyModel(scenario(marrow={"shape": shape}, start=0, treatments=()), threads=1, check=True)
    model.run(until_days=0.125)
    assert model.day == 0.125


class TestAgents:
    def test_the_cells_of_a_run_are_its_agents(self, model: TherapyModel) -> None:
        model.run(until_days=0.2)
        by_type = model.agents_by_type
        assert len(model.agents) == sum(len(table) for table in model.state.tables.values())
        for kind, name in ((Blast, "blast"), (CarTCell, "car_t"), (HostTCell, "host_t")):
            cells = sum(model.observe(f"cells_{name}_{place}") for place in ("marrow", "csf", "periphery"))
            assert by_type[kind].agg("weight", sum) == cells > 0

    def test_a_cell_removed_by_hand_is_booked(self, model: TherapyModel) -> None:
        model.step()
        blast = model.agents_by_type[Blast][0]
        before, weight = model.observe("blasts_total"), blast.weight
        blast.remove()
        assert model.observe("blasts_total") == before - weight
        model.state.check()
        model.run(until_days=0.1)
        model.state.check()


def test_an_unknown_observable_is_told_with_the_nearest(model: TherapyModel) -> None:
    with pytest.raises(InputError, match="nearest: 'mrd'"):
        model.observe("mdr")
    assert set(model.observables()) > {"mrd", "cells_blast_csf"}
