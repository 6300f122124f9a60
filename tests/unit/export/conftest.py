# SPDX-License-Identifier: Apache-2.0
"""Small trajectories with known cells and views: a deep lattice, a flat one, and a well-mixed compartment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abm.celltypes import BLAST, CAR_T, PRE_B
from abm.state.kinds import KINDS
from abm.trajectory import Header, Trajectory, TrajectoryWriter
from abm.units import TICKS_PER_DAY

MARROW, CSF = (6, 5, 4), (8, 7, 1)
VIEW_DEPTH = 2
CELL_DAYS = (-1, 0, 1, 2)
VIEW_DAYS = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
COUNTS = {"marrow": (0, 7, 0, 20), "csf": (3, 0, 0, 4), "periphery": (2, 2, 2, 2)}
"""Cells per frame; some frames are empty, the first of the marrow among them."""
COLUMNS = {
    "uid": {"unit": "1", "about": "identity"},
    "kind": {"unit": "1", "about": "cell type code"},
    "weight": {"unit": "cells", "about": "body cells"},
    "site": {"unit": "1", "about": "lattice site"},
    "flags": {"unit": "1", "about": "bit 1 guest"},
    "cd19": {"unit": "molecules", "about": "CD19 per cell"},
    "cd22": {"unit": "molecules", "about": "CD22 per cell"},
}
OBSERVABLES = {"il6": {"unit": "pg/mL", "about": "interleukin 6"}, "mrd": {"unit": "1", "about": "residual disease"}}
KIND_CODES = (PRE_B.code, BLAST.code, CAR_T.code)


def shape_of(compartment: str) -> tuple[int, int, int]:
    return {"marrow": MARROW, "csf": CSF}[compartment]


def cells_at(compartment: str, day: int) -> dict[str, Any]:
    """Return the cells of a frame: each on a site of its own, so that a view can show them all."""
    number = CELL_DAYS.index(day)
    count = COUNTS[compartment][number]
    random = np.random.default_rng([number, count])
    mixed = compartment == "periphery"
    sites = np.full(count, -1) if mixed else random.permutation(int(np.prod(shape_of(compartment))))[:count]
    room = list(COUNTS).index(compartment)
    return {
        "uid": np.arange(count) + 100 * room + 2**40,
        "kind": random.choice(KIND_CODES, count).astype(np.uint8),
        "weight": random.integers(1, 10**8, count),
        "site": sites.astype(np.int32),
        "flags": random.integers(0, 4, count, dtype=np.uint8),
        "cd19": random.lognormal(9, 0.5, count).astype(np.float32),
        "cd22": random.lognormal(7, 0.5, count).astype(np.float32),
    }


def view_at(compartment: str, day: float) -> np.ndarray:
    """Return a view: the cells of the last frame before it, with a bit set, and their solid surroundings on day 2."""
    shape = shape_of(compartment)
    cells = cells_at(compartment, int(np.floor(day)))
    codes = np.full(shape, 31 if day == 2 else 0, np.uint8)
    codes.reshape(-1)[cells["site"]] = cells["kind"] | 0x20
    below = (shape[2] - VIEW_DEPTH) // 2 if shape[2] > 1 else 0
    return codes[:, :, below : below + VIEW_DEPTH] if shape[2] > 1 else codes[:, :, 0]  # flat views have two axes


@pytest.fixture(scope="session")
def header() -> Header:
    return Header(
        scenario="name: tiny\n",
        original="name: tiny\n",
        provenance={"scenario": "tiny", "seed": 7},
        kinds=[{"code": k.code, "name": k.name, "label": k.label, "colour": k.colour} for k in KINDS],
        compartments={
            "marrow": {"shape": list(MARROW), "spacing_um": 10.0, "scale": 1e6},
            "csf": {"shape": list(CSF), "spacing_um": 12.5, "scale": 10.0},
            "periphery": {"shape": None, "spacing_um": 0.0, "scale": 1e6},
        },
        observables=OBSERVABLES,
        columns=COLUMNS,
    )


def record(writer: TrajectoryWriter, *, cells: bool = True, views: bool = True, observed: bool = True) -> None:
    for day in VIEW_DAYS:
        tick = round(day * TICKS_PER_DAY)
        if observed:
            writer.observables(tick, {"il6": 10.0 + day / 3, "mrd": np.nan if day < 0 else 0.1})
        if views:
            writer.view(tick, "marrow", view_at("marrow", day))
            writer.view(tick, "csf", view_at("csf", day))
        if cells and day in CELL_DAYS:
            for compartment in COUNTS:
                writer.cells(tick, compartment, cells_at(compartment, int(day)))


Make = Callable[..., Trajectory]


@pytest.fixture
def make(tmp_path: Path, header: Header) -> Iterator[Make]:
    """Give a function that writes a trajectory, finished, still running, or as a crash leaves it, and opens it."""
    with ExitStack() as opened:

        def written(name: str = "run.h5", status: str = "finished", **what: bool) -> Trajectory:
            writer = TrajectoryWriter(tmp_path / name, header)
            record(writer, **what)
            if status == "finished":
                writer.finish()
            elif status == "interrupted":
                writer.abort("the plug was pulled")
            else:
                writer.flush()
                opened.callback(writer.finish)
            trajectory = opened.enter_context(Trajectory.open(tmp_path / name))
            assert trajectory.status == status
            return trajectory

        yield written


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, header: Header) -> Path:
    """Return the file of a finished run, which no test changes."""
    path = tmp_path_factory.mktemp("finished") / "run.h5"
    with TrajectoryWriter(path, header) as writer:
        record(writer)
    return path


@pytest.fixture
def run(finished: Path) -> Iterator[Trajectory]:
    """Return that run."""
    with Trajectory.open(finished) as trajectory:
        yield trajectory
