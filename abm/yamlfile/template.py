# SPDX-License-Identifier: Apache-2.0
"""A commented skeleton of a file, from the declarations: for whoever writes a new one."""

from __future__ import annotations

import textwrap
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from abm.choices import TAG
from abm.errors import range_text
from abm.units import Parameters
from abm.yamlfile.declarations import (
    choices,
    expected,
    field_extra,
    group_of,
    groups,
    is_optional,
    item_type,
    members,
    tags,
)
from abm.yamlfile.document import parse
from abm.yamlfile.problems import report
from abm.yamlfile.writing import INDENT, declared_units, flow, scalar

_WIDTH = 110
_OFF = "#"
_HOW_TO = (
    "# Lines that begin with '# ' explain; lines such as '#key: value' are settings with their defaults:\n"
    "# remove the '#' to change one, together with the '#' of the group that holds it.\n\n"
)


def template(model: type[Parameters], base: str = "") -> str:
    """Write a commented skeleton of a file, that loads as it stands.

    Required keys, and the keys of ``base``, are set; every other one is commented out with its
    default. Each has its meaning, unit, range and source as a comment.

    Parameters
    ----------
    model : subclass of Parameters
        What the file holds.
    base : str, optional
        YAML of the keys to set, with their values; without it only required keys are set, to values
        in the middle of their plausible range.

    Raises
    ------
    InputError
        ``base`` is not YAML.
    """
    root, problems = parse(base, "base")
    if problems:
        raise report(problems)
    given = root.plain() if root is not None else None
    body = _group_lines(model, given if isinstance(given, dict) else {}, {}, "", on=True, above=())
    return _HOW_TO + "".join(f"{line}\n" for line in body)


def _group_lines(
    group: type[Parameters],
    given: dict[str, Any],
    defaults: dict[str, Any],
    indent: str,
    *,
    on: bool,
    above: tuple[type[Parameters], ...],
) -> list[str]:
    """Write the fields of a group: ``given`` and required ones set (if ``on``), the rest commented out."""
    lines: list[str] = []
    for name, field in group.model_fields.items():
        if name == TAG and tags(group):
            tag = given.get(TAG, defaults.get(TAG, tags(group)[0]))
            lines.append(_line(indent, f"{TAG}: {scalar(tag)}", on))
            continue
        is_set = on and (name in given or field.is_required())
        if name in given:
            value = given[name]
        elif name in defaults:
            value = defaults[name]
        else:
            value = _default(name, field)
        lines += _comment(field, indent)
        lines += _entry_lines(name, field, value, indent, is_set, (*above, group))
        if not indent:
            lines.append("")
    return lines


def _entry_lines(
    name: str, field: FieldInfo, value: Any, indent: str, on: bool, above: tuple[type[Parameters], ...]
) -> list[str]:
    annotation, deeper = field.annotation, indent + INDENT
    group = group_of(annotation, value) or (groups(annotation)[0] if groups(annotation) and value is None else None)
    if group is not None and group not in above and (isinstance(value, dict) or value is None):
        if value is None and on:
            return [_line(indent, f"{name}: null", on)]
        given = value or {}
        if on and not any(name_below in given or one.is_required() for name_below, one in group.model_fields.items()):
            # A mapping needs a line to be one.
            given = {name_below: _default(name_below, one) for name_below, one in group.model_fields.items()}
        below = _group_lines(group, given if on else {}, given, deeper, on=on, above=above)
        return [_line(indent, f"{name}:" if below else f"{name}: {{}}", on), *below]
    item = item_type(annotation, 0)
    if groups(item) and get_origin(members(annotation)[0]) is tuple:
        return _list_lines(name, item, value, indent, on, above, required=field.is_required())
    unit = field_extra(field).get("unit", "1")
    return [_line(indent, f"{name}: {flow(value)}" + ("" if unit == "1" or value is None else f"  # {unit}"), on)]


def _list_lines(
    name: str, item: Any, value: Any, indent: str, on: bool, above: tuple[type[Parameters], ...], *, required: bool
) -> list[str]:
    """Write a list of groups: the given items set, then one of each possible kind commented out."""
    deeper = indent + INDENT
    items = [one for one in value or [] if isinstance(one, dict)]
    lines = [_line(indent, f"{name}: []" if required and not items else f"{name}:", on and (required or bool(items)))]
    for given in items:
        group = group_of(item, given)
        if group is not None:
            lines += _as_item(_group_lines(group, given if on else {}, given, deeper + INDENT, on=on, above=above), on)
    for group in groups(item):
        if group in above:
            continue
        lines += [f"{deeper}# {line}" for line in textwrap.wrap((group.__doc__ or "").split("\n\n")[0], _WIDTH)]
        lines += _as_item(_group_lines(group, {}, {}, deeper + INDENT, on=False, above=above), False)
    return lines


def _as_item(lines: list[str], on: bool) -> list[str]:
    """Put the dash of a list item before its first setting."""
    for index, line in enumerate(lines):
        text = line.lstrip()
        if text.startswith("# ") or not text:
            continue
        indent = line[: len(line) - len(text) - len(INDENT)]
        lines[index] = _line(indent, f"- {text.removeprefix(_OFF)}", on)
        return lines
    return lines


def _line(indent: str, text: str, on: bool) -> str:
    return f"{indent}{'' if on else _OFF}{text}"


def _comment(field: FieldInfo, indent: str) -> list[str]:
    """Say what a field is, what it accepts, and where its value comes from."""
    extra = field_extra(field)
    found = groups(field.annotation)
    about = field.description or (found[0].__doc__ or "" if len(found) == 1 else "").split("\n\n")[0]
    words = [f"{about.rstrip('.')}."] if about else []
    if extra:
        low, high = extra["bounds"]
        plausible = extra["plausible"]
        usual = f", usually {range_text(*plausible)}" if plausible else ""
        words.append(f"{range_text(low, high, extra['unit']).capitalize()}{usual}. Source: {extra['source']}")
    elif not found or choices(field.annotation):
        words.append(f"Must be {expected(field.annotation, field)}.")
    return [f"{indent}# {line}" for line in textwrap.wrap(" ".join(words), _WIDTH - len(indent))]


def _default(name: str, field: FieldInfo) -> Any:
    """Return the default in declared units, or for a required field a value in the middle of its range."""
    if not field.is_required():
        return declared_units(field.get_default(call_default_factory=True))
    if is_optional(field.annotation):
        return None
    return _example(name, field, field.annotation)


def _example(name: str, field: FieldInfo, annotation: Any) -> Any:
    extra = field_extra(field)
    kind = members(annotation)[0]
    if choices(annotation):
        return choices(annotation)[0]
    if groups(annotation):
        group = groups(annotation)[0]
        return {TAG: tags(group)[0]} if tags(group) else {}
    if get_origin(kind) is dict:
        return {}
    if get_origin(kind) in (tuple, list):
        arguments = get_args(kind)
        fixed = get_origin(kind) is tuple and arguments[-1] is not Ellipsis
        return [_example(name, field, one) for one in arguments] if fixed else []
    if kind is bool:
        return False
    if kind is str:
        return name
    low, high = extra["plausible"] or extra["bounds"] if extra else _limits(field)
    if float("inf") in (high, -low):
        return min(max(1, low), high)
    middle = (low + high) / 2
    return round(middle) if kind is int else middle


def _limits(field: FieldInfo) -> tuple[float, float]:
    low = next((one.ge for one in field.metadata if hasattr(one, "ge")), float("-inf"))
    high = next((one.le for one in field.metadata if hasattr(one, "le")), float("inf"))
    return low, high
