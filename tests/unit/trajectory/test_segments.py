# SPDX-License-Identifier: Apache-2.0
"""A segment holds whole frames, wherever a signal falls."""

from __future__ import annotations

import io
from collections.abc import Iterator

import h5py
import numpy as np
import pytest

from abm.trajectory.schema import Header
from abm.trajectory.segments import Segment

NAMES = ("a", "b", "c")


class Interrupted(dict[str, np.ndarray]):
    """A frame during whose taking-up Ctrl-C is pressed, after so many of its datasets."""

    def __init__(self, after: int) -> None:
        super().__init__({name: np.array(1.0) for name in NAMES})
        self.after = after

    def _stopping(self, listed: list[object]) -> Iterator[object]:
        yield from listed[: self.after]
        raise KeyboardInterrupt

    def values(self) -> Iterator[object]:  # type: ignore[override]
        return self._stopping(list(super().values()))

    def items(self) -> Iterator[object]:  # type: ignore[override]
        return self._stopping(list(super().items()))


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_interrupted_frame_is_there_whole_or_not_at_all(after: int) -> None:
    segment = Segment(Header("s", "s", {}, [], {}, {name: {"unit": "1", "about": ""} for name in NAMES}, {}))
    segment.add("observables", 0, {name: np.array(0.0) for name in NAMES}, flat=False)
    with pytest.raises(KeyboardInterrupt):
        segment.add("observables", 40, Interrupted(after), flat=False)
    with h5py.File(io.BytesIO(bytes(segment.image(0)))) as file:
        lengths = {len(file["observables"][name]) for name in (*NAMES, "tick", "time")}
    assert len(lengths) == 1
