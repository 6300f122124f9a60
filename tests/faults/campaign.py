# SPDX-License-Identifier: Apache-2.0
"""Put runs through faults, and count what is lost: ``make faults``.

Processes are killed at chosen calls to the system and at random moments, disks fill up, files are damaged. After
each fault what was acknowledged must be there, and the run, taken up again, must end as if nothing had happened.
The tables of ``docs/faults.md`` are what this prints.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np

from abm.trajectory.index import read_index
from tests.faults import damage, disks, refusals
from tests.faults.injection import Ended, Fault, spread, work
from tests.faults.patient import TASKS, Library, Task, audit, write_often

KILLED = -9


@dataclass
class Row:
    """One line of the table of faults that end a process."""

    fault: str
    task: str
    injected: int = 0
    found: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    identical: int = 0
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return it as Markdown."""
        found = ", ".join(f"{count} {status}" for status, count in sorted(self.found.items()))
        return f"| {self.fault} | {self.task} | {self.injected} | {found} | {self.lost} | {self.identical} of {self.injected} |"


class Campaign:
    """Runs in a folder, and what became of them.

    Parameters
    ----------
    folder : Path
        Where runs are written.
    seed : int
        Which calls and moments are chosen.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        write_often()
        self.folder = folder
        self.seed = seed
        self.library = Library(folder / "library")
        self._number = 0

    def kills_at_calls(self, task: Task, count: int) -> Row:
        """Kill a task at chosen calls, over all of it."""
        row = Row("killed at a call", task.name)
        for fault in spread(self.undisturbed(task).calls, count, self.seed):
            self._one(row, task, f"{fault.moment} call {fault.call}", fault=fault)
        return row

    def kills_at_random(self, task: Task, count: int) -> Row:
        """Kill a task, and the resumption of it, and so on, at random moments, until so many kills have hit."""
        row = Row("killed at random, up to four times in a row", task.name)
        seconds = self.undisturbed(task).seconds
        chance = np.random.default_rng(self.seed)
        kills = 0
        while kills < count:
            path, safe = self._fresh(task)
            row.injected += 1
            for begin in (task.go, task.go_on, task.go_on, task.go_on):
                ended = work(partial(begin, self.library, path), kill_after=float(chance.uniform(0.1, 1.1)) * seconds)
                safe = max(safe, ended.safe)
                if ended.code == KILLED:
                    kills += 1
                self._audit(row, task, path, safe, ended, (KILLED, 0), f"chain {row.injected}")
                if ended.code != KILLED:
                    break
            self._finish(row, task, path, f"chain {row.injected}")
        row.fault += f" ({kills} kills)"
        return row

    def full_disks(self, task: Task, count: int) -> Row:
        """Fill the disk at chosen calls; make room, and go on."""
        with disks.small_disk(self.folder / "disk") as disk:
            row = Row(disk.name, task.name)
            for fault in spread(self.undisturbed(task).calls, count, self.seed + 1):
                filling = Fault(fault.call, "before", disk.fill)
                self._one(row, task, f"full at call {fault.call}", fault=filling, folder=disk.folder, clear=disk.clear)
        return row

    @cache  # noqa: B019 (there is one campaign)
    def undisturbed(self, task: Task) -> Ended:
        """Return how a task ends that nothing happens to: its calls, and how long it takes."""
        path, _ = self._fresh(task)
        ended = work(lambda: task.go(self.library, path))
        if ended.code != 0:
            raise RuntimeError(f"{task.name}: failed without a fault: {ended.said}")
        shutil.rmtree(path.parent)
        return ended

    def _fresh(self, task: Task, folder: Path | None = None) -> tuple[Path, int]:
        self._number += 1
        path = (folder or self.folder) / f"{self._number:04d}" / "run.h5"
        return path, task.lay_out(self.library, path)

    def _one(
        self, row: Row, task: Task, what: str, *, fault: Fault, folder: Path | None = None, clear: Callable[[], None] | None = None
    ) -> None:
        row.injected += 1
        path, safe = self._fresh(task, folder)
        ended = work(lambda: task.go(self.library, path), fault=fault)
        expected = (KILLED,) if fault.act is None else (11, 0)
        self._audit(row, task, path, max(safe, ended.safe), ended, expected, what)
        if clear is not None:
            clear()
        self._finish(row, task, path, what)

    def _audit(
        self, row: Row, task: Task, path: Path, safe: int, ended: Ended, expected: tuple[int, ...], what: str
    ) -> None:
        status, problems = audit(path, self.library.contents[task.ends_with], safe)
        if ended.code not in expected:
            problems.append(f"ended with {ended.code}: {ended.said}")
        row.found[status] += 1
        row.lost += bool(problems)
        row.problems += [f"{row.fault}, {task.name}, {what}: {problem}" for problem in problems]

    def _finish(self, row: Row, task: Task, path: Path, what: str) -> None:
        ended = work(lambda: task.go_on(self.library, path))
        left = sorted(entry.name for entry in path.parent.iterdir())
        if ended.code != 0:
            problem = f"cannot be taken up again ({ended.code}): {ended.said}"
        elif left != [path.name]:
            problem = f"leaves {', '.join(left)}"
        elif read_index(path).digest != self.library.digests[task.ends_with]:
            problem = "ends with another result"
        elif audit(path, self.library.contents[task.ends_with], 0)[1]:
            problem = f"ends as {audit(path, self.library.contents[task.ends_with], 0)}"
        else:
            row.identical += 1
            shutil.rmtree(path.parent)
            return
        row.problems.append(f"{row.fault}, {task.name}, {what}: {problem}")
        if path.parent.parent != self.folder:
            shutil.rmtree(path.parent)  # the small disk is needed again


def main() -> int:
    """Run the whole campaign, print its tables, and return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description="Put runs through faults, and count what is lost.")
    parser.add_argument("--kills", type=int, default=110, help="kills at chosen calls, for each task (110)")
    parser.add_argument("--random", type=int, default=100, help="kills at random moments, of a run (100)")
    parser.add_argument("--full", type=int, default=25, help="full disks, for each task (25)")
    parser.add_argument("--flips", type=int, default=200, help="flipped bytes, for each kind of file (200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where runs are written; what has failed stays there")
    options = parser.parse_args()
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="abm-faults-", dir=options.folder))
    campaign = Campaign(folder, options.seed)
    problems: list[str] = []

    def tell(line: str) -> None:
        print(line, flush=True)

    tell("| fault | what was under way | times | left behind | acknowledged frames lost | taken up again, bit-identical |")
    tell("|---|---|---|---|---|---|")
    for count, inject in (
        (options.kills, campaign.kills_at_calls), (options.random, campaign.kills_at_random), (options.full, campaign.full_disks)
    ):  # fmt: skip
        for task in TASKS.values() if inject != campaign.kills_at_random else [TASKS["a run"]]:
            if count:
                row = inject(task, count)
                tell(row.line())
                problems += row.problems
    tell("")
    problems += damage.tables(campaign.library, folder / "damage", options.flips, options.seed, tell)
    tell("")
    problems += refusals.tables(campaign.library, folder / "refusals", tell)
    tell(f"\n{(time.monotonic() - begun) / 60:.0f} min")
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        shutil.rmtree(folder)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
