# SPDX-License-Identifier: Apache-2.0
"""What may be recorded: small dtypes, and every frame of a series like the first."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.errors import InputError
from abm.trajectory.hdf5 import Spec
from abm.trajectory.schema import ANTIGEN_UNIT, BEFORE_ALL, EVENTS
from abm.trajectory.segments import Content

_HALF_MAX = float(np.finfo(np.float16).max)


class Consistency:
    """Remembers of each series what its frames look like and how far it has come."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._specs: dict[str, dict[str, Spec]] = {}

    def check(self, series: str, tick: int, content: Content, *, flat: bool) -> None:
        """Refuse a frame that does not fit.

        Raises
        ------
        InputError
            The tick does not increase (events may share one), or datasets, dtypes or shapes differ from
            those of the first frame.
        """
        last = self._last.get(series, BEFORE_ALL)
        if operator.index(tick) < last or (tick == last and series != EVENTS):
            after = f" after {last}" if last > BEFORE_ALL else ""
            raise InputError(f"{series}: ticks must increase, got {tick}{after}")
        specs = {name: _spec(value, flat) for name, value in content.items()}
        expected = self._specs.setdefault(series, specs)
        if specs != expected:
            raise InputError(f"{series}: frames must be alike: the first had {_words(expected)}, got {_words(specs)}")

    def accept(self, series: str, tick: int) -> None:
        """Note that a frame was recorded."""
        self._last[series] = tick


def small(values: NDArray[Any], unit: str, what: str) -> NDArray[Any]:
    """Return a copy in the dtype that is stored.

    Parameters
    ----------
    values : ndarray
        Numbers.
    unit : str
        Their unit; antigen densities become float16, saturating.
    what : str
        For the message.

    Raises
    ------
    InputError
        Not numbers.
    """
    kind = values.dtype.kind
    stored: np.dtype[Any]
    if kind not in "buif":
        raise InputError(f"{what}: must be numbers, got {values.dtype}")
    if kind == "f" and unit == ANTIGEN_UNIT:
        values = np.clip(values, -_HALF_MAX, _HALF_MAX)
        stored = np.dtype(np.float16)
    elif kind == "b":
        stored = np.dtype(np.uint8)
    elif kind == "f" and values.dtype.itemsize > 4:
        stored = np.dtype(np.float32)
    else:
        stored = values.dtype.newbyteorder("=")
    return np.array(values, dtype=stored, order="C", copy=True)


def _spec(value: NDArray[Any] | str, flat: bool) -> Spec:
    if isinstance(value, str):
        return Spec(None, ())
    return Spec(value.dtype, value.shape[1:] if flat else value.shape)


def _words(specs: Mapping[str, Spec]) -> str:
    return ", ".join(f"{name} {spec.dtype or 'text'} {list(spec.tail)}" for name, spec in specs.items())
