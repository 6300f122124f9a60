# SPDX-License-Identifier: Apache-2.0
"""The fixture of what holds for plain Mesa agents and for rows of tables alike."""

from __future__ import annotations

import pytest

from tests.contract.worlds import ColumnWorld, MesaWorld, World


@pytest.fixture(params=[MesaWorld, ColumnWorld], ids=["mesa", "columns"])
def world(request: pytest.FixtureRequest) -> World:
    """Seven agents, once of each sort."""
    made: World = request.param()
    return made
