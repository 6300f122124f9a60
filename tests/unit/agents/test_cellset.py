# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mesa
import numpy as np
import pytest

from abm.agents import Blast, CarTCell, Cell, CellSet, HostTCell, MotileCell, SessileCell
from abm.agents.column_access import InvalidArgumentError, UnknownColumnError
from abm.errors import InputError
from tests.contract.standin import StandinModel


@pytest.fixture
def model() -> StandinModel:
    return StandinModel(blasts=4, car_t=3)


class TestColumns:
    def test_of_one_kind(self, model: StandinModel) -> None:
        cells = model.agents_by_type[CarTCell]
        assert cells.state.tolist() == [2, 2, 2]
        assert cells.kill_at.dtype == np.int64
        assert model.agents_by_type[Blast].cd19.dtype == np.float64

    def test_of_both_tables_in_the_order_of_the_set(self, model: StandinModel) -> None:
        cells = model.agents[np.array([6, 0, 4, 1])]
        assert cells.uid.tolist() == cells.unique_id.tolist() == [7, 1, 5, 2]
        assert cells.kind_name.tolist() == ["car_t", "blast", "car_t", "blast"]
        assert cells.get("cd19", "default", -1.0).tolist() == [-1.0, 0.0, -1.0, 1000.0]

    def test_pos(self, model: StandinModel) -> None:
        assert model.agents.get("pos").tolist() == [(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0), None, None, None]

    @pytest.mark.parametrize(
        "attempt", [lambda c: c.kill_at, lambda c: c.get("kill_at"), lambda c: c.set("kill_at", 1)]
    )
    def test_a_set_over_both_tables_has_the_common_columns(
        self, model: StandinModel, attempt: Callable[[CellSet], Any]
    ) -> None:
        message = (
            r"this set of blast, car_t has no column 'kill_at': only host_t, car_t have it, macrophage, .* have not"
        )
        with pytest.raises(UnknownColumnError, match=message):
            attempt(model.agents)

    def test_that_does_not_depend_on_which_cells_there_are(self) -> None:
        with pytest.raises(UnknownColumnError):
            _ = StandinModel(blasts=0).agents.kill_at
        assert StandinModel(car_t=0).agents_by_type[CarTCell].kill_at.tolist() == []
        with pytest.raises(UnknownColumnError):
            _ = StandinModel(car_t=0).agents_by_type[CarTCell].cd19

    def test_a_selection_has_the_columns_of_its_cells(self, model: StandinModel) -> None:
        assert model.agents.select(lambda c: c.kind == 9).state.tolist() == [2, 2, 2]
        assert model.agents.select(lambda c: c.state == 2, agent_type=MotileCell).unique_id.tolist() == [5, 6, 7]

    def test_misspelt_column(self, model: StandinModel) -> None:
        with pytest.raises(UnknownColumnError, match="no attribute 'wieght'; nearest column: 'weight'"):
            _ = model.agents.wieght
        with pytest.raises(UnknownColumnError, match="nearest column: 'divisions'"):
            model.agents.division = 3

    def test_a_result_stays_as_it_was(self, model: StandinModel) -> None:
        divisions = model.agents.divisions
        divisions += 100
        model.agents.set("due", 5)
        assert model.agents.divisions.max() == 2
        assert divisions.max() == 102

    def test_attribute_of_the_class(self, model: StandinModel) -> None:
        assert model.agents.get("home") == ["sessile"] * 4 + ["motile"] * 3
        assert model.agents.get(["uid", "home"])[0] == [1, "sessile"]


