# SPDX-License-Identifier: Apache-2.0
"""The command line in a forked process: what it says, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import pandas  # noqa: F401
import rich.progress  # noqa: F401

import abm.execution
from abm.cli import main

HANGS = 120
"""Time after which a command is taken to hang [s]."""


class Said(NamedTuple):
    """Exit code, or minus the signal that ended it; standard output, standard error, and what `then` returned."""

    code: int
    out: str
    err: str
    then: str

    @property
    def faults(self) -> list[str]:
        """What no command may do, whatever it is given."""
        found = [f"ended by signal {-self.code}"] if self.code < 0 else []
        text = self.out + self.err
        return [*found, text] if any(word in text for word in ("Traceback", "unexpected", "fault of abm")) else found


def abm(*arguments: object, then: Callable[[], str] | None = None) -> Said:
    """Run a command, and something after it if it ends with 0."""
    sys.stdout.flush()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as after:
        child = os.fork()
        if child == 0:
            code = 98
            try:
                signal.alarm(HANGS)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", encoding="utf-8") for number in (1, 2))
                code = main([str(argument) for argument in arguments])
                sys.stdout.flush()
                sys.stderr.flush()
                if then is not None and code == 0:
                    os.write(after.fileno(), then().encode())
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for stream in (out, err, after):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return Said(code, *texts)
