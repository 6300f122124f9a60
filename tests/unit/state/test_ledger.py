# SPDX-License-Identifier: Apache-2.0
"""The books: what adds, what takes, and that counting is exact."""

from __future__ import annotations

import numpy as np
import pytest

from abm.celltypes import BLAST, CAR_T
from abm.state.ledger import SIGNS, Entry, Ledger

GAINS = {"INITIAL", "BIRTH", "MATURED_IN", "INFUSED", "ARRIVED", "ANTIGEN_IN"}
EVENTS = {"SPLIT", "MERGED", "REMAINDER", "BLOCKED"}


@pytest.mark.parametrize("entry", list(Entry))
def test_sign_of_each_entry(entry: Entry) -> None:
    expected = 1 if entry.name in GAINS else 0 if entry.name in EVENTS else -1
    ledger = Ledger()
    ledger.add(BLAST.code, 1, entry, 7)
    assert SIGNS[entry] == expected
    assert ledger.balance()[BLAST.code, 1] == 7 * expected
    assert ledger.balance().sum() == 7 * expected


def test_every_entry_has_a_sign() -> None:
    assert [int(entry) for entry in Entry] == list(range(len(SIGNS)))


def test_counts_beyond_what_a_float_holds() -> None:
    ledger = Ledger()
    ledger.add(BLAST.code, 0, Entry.INITIAL, 2**55)
    for _ in range(3):
        ledger.add(BLAST.code, 0, Entry.BIRTH, 1)
    assert ledger.balance()[BLAST.code, 0] == 2**55 + 3


def test_rows_of_one_kind_and_place_add_up() -> None:
    ledger = Ledger()
    kinds = np.array([BLAST.code, CAR_T.code, BLAST.code, BLAST.code])
    ledger.add_rows(kinds, 2, Entry.DIED, np.array([5, 6, 7, 8]))
    ledger.add_rows(kinds, np.array([0, 0, 1, 1]), Entry.SPLIT, 1)
    assert ledger.book[BLAST.code, :, Entry.DIED].tolist() == [0, 0, 20]
    assert ledger.book[BLAST.code, :, Entry.SPLIT].tolist() == [1, 2, 0]
    assert ledger.book[CAR_T.code, :, Entry.SPLIT].tolist() == [1, 0, 0]


def test_totals() -> None:
    ledger = Ledger()
    for place, count in enumerate((3, 4, 5)):
        ledger.add(BLAST.code, place, Entry.KILLED, count)
        ledger.add(CAR_T.code, place, Entry.KILLED, 1)
    assert ledger.total(Entry.KILLED) == 15
    assert ledger.total(Entry.KILLED, BLAST.code) == 12
    assert ledger.total(Entry.DIED) == 0