class TestSet:
    def test_an_array_goes_cell_by_cell(self, model: StandinModel) -> None:
        cells = model.agents[::-1]
        cells.set("due", np.arange(7))
        assert cells.due.tolist() == list(range(7))
        assert model.agents.due.tolist() == list(range(6, -1, -1))

    def test_attribute_assignment_does_the_same(self, model: StandinModel) -> None:
        cells = model.agents_by_type[CarTCell]
        cells.state = [1, 2, 3]
        assert cells.state.tolist() == [1, 2, 3]

    @pytest.mark.parametrize("value", [[1, 2], [[1, 2, 3]], 256, [1, 2, -1], [0.5, 1, 2], "x"])
    def test_what_does_not_fit_changes_nothing(self, model: StandinModel, value: Any) -> None:
        with pytest.raises(InputError, match="divisions: must be"):
            model.agents_by_type[CarTCell].set("divisions", value)
        assert model.agents_by_type[CarTCell].divisions.tolist() == [0, 1, 2]

    @pytest.mark.parametrize("name", ["uid", "site", "kind", "compartment", "weight"])
    def test_read_only(self, model: StandinModel, name: str) -> None:
        with pytest.raises(InputError, match=f"{name} cannot be written"):
            model.agents.set(name, 1)

    def test_the_dead_are_not_written(self, model: StandinModel) -> None:
        cells = model.agents_by_type[CarTCell].select()
        cells[1].remove()
        cells.set("due", [8, 9])
        assert model.state.tables["motile"].array("due").tolist() == [8, np.iinfo(np.int32).max, 9]


class TestFilters:
    def test_is_called_once(self, model: StandinModel) -> None:
        calls: list[int] = []

        def divided(cells: Any) -> Any:
            calls.append(len(cells))
            return cells.divisions > 0

        assert len(model.agents.select(divided)) == 2
        assert calls == [7]

    @pytest.mark.parametrize(
        "scalar",
        [
            lambda c: c.divisions > 0 and c.weight == 1,
            lambda c: c.divisions > 5 or c.weight == 1,
            lambda c: not c.divisions,
            lambda c: 0 < c.divisions < 3,
            lambda c: c.divisions in (1, 2),
            lambda c: True if c.divisions else False,  # noqa: SIM210
            lambda c: math.sqrt(c.divisions) > 1,
        ],
    )
    def test_written_for_one_cell(self, model: StandinModel, scalar: Callable[[Any], Any]) -> None:
        for attempt in (model.agents.select, model.agents.sort, model.agents.groupby):
            with pytest.raises(InvalidArgumentError, match=r"write & for and, \| for or, ~ for not"):
                attempt(scalar)

    def test_own_errors_come_through(self, model: StandinModel) -> None:
        def fail(cells: Any) -> Any:
            raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            model.agents.select(fail)

    def test_wrong_length(self, model: StandinModel) -> None:
        with pytest.raises(InvalidArgumentError, match=r"shape \(7,\), got \(2,\)"):
            model.agents.select(lambda c: c.divisions[:2] > 0)

    def test_only_one_cell_can_answer(self, model: StandinModel) -> None:
        assert len(model.agents.select(lambda c: c.alive)) == 7
        assert len(model.agents.select(lambda c: c.step() is None)) == 7
        mixed = model.agents.select(lambda c: isinstance(c, CarTCell) and c.state == 2 and c.divisions > 0)
        assert mixed.unique_id.tolist() == [6, 7]

    def test_may_ask_the_set(self, model: StandinModel) -> None:
        chosen = model.agents_by_type[Blast].select(lambda c: c.cd19 > c.agg("cd19", np.mean))
        assert chosen.cd19.tolist() == [2000.0, 3000.0]


