# SPDX-License-Identifier: Apache-2.0
"""Base units, and the one way in from text such as ``"2.4 1/d"``.

Inside the package every number is in base units; conversion happens here, when a
scenario is read, and again in figures and summaries.

==================  =======================================================
quantity            base unit
==================  =======================================================
time                h (integer *ticks* of 15 s inside the engine)
length              µm
cells               cells (of the body, unless "lattice cells" is said)
concentration       pg/mL
rate                1/h
body weight         kg
volume per weight   mL/kg
drug dose           mg/kg
antigen density     molecules (per cell)
==================  =======================================================
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError

from abm.errors import nearest, path_text, range_text, shown, spelled

TICK_SECONDS = 15
TICKS_PER_MINUTE = 60 // TICK_SECONDS
TICKS_PER_HOUR = 60 * TICKS_PER_MINUTE
TICKS_PER_DAY = 24 * TICKS_PER_HOUR
ROUNDING = 1e-9
"""Part by which a number that was converted may exceed a bound that it was meant to meet."""

# unit -> (dimension, numerator, denominator): base value = value * numerator / denominator.
# Integer ratios, so that "1/d" loses nothing to an inexact 1/24.
UNITS: dict[str, tuple[str, int, int]] = {
    "1": ("number", 1, 1),
    "%": ("number", 1, 100),
    "s": ("time", 1, 3600),
    "min": ("time", 1, 60),
    "h": ("time", 1, 1),
    "d": ("time", 24, 1),
    "1/s": ("rate", 3600, 1),
    "1/min": ("rate", 60, 1),
    "1/h": ("rate", 1, 1),
    "1/d": ("rate", 1, 24),
    "µm": ("length", 1, 1),
    "mm": ("length", 1000, 1),
    "µm/min": ("speed", 60, 1),
    "µm/h": ("speed", 1, 1),
    "mm/h": ("speed", 1000, 1),
    "µm²/min": ("diffusivity", 60, 1),
    "µm²/s": ("diffusivity", 3600, 1),
    "µm²/h": ("diffusivity", 1, 1),
    "cells": ("cells", 1, 1),
    "cells/kg": ("cells per weight", 1, 1),
    "cells/µL": ("cell concentration", 1, 1),
    "cells/mm³": ("cell density", 1, 1),
    "pg/mL": ("concentration", 1, 1),
    "ng/mL": ("concentration", 1000, 1),
    "µg/mL": ("concentration", 1_000_000, 1),
    "mg/L": ("concentration", 1_000_000, 1),
    "pg": ("mass", 1, 1),
    "kg": ("body weight", 1, 1),
    "g": ("body weight", 1, 1000),
    "mL": ("volume", 1, 1),
    "L": ("volume", 1000, 1),
    "mL/kg": ("volume per weight", 1, 1),
    "L/kg": ("volume per weight", 1000, 1),
    "mL/h/kg": ("clearance", 1, 1),
    "mg/kg": ("dose", 1, 1),
    "mg/kg/d": ("dose rate", 1, 24),
    "molecules": ("antigen", 1, 1),
    "molecules/h": ("secretion", 1, 1),
    "cells/kg/d": ("cell flux", 1, 24),
}
_SPELLINGS = {
    r"\bu(?=[mgL])": "µ",
    "μ": "µ",
    r"\^2": "²",
    r"\^3": "³",
    r"\b(days?)\b": "d",
    r"\b(hours?|hr|hrs)\b": "h",
    r"\b(minutes?|mins)\b": "min",
    r"\b(seconds?|sec)\b": "s",
}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def canonical_unit(text: str) -> str:
    """Spell a unit as :data:`UNITS` does (``um/min`` becomes ``µm/min``, ``days`` becomes ``d``).

    Raises
    ------
    ValueError
        Unknown unit; the message names the nearest known one.
    """
    unit = text.strip()
    if unit in UNITS:
        return unit
    for old, new in _SPELLINGS.items():
        unit = re.sub(old, new, unit)
    if unit in UNITS:
        return unit
    raise ValueError(f"unknown unit {shown(text)}; nearest known unit: {nearest(unit, UNITS)!r}")


def units_like(unit: str) -> list[str]:
    """Return all units of the dimension that ``unit`` has."""
    return [name for name, entry in UNITS.items() if entry[0] == UNITS[unit][0]]


def to_base(value: float, unit: str) -> float:
    """Convert a number in ``unit`` to base units."""
    _, numerator, denominator = UNITS[canonical_unit(unit)]
    return value * numerator / denominator


def from_base(value: float, unit: str) -> float:
    """Convert a number in base units to ``unit``, to the shortest decimal that converts back to it."""
    _, numerator, denominator = UNITS[canonical_unit(unit)]
    plain = value * denominator / numerator
    for digits in (12, 15, 16):
        short = float(f"{plain:.{digits}g}")
        if short * numerator / denominator == value:
            return short
    # Two roundings there and two back: the number that was converted lies within a few of its neighbours.
    below = above = plain
    for _ in range(4):
        for near in (below, above):
            if near * numerator / denominator == value:
                return near
        below, above = math.nextafter(below, -math.inf), math.nextafter(above, math.inf)
    return plain


def parse_quantity(value: float | str, unit: str) -> float:
    """Read a number, or text with a unit, and return it in ``unit``.

    Parameters
    ----------
    value : float or str
        ``2.4`` (taken to be in ``unit``) or ``"2.4 1/d"``.
    unit : str
        The declared unit of the field.

    Raises
    ------
    ValueError
        Not a number, not finite, an unknown unit, or a unit of another dimension.
    """
    example = "such as 0.5 or '50 %'" if unit == "1" else f"in {unit}, such as 1 or '1 {unit}'"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"must be a number {example}, got {shown(value)}")
    if isinstance(value, int | float):
        return _finite(value, value)
    text = value.strip()
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"must be a number {example}, got {shown(value)}")
    given = text[match.end() :].strip()
    if not given:
        raise ValueError(f"must be a number without quotes, or text such as '{match[0]} {unit}', got {shown(value)}")
    if given[0] in ",_":
        raise ValueError(f"must be a number without separators, such as 1000000 or 1e6, got {shown(value)}")
    dimension, wanted_numerator, wanted_denominator = UNITS[unit]
    allowed = units_like(unit)
    listed = ", ".join(allowed)
    try:
        given = canonical_unit(given)
    except ValueError:
        raise ValueError(
            f"unknown unit in {shown(value)}; units of {dimension}: {listed}; nearest: {nearest(given, allowed)!r}"
        ) from None
    if given not in allowed:
        raise ValueError(f"must have a unit of {dimension} ({listed}), got {shown(value)}, a {UNITS[given][0]}")
    number = _finite(float(match[0]), value)
    if given == unit:
        return number
    _, numerator, denominator = UNITS[given]
    return _finite(number * (numerator * wanted_denominator) / (denominator * wanted_numerator), value)


def _finite(number: float, given: Any) -> float:
    try:
        result = float(number)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise ValueError(f"must be a finite number, got {shown(given)}")
    return result


def quantity(
    default: Any,
    unit: str,
    *,
    bounds: tuple[float, float],
    about: str,
    source: str,
    plausible: tuple[float, float] | None = None,
) -> Any:
    """Declare a parameter: default, unit, bounds, plausible range and source in one place.

    Annotate the field as ``float``, or as a tuple or a ``dict`` of floats, each of which is then a
    quantity; a count without a unit is a plain ``int`` with ``Field(ge=..., le=...)``.

    Parameters
    ----------
    default : float, sequence, None or ``...``
        In ``unit``; ``...`` makes the field required.
    unit : str
        Unit in which bare numbers are read and shown; the attribute itself is in base units.
    bounds : (float, float)
        Hard limits in ``unit``; a value outside is an error.
    about : str
        What it is, one sentence.
    source : str
        Author, year, table or figure, or "assumption: why".
    plausible : (float, float), optional
        Range in ``unit`` for parameter studies; defaults to nothing (not varied).

    Raises
    ------
    ValueError
        The declaration contradicts itself: a unit spelt otherwise, bounds or plausible range reversed
        or one outside the other.
    """
    if canonical_unit(unit) != unit:
        raise ValueError(f"declare the unit as {canonical_unit(unit)!r}, not {unit!r}")
    low, high = bounds
    if not low <= high:
        raise ValueError(f"bounds {bounds} are reversed")
    if plausible is not None and not low <= plausible[0] <= plausible[1] <= high:
        raise ValueError(f"plausible range {plausible} is reversed or outside the bounds {bounds}")

    def read_value(value: Any) -> Any:
        return None if value is None else _read_all(value, unit, (low, high))

    varied = None if plausible is None else list(plausible)
    extra = {"unit": unit, "bounds": [low, high], "plausible": varied, "source": source}
    field = Field(default, description=about, json_schema_extra=extra)  # type: ignore[arg-type]
    # On the field itself, not a validator for "*": that would also cover the `type` of a discriminated
    # union, where pydantic allows none.
    field.metadata.append(BeforeValidator(read_value))
    return field


def field_unit(model: type[BaseModel], name: str) -> str | None:
    """Return the declared unit of a field, or None for one that is no quantity."""
    extra = model.model_fields[name].json_schema_extra
    return extra.get("unit") if isinstance(extra, dict) else None  # type: ignore[return-value]


def _accept_lists_for_tuples(schema: Any) -> None:
    """Relax tuples alone: YAML has only lists, and strict mode would refuse them."""
    if isinstance(schema, dict):
        if schema.get("type") == "tuple":
            schema["strict"] = False
        for key, part in schema.items():
            if key not in ("metadata", "default"):
                _accept_lists_for_tuples(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            _accept_lists_for_tuples(part)


class Parameters(BaseModel):
    """Base of every parameter group: frozen, strict, no unknown keys, quantities in base units.

    A field declared with :func:`quantity` accepts a bare number in its declared unit or text with
    any unit of the same dimension; the attribute holds base units. A tuple field accepts a list.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic build the validator, then accept a list where a tuple is declared."""
        schema = handler(source)
        _accept_lists_for_tuples(schema)
        return schema


def _one_line(text: str) -> str:
    bad = next((one for one in text if unicodedata.category(one) in ("Cc", "Zl", "Zp")), None)
    if bad is not None:
        raise ValueError(f"must be one line of text without control characters, got U+{ord(bad):04X} in {shown(text)}")
    return text


OneLine = Annotated[str, AfterValidator(_one_line)]
"""Text that stands in titles and on terminals."""


def _read_all(value: Any, unit: str, bounds: tuple[float, float]) -> Any:
    """Read a quantity, or each one of a list or mapping; all the bad ones are told at once.

    Raises
    ------
    ValueError
        A single value is bad.
    PydanticCustomError
        Some in a list or mapping are; ``context["items"]`` holds (path, message) of each.
    """
    if not isinstance(value, list | tuple | dict):
        return _bounded(value, unit, bounds)
    problems: list[tuple[tuple[int | str, ...], str]] = []

    def read(part: Any, where: tuple[int | str, ...]) -> Any:
        if isinstance(part, dict):
            return {key: read(item, (*where, key)) for key, item in part.items()}
        if isinstance(part, list | tuple):
            return tuple(read(item, (*where, index)) for index, item in enumerate(part))
        try:
            return _bounded(part, unit, bounds)
        except ValueError as error:
            problems.append((where, str(error)))
            return part

    result = read(value, ())
    if problems:
        raise located(problems)
    return result


def located(problems: list[tuple[tuple[int | str, ...], str]]) -> PydanticCustomError:
    """Return the error of a validator that finds fault with parts of its value, each told with its path there."""
    text = "; ".join(f"{path_text(where)}: {message}" for where, message in problems)
    return PydanticCustomError("located", "{text}", {"text": text, "items": problems})


def _bounded(value: Any, unit: str, bounds: tuple[float, float]) -> float:
    number = parse_quantity(value, unit)
    low, high = bounds
    if not low <= number <= high:
        meant = ""
        if isinstance(value, str) and canonical_unit(_NUMBER.sub("", value.strip(), count=1)) != unit:
            meant = f", which is {spelled(number)}" + ("" if unit == "1" else f" {unit}")
        raise ValueError(f"must be {range_text(low, high, unit)}, got {shown(value)}{meant}")
    return to_base(number, unit)
