# SPDX-License-Identifier: Apache-2.0
"""What cannot go on, or only in another way: each case has its own message and exit code, and nobody sees a traceback."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from abm.model import TherapyModel
from tests.faults.damage import digest_of
from tests.faults.patient import SETTINGS, WHOLE, Library, run_to
from tests.faults.terminal import abm
from tests.small_scenarios import ROOT

RUN = ("run", ROOT / "scenarios" / "quickstart.yaml", "--threads", 1, "--quiet", "-o")
RESUME = ("resume", "--threads", 1, "--quiet", "--until", WHOLE)
SET = tuple(word for setting in SETTINGS for word in ("--set", setting))


@dataclass(frozen=True)
class Case:
    """A fault, and what a command says to it.

    Parameters
    ----------
    fault : str
        In words.
    lay_out : callable
        Given the library and the path of a run, makes the fault, and may return a context that ends it.
    command : tuple
        What is tried; ``RUN`` and ``RESUME`` get the path.
    code : int
        Exit code.
    message : str
        What standard error (for ``check`` standard output) must match.
    ends_whole : bool
        Whether the run must be finished after it, and equal to one without a fault.
    """

    fault: str
    lay_out: Callable[[Library, Path], Any]
    command: tuple[Any, ...]
    code: int
    message: str
    ends_whole: bool = False

    def line(self, said: str) -> str:
        """Return it as Markdown."""
        return f"| {self.fault} | `abm {self.command[0]}` | {self.code} | {said} |"


def tables(library: Library, folder: Path, tell: Callable[[str], None]) -> list[str]:
    """Print what each case says, and return what is wrong."""
    tell("| fault | command | exit code | message |")
    tell("|---|---|---|---|")
    problems = []
    for number, case in enumerate(CASES):
        said, found = outcome_of(case, library, folder / str(number) / "run.h5")
        tell(case.line(said or "(as without the fault)"))
        problems += found
    return problems


def outcome_of(case: Case, library: Library, path: Path) -> tuple[str, list[str]]:
    """Try a case; return what was said, without the path of its folder, and what is wrong."""
    path.parent.mkdir(parents=True)
    with ExitStack() as stack:
        try:
            context = case.lay_out(library, path)
            if context is not None:
                stack.enter_context(context)
        except PermissionError:  # to mount, in a container
            return "", []
        command = case.command
        if command[0] == "run":
            command = (*RUN, path, *SET, *command[len(RUN) :])
        elif command is RESUME:
            command = (*RESUME, path)
        else:
            command = (command[0], path.parent / command[1])
        said = abm(*command)
    text = (said.out if command[0] == "check" and said.code < 2 else said.err).strip()
    problems = list(said.faults)
    if said.code != case.code or not re.search(case.message, text):
        problems.append(f"exit code {said.code}, said {text!r}, expected {case.code}, {case.message!r}")
    if case.ends_whole and digest_of(path) != library.digests["whole"]:
        problems.append("ends with another result")
    shutil.rmtree(path.parent)
    return re.sub(r"process \d+", "process 4711", text.replace(f"{path.parent}/", "")), [f"{case.fault}: {one}" for one in problems]


def _copy(name: str) -> Callable[[Library, Path], None]:
    return lambda library, path: library.copy(name, path)


def _text(library: Library, path: Path) -> None:
    path.write_text("name: not HDF5\n", encoding="utf-8")


def _foreign(library: Library, path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = 1


def _newer(library: Library, path: Path) -> None:
    library.copy("whole", path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 2
        del file["schema"]  # it may look quite different


def _folder(library: Library, path: Path) -> None:
    path.mkdir()


def _empty(library: Library, path: Path) -> None:
    path.touch()


def _half(library: Library, path: Path) -> None:
    content = (library.folder / "whole.h5").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _without(*names: str) -> Callable[[Library, Path], None]:
    def lay_out(library: Library, path: Path) -> None:
        library.copy("cut", path)
        for name in names:
            for found in sorted(path.parent.glob(name)):
                if found.is_dir():
                    shutil.rmtree(found)
                else:
                    found.unlink()

    return lay_out


def _without_last_segment(library: Library, path: Path) -> None:
    library.copy("cut", path)
    max(path.parent.glob("run.h5.parts/0*.h5")).unlink()


def _spoil(file: Path) -> None:
    """Change bytes all over the second half of a file."""
    content = bytearray(file.read_bytes())
    for place in range(len(content) // 2, len(content), 97):
        content[place] ^= 0xFF
    file.write_bytes(content)


def _spoiled_states(count: int) -> Callable[[Library, Path], None]:
    def lay_out(library: Library, path: Path) -> None:
        library.copy("cut", path)
        states = sorted(path.parent.glob("run.h5.parts/checkpoint_*.h5"), key=lambda file: int(file.stem.split("_")[1]))
        assert len(states) == 2, states
        for state in states[-count:]:
            _spoil(state)

    return lay_out


def _spoiled_state_of_the_end(library: Library, path: Path) -> None:
    library.copy("half", path)
    with h5py.File(path, "r+") as file:
        (group,) = file["checkpoint"].values()
        group["clock"][0] += 1


def _spoiled_segment(library: Library, path: Path) -> None:
    library.copy("cut", path)
    _spoil(path.with_name("run.h5.parts") / "000001.h5")


def _lock_of_another_machine(library: Library, path: Path) -> None:
    library.copy("cut", path)
    path.with_name("run.h5.lock").write_text('{"pid": 1, "host": "node-17", "started": "1"}', encoding="utf-8")


def _lock_of_the_dead(library: Library, path: Path) -> None:
    library.copy("cut", path)
    host = os.uname().nodename
    path.with_name("run.h5.lock").write_text(f'{{"pid": 1, "host": "{host}", "started": "long ago"}}', encoding="utf-8")


@contextmanager
def _going_on(library: Library, path: Path) -> Iterator[None]:
    """Let another process write the run, and wait where it has written something."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:

        def wait(model: TherapyModel) -> None:
            if model.steps == 2:
                os.write(writing, b"!")
                signal.pause()

        try:
            run_to(path, WHOLE, wait)
        finally:
            os._exit(1)
    try:
        assert select.select([reading], [], [], 120)[0], "the other process does not write"
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


