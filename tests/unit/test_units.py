# SPDX-License-Identifier: Apache-2.0
"""Units and quantities: values by hand, exact round trips, and what is said of bad input."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from abm.errors import nearest, range_text, shown, spelled
from abm.units import UNITS, Parameters, canonical_unit, from_base, parse_quantity, quantity, to_base


class Walk(Parameters):
    """A group with a quantity of each shape."""

    speed: float = quantity(6.0, "µm/min", bounds=(0, 30), about="Speed.", source="test")
    days: tuple[float, ...] = quantity((1, 2), "d", bounds=(0, 9), about="Days.", source="test")
    share: dict[str, float] = quantity({}, "%", bounds=(0, 100), about="Share.", source="test")
    growth: float | None = quantity(None, "1/d", bounds=(-1, math.inf), about="Growth.", source="test")
    steps: tuple[tuple[int, str], ...] = ()


def refusal(**values: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Walk.model_validate(values)
    return str(caught.value.errors()[0]["msg"]).removeprefix("Value error, ")


def test_defaults_are_read_in_the_declared_unit() -> None:
    assert Walk().speed == 360.0
    assert Walk().days == (24.0, 48.0)
    assert Walk().growth is None


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (3, "h", 3.0),
        ("2.4 1/d", "1/d", 2.4),
        ("2 d", "h", 48.0),
        ("30min", "h", 0.5),
        ("2 days", "h", 48.0),
        ("90 minutes", "h", 1.5),
        ("0.5 ng/mL", "pg/mL", 500.0),
        ("50 %", "1", 0.5),
        ("6 um/min", "µm/min", 6.0),
        ("1 um^2/min", "µm²/h", 60.0),
        ("1e6 cells/kg", "cells/kg", 1e6),
        (" -.5e1  1/h ", "1/h", -5.0),
    ],
)
def test_quantities_by_hand(value: float | str, unit: str, expected: float) -> None:
    assert parse_quantity(value, unit) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "must be a number in h, such as 1 or '1 h', got true"),
        (None, "must be a number in h, such as 1 or '1 h', got null"),
        ("soon", "must be a number in h, such as 1 or '1 h', got 'soon'"),
        ("3", "must be a number without quotes, or text such as '3 h', got '3'"),
        ("1,000 h", "must be a number without separators, such as 1000000 or 1e6, got '1,000 h'"),
        ("3 hrz", "unknown unit in '3 hrz'; units of time: s, min, h, d; nearest: 'h'"),
        ("3 µm", "must have a unit of time (s, min, h, d), got '3 µm', a length"),
        ("1e999 h", "must be a finite number, got '1e999 h'"),
        (math.nan, "must be a finite number, got nan"),
        (10**400, "must be a finite number, got a number too large to show"),
    ],
)
def test_what_is_no_quantity_is_told(value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        parse_quantity(value, "h")  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_out_of_range_names_the_range_in_the_declared_unit() -> None:
    assert refusal(speed=-1e6) == "must be between 0 and 30 µm/min, got -1e6"
    assert refusal(speed="6 mm/h") == "must be between 0 and 30 µm/min, got '6 mm/h', which is 100 µm/min"
    assert refusal(growth=-2) == "must be at least -1 1/d, got -2"


def test_every_bad_item_of_a_list_or_mapping_is_told() -> None:
    assert refusal(days=[1, -1, "x"]) == (
        "[1]: must be between 0 and 9 d, got -1; [2]: must be a number in d, such as 1 or '1 d', got 'x'"
    )
    assert refusal(share={"a": 1, "b": 200}) == "b: must be between 0 and 100 %, got 200"


def test_lists_are_accepted_for_tuples_but_other_types_stay_strict() -> None:
    walk = Walk.model_validate({"days": [1], "steps": [[1, "a"], [2, "b"]]})
    assert walk.days == (24.0,)
    assert walk.steps == ((1, "a"), (2, "b"))
    for bad in ([["1", "a"]], [[True, "a"]], [[1, 2]], [[1]], "ab"):
        with pytest.raises(ValidationError):
            Walk.model_validate({"steps": bad})


def test_a_group_is_frozen_and_knows_no_other_keys() -> None:
    with pytest.raises(ValidationError):
        Walk().speed = 1.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Walk.model_validate({"sped": 1})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": "um"}, "declare the unit as 'µm', not 'um'"),
        ({"bounds": (2, 1)}, r"bounds \(2, 1\) are reversed"),
        ({"plausible": (0, 11)}, r"plausible range \(0, 11\) is reversed or outside the bounds \(0, 10\)"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(changes: dict[str, object], message: str) -> None:
    declaration = {"default": 1.0, "unit": "µm", "bounds": (0, 10), "about": "x", "source": "y", **changes}
    with pytest.raises(ValueError, match=message):
        quantity(**declaration)  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_is_spelt_canonically_and_converts_back(unit: str) -> None:
    assert canonical_unit(unit) == unit
    for number in (0.1, 1 / 3, 2.4, 8379.0, 1e-10, 7e9):
        assert from_base(to_base(number, unit), unit) == number


@given(st.floats(min_value=1e-300, max_value=1e300), st.sampled_from(sorted(UNITS)))
def test_whatever_was_read_is_written_so_that_it_reads_the_same(number: float, unit: str) -> None:
    base = to_base(number, unit)
    if math.isfinite(base) and base > 1e-300:
        assert to_base(from_base(base, unit), unit) == base


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**20), 10**20))
@example(5e-324)
def test_spelled_numbers_read_the_same(number: float) -> None:
    assert Decimal(spelled(number)) == Decimal(repr(number))


def test_words_of_messages() -> None:
    assert [spelled(one) for one in (6.0, 1e6, -1e-5, 0.25, 1234567, 2000000)] == [
        "6",
        "1e6",
        "-1e-5",
        "0.25",
        "1234567",
        "2e6",
    ]
    assert shown("x" * 100) == "'" + "x" * 59 + "…"
    assert [shown(one) for one in (None, True, [1], {"a": 1}, "a\n")] == [
        "null",
        "true",
        "a list",
        "a mapping",
        r"'a\n'",
    ]
    assert range_text(-math.inf, 3, "h") == "at most 3 h"
    assert range_text(-math.inf, math.inf, "h") == "finite (in h)"


def test_nearest_ignores_case_and_bounds_its_work() -> None:
    assert nearest("DOSE", ["day", "dose"]) == "dose"
    assert nearest("z" * 1_000_000, ["dose"]) == "dose"
    assert nearest("dose", []) is None
