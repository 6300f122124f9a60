# SPDX-License-Identifier: Apache-2.0
"""Digests of small runs of all scenarios, a line each, to be compared between builds: ``make builds-test``.

Runs are on four threads, which a serial build takes for one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import abm.processes.process
from abm.model import TherapyModel
from tests.contract.test_determinism import NAMES, UNTIL, scenario_of

THREADS = 4


def main() -> None:
    """Run them all."""
    abm.processes.process.WORTH_WAKING = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            model = TherapyModel(scenario_of(name, Path(folder)), threads=THREADS)
            trajectory = model.run(Path(folder) / "run.h5", until_days=UNTIL, overwrite=True)
            assert trajectory is not None
            with trajectory:
                print(name, trajectory.digest(), flush=True)


if __name__ == "__main__":
    main()