class TestMembers:
    def test_compaction_growth_and_shuffled_rows(self, model: StandinModel) -> None:
        some = model.agents[np.array([6, 2, 5, 1])]
        model.agents[0].remove()
        model.agents.select(lambda c: c.uid == 6).do("remove")
        model.state.compact()
        model.state.add("car_t", 500)
        assert some.uid.tolist() == [7, 3, 2]
        table = model.state.tables["sessile"]
        table.load_arrays({name: column[::-1] for name, column in table.to_arrays().items()})
        assert some.uid.tolist() == [7, 3, 2]
        assert some.get("cd19", "default", 0.0).tolist() == [0.0, 2000.0, 1000.0]

    def test_all_of_a_table_dead_and_gone(self, model: StandinModel) -> None:
        cars = model.agents_by_type[CarTCell].select()
        cars.do("remove")
        model.state.compact()
        assert (len(cars), cars.uid.tolist(), list(cars)) == (0, [], [])

    def test_do_remove_is_one_call_per_table(self, model: StandinModel) -> None:
        model.agents.do("remove", cause="end")
        assert model.state.deaths == [("sessile", "end", [1, 2, 3, 4]), ("motile", "end", [5, 6, 7])]

    @pytest.mark.parametrize(
        "change",
        [
            lambda s: s.add(s[0]),
            lambda s: s.discard(s[0]),
            lambda s: s.remove(s[0]),
            lambda s: s.pop(),
            lambda s: s.clear(),
            lambda s: s.__iand__(s),
            lambda s: s.__ior__(s),
        ],
    )
    def test_live_sets_do_not_lose_or_gain_cells(self, model: StandinModel, change: Callable[[CellSet], Any]) -> None:
        with pytest.raises(InputError, match="live; change a copy"):
            change(model.agents)

    def test_inplace_leaves_the_model_alone(self, model: StandinModel) -> None:
        agents = model.agents
        agents.select(at_most=2, inplace=True)
        assert (len(agents), len(model.agents)) == (2, 7)

    def test_strangers(self, model: StandinModel) -> None:
        other = StandinModel()
        with pytest.raises(InvalidArgumentError, match="another model"):
            CellSet([model.agents[0], other.agents[0]])
        with pytest.raises(InvalidArgumentError, match="different models"):
            _ = model.agents | other.agents
        with pytest.raises(InvalidArgumentError, match="cells only, got 3"):
            CellSet([model.agents[0], 3])
        with pytest.raises(InvalidArgumentError, match="needs model="):
            CellSet([])
        assert model.agents != other.agents
        assert 3 not in model.agents

    def test_positions_must_be_distinct(self, model: StandinModel) -> None:
        with pytest.raises(InvalidArgumentError, match="distinct"):
            _ = model.agents[np.array([1, 1])]

    def test_mask(self, model: StandinModel) -> None:
        assert model.agents[model.agents.divisions > 0].unique_id.tolist() == [6, 7]


class TestTypes:
    def test_base_classes(self, model: StandinModel) -> None:
        model.state.add("host_t")
        assert len(model.agents_by_type[MotileCell]) == 4
        assert len(model.agents_by_type[SessileCell]) == 4
        assert len(model.agents_by_type[Cell]) == 8
        assert len(model.agents_by_type[HostTCell]) == 1

    def test_unknown_type(self, model: StandinModel) -> None:
        with pytest.raises(KeyError, match="StandinModel is no class of cells; nearest: "):
            _ = model.agents_by_type[StandinModel]  # type: ignore[index]

    def test_plain_agents_are_refused(self, model: StandinModel) -> None:
        with pytest.raises(InputError, match="Agent cannot join this model"):
            mesa.Agent(model)

    def test_differentiation_moves_a_cell_between_types(self, model: StandinModel) -> None:
        blasts = model.agents_by_type[Blast]
        model.state.tables["sessile"].array("kind")[1] = 7
        assert blasts.unique_id.tolist() == [1, 3, 4]


class TestWords:
    def test_repr(self, model: StandinModel) -> None:
        model.state.tables["sessile"].array("weight")[0] = 1000
        assert repr(model.agents) == "<CellSet of 7, 4 CD19+ blast, 3 CAR T cell>"
        assert "<td>CD19+ blast</td><td>4</td><td>1,003</td>" in model.agents._repr_html_()
        assert repr(StandinModel(0, 0).agents) == "<CellSet of 0>"
        assert "4 Blast" in repr(model.agents_by_type)
        assert repr(model.agents.groupby("kind")) == "<CellGroups: {6: 4, 9: 3}>"

    def test_groups_get(self, model: StandinModel) -> None:
        columns = model.agents.groupby("kind_name").get("divisions")
        assert {name: values.tolist() for name, values in columns.items()} == {"blast": [0] * 4, "car_t": [0, 1, 2]}
        with pytest.raises(InvalidArgumentError, match="result_type"):
            model.agents.groupby("kind", result_type="dict")
