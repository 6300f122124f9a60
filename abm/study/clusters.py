# SPDX-License-Identifier: Apache-2.0
"""Where a study is executed: this machine, the scheduler at an address, or jobs of a batch system."""

from __future__ import annotations

import logging
import math
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster

from abm.errors import InputError, RunError
from abm.study.folder import StudyFolder
from abm.study.packages import study_packages
from abm.study.site import LOGS, Site, read_site

LOCAL = "local"
CONNECT_SECONDS = 30.0
ADDRESSES = ("tcp://", "tls://", "ucx://", "ws://", "wss://")


@contextmanager
def connected(where: str | Path, workers: int | None, folder: StudyFolder) -> Iterator[tuple[Client, int]]:
    """Connect to where a study is to be executed.

    Parameters
    ----------
    where : str or path
        ``local``, the address of a scheduler such as ``tcp://10.0.0.1:8786``, or a file that describes a cluster.
    workers : int, optional
        Runs at a time, on this machine; as many as it has cores for if not given.
    folder : StudyFolder
        For logs and scratch.

    Yields
    ------
    client, int
        The client, and how many runs go on at a time.

    Raises
    ------
    InputError
        Neither of the three, or nobody answers.
    """
    text = str(where)
    if text == LOCAL:
        yield from _local(workers or max(1, cores() // folder.study.resources.threads))
    elif text.startswith(ADDRESSES):
        yield from _at(text)
    elif text.endswith((".yaml", ".yml")):
        yield from _batch_system(read_site(text), folder)
    else:
        raise InputError(
            f"--cluster {text}: must be 'local', an address such as tcp://10.0.0.1:8786, or a file that describes a cluster (.yaml)"
        )


def _local(workers: int) -> Iterator[tuple[Client, int]]:
    with _settings():
        with _deaf():
            cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
            )
        with cluster, Client(cluster) as client:
            yield client, workers


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that signals of the terminal do not reach: the driver hears them, and asks for the states of runs.

    A mask of signals is that of the threads, and of the processes, that are started meanwhile, and of all that these start.
    """
    resource_tracker.ensure_running()  # whose start, otherwise in the midst of this, would lift the mask
    of_the_terminal = {getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGUSR1") if hasattr(signal, name)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, of_the_terminal)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _at(address: str) -> Iterator[tuple[Client, int]]:
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"--cluster {address}: no scheduler answers there: {error}") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what matters is told by what is raised
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise RunError(f"--cluster {address}: the scheduler has no workers")
        yield client, threads


def _batch_system(given: Site, folder: StudyFolder) -> Iterator[tuple[Client, int]]:
    make = _kind_of(given)
    with _settings():
        try:
            cluster = make(**job_options(given, folder))
        except (ValueError, OSError) as error:
            raise InputError(f"the cluster cannot be used: {error}") from None
        with cluster:
            if given.cluster == "slurm":
                _try_slurm(cluster.job_script())
            with Client(cluster) as client:
                # by adaption, so that jobs that end are replaced
                cluster.adapt(minimum_jobs=given.jobs, maximum_jobs=given.jobs, interval="2s")
                yield client, given.jobs * given.workers_per_job


def _kind_of(given: Site) -> Any:
    """Return the class of a batch system's clusters."""
    before = signal.getsignal(signal.SIGINT)
    try:
        with study_packages():
            import dask_jobqueue
    finally:
        signal.signal(signal.SIGINT, before)  # which that import replaces by one that ends the process as if all were well
    kinds = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
    return getattr(dask_jobqueue, kinds[given.cluster])


def _try_slurm(script: str) -> None:
    """Refuse jobs that Slurm would refuse, of which dask-jobqueue does not tell: it would wait for ever.

    Raises
    ------
    InputError
        What Slurm says.
    """
    try:
        done = subprocess.run(["sbatch", "--test-only"], input=script, capture_output=True, text=True, timeout=CONNECT_SECONDS, check=False)
    except FileNotFoundError:
        raise InputError("cluster: slurm: there is no sbatch here; is this a machine from which jobs are submitted?") from None
    except subprocess.TimeoutExpired:
        raise InputError("cluster: slurm: sbatch does not answer") from None
    if done.returncode:
        raise InputError(f"cluster: slurm refuses its jobs: {done.stderr.strip()}")


def job_options(given: Site, folder: StudyFolder) -> dict[str, Any]:
    """Return the arguments of a dask-jobqueue cluster."""
    minutes = math.ceil(given.walltime * 60)
    options: dict[str, Any] = {
        "cores": given.workers_per_job,
        "processes": given.workers_per_job,
        "memory": f"{given.megabytes} MB",
        "walltime": f"{minutes // 60:02d}:{minutes % 60:02d}:00",
        "queue": given.queue,
        "interface": given.interface,
        "job_name": "abm-study",
        "job_extra_directives": list(given.directives),
        "job_script_prologue": list(given.prologue),
        "log_directory": str(folder.path / LOGS),
        "python": given.python,
        "worker_extra_args": ["--memory-limit", "0"],  # the batch system sees to that
        "scheduler_options": {"dashboard_address": ":0"},
    }
    if given.cluster == "slurm":
        options["job_extra_directives"].append("--no-requeue")
        options["job_cpu"] = given.workers_per_job * folder.study.resources.threads
    if given.account is not None:
        options["project" if given.cluster in ("lsf", "sge") else "account"] = given.account
    return options


def cores() -> int:
    """Return the cores that this process may use: those of its job, not of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _settings() -> Any:
    """Return the settings of Dask under which a study is executed."""
    return dask.config.set(
        {
            "distributed.comm.timeouts.connect": f"{CONNECT_SECONDS:.0f}s",
            # a worker that is gone is replaced after this time
            "distributed.deploy.lost-worker-timeout": "5s",
        }
    )
