# SPDX-License-Identifier: Apache-2.0
"""Leukaemia: its growth, alone and crowded, and how the clones that lose CD19 are numbered."""

from __future__ import annotations

import numpy as np
import pytest

from abm.celltypes import BLAST, CD19_NEGATIVE_BLAST
from abm.celltypes.blast import BlastParameters
from abm.processes.leukaemia import CLONES_AT_START, MOST_CLONES, MOST_MOLECULES, Leukaemia
from abm.state.ledger import Entry
from abm.state.places import MARROW, PERIPHERY, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR
from tests.unit.processes.small_body import make_state, marrow, put

SCALE = 1_000_000
AT_ONCE = 2000
"""Blasts that are due in one run."""


def births_at_once(state: State, place: int, **parameters: float) -> int:
    """Let blasts that never die be due together; return how many asked for a division."""
    state.sessile.array("due")[:] = 0
    Leukaemia(BlastParameters(net_growth=1, death=0, **parameters), period=TICKS_PER_HOUR).run(state)
    state.check()
    born = int(state.ledger.total(Entry.BIRTH, BLAST.code)) // state.places[place].scale
    return born + int(state.ledger.total(Entry.BLOCKED, BLAST.code))


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


def test_net_growth_below_the_death_rate_adds_deaths() -> None:
    """Survivors of 3,000 after five days at -0.2/d, within four standard deviations (false alarm 6e-5)."""
    state = State(Draws(2), [Place(PERIPHERY, 1, 10_000)])
    state.add_cells(BLAST.code, PERIPHERY, Entry.INITIAL, 3000)
    process = Leukaemia(BlastParameters(net_growth=-0.2, death=0.05), period=TICKS_PER_HOUR)
    process.start(state)
    while state.tick <= 5 * TICKS_PER_DAY:
        process.run(state)
        state.tick += process.period
    state.check()
    survival = np.exp(-1)
    assert state.ledger.total(Entry.BIRTH) == 0
    assert abs(len(state.sessile.alive()) - 3000 * survival) < 4 * np.sqrt(3000 * survival * (1 - survival))


@pytest.mark.parametrize("crowding", [0.0, 0.6])
@pytest.mark.parametrize("occupancy", [0.25, 0.5, 1.0])
def test_in_the_periphery_blasts_crowd_each_other_whatever_the_marrow_does(occupancy: float, crowding: float) -> None:
    """Of 2,000, within four standard deviations (false alarm 6e-5); none divide where blasts fill it."""
    state = State(Draws(2), [Place(PERIPHERY, SCALE, round(AT_ONCE / occupancy))])
    state.add_cells(BLAST.code, PERIPHERY, Entry.INITIAL, AT_ONCE, weight=SCALE)
    asked = births_at_once(state, PERIPHERY, crowding=crowding)
    assert abs(asked - AT_ONCE * (1 - occupancy)) <= 4 * np.sqrt(AT_ONCE * occupancy * (1 - occupancy))


@pytest.mark.parametrize("crowding", [0.0, 0.5, 1.0])
def test_in_marrow_blasts_crowd_each_other_as_stated(crowding: float) -> None:
    """Half of the open sites hold a blast; within four standard deviations, exactly all where crowding is off."""
    state = make_state()
    put(state, BLAST.code, MARROW, AT_ONCE)
    refused = crowding * AT_ONCE / marrow(state).n_open
    asked = births_at_once(state, MARROW, crowding=crowding)
    assert abs(asked - AT_ONCE * (1 - refused)) <= 4 * np.sqrt(AT_ONCE * refused * (1 - refused))


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
