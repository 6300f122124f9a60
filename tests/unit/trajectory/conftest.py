# SPDX-License-Identifier: Apache-2.0
"""A small run to record: a header, and frames that follow from their tick alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abm.trajectory import Header, TrajectoryWriter
from tests.unit.trajectory.parting import parted, shared, write  # noqa: F401  fixtures

COLUMNS = {
    "uid": {"unit": "", "about": "identity"},
    "kind": {"unit": "", "about": "cell type code"},
    "site": {"unit": "", "about": "lattice site"},
    "cd19": {"unit": "molecules", "about": "CD19 per cell"},
    "mood": {"unit": "1", "about": "responsiveness"},
    "bound": {"unit": "", "about": "in a synapse"},
}


@pytest.fixture
def header() -> Header:
    return Header(
        scenario="name: small\nseed: 7\n",
        original="# as written, in µm\nname: small\n",
        provenance={"scenario": "small", "seed": 7, "threads": 2, "command": ["abm", "run"], "software": {"abm": "0"}},
        kinds=[
            {"code": 6, "name": "blast", "label": "CD19+ blast", "colour": "#7b3294"},
            {"code": 9, "name": "car_t", "label": "CAR T cell", "colour": "#008837"},
        ],
        compartments={
            "marrow": {"shape": [6, 5, 4], "spacing_um": 10.0, "scale": 1e6},
            "csf": {"shape": [8, 8, 1], "spacing_um": 10.0, "scale": 1.0},
            "periphery": {"shape": None, "spacing_um": 10.0, "scale": 1e6},
        },
        observables={
            "il6": {"unit": "pg/mL", "about": "interleukin 6"},
            "blasts_total": {"unit": "cells", "about": "leukaemic cells"},
        },
        columns=COLUMNS,
    )


def content_at(tick: int) -> dict[str, Any]:
    """Return what is recorded at a tick."""
    random = np.random.default_rng(tick)
    count = int(random.integers(0, 40))
    return {
        "observables": {"il6": float(random.normal()), "blasts_total": float(random.integers(1, 10**13))},
        "marrow": random.integers(0, 128, (6, 5, 4), dtype=np.uint8),
        "csf": random.integers(0, 128, (8, 8), dtype=np.uint8),
        "field": random.normal(size=(3, 2, 2)).astype(np.float32),
        "cells": {
            "uid": np.arange(count, dtype=np.int64) + 2**40,
            "kind": random.choice(np.array([6, 9], dtype=np.uint8), count),
            "site": random.integers(-1, 120, count, dtype=np.int32),
            "cd19": random.lognormal(9, 0.5, count).astype(np.float32),
            "mood": random.random(count, dtype=np.float32),
            "bound": random.random(count) < 0.5,
        },
    }


def record_tick(writer: TrajectoryWriter, tick: int) -> None:
    """Record everything of one tick."""
    content = content_at(tick)
    writer.observables(tick, content["observables"])
    writer.view(tick, "marrow", content["marrow"])
    writer.view(tick, "csf", content["csf"])
    writer.cells(tick, "marrow", content["cells"])
    writer.field(tick, "marrow", "il6", content["field"])
    writer.event(tick, "infusion", {"cells": tick * 10, "note": "µ"})


@pytest.fixture
def content() -> Callable[[int], dict[str, Any]]:
    return content_at


@pytest.fixture
def record() -> Callable[[TrajectoryWriter, int], None]:
    return record_tick


@pytest.fixture
def recorded(tmp_path: Path, header: Header) -> Callable[..., Path]:
    """Write a run of some ticks; finished, or left as a crash would leave it."""

    def run(name: str = "run.h5", ticks: range = range(0, 2400, 240), finish: bool = True, **options: Any) -> Path:
        writer = TrajectoryWriter(tmp_path / name, header, **options)
        for tick in ticks:
            record_tick(writer, tick)
        if finish:
            writer.finish()
        else:
            writer.flush()
            (tmp_path / f"{name}.lock").unlink()
        return tmp_path / name

    return run
