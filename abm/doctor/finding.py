# SPDX-License-Identifier: Apache-2.0
"""What a check finds, and how it asks other programs."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Parameters
    ----------
    name : str
        What was examined.
    state : {"ok", "warning", "problem"}
        A problem keeps runs from being right or from being made; a warning only makes something slow or unavailable.
    found : str
        What is there.
    mend : str
        What follows from it, and how to mend it; empty if there is nothing to say.
    """

    name: str
    state: State
    found: str
    mend: str = ""


def answer(command: Sequence[str], seconds: float) -> tuple[int, str]:
    """Return exit code and output of a program, both streams together.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    seconds : float
        Time that it has [s].

    Returns
    -------
    (int, str)
        The code is -1 if it cannot be started or did not answer in time, and the output says so then.
    """
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return -1, f"no answer within {seconds:g} s"
    except OSError as error:
        return -1, str(error.strerror)
    if done.returncode < 0:
        return done.returncode, f"killed by {signal.Signals(-done.returncode).name}"
    return done.returncode, done.stdout.strip()
