# SPDX-License-Identifier: Apache-2.0
"""Tables of parameters, from the declarations that check a scenario."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from abm.choices import TAG
from abm.errors import range_text, spelled
from abm.scenario import Scenario
from abm.units import Parameters
from abm.yamlfile.declarations import choices, expected, groups, is_optional, item_type, members, tags
from abm.yamlfile.writing import declared_units, flow

ROOT = "scenario"
"""Name of the section at the top of a file."""
NONE = "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(head), ["---"] * len(head), *[[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def sections() -> dict[str, type[Parameters]]:
    """Return every parameter group of a scenario by its path, such as ``cytokines.il6`` or ``treatments.tocilizumab``."""
    return {ROOT: Scenario, **dict(_below(Scenario, ""))}


def _below(group: type[Parameters], path: str) -> Iterator[tuple[str, type[Parameters]]]:
    for name, field in group.model_fields.items():
        for found in _groups_of(field):
            choice = f".{tags(found)[0]}" if tags(found) else ""
            yield f"{path}{name}{choice}", found
            yield from _below(found, f"{path}{name}{choice}.")


def _groups_of(field: FieldInfo) -> list[type[Parameters]]:
    """Return the groups that a field holds, alone or in a list."""
    item = item_type(field.annotation, 0)
    return groups(field.annotation) or ([] if item is None else groups(item))


def first_paragraph(owner: type[Any]) -> str:
    """Return what a class is, on one line."""
    return " ".join((owner.__doc__ or "").split("\n\n")[0].split())


def _declared(field: FieldInfo) -> Mapping[str, Any]:
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return f"`{flow(declared_units(field.get_default(call_default_factory=True)))}`"


def _unit(field: FieldInfo) -> str:
    unit = str(_declared(field).get("unit", NONE))
    return "1" if unit == "1" else unit


def _bounds(field: FieldInfo) -> str:
    """Say what a field accepts, without its unit."""
    if "bounds" in _declared(field):
        return range_text(*_declared(field)["bounds"])
    words = expected(field.annotation, field).removesuffix(" or null")
    return words.removeprefix("a whole number ").removeprefix("one of ")


def _plausible(field: FieldInfo) -> str:
    found = _declared(field).get("plausible")
    return f"{spelled(found[0])} to {spelled(found[1])}" if found else NONE


def _about(field: FieldInfo) -> str:
    return (field.description or NONE).rstrip(".")


def _own(group: type[Parameters]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the fields of a group that hold values, not the tag and not further groups."""
    for name, field in group.model_fields.items():
        if not _groups_of(field) and not (name == TAG and tags(group)):
            yield name, field


def parameter_table(path: str) -> str:
    """Return the table of one section for the description of the model: what, how much, from where."""
    return table(
        ("key", "meaning", "default", "unit", "bounds", "plausible", "source"),
        (
            (
                f"`{name}`",
                _about(field),
                _default(field),
                _unit(field),
                _bounds(field),
                _plausible(field),
                str(_declared(field).get("source", NONE)),
            )
            for name, field in _own(sections()[path])
        ),
    )


def reference() -> str:
    """Return the sections of a scenario, one after the other: what each key accepts."""
    parts = []
    for path, group in sections().items():
        title = "Top of the file" if path == ROOT else f"`{path}`"
        rows = [_reference_row(name, field) for name, field in group.model_fields.items()]
        head = ("key", "type", "unit", "default", "bounds", "meaning")
        parts.append(f"### {title}\n\n{first_paragraph(group)}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def _reference_row(name: str, field: FieldInfo) -> tuple[str, ...]:
    found = _groups_of(field)
    if found:
        is_list = not groups(field.annotation)
        kinds = ", ".join(f"`{tags(group)[0]}`" for group in found if tags(group))
        about = _about(field) if field.description else first_paragraph(found[0]).rstrip(".")
        bounds = f"`{TAG}` is one of {kinds}" if kinds else "its own section below"
        return f"`{name}`", _type(field.annotation, "list of mappings" if is_list else "mapping"), NONE, NONE, bounds, about
    return f"`{name}`", _type(field.annotation), _unit(field), _default(field), _bounds(field), _about(field)


def _type(annotation: Any, word: str = "") -> str:
    """Say the type of a field in a word or two."""
    return (word or _word(annotation)) + (" or null" if is_optional(annotation) else "")


def _word(annotation: Any) -> str:
    if choices(annotation):
        return "choice"
    kind = next(iter(members(annotation)), dict)  # where only other packages have something to choose
    if get_origin(kind) is tuple:
        arguments = get_args(kind)
        count = "" if arguments[-1] is Ellipsis else f" of {len(arguments)}"
        return f"list{count} ({_word(arguments[0])}s)"
    words = {float: "number", int: "whole number", bool: "true or false", str: "text", dict: "mapping"}
    return words[kind]
