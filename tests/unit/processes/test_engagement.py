# SPDX-License-Identifier: Apache-2.0
"""Engagement: the step that products need, and the time to the division that a contact triggers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abm.celltypes.blast import BLAST
from abm.celltypes.car_t import CAR_T, CarTParameters, Programme
from abm.errors import InputError
from abm.processes.engagement import Engagement
from abm.processes.pace import keep_pace
from abm.state.ledger import Entry
from abm.state.places import PERIPHERY, Place
from abm.state.state import State
from abm.streams import Draws
from abm.units import TICKS_PER_HOUR, TICKS_PER_MINUTE

DENSE = 1e9
"""Antigen density at which every chance has its maximum."""


def engagement(*products: dict[str, Any]) -> Engagement:
    """Return the contacts of one minute; free cells are fast enough for a minute's step."""
    return Engagement(
        [CarTParameters(**{"costimulation": "cd28", "speed": 5, **changes}) for changes in products],
        spacing=10.0, open_fraction=1.0, period=TICKS_PER_MINUTE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("programme", "subset", "hours"), [(Programme.MEMORY, 8, 24), (Programme.EFFECTOR, 8, 12), (Programme.EFFECTOR, 4, 18)]
)
@pytest.mark.parametrize(
    ("body", "pace"),
    [({}, 1), ({"effect_division": 0.5}, 0.5), ({"il15": 9}, 3), ({"effect_division": 0.5, "il15": 9}, 1.5)],
)
def test_drugs_and_il15_pace_the_first_division_too(
    programme: Programme, subset: int, hours: float, body: dict[str, float], pace: float
) -> None:
    """A cell and a target fill a place of one site, so that they meet in the first step."""
    state = State(Draws(1), [Place(PERIPHERY, 1, 1)])
    state.tick = 1000
    state.body |= {name: np.array([float(value)]) for name, value in body.items()}
    state.add_cells(BLAST.code, PERIPHERY, Entry.INITIAL, 1, cd19=DENSE)
    state.add_cells(CAR_T.code, PERIPHERY, Entry.INFUSED, 1, product=1, state=programme, subset=subset, budget=255)
    product = {
        "contact_rate": 1, "kill_probability": 0, "activation_probability": 1,
        "activation_lag": 24, "cycle": 12, "cd4_cycle_ratio": 1.5,
    }  # fmt: skip
    keep_pace(state, il15_sensitivity=0.5)
    engagement(product).run(state)
    assert state.motile.array("state")[0] == Programme.ACTIVATED
    assert state.motile.array("divide_at")[0] == 1000 + round(hours / pace * TICKS_PER_HOUR)


@pytest.mark.parametrize(
    ("products", "step"),
    [
        ([{"speed": 10, "contact_rate": 1}], 4),
        ([{"speed": 20, "contact_rate": 1}], 2),
        ([{"speed": 21, "contact_rate": 1}], 1),
        ([{"speed": 6}], 4),  # one neighbour per 6 µm
        ([{"speed": 7}], 2),
        ([{"contact_rate": 1}], 4),
        ([{"contact_rate": 1.5}], 2),
        ([{"contact_rate": 2}], 2),
        ([{"contact_rate": 4}], 1),
        ([{}, {"contact_rate": 4}], 1),
        ([{"contact_rate": 2}, {"speed": 30, "contact_rate": 0}], 1),
    ],
)
def test_in_a_step_no_product_moves_or_touches_more_than_once(products: list[dict[str, Any]], step: int) -> None:
    assert engagement(*products).step == step


def test_a_cell_that_touches_often_does_so_within_a_minute() -> None:
    """Of 3,000 cells, four tests a minute of which each binds in 1 of 50; within four standard deviations."""
    n, bind = 3000, 0.02
    state = State(Draws(1), [Place(PERIPHERY, 1, 100 * n)])
    state.add_cells(BLAST.code, PERIPHERY, Entry.INITIAL, 100 * n, cd19=DENSE)
    state.add_cells(CAR_T.code, PERIPHERY, Entry.INFUSED, n, product=1, state=Programme.EFFECTOR, budget=255)
    engagement({"contact_rate": 4, "bind_probability": bind}).run(state)
    expected = n * (1 - (1 - bind) ** 4)
    assert state.body["contacts_periphery"][0] == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_a_product_too_fast_for_the_lattice_is_named() -> None:
    with pytest.raises(InputError, match=r"products\[1\]\.speed: must be at most 40 µm/min .*, got 41 µm/min"):
        engagement({}, {"speed": 41, "contact_rate": 1})


def test_a_speed_from_which_too_many_tests_follow_is_named() -> None:
    message = r"products\[1\]\.contact_rate: must be at most 4 1/min, .* from a speed of 30 µm/min follow 5 1/min"
    with pytest.raises(InputError, match=message):
        engagement({}, {"speed": 30})
