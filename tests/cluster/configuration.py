# SPDX-License-Identifier: Apache-2.0
"""The configuration of a SLURM of one node for tests: quick, without control groups, accounting or limits of memory."""

from __future__ import annotations

import getpass
import os
import re
import socket
from pathlib import Path

CONFIGURATION = "slurm.conf"
SOCKET = "munge.socket"
LONGEST_SOCKET = 107  # characters, of the path of a Unix socket
URGENT = "urgent"
"""A partition whose jobs preempt those of the default one: these are warned with their signal, and requeued."""

# RealMemory: without it no job may ask for memory, as Dask's do. config_overrides: more CPUs than the machine has.
# MinJobAge: how many seconds the state of a job that has ended can be asked for, as there is no accounting.
_SLURM_CONF = """\
ClusterName=box
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/{socket}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MailProg=/bin/true
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1,default_queue_depth=1000
SlurmctldParameters=preempt_send_user_signal
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
CompleteWait=0
KillWait=2
MinJobAge=3600
SlurmdParameters=config_overrides
NodeName=box NodeHostname=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={megabytes} State=UNKNOWN
PartitionName=box Nodes=box Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=2
PartitionName={urgent} Nodes=box MaxTime=INFINITE State=UP PriorityTier=2
"""


def write_configuration(folder: Path, cpus: int, version: str) -> None:
    """Write the files that the daemons need: configuration, key and folders.

    Parameters
    ----------
    folder : Path
        Where they go.
    cpus : int
        Jobs of one CPU that run at a time.
    version : str
        What ``slurmd -V`` says.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    facts = {"folder": folder, "socket": SOCKET, "ports": _free_ports(2), "user": getpass.getuser(), "urgent": URGENT}
    (folder / CONFIGURATION).write_text(_SLURM_CONF.format(**facts, cpus=cpus, megabytes=megabytes))
    # slurmd looks for control groups, which a container may lack, unless told not to; the old plugin finds none missing
    plugin = "disabled" if re.findall(r"\d+", version)[:2] >= ["24", "05"] else "cgroup/v1"
    (folder / "cgroup.conf").write_text(f"CgroupPlugin={plugin}\n")
    key = folder / "munge.key"
    key.unlink(missing_ok=True)
    with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(os.urandom(128))


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
