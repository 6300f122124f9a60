# SPDX-License-Identifier: Apache-2.0
"""Models as YAML text in declared units, that reads back to an equal model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from abm.errors import spelled
from abm.units import Parameters, field_unit, from_base

INDENT = "  "
# Letters first and nothing that YAML could take for syntax, in a list of its own line as well.
_SAFE_TEXT = re.compile(r"[^\W\d_][\w./%²³-]*(?: [\w./%²³-]+)*")
# By this package or by a reader of YAML 1.1.
_READ_OTHERWISE = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dump(model: Parameters) -> str:
    """Write a model as YAML, every value in its declared unit, with the unit as a comment.

    Parameters
    ----------
    model : Parameters
        Any parameter group.

    Returns
    -------
    str
        Text that loads back to an equal model.
    """
    return "".join(f"{line}\n" for line in _group_lines(model, "")) or "{}\n"


def declared_units(value: Any, unit: str | None = None) -> Any:
    """Return a model, or a value of one, as plain objects with quantities in their declared units."""
    if isinstance(value, Parameters):
        group = type(value)
        return {name: declared_units(getattr(value, name), field_unit(group, name)) for name in group.model_fields}
    if isinstance(value, Mapping):
        return {key: declared_units(item, unit) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [declared_units(item, unit) for item in value]
    if unit is not None and isinstance(value, int | float) and not isinstance(value, bool):
        return from_base(value, unit)
    return value


def scalar(value: Any) -> str:
    """Write one scalar, quoted where it would be read as something else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = spelled(value)
        return f"{text}.0" if text.lstrip("-").isdigit() else text
    text = str(value)
    if _SAFE_TEXT.fullmatch(text) and text.lower() not in _READ_OTHERWISE:
        return text
    return '"' + "".join(_ESCAPES.get(one) or (one if one.isprintable() else _escape(one)) for one in text) + '"'


def flow(value: Any) -> str:
    """Write a value on one line: scalars, lists of them, and mappings."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _group_lines(group: Parameters, indent: str) -> list[str]:
    lines: list[str] = []
    for name in type(group).model_fields:
        lines += _entry_lines(name, getattr(group, name), field_unit(type(group), name), indent)
    return lines


def _entry_lines(name: str, value: Any, unit: str | None, indent: str) -> list[str]:
    """Write one key with its value: nested groups and lists of them as blocks, the rest on one line."""
    key = f"{indent}{scalar(name)}:"
    deeper = indent + INDENT
    if isinstance(value, Parameters):
        return [key, *_group_lines(value, deeper)] if type(value).model_fields else [f"{key} {{}}"]
    if isinstance(value, Mapping) and value:
        lines = [key]
        for name_below, item in value.items():
            lines += _entry_lines(str(name_below), item, unit, deeper)
        return lines
    if isinstance(value, list | tuple) and any(isinstance(item, Parameters) for item in value):
        lines = [key]
        for item in value:
            lines += _item_lines(item, deeper)
        return lines
    comment = "" if unit in (None, "1") or value is None else f"  # {unit}"
    return [f"{key} {flow(declared_units(value, unit))}{comment}"]


def _item_lines(item: Any, indent: str) -> list[str]:
    block = _group_lines(item, indent + INDENT) if isinstance(item, Parameters) else []
    if not block:
        return [f"{indent}- {flow(declared_units(item))}"]
    return [f"{indent}- {block[0].lstrip()}", *block[1:]]
