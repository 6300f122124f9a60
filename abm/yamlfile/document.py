# SPDX-License-Identifier: Apache-2.0
"""YAML text as a tree of values, each with its position.

The tree is built from the parser's events, not by a loader: nothing in a file can make an object,
nesting and aliases are bounded while reading, and scalars follow the YAML 1.2 core schema alone
(``1e6`` is a number, ``no`` is text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from abm.errors import shown
from abm.yamlfile.files import Unreadable, read_text, why_no_file
from abm.yamlfile.problems import Position, Problem, Steps, report

MAX_DEPTH = 40
MAX_VALUES = 100_000
"""Values in a document, those repeated by aliases counted each time."""

_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_INT = 40
# What the parser itself raises on some junk, such as "\UFFFFFFFF" or an odd %YAML line.
_PARSER_TRIPS = (
    YAMLError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass
class Node:
    """A value with its position; ``value`` is a scalar, a list of nodes or a dict of nodes."""

    position: Position
    value: Any
    keys: dict[str, Position] = field(default_factory=dict)
    faulty: bool = False
    """A problem has been told already; what stands here is only a stopgap."""
    size: int = 1
    height: int = 0

    def plain(self) -> Any:
        """Return the value as plain Python objects."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True)
class Document:
    """A YAML file as read: a mapping with positions."""

    source: str
    text: str
    root: Node

    @property
    def data(self) -> dict[str, Any]:
        """The whole content as plain Python objects."""
        plain: dict[str, Any] = self.root.plain()
        return plain


def read_yaml(path: str | Path) -> Document:
    """Read a YAML file whose root is a mapping.

    Parameters
    ----------
    path : str or Path
        A regular file: UTF-8, YAML 1.2, at most 512 KiB.

    Raises
    ------
    InputError
        All that is wrong with the file, each line with its position.
    """
    reason = why_no_file(Path(path))
    if reason is not None:
        raise report([Problem(Position(str(path)), (), reason)])
    text, root, problems = read_nodes(Path(path), str(path))
    if problems:
        raise report(problems)
    return Document(str(path), text, root)


def read_nodes(path: Path, source: str) -> tuple[str, Node, list[Problem]]:
    """Read a file that exists; return its text, its mapping (empty if unreadable) and its problems."""
    try:
        text = read_text(path)
    except Unreadable as error:
        position = Position(source, error.line, error.column)
        return "", Node(position, {}, faulty=True), [Problem(position, (), str(error))]
    return text, *root_of(text, source)


def root_of(text: str, source: str) -> tuple[Node, list[Problem]]:
    """Return the mapping that a text holds (empty if unreadable) and its problems."""
    root, problems = parse(text, source)
    start = Position(source, 1, 1)
    if root is None or (root.value is None and not root.faulty):
        if not problems:
            problems.append(Problem(start, (), "the file is empty; it must be a mapping, lines of 'key: value'"))
        root = Node(start, {}, faulty=True)
    elif not isinstance(root.value, dict):
        if not root.faulty:
            what = "a list" if isinstance(root.value, list) else "a single value"
            problems.append(Problem(root.position, (), f"must be a mapping, lines of 'key: value', got {what}"))
        root = Node(root.position, {}, faulty=True)
    return root, problems


def parse(text: str, source: str, option: Position | None = None) -> tuple[Node | None, list[Problem]]:
    """Parse YAML text; return its tree, if it can be built, and all problems found.

    Parameters
    ----------
    text : str
        One YAML document.
    source : str
        Name of the file, for positions.
    option : Position, optional
        Position of everything, for text that does not stand in a file.
    """
    composer = _Composer(text, source, option)
    try:
        return composer.root(), composer.problems
    except Unreadable as error:
        position = option or Position(source, error.line, error.column)
        return None, [*composer.problems, Problem(position, (), str(error))]


