# SPDX-License-Identifier: Apache-2.0
"""Keys of runs: digests of everything that decides their results."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from abm.extensions import identities
from abm.recording import RecordParameters
from abm.scenario import Scenario, resolved_text
from abm.study.declaration import StudyFile
from abm.study.outputs import definition_of

LENGTH = 24


def deciding(study: StudyFile, base: Scenario) -> str:
    """Return what decides the results of all runs of a study.

    That is scenario, end, what is kept, and the versions of other packages that it uses; but not names and descriptions,
    threads, or what is read from what is kept.

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
        without["record"] = RecordParameters().model_copy(update={"observables": base.record.observables, "also": base.record.also})
    # of a run of which nothing is kept, no output can be read later
    outputs = sorted(definition_of(output) for output in study.outputs if study.keep == "nothing" and not isinstance(output, str))
    text = resolved_text(base.model_copy(update=without))
    return "\0".join((text, repr(study.until), study.keep, *outputs, *identities(text)))


def key_of(decided: str, settings: Sequence[str]) -> str:
    """Return the key of a run.

    Parameters
    ----------
    decided : str
        As :func:`deciding` returns it.
    settings : sequence of str
        ``path=value`` each; their order decides nothing.
    """
    added = identities("\n".join(settings))
    return hashlib.sha256("\0".join((decided, *sorted(settings), *added)).encode()).hexdigest()[:LENGTH]
