# SPDX-License-Identifier: Apache-2.0
"""A calibration executed as the command line does: with progress and signals, here or by workers of a scheduler."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from abm.errors import InputError
from abm.execution import Terminated
from abm.progress import SEPARATOR, Progress
from abm.study.calibration_folder import CalibrationFolder
from abm.study.packages import study_packages
from abm.study.posterior import Posterior, read_posterior
from abm.study.serial import Ending, Stopped, ended_by_signals
from abm.study.simulators import Elsewhere, Here, Performer, Simulators
from abm.study.work import perform


def calibrate(
    folder: CalibrationFolder, where: str = "local", workers: int | None = None, *, quiet: bool = False, performer: Performer = perform
) -> Posterior:
    """Go on with a calibration until it ends, and write what it came to into its folder.

    Parameters
    ----------
    folder : CalibrationFolder
    where : str
        ``local``, the address of a scheduler, or a file that describes a cluster.
    workers : int, optional
        Runs at a time on this machine, all cores if not given; 0 does them one after the other in this process. The result is
        the same for any number.
    quiet : bool
        Show no progress.
    performer : callable
        What does a run in this process (``workers`` 0).

    Raises
    ------
    InputError
        pyABC is not installed, the cluster cannot be used, no particle could be simulated, or another process is at it.
    RunError
        The folder cannot be written; what is done is safe.
    KeyboardInterrupt, Terminated
        A signal ended it; the runs under way have kept their states.
    """
    try:
        from abm.study import smc
    except ModuleNotFoundError as error:
        words = f"a calibration needs the package {error.name!r}, which is not installed here"
        raise InputError(f"{words}: in the folder of abm's source, pip install '.[calibration]'") from None
    file = folder.file
    total = file.population_size * file.generations
    with folder.held() as beat, _simulators(folder, where, workers, performer) as simulators_of, ended_by_signals() as ending:
        folder.simulations.tidy()
        try:
            with Progress(total, file.name, quiet, counted="particles") as progress:

                def tell(generation: int, accepted: int, tried: int, epsilon: float) -> None:
                    beat()
                    words = [f"generation {generation + 1} of {file.generations}"]
                    words += [] if epsilon >= smc.EVERY else [f"within {epsilon:.3g} sd"]
                    words += [f"{100 * accepted / tried:.0f} % of {tried} accepted"] if tried else []
                    progress.update(generation * file.population_size + accepted, SEPARATOR.join(words))

                smc.search(folder, simulators_of(ending.asked), tell)
        except Stopped:
            _end(folder, ending, quiet)
    if smc.opened(folder.history) is None:
        failures = folder.failures()
        because = "runs have no such outputs, or targets are out of reach"
        if failures:
            because = f"{len(failures)} runs failed, the first: {failures[0]}"
        share = f"fewer than {100 * file.least_acceptance:g} % of the particles of the prior"
        raise InputError(f"{folder.path}: {share} have a distance from the targets: {because}")
    posterior = read_posterior(folder)
    posterior.write(folder)
    return posterior


@contextmanager
def _simulators(
    folder: CalibrationFolder, where: str, workers: int | None, performer: Performer
) -> Iterator[Callable[[Callable[[], bool]], Simulators]]:
    """Connect to who does the runs; yield what makes simulators that stop when they are asked to."""
    if workers == 0:
        yield lambda asked: Here(folder.simulations, asked, performer)
        return
    with study_packages():
        from abm.study.clusters import connected
        from abm.study.execution import KILLED, Execution
    with connected(where, workers, folder.simulations) as (client, at_a_time):
        yield lambda asked: Elsewhere(Execution(folder.simulations, client, at_a_time, quiet=True), KILLED, asked)


def _end(folder: CalibrationFolder, ending: Ending, quiet: bool) -> None:
    if not quiet:
        print(
            f"ended; the runs under way have kept their states; the same command goes on: abm study calibrate ... -o {folder.path}",
            file=sys.stderr, flush=True,
        )  # fmt: skip
    if ending.signal == signal.SIGINT or ending.signal is None:
        raise KeyboardInterrupt
    raise Terminated(ending.signal)
