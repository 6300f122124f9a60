# SPDX-License-Identifier: Apache-2.0
"""The recorder: what it writes, at which ticks, and that it is what stands in the state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abm.assembly import build_state
from abm.celltypes import BLAST, CAR_T, HOST_T
from abm.observables import available, observe_all
from abm.recording import CELL_COLUMNS, Recorder, RecordParameters, cells_of, header_parts, view_of
from abm.scenario import Scenario
from abm.state.columns import GUEST
from abm.state.kinds import KIND_BITS, KINDS, SOLID, VIEW_BONE_BIT, VIEW_CAR_T_BIT, VIEW_LUMEN_BIT, VOID
from abm.state.lattice import Lattice
from abm.state.ledger import Entry
from abm.state.places import CSF, MARROW, PERIPHERY, Place
from abm.state.state import State
from abm.streams import Draws
from abm.trajectory import Header, Trajectory, TrajectoryWriter
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR
from tests.contract.shuffling import shuffle


@pytest.fixture
def state() -> State:
    """Return a patient with leukaemia in all places."""
    scenario = Scenario(
        name="x", marrow={"shape": [8, 6, 5]}, csf={"shape": [6, 4, 4], "blasts": 1e5}, blasts={"marrow_fraction": "50 %"}
    )
    return build_state(scenario, 3)


def header(state: State, depth: int = 16) -> Header:
    return Header(scenario="name: x\n", original="name: x\n", provenance={}, **header_parts(state, depth))


def recorded(path: Path, state: State, ticks: list[int], day_zero: int = 0, **periods: str | float) -> Trajectory:
    """Record a state that stands still at some ticks, the last one as the last."""
    parameters = RecordParameters(**periods)
    with TrajectoryWriter(path, header(state, parameters.view_depth)) as writer:
        recorder = Recorder(writer, parameters, day_zero)
        for tick in ticks:
            state.tick = tick
            recorder.record(state, last=tick == ticks[-1])
    return Trajectory.open(path)


def hours(trajectory_days: np.ndarray) -> list[float]:
    return [round(day * 24, 6) for day in trajectory_days]


class TestTimes:
    def test_each_series_has_its_own_and_the_last_tick_has_all(self, state: State, tmp_path: Path) -> None:
        every_hour = [hour * TICKS_PER_HOUR for hour in range(8)]
        with recorded(tmp_path / "x.h5", state, every_hour, observables=1, view="2 h", cells="3 h") as found:
            assert hours(found.observables.index) == list(range(8))
            assert hours(found.views("marrow").days) == [0, 2, 4, 6, 7]
            assert hours(found.cell_frames("csf").days) == [0, 3, 6, 7]
            assert found.fields == {}

    def test_zero_switches_a_series_off_to_the_end(self, state: State, tmp_path: Path) -> None:
        with recorded(tmp_path / "x.h5", state, [0, 240, 480], observables=0, view=0, cells="1 h") as found:
            assert len(found.observables) == 0
            assert len(found.views("marrow")) == 0
            assert hours(found.cell_frames("marrow").days) == [0, 1, 2]

    def test_days_count_from_day_zero(self, state: State, tmp_path: Path) -> None:
        ticks = [day * TICKS_PER_DAY for day in range(5)]
        with recorded(tmp_path / "x.h5", state, ticks, day_zero=3 * TICKS_PER_DAY, observables="1 d", view=0) as found:
            assert found.observables.index.tolist() == [-3, -2, -1, 0, 1]

    @pytest.mark.parametrize(
        ("period", "ticks", "stride"), [("1 h", 240, 240), ("90 min", 360, 120), ("24 min", 80, 80), ("1 s", 40, 40), (0, 0, 240)]
    )
    def test_periods_are_tens_of_minutes(self, state: State, tmp_path: Path, period: str, ticks: int, stride: int) -> None:
        with TrajectoryWriter(tmp_path / "x.h5", header(state)) as writer:
            recorder = Recorder(writer, RecordParameters(observables=period, view="6 h", cells="1 d"), 0)
            assert recorder.periods == {"observables": ticks, "view": 1440, "cells": 5760, "fields": 0}
            assert recorder.stride == stride


def test_what_is_recorded_is_what_stands_there(state: State, tmp_path: Path) -> None:
    state.fields[(MARROW, "ifn_gamma")] = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    state.events += [(100, "infusion", {"cells": 3}), (200, "crs_grade", {"grade": 1, "before": 0})]
    with recorded(tmp_path / "x.h5", state, [480], day_zero=240, fields="1 d") as found:
        row = found.observables.loc[1 / 24]
        for name, value in observe_all(state).items():
            assert row[name] == value or np.isnan(value)
        for place in state.places.values():
            frame = found.cells(place.name)
            for column, values in cells_of(state, place).items():
                expected = values.astype(np.float16) if column in ("cd19", "cd22") else values
                np.testing.assert_array_equal(frame[column], expected, err_msg=f"{column} in {place.name}")
            if place.lattice is not None:
                np.testing.assert_array_equal(found.views(place.name)[0], view_of(state, place, 16))
        np.testing.assert_array_equal(found.fields["marrow"]["ifn_gamma"][0], state.fields[(MARROW, "ifn_gamma")])
        assert found.events == [
            {"day": -140 / 5760, "tick": -140, "kind": "infusion", "detail": {"cells": 3}},
            {"day": -40 / 5760, "tick": -40, "kind": "crs_grade", "detail": {"grade": 1, "before": 0}},
        ]
    assert state.events == []


def alone(shape: tuple[int, int, int], scale: int = 1) -> State:
    """Return a state of one empty lattice."""
    lattice = Lattice(shape, 10.0, (True, True, True))
    return State(Draws(1), [Place(MARROW, scale, lattice.n_sites, lattice)])


class TestView:
    def test_keeps_the_middle_layers(self) -> None:
        state = alone((2, 3, 7))
        place = state.places[MARROW]
        place.lattice.site_code[:] = np.arange(42)
        layers = np.arange(42).reshape(2, 3, 7)
        np.testing.assert_array_equal(view_of(state, place, 3), layers[:, :, 2:5])
        np.testing.assert_array_equal(view_of(state, place, 4), layers[:, :, 1:5])
        np.testing.assert_array_equal(view_of(state, place, 1), layers[:, :, 3:4])
        np.testing.assert_array_equal(view_of(state, place, 100), layers)

    def test_of_two_dimensions_is_the_one_layer(self) -> None:
        state = alone((4, 5, 1))
        assert view_of(state, state.places[MARROW], 16).shape == (4, 5, 1)

    def test_tells_where_car_t_guests_stand_and_leaves_the_lattice_alone(self) -> None:
        state = alone((3, 2, 2), scale=100)
        place = state.places[MARROW]
        state.add_cells(BLAST.code, MARROW, Entry.INITIAL, 1, weight=100, site=np.array([4]))
        state.add_cells(CAR_T.code, MARROW, Entry.INITIAL, 1, weight=100, site=np.array([7]))
        state.add_cells(CAR_T.code, MARROW, Entry.INITIAL, 3, weight=5, site=np.array([4, 4, 9]), flags=int(GUEST))
        state.add_cells(HOST_T.code, MARROW, Entry.INITIAL, 1, weight=5, site=np.array([2]), flags=int(GUEST))
        dead = state.add_cells(CAR_T.code, MARROW, Entry.INITIAL, 1, weight=5, site=np.array([1]), flags=int(GUEST))
        state.remove("motile", dead, Entry.DIED)
        before = place.lattice.site_code.copy()
        expected = np.zeros(12, np.uint8)
        expected[[4, 7, 9]] = [BLAST.code | VIEW_CAR_T_BIT, CAR_T.code, VIEW_CAR_T_BIT]
        np.testing.assert_array_equal(view_of(state, place, 16).reshape(-1), expected)
        np.testing.assert_array_equal(place.lattice.site_code, before)

    def test_tells_bone_and_sinusoids_from_fat(self) -> None:
        scenario = Scenario(name="x", marrow={"shape": [24, 24, 8], "fat": "20 %", "bone": "20 %"}, csf=None)
        state = build_state(scenario, 3)
        place = state.places[MARROW]
        view = view_of(state, place, 8).reshape(-1)
        solid = place.lattice.kinds() == SOLID
        assert (view[place.lattice.bone] == SOLID | VIEW_BONE_BIT).all()
        assert (view[place.lattice.lumen] == SOLID | VIEW_LUMEN_BIT).all()
        assert ((view & KIND_BITS == SOLID) == solid).all()
        counts = [np.count_nonzero(view == SOLID | bit) for bit in (0, VIEW_BONE_BIT, VIEW_LUMEN_BIT)]
        assert min(counts) > 0
        assert sum(counts) == np.count_nonzero(solid)


class TestCells:
    def test_every_living_cell_of_the_place_once_by_uid(self, state: State) -> None:
        for place in state.places.values():
            found = cells_of(state, place)
            assert list(found) == list(CELL_COLUMNS)
            alive = [
                table.array("uid")[(table.array("kind") != VOID) & (table.array("compartment") == place.code)]
                for table in state.tables.values()
            ]
            np.testing.assert_array_equal(found["uid"], np.sort(np.concatenate(alive)))
            assert len(found["uid"])

    def test_the_order_of_rows_and_dead_rows_do_not_show(self, state: State) -> None:
        state.remove("sessile", np.arange(0, 20, 3), Entry.DIED)
        before = cells_of(state, state.places[MARROW])
        shuffle(state, 4)
        after = cells_of(state, state.places[MARROW])
        for name in CELL_COLUMNS:
            np.testing.assert_array_equal(before[name], after[name], err_msg=name)

    def test_columns_that_a_table_lacks_are_zero(self, state: State) -> None:
        found = cells_of(state, state.places[PERIPHERY])
        blasts = found["kind"] == BLAST.code
        assert blasts.any()
        assert not blasts.all()
        assert (found["state"][blasts] == 0).all()
        assert (found["cd19"][blasts] > 0).all()
        assert (found["clone"][blasts] == 1).all()
        t_cells = np.isin(found["kind"], [kind.code for kind in KINDS if kind.home == "motile"])
        assert (found["cd19"][t_cells] == 0).all()


def test_the_header_declares_kinds_places_and_all_that_can_be_recorded(state: State) -> None:
    parts = header_parts(state, 3)
    assert [kind["name"] for kind in parts["kinds"]] == [kind.name for kind in KINDS]
    places = parts["compartments"]
    assert (places["marrow"]["shape"], places["marrow"]["view_shape"]) == ([8, 6, 5], [8, 6, 3])
    assert (places["csf"]["shape"], places["csf"]["scale"]) == ([6, 4, 4], state.places[CSF].scale)
    assert (places["periphery"]["shape"], places["periphery"]["view_shape"]) == (None, None)
    assert places["marrow"]["spacing_um"] == 10.0
    assert list(parts["observables"]) == [item.name for item in available(state)]
    assert list(parts["columns"]) == list(CELL_COLUMNS)
    assert parts["columns"]["cd19"]["unit"] == "molecules"
