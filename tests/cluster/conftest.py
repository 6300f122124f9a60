# SPDX-License-Identifier: Apache-2.0
"""One SLURM for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.slurm_box import Box, slurm_box


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with slurm_box(tmp_path_factory.mktemp("box")) as started:
        yield started
