# SPDX-License-Identifier: Apache-2.0
"""Reading a text as a scenario file, and what is said when it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from abm.errors import InputError
from abm.units import Parameters
from abm.yamlfile import load
from tests.unit.example_scenario import TEXT, Example

GOOD = "name: a\npatient: {weight: 30}\n"


def read(text: str | bytes, *overrides: str, name: str = "x.yaml", model: type[Parameters] = Example) -> Parameters:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(name, model, overrides).model


def refusal(text: str | bytes, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        read(text, *overrides)
    return str(caught.value)


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)
