# SPDX-License-Identifier: Apache-2.0
"""The table of cells: growth, tombstones, finding, compaction."""

from __future__ import annotations

import numpy as np
import pytest

from abm.state.columns import NEVER, NOWHERE, CellColumns, MotileColumns, SessileColumns, columns_of
from abm.state.table import CellTable, CrowdedError


def filled(count: int, schema: type = SessileColumns) -> CellTable:
    table = CellTable(schema, capacity=1)
    table.append(count, uid=np.arange(count) * 2, kind=6, weight=np.arange(count) + 1)
    return table


def shuffled(count: int) -> CellTable:
    table = filled(count)
    order = np.random.default_rng(1).permutation(count)
    for name in table.schema:
        table.array(name)[:] = table.array(name)[order].copy()
    return table


def kill(table: CellTable, rows: list[int]) -> None:
    table.array("kind")[rows] = 0
    table.n_dead += len(rows)


def test_columns_of_a_table_are_those_of_every_cell_and_its_own() -> None:
    common = columns_of(CellColumns)
    assert set(columns_of(SessileColumns)) - set(common) == {"cd19", "cd22", "clone", "mood"}
    assert list(columns_of(MotileColumns))[: len(common)] == list(common)
    assert common["weight"].dtype == np.int64


@pytest.mark.parametrize("schema", [SessileColumns, MotileColumns])
def test_unnamed_columns_take_their_fill(schema: type) -> None:
    table = filled(40, schema)
    for name, column in table.schema.items():
        if name not in ("uid", "kind", "weight"):
            assert (table.array(name) == column.fill).all(), name
    assert (table.array("site") == NOWHERE).all()
    assert (table.array("due") == NEVER).all()


def test_growth_keeps_values_and_wastes_less_than_a_quarter() -> None:
    table = CellTable(SessileColumns, capacity=1)
    for start in range(0, 2000, 50):
        rows = table.append(50, uid=np.arange(start, start + 50), kind=6)
        np.testing.assert_array_equal(rows, np.arange(start, start + 50))
    np.testing.assert_array_equal(table.array("uid"), np.arange(2000))
    per_row = sum(column.dtype.itemsize for column in table.schema.values())
    assert table.nbytes <= (1.25 * 2000 + 16) * per_row


def test_reserved_rows_are_not_in_use() -> None:
    table = filled(3)
    table.reserve(1000)
    assert table.n_rows == len(table.array("uid")) == 3
    table.append(1, uid=99, kind=6)
    assert table.array("weight").tolist() == [1, 2, 3, 1]


def test_rows_left_by_the_dead_start_afresh() -> None:
    table = filled(3)
    table.array("clone")[:] = 7
    kill(table, [2])
    table.compact()
    table.append(1, uid=50, kind=6)
    assert table.array("clone").tolist() == [7, 7, 0]


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(CrowdedError, match="at most 2147483647 rows"):
        filled(2).reserve(2**31)


def test_a_table_grows_to_its_limit_and_no_further() -> None:
    table = filled(17)
    table.limit = 20
    table.append(3, uid=[50, 51, 52], kind=6)
    assert all(len(values) == 20 for values in table._arrays.values())
    before = table.to_arrays()
    with pytest.raises(CrowdedError, match="at most 20 rows, 21 wanted"):
        table.append(1, uid=60, kind=6)
    assert all((values == before[name]).all() for name, values in table.to_arrays().items())


def test_unknown_column_names_the_nearest() -> None:
    table = filled(1)
    with pytest.raises(AttributeError, match="'wieght'; nearest: 'weight'"):
        table.array("wieght")
    with pytest.raises(AttributeError, match="nearest: 'clone'"):
        table.append(1, clones=2)


@pytest.mark.parametrize("make", [filled, shuffled])
def test_finds_the_living(make: type) -> None:
    table = make(30)
    for uid in range(60):
        row = table.find(uid)
        assert (row >= 0) == (uid % 2 == 0)
        if row >= 0:
            assert table.array("uid")[row] == uid
            assert table.holds(uid, row)
    kill(table, [table.find(8)])
    assert table.find(8) == -1
    assert not table.holds(8, 4)
    assert not table.holds(0, 30)
    assert CellTable(SessileColumns).find(0) == -1


@pytest.mark.parametrize("make", [filled, shuffled])
def test_compaction_keeps_the_living_in_the_order_of_uid(make: type) -> None:
    table = make(30)
    kill(table, [table.find(uid) for uid in (0, 14, 58)])
    expected = [uid for uid in range(0, 60, 2) if uid not in (0, 14, 58)]
    former = table.array("uid").copy()
    kept = table.compact()
    assert kept is not None
    assert former[kept].tolist() == table.array("uid").tolist() == expected
    assert table.array("weight").tolist() == [uid // 2 + 1 for uid in expected]
    assert (table.n_rows, table.n_dead, len(table)) == (27, 0, 27)


def test_nothing_to_compact() -> None:
    assert filled(5).compact() is None
    assert CellTable(SessileColumns).compact() is None


def test_all_dead() -> None:
    table = filled(5)
    kill(table, [0, 1, 2, 3, 4])
    kept = table.compact()
    assert kept is not None
    assert len(kept) == len(table) == table.n_rows == 0


def test_round_trip_through_arrays() -> None:
    table = shuffled(20)
    kill(table, [3, 7])
    copied = table.to_arrays()
    assert (np.diff(copied["uid"]) > 0).all()
    other = CellTable(SessileColumns)
    other.append(3, uid=[1, 2, 3], kind=6)
    other.load_arrays(copied)
    assert (len(other), other.n_dead) == (18, 0)
    for name, values in other.to_arrays().items():
        np.testing.assert_array_equal(values, copied[name])
        assert values.dtype == table.schema[name].dtype