def _read_only(name: str) -> Callable[[Library, Path], Any]:
    @contextmanager
    def read_only(library: Library, path: Path) -> Iterator[None]:
        """Make the folder of a run one that cannot be written, even by root."""
        folder = path.parent
        mounts = os.geteuid() == 0
        if mounts:
            _mount(["mount", "-t", "tmpfs", "tmpfs", str(folder)])
        try:
            if name:
                library.copy(name, path)
            if mounts:
                _mount(["mount", "-o", "remount,ro", str(folder)])
            else:
                folder.chmod(0o555)
            yield
        finally:
            if mounts:
                subprocess.run(["umount", str(folder)], check=True)
            else:
                folder.chmod(0o755)

    return read_only


def _mount(command: list[str]) -> None:
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        raise PermissionError


CHECK = ("check", "run.h5")
SEGMENT, SECOND = "run.h5.parts/000000.h5", "run.h5.parts/000001.h5"
ELSEWHERE = r"is being written by process 1 on node-17; if that process is gone, wait 15 minutes or remove .*run\.h5\.lock"
OTHER = r"is being written by process \d+; wait for it, or write to another file"
CASES = (
    Case("no such file", _copy("whole"), ("check", "rnu.h5"), 2, r"rnu\.h5: no such file; nearest: 'run\.h5'"),
    Case("a text file", _text, CHECK, 2, "is not an HDF5 file, so not a trajectory"),
    Case("an empty file", _empty, ("info", "run.h5"), 2, "is not an HDF5 file, so not a trajectory"),
    Case("a folder", _folder, CHECK, 2, "is a folder, not a trajectory file"),
    Case("HDF5 file of another program", _foreign, CHECK, 2, "is an HDF5 file of another program"),
    Case("the same", _foreign, RESUME, 2, "is an HDF5 file of another program"),
    Case("newer format", _newer, CHECK, 2, "has trajectory format 2; this version of abm reads up to 1: install a newer one"),
    Case("the same", _newer, RESUME, 2, "has trajectory format 2; this version of abm reads up to 1: install a newer one"),
    Case("a segment in place of the run", _copy("cut"), ("check", SEGMENT), 2, r"is one segment of a run; open .*run\.h5 instead"),
    Case("half of a finished file", _half, CHECK, 1, "damaged: .*truncated.*take another copy of the file"),
    Case("the same", _half, ("info", "run.h5"), 1, "is damaged or truncated"),
    Case("the output exists", _copy("whole"), RUN, 2, "exists already; choose another name, or allow overwriting"),
    Case("another process writes it", _going_on, (*RUN, "--overwrite"), 2, OTHER),
    Case("the same", _going_on, RESUME, 2, OTHER),
    Case("the same", _going_on, CHECK, 0, "ok, running, day -0.08333 to "),
    Case("lock of another machine", _lock_of_another_machine, RESUME, 2, ELSEWHERE),
    Case("lock of a process that is dead", _lock_of_the_dead, RESUME, 0, "", ends_whole=True),
    Case("read-only folder", _read_only(""), RUN, 2, "cannot be written: (Read-only file system|Permission denied)"),
    Case("the same", _read_only("cut"), RESUME, 2, "cannot be written: (Read-only file system|Permission denied)"),
    Case("the same", _read_only("cut"), CHECK, 0, "ok, interrupted"),
    Case("a segment is damaged", _spoiled_segment, CHECK, 1, r"damaged: 000001\.h5: .*remove what comes after 000000\.h5"),
    Case("a segment is missing", _without(SECOND), CHECK, 1, r"000001\.h5 is missing.*remove what comes after 000000\.h5"),
    Case("the same", _without(SECOND), RESUME, 1, r"segments are missing: .*000001\.h5 is not there"),
    Case("the last segment is missing", _without_last_segment, CHECK, 1, "the last segments are missing, as the checkpoint .* knows"),
    Case("the same", _without_last_segment, RESUME, 0, "", ends_whole=True),
    Case("all segments are missing", _without("run.h5.parts/0*.h5"), RESUME, 0, "", ends_whole=True),
    Case("the folder of the segments is missing", _without("run.h5.parts"), CHECK, 1, r"run\.h5\.parts is not there"),
    Case("the same", _without("run.h5.parts"), RESUME, 1, r"segments are missing: .*run\.h5\.parts is not there"),
    Case("the index is missing", _without("run.h5"), CHECK, 1, r"is missing, but .*run\.h5\.parts holds segments of its run"),
    Case("the newest checkpoint is damaged", _spoiled_states(1), CHECK, 1, "the checkpoint of day .* is damaged"),
    Case("the same", _spoiled_states(1), RESUME, 0, "", ends_whole=True),
    Case("both checkpoints are damaged", _spoiled_states(2), RESUME, 0, "", ends_whole=True),
    Case("all checkpoints are missing", _without("run.h5.parts/checkpoint_*"), RESUME, 0, "", ends_whole=True),
    Case("the state of the end of a finished run is damaged", _spoiled_state_of_the_end, RESUME, 0, "", ends_whole=True),
)
