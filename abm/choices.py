# SPDX-License-Identifier: Apache-2.0
"""Where a scenario chooses among groups of parameters by their ``type``, to which other packages may add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Union, get_args

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from abm.errors import InputError
from abm.openings import Opening
from abm.units import Parameters

TAG = "type"
"""The key that tells apart the members of a union of parameter groups."""
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
    if not isinstance(tag, str) or not tag.isidentifier() or get_args(field and field.annotation) != (tag,):
        raise ValueError(f'class {thing.__name__} needs a name for scenarios, such as: {TAG}: Literal["my_name"] = "my_name"')
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

    def load_all(self) -> Iterator[InputError]:
        """Load all that others add; yield what is wrong with those that cannot be."""
        for name in self.opening.names():
            try:
                self.opening.get(name)
            except InputError as error:
                yield error

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic ask :meth:`_validated`."""
        return core_schema.with_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe all groups that can be had.

        Raises
        ------
        InputError
            One of them cannot be loaded.
        """
        for problem in self.load_all():
            raise problem
        groups = self.groups()
        return handler(_adapter(groups).core_schema) if groups else {"not": {}}

    def _validated(self, value: Any, info: core_schema.ValidationInfo) -> Any:
        tag = value.get(TAG) if isinstance(value, Mapping) else getattr(value, TAG, None)
        if not isinstance(tag, str) or (self.opening.get(tag) is None and tag not in self.opening.own()):
            list(self.load_all())  # for a message that names them all
        groups = self.groups()
        if not groups:
            raise ValueError(f"no {self.opening.what} can be had: abm has none here, and no package that adds one is installed")
        return _adapter(groups).validate_python(value, context=info.context)


@lru_cache(maxsize=32)
def _adapter(groups: tuple[Group, ...]) -> TypeAdapter[Any]:
    kind: Any = Annotated[Union[groups], Field(discriminator=TAG)] if len(groups) > 1 else groups[0]  # noqa: UP007
    return TypeAdapter(kind)