class _Composer:
    """Builds the tree from events, one document, within the limits."""

    def __init__(self, text: str, source: str, option: Position | None) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._source = source
        self._option = option
        self._events = self._guarded()
        self._anchors: dict[str, Node | None] = {}
        self._line, self._column = 1, 1
        self._values = 0

    def root(self) -> Node | None:
        root = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    raise Unreadable("a second document starts here; a file holds one", self._line, self._column)
                root = self._node(next(self._events), ())
        return root

    def _guarded(self) -> Iterator[Any]:
        """Yield the parser's events; turn whatever it raises into a message with a position."""
        try:
            for event in YAML(typ="safe", pure=True).parse(self._text):
                self._line, self._column = event.start_mark.line + 1, event.start_mark.column + 1
                yield event
        except ReaderError as error:
            before = self._text[: error.position]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            code = error.character if isinstance(error.character, int) else ord(error.character)
            what = "this is no text file" if code == 0 else "remove it, or write it as an escape in double quotes"
            raise Unreadable(f"character U+{code:04X} is not allowed; {what}", line, column) from None
        except MarkedYAMLError as error:
            raise self._syntax(error) from None
        except _PARSER_TRIPS as error:
            raise Unreadable(
                f"not valid YAML from here on ({type(error).__name__})", self._line, self._column
            ) from None

    def _syntax(self, error: MarkedYAMLError) -> Unreadable:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (self._line, self._column)
        problem = str(error.problem or error.context or "cannot be read").split("\n")[0]
        start = error.context_mark
        if problem == "could not find expected ':'" and start is not None:
            return Unreadable("not valid YAML: ': ' is missing after this key", start.line + 1, start.column + 1)
        if "'\\t'" in problem:
            return Unreadable("a tab stands where YAML allows only spaces; indent with spaces", line, column)
        if problem == "mapping values are not allowed here":
            problem = "a second ':' on this line, or a wrong indentation; put text that holds ': ' in quotes"
        elif "expected <block end>" in problem:
            problem = "this line is indented otherwise than those it belongs to"
        elif "expected '<document start>'" in problem:
            problem = "this follows a value that is complete already"
        problem = re.sub(r"but (found|got) '<stream end>'", "but the text ends", problem)
        problem = problem.replace(r"'\n'", "the end of the line")
        if start is not None and (start.line + 1, start.column + 1) != (line, column):
            context = str(error.context).removeprefix("while ")
            problem += f", {context} that starts at line {start.line + 1}, column {start.column + 1}"
        return Unreadable(f"not valid YAML: {problem}", line, column)

    def _position(self, event: Any) -> Position:
        mark = event.start_mark
        return self._option or Position(self._source, mark.line + 1, mark.column + 1)

    def _node(self, event: Any, path: Steps) -> Node:
        position = self._position(event)
        if isinstance(event, AliasEvent):
            return self._repeat(event, position, path)
        self._count(1, path, 0)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, MappingStartEvent):
            node = self._mapping(position, path)
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(position, path)
        else:
            node = self._scalar(event, position, path)
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self._complain(position, path, f"the tag {shown(tag)} is not allowed; write the plain value")
            node.faulty = True
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _repeat(self, event: Any, position: Position, path: Steps) -> Node:
        node = self._anchors.get(event.anchor)
        if node is not None:
            self._count(node.size, path, node.height)
            return node
        inside = event.anchor in self._anchors
        reason = "stands inside the value it repeats" if inside else f"has no anchor '&{event.anchor}' before it"
        self._complain(position, path, f"the alias '*{event.anchor}' {reason}")
        return Node(position, None, faulty=True)

    def _mapping(self, position: Position, path: Steps) -> Node:
        node = Node(position, {})
        for event in self._until(MappingEndEvent):
            where = self._position(event)
            if not isinstance(event, ScalarEvent):
                self._node(event, (*path, "?"))
                self._complain(where, path, "a key must be plain text, not a list, a mapping or an alias")
                self._node(next(self._events), (*path, "?"))
                continue
            key = event.value
            following = next(self._events)
            child = self._node(following, (*path, key))
            if isinstance(following, ScalarEvent) and following.implicit[0] and not following.value:
                child.position = where  # nothing stands after the colon: the parser's mark is further down
            if key == "<<" and event.implicit[0]:
                self._complain(where, path, "merge keys ('<<') are not allowed; write the values out or use 'extends'")
            elif key in node.keys:
                first = node.keys[key]
                self._complain(
                    where, (*path, key), f"duplicate key, first given at line {first.line}, column {first.column}"
                )
            else:
                node.keys[key] = where
                node.value[key] = child
                node.size += child.size
                node.height = max(node.height, child.height + 1)
        return node

    def _sequence(self, position: Position, path: Steps) -> Node:
        node = Node(position, [])
        for index, event in enumerate(self._until(SequenceEndEvent)):
            child = self._node(event, (*path, index))
            node.value.append(child)
            node.size += child.size
            node.height = max(node.height, child.height + 1)
        return node

    def _until(self, end: type) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event

    def _scalar(self, event: Any, position: Position, path: Steps) -> Node:
        text = event.value
        if not event.implicit[0]:
            return Node(position, text)
        if _INT.fullmatch(text):
            value = int(text, 0 if text[:2] in ("0o", "0x") else 10) if len(text) <= _LONGEST_INT else None
            if value is None or not -(1 << 63) <= value < 1 << 64:
                self._complain(
                    position, path, "integer too large, at most 18446744073709551615; write a larger number as 1e30"
                )
                return Node(position, None, faulty=True)
            return Node(position, value)
        return Node(position, _resolve(text))

    def _count(self, values: int, path: Steps, height: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise Unreadable(f"more than {MAX_VALUES:,} values, repeated ones included", self._line, self._column)
        if len(path) + height > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH} levels", self._line, self._column)

    def _complain(self, position: Position, path: Steps, message: str) -> None:
        self.problems.append(Problem(position, path, message))


def _resolve(text: str) -> Any:
    """Give plain text the type that the YAML 1.2 core schema gives it; integers are read before."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text
