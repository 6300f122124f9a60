# SPDX-License-Identifier: Apache-2.0
"""From the errors of the one validator (pydantic) to problems with positions and plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from abm.choices import TAG, UNKNOWN_TAG
from abm.errors import nearest, shown
from abm.units import Parameters
from abm.yamlfile.declarations import (
    EXTENDS,
    choices,
    expected,
    field_extra,
    group_of,
    groups,
    item_type,
    members,
    tags,
    value_type,
)
from abm.yamlfile.document import Node
from abm.yamlfile.problems import Position, Problem, Steps

_LISTED = 24
_WRONG_TYPE_OR_RANGE = re.compile(
    r"(int|float|bool|string|tuple|list|dict|model|model_attributes|mapping|none_required)(_type|_from_float)?|"
    r"(greater|less)_than(_equal)?|literal_error|int_parsing_size"
)


@dataclass
class Spot:
    """A place in a document and what is declared there, reached step by step."""

    node: Node | None
    annotation: Any
    field: FieldInfo | None = None
    path: Steps = ()
    nearest_node: Node | None = None
    """The innermost value that the document does hold on the way."""
    key: Position | None = None

    parent: Spot | None = None

    @property
    def value(self) -> Any:
        """What the document holds here: a scalar, a list or dict of nodes, or None."""
        return self.node.value if self.node is not None else None

    def step(self, part: int | str) -> Spot:
        """Go to a key of a mapping or an item of a list, whether or not it is there."""
        child, key, annotation, field = None, None, None, None
        group = self.group()
        if isinstance(part, int):
            annotation = item_type(self.annotation, part)
            if isinstance(self.value, list) and 0 <= part < len(self.value):
                child = self.value[part]
        elif group is not None:
            field = group.model_fields.get(part)
            annotation = field.annotation if field is not None else None
        else:
            annotation = value_type(self.annotation)
        if isinstance(part, str) and self.node is not None and isinstance(self.value, dict):
            child, key = self.value.get(part), self.node.keys.get(part)
        if group is None and self.field is not None and field_extra(self.field):
            field = self.field  # a unit holds for each item of a list of quantities
        return Spot(child, annotation, field, (*self.path, part), child or self.nearest_node, key, self)

    def group(self) -> type[Parameters] | None:
        """Return the parameter group that the mapping here is meant to be."""
        if not isinstance(self.value, dict):
            return group_of(self.annotation, {})
        return group_of(self.annotation, {key: node.plain() if key == TAG else None for key, node in self.value.items()})

    @property
    def siblings(self) -> list[str]:
        """The keys that are valid beside and instead of this one."""
        group = self.parent.group() if self.parent is not None else None
        names = list(group.model_fields) if group is not None else []
        return [*names, EXTENDS] if len(self.path) == 1 else names

    @property
    def position(self) -> Position:
        """Where to point: the value, or else the mapping or list that should hold it."""
        node = self.node or self.nearest_node
        assert node is not None
        return node.position

    @property
    def is_faulty(self) -> bool:
        """Tell whether what stands here has been told to be wrong already."""
        return self.nearest_node is not None and self.nearest_node.faulty


def unknown_key(name: str, names: list[str]) -> str:
    """Say that a key is unknown, with the nearest valid one and all that are allowed."""
    if not names:
        return "unknown key; none is allowed here"
    listed = ", ".join(names[:_LISTED]) + (f", … ({len(names)} in all)" if len(names) > _LISTED else "")
    return f"unknown key; nearest: {nearest(name, names)!r}; allowed: {listed}"


def translate(error: ValidationError, root: Node, model: type[Parameters]) -> list[Problem]:
    """Turn validation errors into problems, leaving out what follows from problems told already."""
    problems: list[Problem] = []
    start = Spot(root, model, nearest_node=root)
    errors = error.errors(include_url=False)
    for one in errors:
        if one["type"] == "too_short" and any(_within(other["loc"], one["loc"]) for other in errors):
            continue  # pydantic counts only the items that are right
        spot = _find(start, one["loc"])
        if spot is not None and not spot.is_faulty:
            problems += _describe(one["type"], one.get("ctx", {}), one["msg"], spot)
    return problems


def _within(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _find(spot: Spot, location: tuple[int | str, ...]) -> Spot | None:
    """Follow a validator's location, in which a union adds the name of the alternative it tried.

    Returns None for an alternative that cannot have been meant.
    """
    for part in location:
        if len(members(spot.annotation)) > 1 and isinstance(part, str):
            group = spot.group()
            if isinstance(spot.value, list) and part.startswith(("tuple", "list")):
                continue
            if not isinstance(spot.value, dict) or group is None:
                return spot
            if part not in tags(group) and group.__name__ not in part:
                return None
            spot = replace(spot, annotation=group)
            continue
        spot = spot.step(part)
    return spot


def _describe(kind: str, context: dict[str, Any], text: str, spot: Spot) -> Iterator[Problem]:
    where, path = spot.position, spot.path
    if kind in ("value_error", "assertion_error"):
        yield Problem(where, path, str(context.get("error", text)))
    elif kind == "located":
        items = [(_descend(spot, steps), message) for steps, message in context["items"]]
        if any(item.annotation is None for item, _ in items):
            yield _wrong(spot)
        else:
            yield from (Problem(item.position, item.path, message) for item, message in items)
    elif kind == "extra_forbidden":
        yield Problem(spot.key or where, path, unknown_key(str(path[-1]), spot.siblings))
    elif kind == UNKNOWN_TAG:
        tag = spot.step(TAG)
        yield Problem(tag.position, tag.path, context["words"])
    elif kind == "union_tag_not_found":
        yield Problem(where, (*path, TAG), f"required key is missing; must be {_listed(_tags(spot))}")
    elif kind == "union_tag_invalid":
        tag = spot.step(TAG)
        yield Problem(tag.position, tag.path, f"must be {_listed(_tags(spot))}, got {_got(tag, _tags(spot))}")
    elif kind == "missing" and isinstance(path[-1], str):
        about = f" ({spot.field.description.rstrip('.')})" if spot.field and spot.field.description else ""
        yield Problem(where, path, f"required key is missing; must be {expected(spot.annotation, spot.field)}{about}")
    elif kind == "missing" and spot.parent is not None and isinstance(spot.parent.value, list):
        words = expected(spot.parent.annotation, spot.parent.field)
        yield Problem(where, path[:-1], f"must be {words}, got {len(spot.parent.value)}")
    elif kind == "finite_number":
        yield Problem(where, path, f"must be a finite number, got {_got(spot)}")
    elif _WRONG_TYPE_OR_RANGE.fullmatch(kind):
        yield _wrong(spot)
    else:
        words = re.sub(r"^\w+ should ", "must ", text).replace(" after validation", "")
        yield Problem(where, path, f"{words}, got {_got(spot)}")


def _descend(spot: Spot, steps: Steps) -> Spot:
    for step in steps:
        spot = spot.step(step)
    return spot


def _wrong(spot: Spot) -> Problem:
    words = expected(spot.annotation, spot.field)
    given = _got(spot, choices(spot.annotation))
    if isinstance(spot.value, float) and spot.value.is_integer() and "whole number" in words:
        given += " (with an exponent or a point, which makes a decimal number in YAML)"
    return Problem(spot.position, spot.path, f"must be {words}, got {given}")


def _tags(spot: Spot) -> list[Any]:
    return [tag for group in groups(spot.annotation) for tag in tags(group)]


def _listed(values: list[Any]) -> str:
    return f"one of {', '.join(map(repr, values))}"


def _got(spot: Spot, allowed: Iterable[Any] = ()) -> str:
    """Show what was given; for misspelt text also the nearest of the allowed words."""
    words = [one for one in allowed if isinstance(one, str)]
    near = f"; nearest: {nearest(spot.value, words)!r}" if words and isinstance(spot.value, str) else ""
    return f"{shown(spot.value)}{near}"
