# SPDX-License-Identifier: Apache-2.0
"""Where a scenario chooses among groups of parameters by their ``type``, to which other packages may add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Any, Union, get_args

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from abm.errors import shown
from abm.openings import Opening, off_words
from abm.units import Parameters

TAG = "type"
"""The key that tells apart the members of a union of parameter groups."""
UNKNOWN_TAG = "unknown_tag"
"""Kind of the error of a group whose ``type`` nobody has, or that has none; its context holds the ``words`` to tell."""
LONGEST_TAG = 60
"""Letters of a misspelt ``type`` that are compared with others, so that junk costs no time."""
Group = type[Parameters]


def tag_of(thing: Any, base: Group) -> str:
    """Return the ``type`` by which scenarios choose a group of parameters.

    Parameters
    ----------
    thing : subclass of base
        What it is said to be.
    base : subclass of Parameters
        What it must be derived from.

    Raises
    ------
    ValueError
        It is something else, or has no such key.
    """
    if not (isinstance(thing, type) and issubclass(thing, base)):
        raise ValueError(f"must be a subclass of abm.extensions.{base.__name__}, is {thing!r}")
    field = thing.model_fields.get(TAG)
    tag = None if field is None else field.default
    if not isinstance(tag, str) or get_args(field and field.annotation) != (tag,):
        raise ValueError(f'class {thing.__name__} needs a name for scenarios, such as: {TAG}: Literal["my_name"] = "my_name"')
    if not tag.isidentifier():
        raise ValueError(f"class {thing.__name__}: {TAG} must consist of letters, digits and _, and not begin with a digit, is {tag!r}")
    return tag


class Choice:
    """The groups of parameters of which a mapping is one, as its ``type`` says: this package's, and those of an opening.

    Parameters
    ----------
    own : tuple of subclasses of Parameters
        Of this package, each with a ``type``.
    opening : Opening
        What others add.
    """

    def __init__(self, own: tuple[Group, ...], opening: Opening[Any]) -> None:
        self.own = own
        self.opening = opening

    def groups(self) -> tuple[Group, ...]:
        """Return the groups that are known: this package's, and those of others that have been asked for."""
        return (*self.own, *self.opening.loaded())

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic ask :meth:`_validated`."""
        return core_schema.with_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe all groups that can be had; those that cannot be loaded are left out (:meth:`Opening.load_all` tells them)."""
        list(self.opening.load_all())
        groups = self.groups()
        return handler(_adapter(groups).core_schema) if groups else {"not": {}}

    def _validated(self, value: Any, info: core_schema.ValidationInfo) -> Any:
        tag = value.get(TAG) if isinstance(value, Mapping) else getattr(value, TAG, None)
        names = [*(tag_of(group, Parameters) for group in self.own), *self.opening.names()]
        if not names:
            why = off_words() or "no package that adds one is installed"
            raise ValueError(f"no {self.opening.what} can be had: abm has none here, and {why}")
        if isinstance(tag, str) and self.opening.get(tag) is None and tag not in names:
            raise _unknown(f"must be {_one_of(names)}, got {shown(tag)}{_hint(tag, names)}")
        if isinstance(value, Mapping) and TAG not in value:
            raise _unknown(f"required key is missing; must be {_one_of(names)}")
        if not self.groups():  # nothing was named, and what is there is no name
            list(self.opening.load_all())
        return _adapter(self.groups()).validate_python(value, context=info.context)


def _one_of(names: Sequence[str]) -> str:
    listed = ", ".join(map(repr, names))
    return listed if len(names) == 1 else f"one of {listed}"


def _hint(tag: str, names: Sequence[str]) -> str:
    """Return what may have been meant: a name that is near, or one of a package that is not there."""
    near = get_close_matches(tag[:LONGEST_TAG].lower(), names, 1)
    package = off_words() or "it is of a package that is not installed"
    return f"; nearest: {near[0]!r}, or {package}" if near else f"; or {package}"


def _unknown(words: str) -> PydanticCustomError:
    """Return the error of a ``type`` that nobody has; whoever tells it adds the place."""
    return PydanticCustomError(UNKNOWN_TAG, "{words}", {"words": words})


@lru_cache(maxsize=32)
def _adapter(groups: tuple[Group, ...]) -> TypeAdapter[Any]:
    kind: Any = Annotated[Union[groups], Field(discriminator=TAG)] if len(groups) > 1 else groups[0]  # noqa: UP007
    return TypeAdapter(kind)
