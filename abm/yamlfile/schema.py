# SPDX-License-Identifier: Apache-2.0
"""JSON Schema of a parameter group: for editors that complete and check a file while it is written."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from abm.units import Parameters, units_like
from abm.yamlfile.writing import declared_units

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Any unit: other spellings ("days", "um/min") are as good as the one declared.
_NUMBER_AND_UNIT = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?(\s+\S.*|[^\s0-9.eE].*)$"


class _InDeclaredUnits(GenerateJsonSchema):
    """Pydantic's generator, with the defaults of nested groups as a file would give them."""

    def encode_default(self, dft: Any) -> Any:
        """Encode a default; quantities within it in their declared units."""
        return super().encode_default(declared_units(dft))


def json_schema(model: type[Parameters]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a file that holds a parameter group.

    Each quantity is a number in its declared unit, within its bounds, or text with a unit of the same
    dimension; ``unit``, ``plausible`` and ``source`` are told beside its description and default.

    Parameters
    ----------
    model : subclass of Parameters
        What the file holds.
    """
    schema = model.model_json_schema(schema_generator=_InDeclaredUnits)
    _describe_quantities(schema)
    schema["properties"] = {
        "extends": {
            "type": "string",
            "description": "Another YAML file, relative to this one, whose values hold here.",
        },
        **schema.get("properties", {}),
    }
    required = schema.pop("required", None)
    if required:
        # The file that is extended may give what this one lacks.
        schema["anyOf"] = [{"required": required}, {"required": ["extends"]}]
    return {"$schema": DIALECT, **schema}


def _describe_quantities(part: Any) -> None:
    if isinstance(part, list):
        for item in part:
            _describe_quantities(item)
    if not isinstance(part, dict):
        return
    if "unit" in part and "bounds" in part:
        low, high = part.pop("bounds")
        _replace_numbers(part, _quantity(part["unit"], low, high))
        if part["plausible"] is None:
            del part["plausible"]
        return
    for item in part.values():
        _describe_quantities(item)


def _quantity(unit: str, low: float, high: float) -> dict[str, Any]:
    number: dict[str, Any] = {"type": "number"}
    if low != float("-inf"):
        number["minimum"] = low
    if high != float("inf"):
        number["maximum"] = high
    text = {"type": "string", "pattern": _NUMBER_AND_UNIT, "examples": [f"1 {one}" for one in units_like(unit)]}
    return {"anyOf": [number, text]}


def _replace_numbers(part: dict[str, Any], quantity: dict[str, Any]) -> None:
    """Let every number inside the declaration, in a list or mapping too, be a quantity."""
    if part.get("type") == "number":
        del part["type"]
        part.update(quantity)
        return
    for key in ("items", "additionalProperties"):
        if isinstance(part.get(key), dict):
            _replace_numbers(part[key], quantity)
    for key in ("anyOf", "prefixItems"):
        for item in part.get(key, ()):
            _replace_numbers(item, quantity)
