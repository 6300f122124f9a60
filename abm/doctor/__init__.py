# SPDX-License-Identifier: Apache-2.0
"""What of an installation works, what does not, and how to mend it: ``abm doctor``.

Each check stands alone. One that fails itself is a finding, and what may crash or hang, such as compiled kernels or
packages of others, is tried in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from abm.doctor.finding import Finding
from abm.doctor.installation import compiler, extensions, extras, kernels, packages, python
from abm.doctor.surroundings import browser, cluster, disk, ffmpeg, hdf5, memory, processors, temporary_files, terminal
from abm.doctor.trial import trial

__all__ = ["CHECKS", "Finding", "examine"]

CHECKS = (
    python, packages, extras, extensions, kernels, compiler, processors, memory, disk, temporary_files, hdf5, trial, ffmpeg,
    terminal, browser, cluster,
)  # fmt: skip
"""All checks, in the order in which they are told."""


def examine(folder: Path) -> Iterator[Finding]:
    """Yield what is found, check by check; none of them raises anything.

    Parameters
    ----------
    folder : Path
        Where runs are to be written.
    """
    for check in CHECKS:
        try:
            yield from check(folder)
        except Exception as error:
            words = f"{type(error).__name__}: {error}".splitlines()[0]
            yield Finding(check.__name__.replace("_", " "), "warning", "could not be examined", words)
