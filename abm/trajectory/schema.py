# SPDX-License-Identifier: Apache-2.0
"""What a trajectory holds: the header of a run, the names of its series, units of every dataset.

A *series* is a group with one entry per recorded tick. Its datasets are either indexed by frame
(observables, views, fields, events) or flat with a ``frame_offset`` (cells), the ragged layout of
tskit's tables: frame ``i`` is rows ``frame_offset[i]:frame_offset[i + 1]``.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from abm.errors import InputError
from abm.units import TICK_SECONDS, TICKS_PER_DAY, TICKS_PER_HOUR

FORMAT = "abm trajectory"
FORMAT_VERSION = 1
"""Raised when a file written now can no longer be read by the reader of before."""

TEXTS = ("scenario/resolved", "scenario/original", "provenance", "schema")
"""Datasets that hold the header of a run."""
OBSERVABLES = "observables"
EVENTS = "events"
VIEW_FRAMES = "frames"
BEFORE_ALL = -(2**62)
"""Earlier than any tick; ticks count from day 0 and are negative before it."""
CLOSING = "closing"
"""Attribute of a last segment and of a packed file: tick of the end, for which everything was recorded, due or not."""
CHECKSUM = "sha256"
"""Attribute of each dataset, of its values, and of each file, of its other attributes."""
RESERVED = ("tick", "time", "frame_offset")
"""Dataset names that every series keeps for itself."""

ANTIGEN_UNIT = "molecules"
"""Columns in this unit are stored as float16: the spread between cells dwarfs a step of 0.05 %."""

_COMMON = {
    "tick": (f"{TICK_SECONDS} s", "time since day 0, exact; negative before it"),
    "time": ("h", "time since day 0"),
    "frame_offset": ("1", "first row of each frame, and the number of rows at the end"),
}
_SITE_CODE = (
    "site code: bits 0-4 kind (0 void, 31 solid), 0x20 bound in a synapse, 0x40 target guests, 0x80 CAR T guests; "
    "of a solid site 0x20 bone, 0x40 lumen of a sinusoid, neither: fat"
)


@dataclass(frozen=True)
class Header:
    """Everything about a run that is known before its first step.

    Parameters
    ----------
    scenario : str
        The resolved scenario (YAML).
    original : str
        The scenario as the user wrote it.
    provenance : dict
        How the run was made (JSON values); not part of the digest. ``scenario``, if present, is its name.
    kinds : list of dict
        ``code``, ``name``, ``label`` and ``colour`` of each cell type.
    compartments : dict
        Name -> ``shape`` (list of int or None), ``spacing_um`` [µm], ``scale`` [body cells per lattice cell].
    observables, columns, fields : dict
        Name -> ``unit`` and ``about``. Observables and columns must all be declared; an undeclared field
        is taken for a concentration in pg/mL.

    Raises
    ------
    InputError
        A name that cannot be a dataset name, a text with a null character, or values that JSON cannot hold.
    """

    scenario: str
    original: str
    provenance: dict[str, Any]
    kinds: list[dict[str, Any]]
    compartments: dict[str, dict[str, Any]]
    observables: dict[str, dict[str, str]]
    columns: dict[str, dict[str, str]]
    fields: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("compartments", "observables", "columns", "fields"):
            for name in getattr(self, what):
                check_name(name, f"name in {what}")
        for what in ("scenario", "original"):
            if "\0" in getattr(self, what):
                raise InputError(f"the {what} text holds a null character, which a trajectory cannot store")
        to_json(self.provenance, "provenance")

    def but(self, **changes: Any) -> Header:
        """Return the same header with some parts changed."""
        return replace(self, **changes)

    def schema(self) -> str:
        """Return the JSON text of ``/schema``."""
        content = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "ticks_per_hour": TICKS_PER_HOUR,
            "kinds": self.kinds,
            "compartments": self.compartments,
            "observables": self.observables,
            "columns": self.columns,
            "fields": self.fields,
        }
        return to_json(content, "schema", indent=1)

    def texts(self) -> dict[str, str]:
        """Return the text datasets of a trajectory: path -> content."""
        return {
            "scenario/resolved": self.scenario,
            "scenario/original": self.original,
            "provenance": to_json(self.provenance, "provenance", indent=1),
            "schema": self.schema(),
        }

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Header:
        """Build the header again from the texts of a file."""
        schema = json.loads(texts["schema"])
        parts = {name: schema[name] for name in ("kinds", "compartments", "observables", "columns", "fields")}
        provenance = json.loads(texts["provenance"])
        return cls(texts["scenario/resolved"], texts["scenario/original"], provenance, **parts)

    def describe_dataset(self, series: str, name: str) -> dict[str, str]:
        """Return ``unit`` and ``about`` of one dataset of a series."""
        if name in _COMMON:
            unit, about = _COMMON[name]
            return {"unit": unit, "about": about}
        room, *rest = series.split("/")
        if room == OBSERVABLES:
            return self.observables[name]
        if room == "cells":
            return self.columns[name]
        if room == "fields":
            return self.fields.get(rest[-1], {"unit": "pg/mL", "about": "concentration"})
        if room == "view":
            return {"unit": "1", "about": _SITE_CODE}
        return {"unit": "", "about": {"kind": "kind of event", "detail": "JSON"}[name]}

    def kind_code(self, kind: str | int) -> int:
        """Return the code of a cell type given by name or code.

        Raises
        ------
        InputError
            Unknown cell type.
        """
        for known in self.kinds:
            if kind in (known["name"], known["code"]):
                return int(known["code"])
        raise unknown("cell type", str(kind), (known["name"] for known in self.kinds))


def view_series(compartment: str) -> str:
    """Return the path of the views of a compartment."""
    return f"view/{compartment}"


def cell_series(compartment: str) -> str:
    """Return the path of the cells of a compartment."""
    return f"cells/{compartment}"


def field_series(compartment: str, name: str) -> str:
    """Return the path of one field of a compartment."""
    return f"fields/{compartment}/{name}"


def check_name(name: str, what: str) -> None:
    """Refuse a name that cannot stand as a dataset of a series.

    Raises
    ------
    InputError
        Empty, holds a slash or a null character, or is reserved.
    """
    if not name or name.startswith(".") or "/" in name or "\0" in name or name in RESERVED:
        raise InputError(f"{what}: must be a word without '/', and none of {', '.join(RESERVED)}; got {name!r}")


def unknown(what: str, name: str, allowed: Iterable[str]) -> InputError:
    """Return the error for a name that is not among the allowed ones, naming the nearest."""
    names = list(allowed)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    return InputError(f"unknown {what} {name!r}; " + (f"nearest: {near[0]!r}" if near else "there are none"))


def to_json(content: Any, what: str, indent: int | None = None) -> str:
    """Write JSON; NumPy numbers and arrays become plain ones.

    Raises
    ------
    InputError
        A value that JSON cannot hold.
    """
    try:
        text = json.dumps(content, default=_plain, ensure_ascii=False, allow_nan=False, indent=indent)
        text.encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: cannot be stored as JSON: {error}") from None
    return text


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r}")


def day_text(tick: int) -> str:
    """Return a tick as words for a message, such as ``"day 12.4"``."""
    return f"day {tick / TICKS_PER_DAY:.4g}"
