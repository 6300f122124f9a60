# SPDX-License-Identifier: Apache-2.0
"""Mesa's collector and batch runner over columns, and what a model of many cells costs."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref

import mesa
import numpy as np
import pytest

from abm.agents import CarTCell, Cell, CellCollector
from tests.contract.standin import StandinModel


class FastModel(StandinModel):
    """The stand-in with the collector that reads columns."""

    collector = CellCollector


class TestCollector:
    @pytest.mark.parametrize("cls", [StandinModel, FastModel])
    def test_records(self, cls: type[StandinModel]) -> None:
        model = cls(blasts=2, car_t=1)
        model.step()
        model.step()
        assert model.datacollector.model_vars == {"n_blasts": [2, 1, 0]}
        records = model.datacollector._agent_records
        never = np.iinfo(np.int32).max
        assert records[0] == [(0, 1, "blast", 0, None), (0, 2, "blast", 0, None), (0, 3, "car_t", 0, never)]
        assert records[2] == [(2, 3, "car_t", 2, never)]
        frame = model.datacollector.get_agenttype_vars_dataframe(CarTCell)
        assert frame["state"].tolist() == [2, 2, 2]
        assert model.datacollector.get_agenttype_vars_dataframe(Cell)["weight"].tolist() == [1] * 6

    def test_functions_of_a_cell(self) -> None:
        model = StandinModel(blasts=1, car_t=2)
        for collector in (mesa.DataCollector, CellCollector):
            made = collector(agent_reporters={"double": lambda cell: cell.divisions * 2, "add": [_plus, [10]]})
            made.collect(model)
            assert made._agent_records[0] == [(0, 1, 0, 10), (0, 2, 0, 10), (0, 3, 2, 11)]


def _plus(cell: Cell, number: int) -> int:
    return int(cell.divisions) + number


class TestBatchRun:
    @pytest.mark.parametrize("cls", [StandinModel, FastModel])
    def test_runs(self, cls: type[StandinModel]) -> None:
        results = mesa.batch_run(
            cls,
            {"blasts": [3, 5], "car_t": 1},
            iterations=2,
            max_steps=2,
            data_collection_period=1,
            number_processes=1,
            display_progress=False,
        )
        last = [row for row in results if row["Step"] == 2]
        assert {(row["RunId"], row["blasts"], row["n_blasts"]) for row in last} == {
            (0, 3, 1),
            (1, 5, 3),
            (2, 3, 1),
            (3, 5, 3),
        }
        assert {row["divisions"] for row in last if row["kind"] == "car_t"} == {2}

    def test_in_other_processes(self) -> None:
        results = mesa.batch_run(
            StandinModel, {"blasts": [2, 3]}, max_steps=1, number_processes=2, display_progress=False
        )
        assert sorted({(row["blasts"], row["n_blasts"]) for row in results}) == [(2, 1), (3, 2)]


class TestMemory:
    def test_a_model_is_not_kept_alive(self) -> None:
        model = StandinModel()
        agents, some, cell = model.agents, model.agents.select(lambda c: c.divisions > 0), model.agents[0]
        assert (len(agents), len(some), cell.alive) == (7, 2, True)
        model.step()
        seen = weakref.ref(model)
        del model, agents, some, cell
        gc.collect()
        assert seen() is None

    def test_bytes_per_cell(self) -> None:
        model = StandinModel(blasts=0, car_t=0)
        n = 200_000
        model.state.add("car_t", n)
        tracemalloc.start()
        try:
            live = model.agents
            assert live.agg("divisions", sum) == 0
            assert tracemalloc.get_traced_memory()[0] < 20_000
            chosen = live.select(lambda c: c.divisions == 0)
            assert len(chosen) == n
            assert tracemalloc.get_traced_memory()[0] < 14 * n  # uid 8, row 4, table 1
            tracemalloc.reset_peak()
            assert sum(1 for _ in live) == n
            assert tracemalloc.get_traced_memory()[1] < 40 * n  # no object per cell is kept
        finally:
            tracemalloc.stop()

    def test_a_view_is_small(self) -> None:
        assert sys.getsizeof(StandinModel().agents[0]) <= 96
