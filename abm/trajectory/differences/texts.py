# SPDX-License-Identifier: Apache-2.0
"""The texts of two runs compared as what they say: scenario, structure, provenance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from abm.errors import path_text
from abm.trajectory.differences.report import Setting
from abm.trajectory.schema import Header
from abm.trajectory.source import Source

NONE = "(none)"
ABSENT = object()
"""Stands for a value that one of two mappings or lists does not have."""
_OF_EVERY_RUN = ("started", "command")
"""Provenance that no two runs share: the command names the file."""
Steps = tuple[int | str, ...]


def nested(ours: Any, theirs: Any, path: Steps = ()) -> Iterator[tuple[Steps, Any, Any]]:
    """Yield the path and both values of whatever differs between two nested values.

    Mappings are compared key by key and lists of such item by item, a list of single values as a whole.
    """
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in dict.fromkeys([*ours, *theirs]):
            yield from nested(ours.get(key, ABSENT), theirs.get(key, ABSENT), (*path, key))
    elif isinstance(ours, list) and isinstance(theirs, list) and _branches(ours + theirs):
        for index in range(max(len(ours), len(theirs))):
            here, there = (side[index] if index < len(side) else ABSENT for side in (ours, theirs))
            yield from nested(here, there, (*path, index))
    elif type(ours) is not type(theirs) or ours != theirs:
        yield path, ours, theirs


def value_text(value: Any) -> str:
    """Write a nested value on one line, as YAML."""
    if value is ABSENT:
        return NONE
    from abm.yamlfile.writing import flow

    return flow(value)


def scenario_settings(ours: str, theirs: str) -> list[Setting]:
    """Return the values in which two resolved scenarios differ."""
    return [] if ours == theirs else _settings(_said(ours), _said(theirs))


def structure_settings(sources: tuple[Source, Source], headers: tuple[Header, Header]) -> list[Setting]:
    """Return in what the makings of two files differ: declarations, and types and shapes of what was recorded."""
    ours, theirs = (json.loads(header.schema()) for header in headers)
    found = _settings(ours, theirs)
    declared = [{*header.columns, *header.observables} for header in headers]
    for series in sorted(sources[0].series.keys() & sources[1].series.keys()):
        specs = [source.series[series].datasets for source in sources]
        for name in sorted(specs[0].keys() | specs[1].keys()):
            if any(name not in here and name in there for here, there in (declared, declared[::-1])):
                continue  # told already: only one run declares it
            pair = [side.get(name) for side in specs]
            if pair[0] != pair[1]:
                words = [NONE if spec is None else f"{spec.dtype or 'text'} {list(spec.tail)}" for spec in pair]
                found.append(Setting(f"{series}/{name}", (words[0], words[1])))
    return found


def provenance_settings(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Setting]:
    """Return in what the makings of two runs differ, but for when they were started, and by which command."""
    told = ({key: value for key, value in made.items() if key not in _OF_EVERY_RUN} for made in (ours, theirs))
    return _settings(*told)


def _settings(ours: Any, theirs: Any) -> list[Setting]:
    return [
        Setting(path_text(path) or "(text)", (value_text(here), value_text(there)))
        for path, here, there in nested(ours, theirs)
    ]


def _branches(values: list[Any]) -> bool:
    return any(isinstance(value, Mapping | list) for value in values)


def _said(text: str) -> Any:
    """Return what YAML text says, or the text itself if it is none."""
    from abm.yamlfile.document import parse

    root, problems = parse(text, "scenario")
    return text if root is None or problems else root.plain()
