# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import mesa
import numpy as np
import pytest

from abm.agents import (
    Blast,
    CarTCell,
    Cd19NegativeBlast,
    Cell,
    DeadCellError,
    HostTCell,
    Macrophage,
    MatureBCell,
    MotileCell,
    PreBCell,
    ProBCell,
    SessileCell,
    UnknownColumnError,
    cell_class,
)
from abm.agents.cell import _CLASSES
from abm.errors import AbmError, InputError
from abm.state.kinds import KINDS, CellType
from tests.contract.standin import StandinModel


@pytest.fixture
def model() -> StandinModel:
    made = StandinModel(blasts=4, car_t=3)
    del made.datacollector  # its closures cannot be pickled
    return made


@pytest.fixture
def new_kind() -> Iterator[CellType]:
    kind = CellType(21, "natural_killer", "NK cell", "motile", "nk", "#000000")
    KINDS.add(kind)
    yield kind
    del KINDS._by_code[kind.code]
    _CLASSES.pop(kind.code, None)


def blast(model: StandinModel, place: int = 0) -> Blast:
    cell = model.agents_by_type[Blast][place]
    assert isinstance(cell, Blast)
    return cell


def car_t(model: StandinModel, place: int = 0) -> CarTCell:
    cell = model.agents_by_type[CarTCell][place]
    assert isinstance(cell, CarTCell)
    return cell


class TestIdentity:
    def test_is_an_agent_that_mesa_never_numbered(self, model: StandinModel) -> None:
        cell = blast(model)
        assert isinstance(cell, mesa.Agent)
        assert cell.model is model
        assert cell.random is model.random
        assert model not in mesa.Agent._ids

    def test_two_views_of_one_cell_are_equal(self, model: StandinModel) -> None:
        assert blast(model) == blast(model)
        assert blast(model) is not blast(model)
        assert len({blast(model), blast(model), blast(model, 1)}) == 2

    def test_cells_of_two_models_differ(self, model: StandinModel) -> None:
        assert blast(model) != blast(StandinModel())
        assert blast(model) != 1

    def test_unique_id_is_the_uid(self, model: StandinModel) -> None:
        assert car_t(model).unique_id == car_t(model).uid == 5

    def test_repr_names_class_and_uid(self, model: StandinModel) -> None:
        cell = car_t(model)
        assert repr(cell) == "<CarTCell 5>"
        cell.remove()
        assert repr(cell) == "<CarTCell 5, dead>"

    def test_no_dictionary_per_view(self, model: StandinModel) -> None:
        assert car_t(model).__dict__ == {}


class TestReading:
    def test_columns_are_python_numbers(self, model: StandinModel) -> None:
        assert type(car_t(model, 2).divisions) is int
        assert type(blast(model, 2).cd19) is float
        assert car_t(model, 2).divisions - 5 == -3  # uint8 would wrap to 253

    def test_kind_name(self, model: StandinModel) -> None:
        assert blast(model).kind_name == "blast"

    def test_pos_on_the_lattice_and_off_it(self, model: StandinModel) -> None:
        model.state.tables["sessile"].array("site")[2] = 3007
        assert blast(model, 2).pos == (7, 3, 0)
        assert car_t(model).pos is None

    def test_column_of_the_other_table(self, model: StandinModel) -> None:
        with pytest.raises(UnknownColumnError, match=r"Blast 1 has no column 'kill_at': only host_t, car_t have it"):
            _ = blast(model).kill_at
        assert getattr(blast(model), "kill_at", None) is None

    def test_misspelt_column(self, model: StandinModel) -> None:
        with pytest.raises(AttributeError, match="nearest column: 'divisions'"):
            _ = blast(model).division

    def test_kind_of_now_after_differentiation(self, model: StandinModel) -> None:
        cell = blast(model)
        model.state.tables["sessile"].array("kind")[0] = 7
        assert cell.kind_name == "blast_cd19_negative"
        assert isinstance(model.agents[0], Cd19NegativeBlast)


class TestWriting:
    def test_a_write_reaches_the_table(self, model: StandinModel) -> None:
        blast(model, 1).cd19 = 12.5
        assert model.state.tables["sessile"].array("cd19").tolist() == [0, 12.5, 2000, 3000]

    @pytest.mark.parametrize("name", ["uid", "site", "kind", "compartment", "weight"])
    def test_columns_with_invariants_are_read_only(self, model: StandinModel, name: str) -> None:
        with pytest.raises(InputError, match=f"^{name} cannot be written through a cell or a set: .+"):
            setattr(blast(model), name, 1)

    @pytest.mark.parametrize("name", ["pos", "unique_id", "model", "table", "row", "remove", "home"])
    def test_attributes_that_are_no_columns(self, model: StandinModel, name: str) -> None:
        with pytest.raises(InputError, match=f"Blast.{name} cannot be written"):
            setattr(blast(model), name, 1)

    def test_misspelt_column(self, model: StandinModel) -> None:
        with pytest.raises(UnknownColumnError, match=r"'divison'.*nearest: 'divisions'"):
            blast(model).divison = 3  # type: ignore[attr-defined]

    @pytest.mark.parametrize("value", [-1, 256, 2.5, float("nan"), "many", None, 10**30])
    def test_numbers_that_do_not_fit(self, model: StandinModel, value: object) -> None:
        with pytest.raises(InputError, match="divisions: must be a whole number from 0 to 255"):
            blast(model).divisions = value
        assert blast(model).divisions == 0

    @pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e39, "x"])
    def test_reals_that_do_not_fit(self, model: StandinModel, value: object) -> None:
        with pytest.raises(InputError, match="cd19: must be a finite number"):
            blast(model).cd19 = value

    def test_whole_reals_fit(self, model: StandinModel) -> None:
        blast(model).divisions = np.float64(7.0)
        assert blast(model).divisions == 7

    def test_properties_of_a_subclass_may_be_written(self, new_kind: CellType) -> None:
        class NkCell(MotileCell, kind=new_kind):
            @property
            def age(self) -> int:
                return int(self.divisions)

            @age.setter
            def age(self, value: int) -> None:
                self.divisions = value

        model = StandinModel()
        model.state.add(new_kind.name)
        cell = model.agents_by_type[NkCell][0]
        cell.age = 4
        assert cell.divisions == 4


