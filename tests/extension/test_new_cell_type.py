# SPDX-License-Identifier: Apache-2.0
"""A cell type that the package does not know: one declaration, and it is counted, recorded, moved and killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest

import abm
from abm.agents import SessileCell, cell_class
from abm.errors import InputError
from abm.extensions import Array, CellType, OtherCells, State, quantity, unregister
from abm.model import TherapyModel
from abm.observables import observe
from abm.scenario import Scenario
from abm.state.kinds import KINDS
from abm.state.ledger import Entry

PLASMABLAST = CellType(17, "plasmablast", "plasmablast", "sessile", "plasma", "#123456", target=True)


class Plasmablasts(OtherCells):
    """A tenth of the marrow, with much CD19."""

    kind: ClassVar[CellType] = PLASMABLAST
    type: Literal["plasmablast"] = "plasmablast"
    marrow_fraction: float = quantity(10, "%", bounds=(0, 100), about="their share", source="assumption: test")

    def endow(self, state: State, rows: Array) -> None:
        state.sessile.array("cd19")[rows] = 9000.0
        state.sessile.array("clone")[rows] = 9


@pytest.fixture(autouse=True)
def plasmablasts() -> Iterator[None]:
    abm.register(Plasmablasts)
    yield
    unregister(Plasmablasts)


def block(effectors: float, **parts: object) -> Scenario:
    """Return a closed block, half of it void, with background cells, plasmablasts and CAR T cells."""
    marrow = {"shape": [12, 12, 12], "fat": 0, "bone": 0, "sinusoid_radius": 0, "voids": 0.5}
    parts = {"other_cells": [{"type": "plasmablast"}], **parts}
    return Scenario(
        name="x", body=None, duration="1 d", marrow=marrow, blasts={"marrow_fraction": 0.05}, effector_target_ratio=effectors,
        products=[{"memory_fraction": 0}], record={"cells": "6 h"}, **parts,
    )  # fmt: skip


def test_it_is_counted_recorded_and_an_agent(tmp_path: Path) -> None:
    model = TherapyModel(block(0), threads=1, check=True)
    count = int(model.observe("cells_plasmablast_marrow"))
    assert 50 < count < 125  # binomial, 864 at 0.1: 86.4 ± 4 SD
    trajectory = model.run(tmp_path / "x.h5", until_days=0.25)
    assert trajectory is not None
    with trajectory:
        assert {"code": 17, "name": "plasmablast", "label": "plasmablast", "colour": "#123456"} in trajectory.header.kinds
        assert (trajectory.observables["cells_plasmablast_marrow"] == count).all()
        frame = trajectory.cells("marrow", kind="plasmablast")
        assert len(frame["uid"]) == count
        assert (frame["clone"] == 9).all()
        assert (trajectory.views("marrow")[-1] == PLASMABLAST.code).sum() == count
    cells = model.agents_by_type[cell_class("plasmablast")]
    assert issubclass(cell_class(PLASMABLAST), SessileCell)
    assert cell_class(PLASMABLAST).__name__ == "PlasmablastCell"
    assert len(cells) == count
    assert cells.agg("cd19", np.mean) == 9000
    cells[:1].do("remove")
    assert model.observe("cells_plasmablast_marrow") == count - 1


def test_it_changes_places_with_its_neighbours() -> None:
    model = TherapyModel(block(0), threads=1, check=True)
    table = model.state.sessile
    rows = np.flatnonzero(table.array("kind") == PLASMABLAST.code)
    uids = table.array("uid")[rows].copy()

    def sites() -> Array:
        return np.array([table.array("site")[table.find(uid)] for uid in uids])

    before = sites()
    model.run(until_days=0.25)
    moved = sites() != before
    assert moved.mean() > 0.9  # six hours are about 20 steps each


def test_a_car_finds_its_antigen() -> None:
    model = TherapyModel(block(4), threads=1, check=True)
    count = model.observe("cells_plasmablast_marrow")
    model.run(until_days=0.5)
    killed = model.state.ledger.total(Entry.KILLED, PLASMABLAST.code)
    assert 0 < killed == count - model.observe("cells_plasmablast_marrow")


def test_one_that_is_no_target_is_left_alone() -> None:
    class Harmless(Plasmablasts):
        """No target."""

        kind: ClassVar[CellType] = CellType(18, "harmless", "harmless cell", "sessile", "plasma", "#123456")
        type: Literal["harmless"] = "harmless"  # type: ignore[assignment]

    abm.register(Harmless)
    try:
        model = TherapyModel(block(4, other_cells=[{"type": "harmless", "marrow_fraction": "5 %"}]), threads=1, check=True)
        count = model.observe("cells_harmless_marrow")
        model.run(until_days=0.5)
        assert model.observe("kills_total") > 0
        assert model.observe("cells_harmless_marrow") == count > 0
        assert "cells_plasmablast_marrow" not in model.observables()
    finally:
        unregister(Harmless)


def test_the_marrow_has_room_for_all_or_is_refused() -> None:
    model = TherapyModel(block(0, other_cells=[{"type": "plasmablast", "marrow_fraction": "97.95 %"}]), threads=1, check=True)
    assert model.observe("cells_background_marrow") == 0  # macrophages and blasts are the rest
    with pytest.raises(ValueError, match=r"and other cells of the start must be at most 100 % of its cells, got 102 %"):
        block(0, other_cells=[{"type": "plasmablast", "marrow_fraction": "99.95 %"}])


def test_afterwards_it_is_forgotten() -> None:
    unregister(Plasmablasts)
    assert PLASMABLAST not in list(KINDS)
    with pytest.raises(ValueError, match="no cell type can be had"):
        block(0)
    with pytest.raises(KeyError, match="unknown cell type 'plasmablast'"):
        KINDS["plasmablast"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (CellType(9, "nk", "x", "sessile", "x", "#000000"), "cannot be registered as a cell type: the code of its cell type must be 16"),
        (CellType(31, "nk", "x", "sessile", "x", "#000000"), "must be 16 to 30, is 31"),
        (CellType(18, "nk", "x", "motile", "x", "#000000"), "must be at home among 'sessile' cells, is 'motile'"),
        (CellType(18, "killer", "x", "sessile", "x", "#000000"), "class NK needs a cell type of the same name"),
        (CellType(17, "nk", "x", "sessile", "x", "#000000"), r"'nk' \(code 17\) clashes with 'plasmablast' \(code 17\)"),
    ],
)
def test_a_cell_type_that_cannot_be_is_refused(kind: CellType, message: str) -> None:
    named = kind

    class NK(OtherCells):
        """Natural killer cells."""

        kind: ClassVar[CellType] = named
        type: Literal["nk"] = "nk"

    with pytest.raises(InputError, match=message):
        abm.register(NK)
    assert observe("kills_total", TherapyModel(block(0), threads=1).state) == 0


def test_a_name_of_ours_is_refused() -> None:
    class Blasts(OtherCells):
        """Not ours."""

        kind: ClassVar[CellType] = CellType(18, "blast", "x", "sessile", "x", "#000000")
        type: Literal["blast"] = "blast"

    with pytest.raises(InputError, match="cell type 'blast': abm has one of that name already"):
        abm.register(Blasts)
