# SPDX-License-Identifier: Apache-2.0
"""A tiny run with one thread and with two, in a process of its own, which must be the same to the byte."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from abm.doctor.finding import Finding, python_answer

SECONDS = 60.0
"""Time that the trial has [s]; it takes about one."""
MARK = "digest "


def trial(folder: Path) -> Iterator[Finding]:
    """Make the runs, in the folder if it can be written to."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".abm-doctor-"):
            where = folder
    except OSError:
        where = Path(tempfile.gettempdir())
    code, text = python_answer(["-m", "abm.doctor.trial", str(where)], SECONDS)
    digests = [line.removeprefix(MARK) for line in text.splitlines() if line.startswith(MARK)]
    if code or len(digests) != 2:
        last = text.splitlines()[-1] if text else f"exit code {code}"
        yield Finding("tiny run", "problem", last, "no run can be made here; what is wrong above, or ABM_TRACEBACK=1 abm run, says more")
    elif digests[0] != digests[1]:
        yield Finding(
            "tiny run", "problem", f"not the same with one thread ({digests[0][:12]}) and with two ({digests[1][:12]})",
            "results depend on the number of threads, which they must not: build the kernels anew, with another compiler; "
            "until then --threads 1",
        )  # fmt: skip
    else:
        yield Finding("tiny run", "ok", f"the same to the byte with one thread and with two: {digests[0][:12]}")


def main(folder: str) -> None:
    """Make the runs, and print their digests."""
    import abm.processes.process
    from abm.model import TherapyModel
    from abm.scenario import Scenario

    abm.processes.process.WORTH_WAKING = 0  # so that threads are woken for so little
    dose = {"type": "car_t_infusion", "day": 0.0, "dose": 1e9}
    small = {"body": {"weight": 20.0}, "marrow": {"shape": [12, 12, 12]}, "csf": None}
    scenario = Scenario.model_validate({"name": "doctor", **small, "blasts": {"marrow_fraction": "50 %"}, "treatments": [dose]})
    for threads in (1, 2):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".abm-doctor-") as made:
            trajectory = TherapyModel(scenario, threads=threads).run(Path(made) / "run.h5", until_days=0.125)
            assert trajectory is not None
            with trajectory:
                print(f"{MARK}{trajectory.digest()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
