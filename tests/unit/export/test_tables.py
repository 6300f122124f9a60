# SPDX-License-Identifier: Apache-2.0
"""What pandas reads from CSV and Parquet, and where units and meanings are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from abm.errors import InputError
from abm.export import export
from abm.export.selection import positions
from abm.state.kinds import KINDS
from abm.trajectory import Trajectory
from tests.unit.export.conftest import CELL_DAYS, COLUMNS, COUNTS, OBSERVABLES, VIEW_DAYS, Make, cells_at

FORMATS = ["csv", "parquet"]


def read(run: Trajectory, tmp_path: Path, to: str, **options: Any) -> pd.DataFrame:
    path = export(run.path, tmp_path / f"x.{to}", to, overwrite=True, **options)
    return pd.read_csv(path) if to == "csv" else pd.read_parquet(path)


@pytest.mark.parametrize("to", FORMATS)
class TestObservables:
    def test_they_are_those_of_the_run(self, run: Trajectory, tmp_path: Path, to: str) -> None:
        table = read(run, tmp_path, to)
        if to == "csv":  # pandas 2 rounds numbers that it reads
            table = pd.read_csv(tmp_path / "x.csv", dtype=str).astype(float).set_index("day")
        pd.testing.assert_frame_equal(table, run.observables, check_exact=True)
        assert table.index.tolist() == list(VIEW_DAYS)

    def test_a_stretch_of_time(self, run: Trajectory, tmp_path: Path, to: str) -> None:
        table = read(run, tmp_path, to, since=0, until=1)
        assert table["il6"].tolist() == pytest.approx(run.observables["il6"].iloc[2:5].tolist())

    def test_nothing_then_or_at_all(self, make: Make, tmp_path: Path, to: str) -> None:
        with pytest.raises(InputError, match=r"a\.h5: no observables were recorded from day 3 to inf; there are some from day -1 to 2"):
            read(make("a.h5"), tmp_path, to, since=3)
        with pytest.raises(InputError, match=r"b\.h5: no observables were recorded; a scenario asks for them with record\.observables"):
            read(make("b.h5", observed=False), tmp_path, to)
        assert not list(tmp_path.glob("*x.*"))

    @pytest.mark.parametrize(("option", "value"), [("compartment", "marrow"), ("day", 1)])
    def test_what_goes_with_cells_alone(self, run: Trajectory, tmp_path: Path, to: str, option: str, value: Any) -> None:
        with pytest.raises(InputError, match=f"option '{option}' goes with a table of cells"):
            read(run, tmp_path, to, **{option: value})


@pytest.mark.parametrize("to", FORMATS)
class TestCells:
    def test_every_cell_of_every_frame(self, run: Trajectory, tmp_path: Path, to: str) -> None:
        table = read(run, tmp_path, to, cells=True)
        assert len(table) == sum(map(sum, COUNTS.values()))
        assert table["day"].is_monotonic_increasing
        for (day, name), cells in table.groupby(["day", "compartment"], observed=True):
            expected = cells_at(name, int(day))
            for column in ("uid", "weight", "site", "flags"):
                np.testing.assert_array_equal(cells[column], expected[column])
            np.testing.assert_array_equal(cells["guest"], expected["flags"] % 2 == 1)
            np.testing.assert_array_equal(cells["cd19"].astype(np.float32), expected["cd19"].astype(np.float16))
            assert cells["kind"].tolist() == [KINDS[int(code)].name for code in expected["kind"]]
            where = cells[["x", "y", "z"]].to_numpy(float)
            if name == "periphery":
                assert np.isnan(where).all()
            else:
                np.testing.assert_allclose(where, positions(expected["site"], run.header.compartments[name]))
        assert set(table.columns) == {"day", "compartment", "x", "y", "z", *COLUMNS, "guest"}

    def test_one_day_of_some_compartments(self, run: Trajectory, tmp_path: Path, to: str) -> None:
        table = read(run, tmp_path, to, cells=True, day=2, compartment=["csf", "periphery"])
        assert table["compartment"].value_counts().loc[["csf", "periphery"]].tolist() == [4, 2]
        assert len(table) == 6
        assert set(table["day"]) == {2}

    def test_a_stretch_without_a_cell_has_all_columns(self, run: Trajectory, tmp_path: Path, to: str) -> None:
        table = read(run, tmp_path, to, cells=True, compartment="csf", since=0, until=1)
        assert len(table) == 0
        assert list(table.columns) == ["day", "compartment", "x", "y", "z", *COLUMNS, "guest"]

    def test_a_day_or_a_stretch(self, run: Trajectory, tmp_path: Path, to: str) -> None:
        with pytest.raises(InputError, match="either one day or a stretch of time"):
            read(run, tmp_path, to, cells=True, day=1, until=2)
        with pytest.raises(InputError, match="must not end before it starts, got day 2 to 1"):
            read(run, tmp_path, to, cells=True, since=2, until=1)
        with pytest.raises(InputError, match="must not end before it starts, got day nan to inf"):
            read(run, tmp_path, to, cells=True, since=float("nan"))


@pytest.mark.parametrize(("cells", "units"), [(False, {"day": "d", "il6": "pg/mL"}), (True, {"day": "d", "x": "µm", "weight": "cells"})])
class TestWhatTheColumnsMean:
    def test_beside_a_csv(self, run: Trajectory, tmp_path: Path, cells: bool, units: dict[str, str]) -> None:
        table = read(run, tmp_path, "csv", cells=cells)
        about = json.loads((tmp_path / "x.csv-metadata.json").read_text(encoding="utf-8"))
        columns = {column["name"]: column for column in about["tableSchema"]["columns"]}
        assert list(columns) == list(table.columns)
        assert {name: columns[name]["schema:unitText"] for name in units} == units
        assert "schema:unitText" not in columns["kind" if cells else "mrd"]
        assert all(column["dc:description"] for column in columns.values())
        assert about["url"] == "x.csv"
        assert json.loads(about["dc:provenance"])["seed"] == 7

    def test_in_the_schema_of_parquet(self, run: Trajectory, tmp_path: Path, cells: bool, units: dict[str, str]) -> None:
        read(run, tmp_path, "parquet", cells=cells)
        schema = pyarrow.parquet.read_schema(tmp_path / "x.parquet")
        assert {name: schema.field(name).metadata[b"unit"].decode() for name in units} == units
        assert all(field.metadata[b"about"] for field in schema)
        made = json.loads(schema.metadata[b"abm"])
        assert (made["scenario"], made["provenance"]["seed"]) == ("name: tiny\n", 7)


def test_observables_in_a_file_are_those_of_its_header(run: Trajectory, tmp_path: Path) -> None:
    assert list(read(run, tmp_path, "csv").columns) == ["day", *OBSERVABLES]


def test_each_frame_is_a_row_group(run: Trajectory, tmp_path: Path) -> None:
    read(run, tmp_path, "parquet", cells=True)
    about = pyarrow.parquet.ParquetFile(tmp_path / "x.parquet").metadata
    assert about.num_row_groups == len(CELL_DAYS) * len(COUNTS)


def test_a_csv_without_its_description_is_not_left(run: Trajectory, tmp_path: Path) -> None:
    beside = tmp_path / "x.csv-metadata.json"
    beside.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.csv-metadata\.json: exists already"):
        export(run.path, tmp_path / "x.csv", "csv")
    assert beside.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "x.csv").exists()
