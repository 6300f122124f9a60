# SPDX-License-Identifier: Apache-2.0
"""A SLURM of one node in a folder, for tests: installed by apt, started beside any other, ended without a trace.

::

    python -m tests.cluster.slurm_box install
    python -m tests.cluster.slurm_box start     # prints: export SLURM_CONF=...
    python -m tests.cluster.slurm_box stop

What ``start`` runs belongs to whoever calls it; only ``install`` needs root. What was seen on it is in
``docs/decisions/011-a-slurm-for-tests.md``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cluster.configuration import CONFIGURATION, LONGEST_SOCKET, SOCKET, write_configuration

PACKAGES = ("slurm-wlm", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel", "sinfo")
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))  # daemons: not in everybody's PATH

GOING = ("REQUEUE_HOLD", "SPECIAL_EXIT", "PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "COMPLETING")
ENDED = ("BOOT_FAIL", "NODE_FAIL", "OUT_OF_MEMORY", "DEADLINE", "TIMEOUT", "FAILED", "PREEMPTED", "CANCELLED", "COMPLETED")


class BoxError(RuntimeError):
    """What the box cannot do, and why."""


def missing_programs() -> list[str]:
    """Return the programs of SLURM and munge that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]


def install() -> None:
    """Install SLURM and munge by apt, unless they are there.

    Raises
    ------
    BoxError
        There is no apt-get, no root, or no network.
    """
    if not missing_programs():
        return
    line = ["apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES]
    if shutil.which(line[0], path=PATH) is None:
        raise BoxError(f"no SLURM here, and no apt-get to install it: install {' and '.join(PACKAGES)} by hand")
    if os.geteuid() != 0:
        raise BoxError(f"no SLURM here, and installing it needs root: sudo {' '.join(line)}")
    for lists_first in (False, True):
        if lists_first:
            _apt(["apt-get", "update"])
        done = _apt(line)
        if done.returncode == 0 and not missing_programs():
            return
    raise BoxError(f"{' '.join(line)} failed ({done.returncode}); no network?\n{done.stdout[-2000:]}")


def _apt(line: list[str]) -> subprocess.CompletedProcess[str]:
    """Run apt-get without questions; what it says, errors too, is in ``stdout``."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "PATH": PATH}
    return subprocess.run(line, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Box:
    """A SLURM with its folder: configuration, key, sockets, state and logs.

    Parameters
    ----------
    folder : Path
        Where it lives; its path must be short, as a socket's name is.
    cpus : int
        Jobs of one CPU that run at a time, whatever the machine has.
    """

    def __init__(self, folder: Path, cpus: int = 2) -> None:
        self.folder = Path(folder).resolve()
        self.cpus = cpus
        self.configuration = self.folder / CONFIGURATION

    @property
    def environment(self) -> dict[str, str]:
        """What programs that are to use this SLURM need in their environment."""
        return {"SLURM_CONF": str(self.configuration)}

    # The daemons

    def start(self) -> None:
        """Write the configuration, start the daemons, and wait until the node takes jobs.

        Raises
        ------
        BoxError
            A program is missing, the folder's path is too long, it runs already, or a daemon does not come up.
        """
        if missing := missing_programs():
            raise BoxError(f"no {', '.join(missing)} here: python -m tests.cluster.slurm_box install")
        if len(str(self.folder / SOCKET)) > LONGEST_SOCKET:
            raise BoxError(f"{self.folder}: too long a path for a socket in it (at most {LONGEST_SOCKET - len(SOCKET) - 1} characters)")
        if running := self.processes():
            raise BoxError(f"{self.folder}: a SLURM runs here already (processes {running})")
        write_configuration(self.folder, self.cpus, version=self._call("slurmd", "-V"))
        try:
            # --force: a folder that is closed to others is no fault here, as nobody else is to use it
            own = {"key": "munge.key", "log": "munged.log", "pid": "munged.pid", "seed": "munged.seed"}
            places = [f"--{file}-file={self.folder / name}" for file, name in own.items()]
            self._daemon("munged", "--force", f"--socket={self.folder / SOCKET}", *places)
            self._daemon("slurmctld", "-c", "-f", str(self.configuration))  # knows nothing of jobs of an earlier start
            self._daemon("slurmd", "-f", str(self.configuration), "-N", "box")
            self._until(
                lambda: "idle" if self.node() == "idle" else "", 30, lambda: f"the node is not idle but {self.node() or 'silent'}"
            )
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End jobs and daemons, also when some are dead already.

        Raises
        ------
        BoxError
            Processes are left.
        """
        told: set[int] = set()
        patience = time.monotonic() + 5  # then they are killed
        while left := self.processes():
            late = time.monotonic() - patience
            if late > 10:
                raise BoxError(f"{self.folder}: processes {left} cannot be ended")
            for process in left:
                if late > 0 or process not in told:
                    told.add(process)
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL if late > 0 else signal.SIGTERM)
            time.sleep(0.1)

    def node(self) -> str:
        """Return the state of the node ("idle", "mix", "alloc", ...), "" where no SLURM answers."""
        if not self.configuration.exists():  # for which sinfo would wait a minute
            return ""
        asked = self._ask("sinfo", "--noheader", "--format=%t", "--partition=box")
        return asked.stdout.strip() if asked.returncode == 0 else ""

    def processes(self) -> list[int]:
        """Return the processes that belong to this SLURM: its daemons, and whatever runs in its jobs."""
        entries = [entry for entry in Path("/proc").glob("[0-9]*") if int(entry.name) != os.getpid()]
        return sorted(int(entry.name) for entry in entries if self._owns(entry))

    def _owns(self, entry: Path) -> bool:
        """Return whether a process, by its folder in ``/proc``, is marked as a daemon of ours or as in a job of ours."""
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            if f"SLURM_BOX={self.folder}".encode() in environment:
                return True
            # the shell of one who uses us has the first, but not the second
            ours = f"SLURM_CONF={self.configuration}".encode() in environment
            if ours and any(item.startswith(b"SLURM_JOB_ID=") for item in environment):
                return True
            # the parent of a job writes over its environment, but keeps the log open
            if (entry / "comm").read_text() == "slurmstepd\n":
                return any(os.readlink(file).startswith(f"{self.folder}/") for file in (entry / "fd").iterdir())
        except OSError:  # ended meanwhile, or somebody else's
            pass
        return False

    def _daemon(self, *line: str) -> None:
        """Start a daemon, marked as this box's, with what it starts in its turn."""
        # to a file, as a pipe would stay open for as long as the daemon lives
        with open(self.folder / "start.log", "ab") as log:
            marked = self._environment() | {"SLURM_BOX": str(self.folder)}
            code = subprocess.run(line, env=marked, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode
        if code != 0:
            raise BoxError(f"{line[0]} failed ({code})\n{self._logs()}")

    def _logs(self) -> str:
        """Return the ends of all logs."""
        tails = [(path.name, path.read_text(errors="replace").splitlines()[-8:]) for path in sorted(self.folder.glob("*.log"))]
        return "\n".join(f"{name}: {line}" for name, lines in tails for line in lines)

    # Its jobs

    def sbatch(self, script: Path, *options: str) -> str:
        """Submit a script and return the job's id."""
        return self._call("sbatch", "--parsable", *options, str(script)).strip()

    def state(self, job: str) -> str:
        """Return a job's state; of an array, that of its least finished task or, all ended, of the worst."""
        states: list[str] = re.findall(r"\bJobState=(\w+)", self._call("scontrol", "--oneliner", "show", "job", job))
        return min(states, key=(GOING + ENDED).index)

    def wait(self, job: str, seconds: float, *states: str) -> str:
        """Wait until a job is in one of these states, by default one of those in which it has ended, and return it.

        Raises
        ------
        BoxError
            It takes longer than `seconds`.
        """
        wanted = states or ENDED

        def reached() -> str:
            state = self.state(job)
            return state if state in wanted else ""

        def complaint() -> str:
            return f"job {job} is not {' or '.join(wanted)} but:\n{self._call('scontrol', 'show', 'job', job)}"

        return self._until(reached, seconds, complaint)

    def jobs(self, *states: str) -> list[str]:
        """Return the ids of the jobs in these states, by default of all that have not ended."""
        chosen = [f"--states={','.join(states)}"] if states else []
        return self._call("squeue", "--noheader", "--array", "--format=%i", *chosen).split()

    def cancel(self, job: str) -> None:
        """Cancel a job."""
        self._call("scancel", job)

    def warn(self, job: str, name: str = "USR1") -> None:
        """Send a job's script the signal that ``sbatch --signal=B:USR1@...`` sends; one that has set no trap yet dies of it."""
        self._call("scancel", "--batch", f"--signal={name}", job)

    def requeue(self, job: str) -> None:
        """End a running job and start it anew at once."""
        self._call("scontrol", "requeue", job)
        self.hasten(job)

    def hasten(self, job: str, seconds: float = 30) -> None:
        """Have a requeued job start at once: SLURM lets it wait for two minutes, and has no key to change that."""
        self.wait(job, seconds, "PENDING")
        self._call("scontrol", "update", f"JobId={job}", "StartTime=now+2")  # one of the second of its requeue is refused

    def _environment(self) -> dict[str, str]:
        """Return the environment for SLURM's programs, without what another SLURM, in a job of which we may be, left in it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
        return kept | self.environment | {"PATH": PATH}

    def _ask(self, *line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(line, env=self._environment(), text=True, capture_output=True, timeout=60)

    def _call(self, *line: str) -> str:
        """Run a program of SLURM and return what it says."""
        done = self._ask(*line)
        if done.returncode != 0:
            raise BoxError(f"{' '.join(line)} failed ({done.returncode}): {done.stderr.strip()}")
        return done.stdout

    def _until(self, ask: Callable[[], str], seconds: float, complaint: Callable[[], str]) -> str:
        """Ask until there is an answer, and return it."""
        end = time.monotonic() + seconds
        while not (answer := ask()):
            if time.monotonic() > end:
                raise BoxError(f"after {seconds:g} s {complaint()}\n{self._logs()}")
            time.sleep(0.1)
        return answer


@contextmanager
def slurm_box(folder: Path, cpus: int = 2) -> Iterator[Box]:
    """Start a SLURM in a folder, and end it and its jobs whatever happens."""
    box = Box(folder, cpus)
    box.start()
    try:
        yield box
    finally:
        box.stop()


def main() -> int:
    """Install, start, stop, or tell how it is; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.slurm_box", description="A SLURM for tests.")
    parser.add_argument("action", choices=("install", "start", "stop", "status"))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / f"slurm-box-{os.geteuid()}")
    parser.add_argument("--cpus", type=int, default=2, help="jobs of one CPU that run at a time")
    chosen = parser.parse_args()
    box = Box(chosen.folder, chosen.cpus)
    try:
        if chosen.action == "install":
            install()
        elif chosen.action == "start":
            box.start()
            print(*(f"export {name}={value}" for name, value in box.environment.items()), sep="\n")
        elif chosen.action == "stop":
            box.stop()
        else:
            node = box.node()
            print(f"{box.folder}: node {node or 'silent'}, processes {box.processes()}")
            return 0 if node else 1
    except BoxError as error:
        print(f"slurm_box: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
