# SPDX-License-Identifier: Apache-2.0
"""From a file, what it extends and what the command line sets, to a checked model."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from abm.choices import TAG
from abm.units import Parameters
from abm.yamlfile.checking import Spot, translate, unknown_key
from abm.yamlfile.declarations import EXTENDS
from abm.yamlfile.document import Node, parse, read_nodes, root_of
from abm.yamlfile.files import why_no_file
from abm.yamlfile.problems import Position, Problem, Steps, report
from abm.yamlfile.writing import declared_units, dump

FOLDER = "folder"
"""Key of a validator's context: where the file lies, for models that name other files."""
MAX_CHAIN = 16
_LONGEST_OPTION = 80
_STEP = re.compile(r"(?:^|\.)([^.\[\]=]+)|\[([0-9]{1,9})\]")

Model = TypeVar("Model", bound=Parameters)


@dataclass(frozen=True)
class Loaded(Generic[Model]):
    """A checked model, with what it was read from."""

    model: Model
    resolved: str
    """The whole model as YAML in declared units; loads back to an equal model."""
    original: str
    """The text of the file itself."""
    files: tuple[Path, ...]
    """The file and those it extends, nearest first."""


def load(path: str | Path, model: type[Model], overrides: Sequence[str] = ()) -> Loaded[Model]:
    """Read a YAML file, merge what it extends, apply overrides, and check all of it.

    ``extends: base.yaml`` (relative to the file) takes every value of the base that the file does not
    give: mappings are merged key by key, unless their ``type`` differs; lists and single values are
    replaced; ``null`` removes an optional part.

    Parameters
    ----------
    path : str or Path
        The file.
    model : subclass of Parameters
        What it must hold.
    overrides : sequence of str
        ``path=value`` each, such as ``treatments[0].dose=2e6 cells/kg``; later ones win.

    Raises
    ------
    InputError
        Everything that is wrong, one line each, with positions.
    """
    source = str(path)
    reason = why_no_file(Path(path))
    if reason is not None:
        raise report([Problem(Position(source), (), reason)])
    problems: list[Problem] = []
    files: list[Path] = []
    texts: list[str] = []
    root = _read_chain(Path(path), source, files, texts, problems)
    checked = _checked(root, model, overrides, problems, Path(path).parent)
    return Loaded(checked, dump(checked), texts[0], tuple(files))


def load_text(text: str, source: str, model: type[Model], overrides: Sequence[str] = ()) -> Loaded[Model]:
    """Check a text as :func:`load` does a file; it extends nothing.

    Parameters
    ----------
    text : str
        YAML.
    source : str
        What stands for the file's name in messages.
    model, overrides
        As of :func:`load`.

    Raises
    ------
    InputError
        Everything that is wrong, one line each, with positions.
    """
    root, problems = _root_of(text, source)
    # a copy of what overrides write to, and what is reported
    root = replace(root, value=copy(root.value), keys=dict(root.keys))
    checked = _checked(root, model, overrides, [*problems], Path())
    return Loaded(checked, dump(checked), text, ())


@lru_cache(maxsize=2)
def _root_of(text: str, source: str) -> tuple[Node, list[Problem]]:
    """Parse a text; a study sets other values in the same one again and again."""
    return root_of(text, source)


def _checked(root: Node, model: type[Model], overrides: Sequence[str], problems: list[Problem], folder: Path) -> Model:
    if not root.faulty:
        for override in overrides:
            problems += _override(root, model, override)
        try:
            checked = model.model_validate(root.plain(), context={FOLDER: folder})
        except ValidationError as error:
            problems += translate(error, root, model)
            if not problems:
                # No place was found for what the validator said; better its own words than none.
                problems.append(Problem(root.position, (), str(error)))
    if problems:
        raise report(problems)
    return checked


def _read_chain(path: Path, source: str, files: list[Path], texts: list[str], problems: list[Problem]) -> Node:
    """Read a file and, merged beneath it, the file it extends."""
    text, root, found = read_nodes(path, source)
    files.append(path)
    texts.append(text)
    problems += found
    given = root.value.pop(EXTENDS, None)
    if given is None or given.faulty:
        return root

    def refuse(message: str) -> Node:
        problems.append(Problem(given.position, (EXTENDS,), message))
        return root

    if not isinstance(given.value, str) or not given.value:
        return refuse("must be the name of a YAML file, relative to this one")
    base = Path(os.path.normpath(path.parent / given.value))
    reason = why_no_file(base)
    if reason is not None:
        root.faulty = True
        return refuse(f"{str(base)!r}: {reason}")
    if any(os.path.samefile(base, file) for file in files):
        root.faulty = True
        return refuse(f"goes in a circle: {' -> '.join(map(str, (*files, base)))}")
    if len(files) >= MAX_CHAIN:
        root.faulty = True
        return refuse(f"a chain of more than {MAX_CHAIN} files")
    below = _read_chain(base, str(base), files, texts, problems)
    merged = _merge(below, root)
    merged.faulty = below.faulty or root.faulty
    return merged


