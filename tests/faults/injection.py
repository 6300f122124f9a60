# SPDX-License-Identifier: Apache-2.0
"""Work in a process of its own, with something that happens to it at a chosen call to the system, or at a moment."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from abm.errors import AbmError
from abm.trajectory import TrajectoryWriter
from abm.trajectory.schema import BEFORE_ALL

CALLS = ("replace", "rename", "write", "pwrite", "ftruncate", "fsync", "open", "unlink", "mkdir", "rmdir")
WRITES = ("write", "pwrite")
MOMENTS = ("before", "middle", "after")
_REAL = {name: getattr(os, name) for name in CALLS}
SILENT = 60.0
"""Time after which a process that says nothing is taken to hang [s]."""


@dataclass
class Ended:
    """How a process ended.

    Parameters
    ----------
    code : int
        Exit code, or minus the signal that ended it.
    safe : int
        Last tick that it was told is safe.
    said : str
        Message of the error that ended it, or a traceback.
    calls : list of str
        The calls that it made, if it came to its end.
    seconds : float
        How long it took.
    """

    code: int = 0
    safe: int = BEFORE_ALL
    said: str = ""
    calls: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Fault:
    """What happens at a call.

    Parameters
    ----------
    call : int
        Number of the call, from 1.
    moment : str
        Before, after, or in the middle of it, with half of what was to be written.
    act : callable, optional
        What happens; the process is killed if not given.
    """

    call: int
    moment: str = "before"
    act: Callable[[], None] | None = None


def work(task: Callable[[], object], *, fault: Fault | None = None, kill_after: float | None = None) -> Ended:
    """Do something in a forked process.

    Parameters
    ----------
    task : callable
        What to do. An error of the package ends the process with its message and code 10 above its exit code, any other
        exception with a traceback and code 99.
    fault : Fault, optional
        What happens on the way.
    kill_after : float, optional
        When to kill it from outside [s].
    """
    reading, writing = os.pipe()
    begun = time.monotonic()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_child(task, fault, writing)
    os.close(writing)
    found = Ended()
    text = _listen(child, reading, None if kill_after is None else begun + kill_after)
    found.code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    found.seconds = time.monotonic() - begun
    for line in text.splitlines():
        what, _, content = line.partition(" ")
        setattr(found, what, json.loads(content))
    return found


def spread(calls: list[str], count: int, seed: int) -> list[Fault]:
    """Choose calls over a whole list of them: the rare kinds first, half of all, and the rest evenly."""
    chance = np.random.default_rng(seed)
    kinds: dict[str, list[int]] = {}
    for number, name in enumerate(calls, 1):
        kinds.setdefault(name, []).append(number)
    rare = [number for name, numbers in kinds.items() if name not in (*WRITES, "open") for number in numbers]
    chosen = set(chance.permutation(rare)[: count // 2].tolist())
    others = np.array([number for number in range(1, len(calls) + 1) if number not in chosen])
    edges = np.linspace(0, len(others), count - len(chosen) + 1).astype(int)
    chosen |= {int(others[chance.integers(low, high)]) for low, high in pairwise(edges) if low < high}
    return [Fault(number, MOMENTS[int(chance.integers(0, 3))]) for number in sorted(chosen)]


def _be_child(task: Callable[[], object], fault: Fault | None, pipe: int) -> None:
    code, calls = 0, []

    def say(what: str, content: Any) -> None:
        _REAL["write"](pipe, f"{what} {json.dumps(content)}\n".encode())

    try:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _tell_what_is_safe(say)
        calls = _watch_calls(fault)
        task()
        say("calls", calls)
    except AbmError as error:
        code = 10 + error.exit_code
        say("said", str(error))
    except BaseException:
        code = 99
        say("said", traceback.format_exc())
    finally:
        os._exit(code)


def _tell_what_is_safe(say: Callable[[str, Any], None]) -> None:
    """Let a writer tell after each flush, past the watched calls."""
    flush = TrajectoryWriter.flush

    def told(self: TrajectoryWriter) -> None:
        flush(self)
        say("safe", self.safe_tick)

    TrajectoryWriter.flush = told  # type: ignore[method-assign]


def _watch_calls(fault: Fault | None) -> list[str]:
    calls: list[str] = []

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def watched(name: str) -> Callable[..., Any]:
        real = _REAL[name]

        def call(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            if fault is None or len(calls) != fault.call:
                return real(*arguments, **options)
            act = fault.act or die
            if fault.moment == "before":
                act()
            elif fault.moment == "middle" and name in WRITES:
                real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], *arguments[2:])
                act()
            try:
                return real(*arguments, **options)
            finally:
                act()

        return call

    for name in CALLS:
        setattr(os, name, watched(name))
    return calls


def _listen(child: int, pipe: int, deadline: float | None) -> str:
    """Read all that a process says; kill it at the deadline, or when it hangs."""
    heard = b""
    with os.fdopen(pipe, "rb", buffering=0) as stream:
        while True:
            until = SILENT if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([stream], [], [], until)[0]:
                os.kill(child, signal.SIGKILL)
                deadline = None
                continue
            more = stream.read(65536)
            if not more:
                return heard.decode()
            heard += more
