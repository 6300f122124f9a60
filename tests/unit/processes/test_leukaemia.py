# SPDX-License-Identifier: Apache-2.0
"""Leukaemia: how the clones that lose CD19 are numbered."""

from __future__ import annotations

import numpy as np
import pytest

from abm.celltypes import BLAST, CD19_NEGATIVE_BLAST
from abm.celltypes.blast import BlastParameters
from abm.processes.leukaemia import CLONES_AT_START, MOST_CLONES, MOST_MOLECULES, Leukaemia
from abm.state.ledger import Entry
from abm.state.places import PERIPHERY, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_HOUR

SCALE = 1_000_000


def grown(clones_before: float | None = None, **parameters: float) -> State:
    """Return 400 blasts of the periphery, a day later."""
    state = State(Draws(2), [Place(PERIPHERY, SCALE, 10_000)])
    state.add_cells(BLAST.code, PERIPHERY, Entry.INITIAL, 400, weight=SCALE, cd19=8000.0, cd22=3000.0, clone=1)
    if clones_before is not None:
        state.body["clones"] = np.array([clones_before])
    process = Leukaemia(BlastParameters(net_growth=1, death=0, **parameters), period=TICKS_PER_HOUR)
    process.start(state)
    for _ in range(24):
        process.run(state)
        state.check()
        state.tick += process.period
    return state


def negative_clones(state: State) -> list[int]:
    clones = state.sessile.array("clone")[state.sessile.array("kind") == CD19_NEGATIVE_BLAST.code]
    return sorted(set(clones.tolist()))


def test_each_loss_founds_a_clone_of_its_own_beside_those_of_the_start() -> None:
    state = grown(cd19_loss=1e-7)
    clones = negative_clones(state)
    assert 10 < len(clones) < 100  # about 690 births of a million cells each: 69 cells without CD19
    assert clones[0] == CLONES_AT_START + 1
    assert state.body["clones"][0] == clones[-1]
    lost = state.ledger.total(Entry.ANTIGEN_IN, CD19_NEGATIVE_BLAST.code)
    assert lost == state.ledger.total(Entry.ANTIGEN_OUT, BLAST.code) >= len(clones)
    assert (state.sessile.array("cd19")[state.sessile.array("kind") == CD19_NEGATIVE_BLAST.code] == 0).all()
    assert (state.sessile.array("clone")[state.sessile.array("kind") == BLAST.code] == 1).all()


def test_late_clones_share_the_last_number() -> None:
    state = grown(clones_before=MOST_CLONES - 3, cd19_loss=1e-6)
    clones = negative_clones(state)
    assert clones == [MOST_CLONES - 2, MOST_CLONES - 1, MOST_CLONES]


def test_drift_ends_before_the_numbers_do() -> None:
    state = State(Draws(2), [Place(PERIPHERY, SCALE, 10_000)])
    state.add_cells(BLAST.code, PERIPHERY, Entry.INITIAL, 2000, weight=SCALE, cd19=9e11, cd22=9e11, clone=1)
    process = Leukaemia(BlastParameters(net_growth=2, death=0, antigen_drift=1), period=TICKS_PER_HOUR)
    process.start(state)
    for _ in range(12):
        process.run(state)
        state.tick += process.period
    for name in ("cd19", "cd22"):
        values = state.sessile.array(name)
        assert values.max() == MOST_MOLECULES
        assert values.min() < 3e11


@pytest.mark.parametrize("loss", [0.0, 0.01])
def test_none_and_many(loss: float) -> None:
    state = grown(cd19_loss=loss)
    births = state.ledger.total(Entry.BIRTH)
    lost = state.ledger.total(Entry.ANTIGEN_IN)
    assert births > 400 * SCALE
    assert lost == pytest.approx(loss * births, rel=0.01)
    assert len(negative_clones(state)) == (MOST_CLONES - CLONES_AT_START if loss else 0)