def _merge(below: Node, above: Node) -> Node:
    """Lay one value over another; mappings merge, everything else is replaced."""
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    kinds = [node.value[TAG].plain() for node in (below, above) if TAG in node.value]
    if len(kinds) == 2 and kinds[0] != kinds[1]:
        return above
    values = {**below.value, **above.value}
    for key in below.value.keys() & above.value.keys():
        values[key] = _merge(below.value[key], above.value[key])
    return Node(above.position, values, {**below.keys, **above.keys}, above.faulty)


def _override(root: Node, model: type[Parameters], text: str) -> list[Problem]:
    """Set one value in the tree, as ``--set path=value`` asks."""
    quoted = text if len(text) <= _LONGEST_OPTION else f"{text[:_LONGEST_OPTION]}…"
    here = Position(f"--set {quoted}")
    path, equals, value = text.partition("=")
    steps = path_steps(path.strip())
    if not equals or not steps:
        return [Problem(here, (), "must be path=value, such as treatments[0].dose=2e6")]
    new, problems = parse(value, here.source, here)
    if problems:
        return [Problem(here, (), problem.message) for problem in problems]
    new = new or Node(here, None)
    spot = Spot(root, model, nearest_node=root)
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        node = spot.node
        assert node is not None
        if isinstance(step, str) and isinstance(following, int):
            _spell_out_default(spot, step, here)
        refusal = _cannot_enter(spot, step, following)
        if refusal:
            return [Problem(here, (*spot.path, step) if isinstance(node.value, dict) else spot.path, refusal)]
        if following is None:
            _put(node, step, new)
        else:
            # A copy, because an alias may repeat the value elsewhere, where nothing is to be set.
            below = spot.step(step).node
            if below is None or below.value is None:
                below = Node(here, {})
            _put(node, step, replace(below, value=copy(below.value), keys=dict(below.keys)))
        spot = spot.step(step)
    return []


def path_steps(path: str) -> Steps:
    """Return the keys and positions of a path such as ``treatments[0].dose``; nothing if it is none."""
    found = list(_STEP.finditer(path))
    if not found or "".join(one[0] for one in found) != path or path.startswith("["):
        return ()
    return tuple(one[1] if one[1] is not None else int(one[2]) for one in found)


def _spell_out_default(spot: Spot, name: str, here: Position) -> None:
    """Write out a list that the file leaves to its default, so that one item of it can be set."""
    group = spot.group()
    if group is None or name not in group.model_fields or not isinstance(spot.value, dict) or name in spot.value:
        return
    default = group.model_fields[name].default  # quantities of its own are as a file would give them
    if isinstance(default, list | tuple) and default:
        assert spot.node is not None
        _put(spot.node, name, _node_of(declared_units(default), here))


def _node_of(plain: Any, here: Position) -> Node:
    """Return plain objects as a tree that stands in one place."""
    if isinstance(plain, dict):
        return Node(here, {key: _node_of(item, here) for key, item in plain.items()}, dict.fromkeys(plain, here))
    if isinstance(plain, list):
        return Node(here, [_node_of(item, here) for item in plain])
    return Node(here, plain)


def _cannot_enter(spot: Spot, step: int | str, following: int | str | None) -> str | None:
    """Say why a step of an override's path leads nowhere; None if it does lead somewhere."""
    value = spot.value
    if isinstance(step, str):
        if not isinstance(value, dict):
            return f"has no key {step!r}: it is {'a list' if isinstance(value, list) else 'a single value'}"
        group = spot.group()
        if group is not None and step not in group.model_fields:
            return unknown_key(step, list(group.model_fields))
        if isinstance(following, int) and step not in value:
            return f"is not in the file, so it has no item [{following}]; set the whole list"
        return None
    if not isinstance(value, list):
        return f"has no item [{step}]: it is {'a mapping' if isinstance(value, dict) else 'a single value'}"
    if step < len(value) or (step == len(value) and following is None):
        return None
    has = f"[0] to [{len(value) - 1}]" if len(value) > 1 else "[0]" if value else "none"
    return f"has no item [{step}]; items: {has}; [{len(value)}]={{...}} adds one"


def _put(node: Node, step: int | str, new: Node) -> None:
    """Place a value in a mapping, with its position, or in a list, at whose end it may stand."""
    if isinstance(step, int) and step == len(node.value):
        node.value.append(new)
        return
    node.value[step] = new
    if isinstance(step, str):
        node.keys[step] = new.position
