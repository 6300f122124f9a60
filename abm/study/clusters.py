# SPDX-License-Identifier: Apache-2.0
"""Where a study is executed: this machine, the scheduler at an address, or jobs of a batch system."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster

from abm.errors import InputError, RunError
from abm.study.folder import StudyFolder
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
        yield from _local(workers or max(1, (os.cpu_count() or 1) // folder.study.resources.threads))
    elif text.startswith(ADDRESSES):
        yield from _at(text)
    elif text.endswith((".yaml", ".yml")):
        yield from _batch_system(read_site(text), folder)
    else:
        raise InputError(
            f"--cluster {text}: must be 'local', an address such as tcp://10.0.0.1:8786, or a file that describes a cluster (.yaml)"
        )


def _local(workers: int) -> Iterator[tuple[Client, int]]:
    with (
        _settings(),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=":0", silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client, workers


def _at(address: str) -> Iterator[tuple[Client, int]]:
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"--cluster {address}: no scheduler answers there: {error}") from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise RunError(f"--cluster {address}: the scheduler has no workers")
        yield client, threads


def _batch_system(given: Site, folder: StudyFolder) -> Iterator[tuple[Client, int]]:
    import dask_jobqueue

    kind = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}[given.cluster]
    with _settings():
        try:
            cluster = getattr(dask_jobqueue, kind)(**job_options(given, folder))
        except (ValueError, OSError) as error:
            raise InputError(f"the cluster cannot be used: {error}") from None
        with cluster, Client(cluster) as client:
            # by adaption, so that jobs that end are replaced
            cluster.adapt(minimum_jobs=given.jobs, maximum_jobs=given.jobs)
            yield client, given.jobs * given.workers_per_job


def job_options(given: Site, folder: StudyFolder) -> dict[str, Any]:
    """Return the arguments of a dask-jobqueue cluster."""
    minutes = math.ceil(given.walltime * 60)
    options: dict[str, Any] = {
        "cores": given.workers_per_job,
        "processes": given.workers_per_job,
        "memory": given.memory,
        "walltime": f"{minutes // 60:02d}:{minutes % 60:02d}:00",
        "queue": given.queue,
        "interface": given.interface,
        "job_name": "abm-study",
        "job_extra_directives": list(given.directives),
        "job_script_prologue": list(given.prologue),
        "log_directory": str(folder.path / LOGS),
        "python": given.python,
        "dashboard_address": ":0",
    }
    if given.cluster == "slurm":
        options["job_cpu"] = given.workers_per_job * folder.study.resources.threads
    if given.account is not None:
        options["project" if given.cluster in ("lsf", "sge") else "account"] = given.account
    return options


def _settings() -> Any:
    """Return the settings of Dask under which a study is executed."""
    return dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_SECONDS:.0f}s"})
