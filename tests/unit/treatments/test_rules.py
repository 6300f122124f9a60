# SPDX-License-Identifier: Apache-2.0
"""Rules of treatments: what they mean, and what is refused with which words."""

from __future__ import annotations

import contextlib
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.treatments.rules import Rule, parse_rule
from abm.units import TICKS_PER_DAY, TICKS_PER_HOUR


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("crs_grade >= 3", Rule("crs_grade", ">=", 3.0)),
        ("  crs_grade>=3  ", Rule("crs_grade", ">=", 3.0)),
        ("il6 > 5e2 for 12 h", Rule("il6", ">", 500.0, 12 * TICKS_PER_HOUR)),
        ("mrd < 1e-4 for 2 days", Rule("mrd", "<", 1e-4, 2 * TICKS_PER_DAY)),
        ("crs_grade == 2 for 30 min", Rule("crs_grade", "==", 2.0, TICKS_PER_HOUR // 2)),
        ("cells_blast_csf <= -0.5", Rule("cells_blast_csf", "<=", -0.5)),
    ],
)
def test_reads(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be '<observable> <op> <number> [for <time>]'"),
        ("crs_grade", "must be '<observable> <op> <number> [for <time>]'"),
        ("il6 > 5 and crp > 3", "must be '<observable> <op> <number> [for <time>]'"),
        ("__import__('os')", "must be '<observable> <op> <number> [for <time>]'"),
        ("crs_grade => 3", "unknown operator '=>' in 'crs_grade => 3'; allowed: >=, <=, ==, >, <"),
        ("crs_grade != 3", "unknown operator '!='"),
        ("crs_grade >= three", "'three' in 'crs_grade >= three' must be a finite number"),
        ("crs_grade >= nan", "'nan' in 'crs_grade >= nan' must be a finite number"),
        ("crs_grade >= 1e999", "'1e999' in 'crs_grade >= 1e999' must be a finite number"),
        ("crs_grade >= 1_000", "'1_000' in 'crs_grade >= 1_000' must be a finite number"),
        ("il6 > 5 for 12", "time after 'for' in 'il6 > 5 for 12': must be a number without quotes, or text"),
        ("il6 > 5 for 12 pg/mL", "time after 'for' in 'il6 > 5 for 12 pg/mL': must have a unit of time"),
        ("il6 > 5 for -2 h", "must be between 0 and 8760 h, got '-2 h'"),
        ("il6 > 5 for 400 d", "must be between 0 and 8760 h, got '400 d'"),
        ("x" * 201, "a rule has at most 200 characters, got 201"),
    ],
)
def test_refuses(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_rule(text)


@given(st.text(max_size=250))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(parse_rule(text), Rule)


def test_comparison() -> None:
    assert parse_rule("a >= 3").holds(3.0)
    assert not parse_rule("a > 3").holds(3.0)
    assert parse_rule("a <= 3").holds(3.0)
    assert not parse_rule("a < 3").holds(3.0)
    assert parse_rule("a == 3").holds(3.0)
    for symbol in (">=", "<=", ">", "<", "=="):
        assert not parse_rule(f"a {symbol} 3").holds(math.nan)


def test_unknown_observable_names_all_and_the_nearest() -> None:
    rule = parse_rule("crs_grad >= 3")
    with pytest.raises(ValueError, match=r"unknown observable 'crs_grad'; nearest: 'crs_grade'; known: crs_grade, il6$"):
        rule.require_known({"il6", "crs_grade"})
    with pytest.raises(ValueError, match="unknown observable 'crs_grad'; this run has none"):
        rule.require_known(())
