# SPDX-License-Identifier: Apache-2.0
"""Counts and lists of weighted agents against their twin in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm._kernels import _census
from tests.reference import census as twin

MIXED = {2: 50}
PER_GROUP = _census.PLACE_SLOTS * _census.KIND_SLOTS
DTYPES = {"kind": "u1", "compartment": "u1", "group": "u2", "flags": "u1", "weight": "i8"}


def make_rows(n: int, seed: int = 1, guests: float = 0.1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    columns = {
        "kind": rng.integers(0, 10, n),
        "compartment": rng.integers(0, 3, n),
        "group": rng.choice([0, 1, 2, 7], n),
        "flags": (rng.random(n) < guests) + 2 * (rng.random(n) < 0.2),
        "weight": rng.integers(1, 60, n),
    }
    return {name: values.astype(DTYPES[name]) for name, values in columns.items()}


def count(rows: dict[str, Any], n_groups: int = 8) -> tuple[Any, list[int], int]:
    scale = np.zeros(_census.PLACE_SLOTS, np.int64)
    scale[list(MIXED)] = list(MIXED.values())
    counts = np.zeros(n_groups * PER_GROUP, np.int64)
    parts = np.full(len(rows["kind"]), -7, np.int32)
    n_parts, highest = _census.count_classes(**rows, mixed_scale=scale, counts=counts, parts=parts)
    assert (parts[n_parts:] == -7).all()
    return counts.reshape(n_groups, _census.PLACE_SLOTS, _census.KIND_SLOTS), parts[:n_parts].tolist(), highest


def guests(rows: dict[str, Any], place: int) -> list[int]:
    out = np.full(len(rows["kind"]), -7, np.int32)
    columns = {name: rows[name] for name in ("flags", "kind", "compartment")}
    found = _census.list_guests(**columns, place=place, rows=out)
    assert (out[found:] == -7).all()
    return out[:found].tolist()


def as_lists(rows: dict[str, Any]) -> dict[str, list[int]]:
    return {name: values.tolist() for name, values in rows.items()}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 70), st.integers(0, 2**32), st.sampled_from([0.0, 0.02, 0.5, 1.0]))
def test_equals_twin(n: int, seed: int, share: float) -> None:
    rows = make_rows(n, seed, share)
    counts, parts, highest = count(rows)
    expected, expected_parts = twin.count_classes(as_lists(rows), MIXED)
    assert {where: int(counts[where]) for where in zip(*np.nonzero(counts), strict=True)} == expected
    assert parts == expected_parts
    assert highest == max(rows["group"].tolist(), default=0)
    for place in range(3):
        assert guests(rows, place) == twin.list_guests(as_lists(rows), place)


def test_by_hand() -> None:
    rows = {
        "kind": [6, 6, 9, 0, 6, 6], "compartment": [0, 0, 2, 0, 2, 2], "group": [1, 1, 0, 1, 1, 1],
        "flags": [0, 1, 0, 1, 0, 2], "weight": [50, 3, 49, 1, 50, 2],
    }  # fmt: skip
    arrays = {name: np.array(values, DTYPES[name]) for name, values in rows.items()}
    counts, parts, highest = count(arrays, 2)
    assert (counts[1, 0, 6], counts[0, 2, 9], counts[1, 2, 6]) == (2, 1, 2)
    assert parts == [1, 2, 5]
    assert highest == 1
    assert guests(arrays, 0) == [1]


def test_products_are_groups_too() -> None:
    rows = make_rows(200)
    narrow = rows | {"group": rows["group"].astype(np.uint8)}
    for ours, theirs in zip(count(rows), count(narrow), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_groups_without_room_are_reported_not_written() -> None:
    rows = make_rows(100)
    counts, parts, highest = count(rows, 2)
    assert highest == 7
    np.testing.assert_array_equal(counts, count(rows, 8)[0][:2])
    assert parts == count(rows, 8)[1]


def test_columns_out_of_range_write_nowhere_else() -> None:
    rows = make_rows(50)
    rows["kind"][:], rows["compartment"][:], rows["group"][:] = 255, 255, 65535
    counts, _, highest = count(rows, 1)
    assert counts.sum() == 0
    assert highest == 65535


@pytest.mark.parametrize("row", range(20))
def test_a_lone_guest_is_found_wherever_it_stands(row: int) -> None:
    rows = make_rows(20, guests=0.0)
    rows["kind"][:], rows["compartment"][:], rows["flags"][:] = 6, 1, 2
    rows["flags"][row] = 3
    assert guests(rows, 1) == [row]
    assert guests(rows, 0) == []


@pytest.mark.parametrize("name", ["kind", "group", "weight"])
def test_refuses_other_dtypes_and_strides(name: str) -> None:
    rows = make_rows(20)
    with pytest.raises((TypeError, ValueError), match=r"(?i)buffer dtype mismatch|no matching signature"):
        count(rows | {name: rows[name].astype(np.float64)})
    with pytest.raises(ValueError, match=r"(?i)not C.contiguous|not contiguous"):
        count(rows | {name: np.repeat(rows[name], 2)[::2]})
