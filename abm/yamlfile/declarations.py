# SPDX-License-Identifier: Apache-2.0
"""What a field declares, in terms of types and in words for a message."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from abm.choices import TAG, Choice
from abm.errors import range_text
from abm.units import Parameters

EXTENDS = "extends"
"""The key, at the top of a file only, that names the file whose values hold where this one gives none."""


def members(annotation: Any) -> list[Any]:
    """Return the alternatives of a type, without None and without annotations around them."""
    return [member for member, _ in _annotated_members(annotation)]


def _annotated_members(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        choice = next((one for one in more if isinstance(one, Choice)), None)
        for one in (inner,) if choice is None else choice.groups():
            yield from _annotated_members(one, (*metadata, *more))
    elif origin in (Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _annotated_members(argument, metadata)
    elif annotation is not type(None):
        yield annotation, metadata


def is_optional(annotation: Any) -> bool:
    """Tell whether a field may be null."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_optional(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return any(is_optional(argument) for argument in get_args(annotation))
    return annotation is type(None)


def groups(annotation: Any) -> list[type[Parameters]]:
    """Return the parameter groups among the alternatives of a type."""
    return [one for one in members(annotation) if isinstance(one, type) and issubclass(one, Parameters)]


def tags(group: type[Parameters]) -> tuple[Any, ...]:
    """Return the values of ``type`` that choose a group; empty for a group that has none."""
    field = group.model_fields.get(TAG)
    return choices(field.annotation) if field is not None else ()


def choices(annotation: Any) -> tuple[Any, ...]:
    """Return the values that the literals among the alternatives of a type allow."""
    return tuple(value for one in members(annotation) if get_origin(one) is Literal for value in get_args(one))


def item_type(annotation: Any, index: int) -> Any:
    """Return the type of one item of a list, or None where nothing is declared about it."""
    for one in members(annotation):
        arguments = get_args(one)
        if get_origin(one) is list or (get_origin(one) is tuple and arguments[-1:] == (Ellipsis,)):
            return arguments[0]
        if get_origin(one) is tuple and index < len(arguments):
            return arguments[index]
    return None


def value_type(annotation: Any) -> Any:
    """Return the type of the values of a mapping with free keys, or None."""
    return next((get_args(one)[1] for one in members(annotation) if get_origin(one) is dict), None)


def group_of(annotation: Any, given: Any) -> type[Parameters] | None:
    """Return the group that a mapping is meant to be: the only one, the one its ``type`` names, or that of most of its keys."""
    found = groups(annotation)
    if len(found) == 1:
        return found[0]
    if found and isinstance(given, Mapping) and not any(map(tags, found)):
        return max(found, key=lambda group: _likeness(group, given))
    tag = given.get(TAG) if isinstance(given, Mapping) else None
    return next((group for group in found if any(tag == one for one in tags(group))), None)


def _likeness(group: type[Parameters], given: Mapping[Any, Any]) -> tuple[int, int]:
    """Return how many of the keys that a group needs are there, and how many that it knows."""
    there = [field.is_required() for name, field in group.model_fields.items() if name in given]
    return sum(there), len(there)


def field_extra(field: FieldInfo) -> Mapping[str, Any]:
    """Return unit, bounds, plausible range and source of a quantity; empty for any other field."""
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) and "unit" in extra else {}


def expected(annotation: Any, field: FieldInfo | None = None) -> str:
    """Say what a field accepts, in words that follow "must be".

    Parameters
    ----------
    annotation : type
        The declared type.
    field : FieldInfo, optional
        Gives the unit and bounds of a quantity, or the limits of a number.
    """
    metadata = tuple(field.metadata) if field is not None else ()
    extra = field_extra(field) if field is not None else {}
    number = None
    if extra:
        low, high = extra["bounds"]
        number = f"a number {range_text(low, high, extra['unit'])}"
    found = groups(annotation)
    words = []
    if len(found) > 1 and all(tags(group) for group in found):
        listed = ", ".join(repr(tag) for group in found for tag in tags(group))
        words.append(f"a mapping whose '{TAG}' is one of {listed}")
    elif found:
        words.append("a mapping")
    literals = [repr(value) for value in choices(annotation)]
    if literals:
        words.append(literals[0] if len(literals) == 1 else f"one of {', '.join(literals)}")
    for one, limits in _annotated_members(annotation):
        if one not in found and get_origin(one) is not Literal:
            words.append(_plain_words(one, (*metadata, *limits), number))
    if is_optional(annotation):
        words.append("null")
    return " or ".join(dict.fromkeys(words))


def _plain_words(kind: Any, metadata: tuple[Any, ...], number: str | None) -> str:
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin in (tuple, list):
        if arguments and arguments[-1] is not Ellipsis and origin is tuple:
            return f"a list of {len(arguments)} items"
        item = number or (expected(arguments[0]) if arguments else "")
        return f"a list, each item {item}" if item else "a list"
    if origin is dict:
        return f"a mapping, each value {number or expected(arguments[1])}" if arguments else "a mapping"
    if kind is bool:
        return "true or false"
    if kind is float:
        return number or f"a number{_limits(metadata)}"
    if kind is int:
        return f"a whole number{_limits(metadata)}"
    return "text" if kind is str else "a valid value"


def _limits(metadata: tuple[Any, ...]) -> str:
    low, high = -math.inf, math.inf
    strict = []
    for one in metadata:
        low = getattr(one, "ge", low)
        high = getattr(one, "le", high)
        strict += [f"greater than {one.gt}"] if hasattr(one, "gt") else []
        strict += [f"less than {one.lt}"] if hasattr(one, "lt") else []
    closed = [range_text(low, high)] if (low, high) != (-math.inf, math.inf) else []
    return f" {' and '.join(strict + closed)}" if strict or closed else ""
