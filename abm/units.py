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

import difflib
import math
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

TICK_SECONDS = 15
TICKS_PER_MINUTE = 60 // TICK_SECONDS
TICKS_PER_HOUR = 60 * TICKS_PER_MINUTE
TICKS_PER_DAY = 24 * TICKS_PER_HOUR

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
_SPELLINGS = {"u": "µ", "μ": "µ", "^2": "²", "^3": "³", "day": "d", "days": "d", "hours": "h", "hour": "h"}
_QUANTITY = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")


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
        if old == "u":
            unit = re.sub(r"\bu(?=[mgL])", new, unit)
        elif old.isalpha():
            unit = re.sub(rf"\b{old}\b", new, unit)
        else:
            unit = unit.replace(old, new)
    if unit in UNITS:
        return unit
    near = difflib.get_close_matches(unit, UNITS, n=1, cutoff=0.0)
    raise ValueError(f"unknown unit {text!r}; nearest known unit: {near[0]!r}")


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
        Not a number, an unknown unit, or a unit of another dimension.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"must be a number in {unit}, got {value!r}")
    if isinstance(value, int | float):
        return value
    match = _QUANTITY.match(value)
    if match is None:
        raise ValueError(f"must be a number, optionally with a unit such as '1 {unit}', got {value!r}")
    number, given = float(match[1]), match[2]
    if not given:
        raise ValueError(f"must be a number (no quotes) or carry a unit such as '{match[1]} {unit}', got {value!r}")
    given = canonical_unit(given)
    dimension, numerator, denominator = UNITS[given]
    wanted, wanted_numerator, wanted_denominator = UNITS[unit]
    if dimension != wanted:
        allowed = ", ".join(name for name, entry in UNITS.items() if entry[0] == wanted)
        raise ValueError(f"must have a unit of {wanted} ({allowed}), got {value!r}, a {dimension}")
    if given == unit:
        return number
    return number * (numerator * wanted_denominator) / (denominator * wanted_numerator)


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
    """
    if canonical_unit(unit) != unit:
        raise ValueError(f"declare the unit as {canonical_unit(unit)!r}, not {unit!r}")
    extra = {"unit": unit, "bounds": list(bounds), "plausible": list(plausible) if plausible else None, "source": source}
    return Field(default, description=about, json_schema_extra=extra)  # type: ignore[arg-type]


def field_unit(model: type[BaseModel], name: str) -> str | None:
    """Return the declared unit of a field, or None for one that is no quantity."""
    extra = model.model_fields[name].json_schema_extra
    return extra.get("unit") if isinstance(extra, dict) else None  # type: ignore[return-value]


class Parameters(BaseModel):
    """Base of every parameter group: frozen, strict, no unknown keys, quantities in base units.

    A field declared with :func:`quantity` accepts a bare number in its declared unit or text with
    any unit of the same dimension; the attribute holds base units.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True, use_attribute_docstrings=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _read_quantity(cls, value: Any, info: ValidationInfo) -> Any:
        assert info.field_name is not None
        extra = cls.model_fields[info.field_name].json_schema_extra
        if value is None or not isinstance(extra, dict) or "unit" not in extra:
            return value
        unit, bounds = str(extra["unit"]), extra["bounds"]
        if isinstance(value, list | tuple):
            return type(value)(_bounded(item, unit, bounds) for item in value)
        return _bounded(value, unit, bounds)


def _bounded(value: Any, unit: str, bounds: Any) -> float:
    number = parse_quantity(value, unit)
    low, high = bounds
    shown = "" if unit == "1" else f" {unit}"
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"must be between {low:g} and {high:g}{shown}, got {value!r}")
    return to_base(number, unit)