class TestDeath:
    def test_remove_goes_through_the_state(self, model: StandinModel) -> None:
        car_t(model, 1).remove()
        blast(model).remove(cause="perforin")
        assert model.state.deaths == [("motile", "removed", [6]), ("sessile", "perforin", [1])]

    def test_a_dead_view_says_so(self, model: StandinModel) -> None:
        cell = car_t(model)
        cell.remove()
        assert not cell.alive
        assert cell.unique_id == 5
        for use in (lambda: cell.divisions, lambda: cell.pos, lambda: cell.kind_name, lambda: cell.row):
            with pytest.raises(DeadCellError, match="CarTCell with uid 5 is dead"):
                use()
        with pytest.raises(DeadCellError):
            cell.divisions = 1
        assert issubclass(DeadCellError, AbmError)

    def test_dead_after_compaction_too(self, model: StandinModel) -> None:
        cell = car_t(model)
        cell.remove()
        model.state.compact()
        assert not cell.alive
        model.state.add("car_t", 1)  # takes the row, not the identity
        assert not cell.alive


class TestMovingRows:
    def test_views_survive_compaction_and_growth(self, model: StandinModel) -> None:
        cell = car_t(model, 2)
        car_t(model, 0).remove()
        model.state.compact()
        assert (cell.row, cell.divisions) == (1, 2)
        model.state.add("car_t", 1000)
        assert cell.divisions == 2
        cell.divisions = 9
        assert model.state.tables["motile"].array("divisions")[1] == 9

    def test_views_survive_a_shuffle_of_rows(self, model: StandinModel) -> None:
        cell = car_t(model, 2)
        table = model.state.tables["motile"]
        table.load_arrays({name: column[::-1] for name, column in table.to_arrays().items()})
        assert (cell.row, cell.uid, cell.divisions) == (0, 7, 2)


class TestClasses:
    @pytest.mark.parametrize(
        ("name", "cls"),
        [
            ("macrophage", Macrophage),
            ("pro_b", ProBCell),
            ("pre_b", PreBCell),
            ("mature_b", MatureBCell),
            ("blast", Blast),
            ("blast_cd19_negative", Cd19NegativeBlast),
            ("host_t", HostTCell),
            ("car_t", CarTCell),
        ],
    )
    def test_both_ways(self, name: str, cls: type[Cell]) -> None:
        assert cell_class(name) is cell_class(KINDS[name]) is cell_class(KINDS[name].code) is cls
        assert cls.cell_type is KINDS[name]
        assert cls.home == KINDS[name].home
        assert issubclass(cls, SessileCell if cls.home == "sessile" else MotileCell)

    def test_light_cells_are_no_agents(self) -> None:
        with pytest.raises(InputError, match="'background' is light"):
            cell_class("background")

    def test_unknown_kind(self) -> None:
        with pytest.raises(KeyError, match="nearest: car_t"):
            cell_class("car_tt")

    def test_a_class_is_made_for_a_new_kind(self, new_kind: CellType) -> None:
        cls = cell_class(new_kind)
        assert cls is cell_class(new_kind)
        assert cls.__name__ == "NaturalKillerCell"
        assert issubclass(cls, MotileCell)
        model = StandinModel()
        model.state.add(new_kind.name, 2, divisions=3)
        assert cls in model.agent_types
        assert [type(cell) for cell in model.agents_by_type[cls]] == [cls, cls]
        assert model.agents_by_type[cls].divisions.tolist() == [3, 3]

    def test_one_class_per_kind(self) -> None:
        with pytest.raises(InputError, match="'blast' already has the class Blast, got Rival"):
            type("Rival", (SessileCell,), {}, kind=KINDS["blast"])

    def test_a_class_must_fit_the_table_of_its_kind(self, new_kind: CellType) -> None:
        with pytest.raises(InputError, match="must derive from MotileCell: natural_killer is motile"):
            type("NkCell", (SessileCell,), {}, kind=new_kind)

    def test_cells_are_not_made_by_mesa(self, model: StandinModel) -> None:
        with pytest.raises(InputError, match=r"CarTCell\.create_agents"):
            CarTCell.create_agents(model, 3)


class TestCopies:
    def test_copy_is_the_same_cell(self, model: StandinModel) -> None:
        assert copy.copy(blast(model)) == blast(model)

    def test_deep_copy_and_pickle_take_the_model_along(self, model: StandinModel) -> None:
        cell = blast(model, 2)
        for twin in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
            assert twin.model is not model
            assert twin.table is twin.model.state.tables["sessile"]
            assert (twin.unique_id, twin.cd19) == (3, 2000.0)
