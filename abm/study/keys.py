# SPDX-License-Identifier: Apache-2.0
"""Keys of runs: digests of everything that decides their results."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from abm.recording import RecordParameters
from abm.scenario import Scenario, resolved_text
from abm.study.declaration import StudyFile
from abm.study.outputs import definition_of

LENGTH = 24


def deciding(study: StudyFile, base: Scenario) -> str:
    """Return what decides the results of all runs of a study.

    That is scenario, end and what is kept; but not names and descriptions, threads, or what is read from what is kept.

    Parameters
    ----------
    study : StudyFile
    base : Scenario
        The one that is varied.
    """
    without: dict[str, Any] = {"name": "any", "description": "", "source": "", "seed": 0}
    if study.until is not None:
        without["duration"] = study.until
    if study.keep != "trajectories":
        without["record"] = RecordParameters().model_copy(update={"observables": base.record.observables})
    # of a run of which nothing is kept, no output can be read later
    outputs = sorted(definition_of(output) for output in study.outputs if study.keep == "nothing" and not isinstance(output, str))
    return "\0".join((resolved_text(base.model_copy(update=without)), repr(study.until), study.keep, *outputs))


def key_of(decided: str, settings: Sequence[str]) -> str:
    """Return the key of a run.

    Parameters
    ----------
    decided : str
        As :func:`deciding` returns it.
    settings : sequence of str
        ``path=value`` each; their order decides nothing.
    """
    return hashlib.sha256("\0".join((decided, *sorted(settings))).encode()).hexdigest()[:LENGTH]
