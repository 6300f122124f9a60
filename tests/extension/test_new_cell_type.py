# SPDX-License-Identifier: Apache-2.0
"""A cell type that the package does not know: one declaration, and it is counted, recorded, moved and killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from abm.agents import SessileCell, cell_class
from abm.model import TherapyModel
from abm.observables import observe
from abm.scenario import Scenario
from abm.state.columns import Array
from abm.state.kinds import KINDS, VOID, CellType
from abm.state.ledger import Entry
from abm.state.places import MARROW
from abm.state.state import State

PLASMABLAST = CellType(17, "plasmablast", "plasmablast", "sessile", "plasma", "#123456", target=True)
COUNT = 150


@pytest.fixture
def plasmablast() -> Iterator[CellType]:
    yield KINDS.add(PLASMABLAST)
    KINDS.discard(PLASMABLAST)


def block(effectors: float, **parts: object) -> Scenario:
    """Return a closed block, half of it void, with background cells and CAR T cells."""
    marrow = {"shape": [12, 12, 12], "fat": 0, "bone": 0, "sinusoid_radius": 0, "voids": 0.5}
    return Scenario(
        name="x", body=None, duration="1 d", marrow=marrow, blasts={"marrow_fraction": 0.05}, effector_target_ratio=effectors,
        products=[{"memory_fraction": 0}], record={"cells": "6 h"}, **parts,
    )  # fmt: skip


def add(state: State) -> Array:
    lattice = state.places[MARROW].lattice
    assert lattice is not None
    sites = np.flatnonzero(lattice.kinds() == VOID)[::3][:COUNT]
    return state.add_cells(PLASMABLAST.code, MARROW, Entry.INITIAL, COUNT, site=sites, cd19=9000.0, clone=9)


def test_it_is_counted_recorded_and_an_agent(plasmablast: CellType, tmp_path: Path) -> None:
    model = TherapyModel(block(0), threads=1, check=True)
    add(model.state)
    trajectory = model.run(tmp_path / "x.h5", until_days=0.25)
    assert trajectory is not None
    with trajectory:
        assert {"code": 17, "name": "plasmablast", "label": "plasmablast", "colour": "#123456"} in trajectory.header.kinds
        assert (trajectory.observables["cells_plasmablast_marrow"] == COUNT).all()
        frame = trajectory.cells("marrow", kind="plasmablast")
        assert len(frame["uid"]) == COUNT
        assert (frame["clone"] == 9).all()
        assert (trajectory.views("marrow")[-1] == plasmablast.code).sum() == COUNT
    cells = model.agents_by_type[cell_class("plasmablast")]
    assert issubclass(cell_class(plasmablast), SessileCell)
    assert cell_class(plasmablast).__name__ == "PlasmablastCell"
    assert len(cells) == COUNT
    assert cells.agg("cd19", np.mean) == 9000
    cells[:1].do("remove")
    assert model.observe("cells_plasmablast_marrow") == COUNT - 1


def test_it_changes_places_with_its_neighbours(plasmablast: CellType) -> None:
    model = TherapyModel(block(0), threads=1, check=True)
    rows, table = add(model.state), model.state.sessile
    uids = table.array("uid")[rows].copy()

    def sites() -> Array:
        return np.array([table.array("site")[table.find(uid)] for uid in uids])

    before = sites()
    model.run(until_days=0.25)
    moved = sites() != before
    assert moved.mean() > 0.9  # six hours are about 20 steps each


def test_a_car_finds_its_antigen(plasmablast: CellType) -> None:
    model = TherapyModel(block(4), threads=1, check=True)
    add(model.state)
    model.run(until_days=0.5)
    killed = model.state.ledger.total(Entry.KILLED, plasmablast.code)
    assert 0 < killed == COUNT - model.observe("cells_plasmablast_marrow")


def test_one_that_is_no_target_is_left_alone() -> None:
    harmless = KINDS.add(CellType(17, "plasmablast", "plasmablast", "sessile", "plasma", "#123456"))
    try:
        model = TherapyModel(block(4), threads=1, check=True)
        add(model.state)
        model.run(until_days=0.5)
        assert model.observe("kills_total") > 0
        assert model.observe("cells_plasmablast_marrow") == COUNT
    finally:
        KINDS.discard(harmless)


def test_afterwards_it_is_forgotten() -> None:
    assert PLASMABLAST not in list(KINDS)
    KINDS.discard(PLASMABLAST)
    model = TherapyModel(block(0), threads=1)
    assert "cells_plasmablast_marrow" not in model.observables()
    with pytest.raises(KeyError, match="unknown cell type 'plasmablast'"):
        KINDS["plasmablast"]


@pytest.mark.parametrize(("code", "name"), [(9, "nk"), (18, "car_t"), (0, "void"), (31, "solid")])
def test_a_code_or_a_name_that_is_taken_is_refused(code: int, name: str) -> None:
    with pytest.raises(ValueError, match=r"clashes with 'car_t' \(code 9\)|code must be 1 to 30"):
        KINDS.add(CellType(code, name, "x", "motile", "x", "#000000"))
    assert observe("kills_total", TherapyModel(block(0), threads=1).state) == 0
