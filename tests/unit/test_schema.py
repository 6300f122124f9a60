# SPDX-License-Identifier: Apache-2.0
"""JSON Schema: units, ranges and sources for each quantity, and a place for everything else."""

from __future__ import annotations

import json
import re

import pytest

from abm.yamlfile import json_schema
from tests.unit.example_scenario import Example


@pytest.fixture(scope="module")
def schema() -> dict[str, object]:
    return json_schema(Example)


def test_it_is_draft_2020_12_and_plain_json(schema: dict) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


def test_a_quantity_is_a_number_in_bounds_or_text_with_a_unit(schema: dict) -> None:
    speed = schema["$defs"]["Motility"]["properties"]["speed"]
    number, text = speed.pop("anyOf")
    assert number == {"type": "number", "minimum": 0, "maximum": 30}
    assert text["type"] == "string"
    assert text["examples"] == ["1 µm/min", "1 µm/h", "1 mm/h"]
    assert speed == {
        "default": 6.0,
        "description": "Free speed.",
        "plausible": [2, 12],
        "source": "Mulazzani 2019",
        "title": "Speed",
        "unit": "µm/min",
    }
    for good in ("6 µm/min", "6µm/min", "-1.5e3 1/d", ".5 %"):
        assert re.search(text["pattern"], good)
    for bad in ("6", "33", "1e6", "µm/min", "6 ", ""):
        assert not re.search(text["pattern"], bad)


def test_an_open_bound_is_left_out(schema: dict) -> None:
    persistence = schema["$defs"]["Motility"]["properties"]["persistence"]
    assert persistence["anyOf"][0] == {"type": "number", "minimum": 0}
    assert "plausible" not in persistence
    assert "bounds" not in persistence


def test_quantities_inside_lists_and_mappings(schema: dict) -> None:
    doses = schema["$defs"]["Tocilizumab"]["properties"]["doses"]
    assert doses["items"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 12}
    assert doses["default"] == [8.0]
    share = schema["$defs"]["Motility"]["properties"]["by_kind"]
    assert share["additionalProperties"]["anyOf"][0]["maximum"] == 100


def test_unknown_keys_are_refused_everywhere(schema: dict) -> None:
    assert schema["additionalProperties"] is False
    assert all(group["additionalProperties"] is False for group in schema["$defs"].values())


def test_defaults_of_nested_groups_are_in_declared_units(schema: dict) -> None:
    assert schema["properties"]["motility"]["default"]["speed"] == 6.0
    assert schema["properties"]["motility"]["default"]["death"] == 0.03


def test_a_file_that_extends_another_may_leave_out_required_keys(schema: dict) -> None:
    assert schema["properties"]["extends"]["type"] == "string"
    assert schema["anyOf"] == [{"required": ["name", "patient"]}, {"required": ["extends"]}]


def test_counts_choices_and_unions_are_declared(schema: dict) -> None:
    properties = schema["properties"]
    assert (properties["seed"]["minimum"], properties["seed"]["maximum"]) == (0, 2**63 - 1)
    assert properties["model"]["enum"] == ["marrow", "block"]
    assert properties["lattice"]["minItems"] == properties["lattice"]["maxItems"] == 3
    mapping = properties["treatments"]["items"]["discriminator"]["mapping"]
    assert mapping == {"infusion": "#/$defs/Infusion", "tocilizumab": "#/$defs/Tocilizumab"}
