# SPDX-License-Identifier: Apache-2.0
"""A thousand damaged scenario files: each is refused with positions or read, never anything else."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.errors import InputError
from abm.units import Parameters
from abm.yamlfile import load
from tests.unit.example_scenario import TEXT, Example

HANG = 10
"""Seconds after which reading one file counts as hanging; it takes some milliseconds."""
JUNK = [
    "",
    "null",
    "[]",
    "{}",
    "-1",
    "1e400",
    ".nan",
    ".inf",
    "9" * 40,
    "0x",
    "true",
    "no",
    "'",
    '"\\q"',
    "!!python/object/apply:os.system [ls]",
    "&a [*a]",
    "*nowhere",
    "{a: {b: [1, {c: 2}]}}",
    "[" * 200,
    "? x",
    "|",
    ">-",
    "%TAG ! x",
    "---",
    "...",
    "\t",
    "\x00",
    "\ufeff",
    "\u2028",
    "µm/min",
    "6 parsecs",
    "@",
    "`",
    "extends: x.yaml",
    "<<: *x",
    "🩸",
    "x" * 2000,
]
TOKEN = re.compile(r"\w+|[^\w\s]")
LINE = re.compile(r"^(\d+\.yaml:\d+:\d+: .|.*--set )")


def sources() -> list[tuple[type[Parameters], str]]:
    """Return the scenarios that come with the package, and one that has every kind of field."""
    found: list[tuple[type[Parameters], str]] = [(Example, TEXT)]
    if find_spec("abm.scenario") is not None:
        from abm.scenario import Scenario

        folder = Path(__file__).parents[2] / "scenarios"
        found += [(Scenario, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))]
    return found


def flip_byte(raw: bytes, where: int, other: int) -> bytes:
    at = where % len(raw)
    return raw[:at] + bytes([raw[at] ^ (1 << other % 8)]) + raw[at + 1 :]


def delete(raw: bytes, where: int, other: int) -> bytes:
    at = where % len(raw)
    return raw[:at] + raw[at + 1 + other % 40 :]


def cut_off(raw: bytes, where: int, other: int) -> bytes:
    return raw[: where % len(raw)]


def insert(raw: bytes, where: int, other: int) -> bytes:
    at = where % len(raw)
    return raw[:at] + JUNK[other % len(JUNK)].encode() + raw[at:]


def swap_tokens(raw: bytes, where: int, other: int) -> bytes:
    text = raw.decode(errors="replace")
    tokens = list(TOKEN.finditer(text))
    if len(tokens) < 2:
        return raw
    first, second = sorted((tokens[where % len(tokens)], tokens[other % len(tokens)]), key=lambda one: one.start())
    if first is second:
        return raw
    middle = text[first.end() : second.start()]
    return (text[: first.start()] + second[0] + middle + first[0] + text[second.end() :]).encode()


def _on_a_line(pattern: str, replacement: Callable[[re.Match[str], int], str]) -> Callable[[bytes, int, int], bytes]:
    def mutate(raw: bytes, where: int, other: int) -> bytes:
        text = raw.decode(errors="replace")
        found = list(re.finditer(pattern, text, re.MULTILINE))
        if not found:
            return raw
        one = found[where % len(found)]
        return (text[: one.start()] + replacement(one, other) + text[one.end() :]).encode()

    return mutate


def _lines(change: Callable[[list[bytes], int, int], None]) -> Callable[[bytes, int, int], bytes]:
    def mutate(raw: bytes, where: int, other: int) -> bytes:
        lines = raw.splitlines(keepends=True)
        change(lines, where % len(lines), other % len(lines))
        return b"".join(lines)

    return mutate


rename_key = _on_a_line(
    r"^( *(?:- )?)(\w+):", lambda one, other: f"{one[1]}{one[2][: other % 5]}{one[2][other % 7 :]}:"
)
replace_value = _on_a_line(r"(?<=: ).*$", lambda one, other: JUNK[other % len(JUNK)])
indent = _on_a_line(r"^ *", lambda one, other: " " * (other % 9))
move_line = _lines(lambda lines, where, other: lines.insert(other, lines.pop(where)))
repeat_line = _lines(lambda lines, where, other: lines.insert(other, lines[where]))
swap_lines = _lines(
    lambda lines, where, other: lines.__setitem__(slice(None), [*lines[other:], *lines[where:], *lines[:where]])
)

MUTATIONS = [
    flip_byte,
    delete,
    cut_off,
    insert,
    swap_tokens,
    rename_key,
    replace_value,
    indent,
    move_line,
    repeat_line,
    swap_lines,
]
NUMBERS = st.integers(0, 1 << 20)
DAMAGE = st.lists(st.tuples(st.sampled_from(MUTATIONS), NUMBERS, NUMBERS), min_size=1, max_size=4)
SOURCES = sources()


@contextmanager
def watchdog(what: bytes) -> Iterator[None]:
    """Fail, whatever catches exceptions inside, when the block does not end."""

    def give_up(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"reading hangs on {what!r}")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANG)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@settings(
    max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.integers(0, len(SOURCES) - 1), DAMAGE)
def test_a_damaged_file_is_refused_with_positions_or_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: int, damage: list
) -> None:
    model, text = SOURCES[which]
    raw = text.encode()
    for mutate, where, other in damage:
        raw = mutate(raw, where, other) or b"\n"
    monkeypatch.chdir(tmp_path)
    Path("0.yaml").write_bytes(raw)
    with watchdog(raw):
        try:
            load("0.yaml", model)
        except InputError as error:
            for line in str(error).splitlines():
                assert LINE.match(line), line


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_override_is_refused_by_name_or_applied(
    tmp_path_factory: pytest.TempPathFactory, path: str, value: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "0.yaml"
    file.write_text(TEXT, encoding="utf-8")
    for override in (f"{path}={value}", f"motility.speed={value}", f"treatments[0].{path}={value}"):
        with watchdog(override.encode(errors="replace")):
            try:
                load(file, Example, [override])
            except InputError as error:
                for line in str(error).splitlines():
                    assert "--set " in line, line


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="replace")))
def test_junk_is_refused(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "1.yaml"
    file.write_bytes(raw)
    with watchdog(raw), pytest.raises(InputError):
        load(file, Example)
