# SPDX-License-Identifier: Apache-2.0
"""Treatments given, read from the events of a trajectory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TREATMENT_KINDS = ("treatment", "infusion")
_NAME_KEYS = ("treatment", "name", "drug")
INFUSION = "CAR T infusion"


@dataclass(frozen=True)
class Treatment:
    """One treatment and the days it was given on.

    Parameters
    ----------
    name : str
        Words for a figure, such as ``"tocilizumab"``.
    days : tuple of float
        Ascending [d].
    """

    name: str
    days: tuple[float, ...]


def treatments_given(events: Iterable[Mapping[str, Any]]) -> list[Treatment]:
    """Gather the treatments among the events, each with its days, in the order of first use.

    Parameters
    ----------
    events : iterable of mapping
        Each with ``day`` and ``kind``, and its detail beside them or under ``detail``. An event is a
        treatment if its kind is ``"treatment"`` or ``"infusion"``, or if its detail names a ``treatment``.
    """
    days: dict[str, list[float]] = {}
    for event in sorted(events, key=lambda event: float(event["day"])):
        nested = event.get("detail")
        detail = {**(nested if isinstance(nested, Mapping) else {}), **event}
        if str(event["kind"]) not in _TREATMENT_KINDS and "treatment" not in detail:
            continue
        name = next((str(detail[key]) for key in _NAME_KEYS if detail.get(key)), str(event["kind"]))
        days.setdefault(_words(name), []).append(float(event["day"]))
    return [Treatment(name, tuple(given)) for name, given in days.items()]


def spells(days: Sequence[float], *, gap: float = 1.5) -> list[tuple[float, float, int]]:
    """Join days that follow each other into (first day, last day, number of times).

    Parameters
    ----------
    days : sequence of float
        Ascending [d].
    gap : float
        Longest pause within a spell [d].
    """
    joined: list[tuple[float, float, int]] = []
    for day in days:
        if joined and day - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], day, joined[-1][2] + 1)
        else:
            joined.append((day, day, 1))
    return joined


def _words(name: str) -> str:
    words = name.replace("_", " ").strip()
    return {"infusion": INFUSION, "car t infusion": INFUSION}.get(words.lower(), words)
