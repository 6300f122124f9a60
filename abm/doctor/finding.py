# SPDX-License-Identifier: Apache-2.0
"""What a check finds, and how it asks other programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import abm

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


def python_answer(words: Sequence[str], seconds: float) -> tuple[int, str]:
    """Return exit code and output of a Python that has this package and not what lies in the folder one stands in.

    Parameters
    ----------
    words : sequence of str
        Its arguments, such as ``["-c", "import abm"]``.
    seconds : float
        Time that it has [s].
    """
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(Path(abm.__file__).parents[1])]))
    return answer([sys.executable, "-P", *words], seconds, {**os.environ, "PYTHONPATH": path})


def answer(command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Return exit code and output of a program, both streams together.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    seconds : float
        Time that it has [s].
    environment : mapping of str to str, optional
        Its environment variables; those of this process if not given.

    Returns
    -------
    (int, str)
        The code is -1 if it cannot be started or did not answer in time, and the output says so then.
    """
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", timeout=seconds, env=environment, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return -1, f"no answer within {seconds:g} s"
    except OSError as error:
        return -1, str(error.strerror)
    if done.returncode < 0:
        return done.returncode, f"killed by {signal.Signals(-done.returncode).name}"
    return done.returncode, done.stdout.strip()
