# SPDX-License-Identifier: Apache-2.0
"""What is around an installation: processors, memory, disks, ffmpeg, HDF5, the terminal, a cluster."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from abm.doctor.finding import Finding, answer
from abm.machine import free_memory, number_of_threads, size_text
from abm.machine import processors as usable_processors

LITTLE_MEMORY, LITTLE_DISK = 1e9, 2e9
"""Below these, runs of some size are refused [bytes]."""
ENCODERS = {"libx264": "mp4", "libvpx-vp9": "webm", "gif": "gif"}
"""What movies need of ffmpeg, by what for."""
BATCH_SYSTEMS = {"sbatch": "Slurm", "qsub": "PBS or SGE", "bsub": "LSF"}


def processors(folder: Path) -> Iterator[Finding]:
    """Find how many processors there are for this process."""
    usable, threads = usable_processors(), number_of_threads(None)
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if usable < threads:
        yield Finding(
            "processors", "warning", f"{usable:g} of {threads} are for this process",
            f"a run takes {threads} threads if not told, which then wait for each other: --threads {max(int(usable), 1)}",
        )  # fmt: skip
    else:
        yield Finding("processors", "ok", f"{threads}" + (f"; OMP_NUM_THREADS={wanted} does not count, --threads does" if wanted else ""))


def memory(folder: Path) -> Iterator[Finding]:
    """Find the memory that is free."""
    free = free_memory()
    if free < LITTLE_MEMORY:
        words = "abm run refuses what does not fit; abm validate tells how much a run takes"
        yield Finding("memory", "warning", f"{size_text(free)} are free", words)
    else:
        yield Finding("memory", "ok", f"{size_text(free)} are free")


def disk(folder: Path) -> Iterator[Finding]:
    """Find whether the folder can be written to, locks included, and its room."""
    name = str(folder.resolve())
    if folder.exists() and not folder.is_dir():
        yield Finding("folder", "problem", f"{name}: is a file", f"name the folder: --folder {shlex.quote(str(folder.resolve().parent))}")
        return
    if not folder.is_dir():
        yield Finding("folder", "problem", f"{name}: is not there", f"mkdir -p {shlex.quote(name)}")
        return
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".abm-doctor-") as file:
            file.write(b"0" * 65536)
            file.flush()
            os.fsync(file.fileno())
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                yield Finding(
                    "folder", "problem", f"{name}: files cannot be locked: {error.strerror}",
                    "two processes could write one trajectory: write to a local disk, or have the network file system mounted with locks",
                )  # fmt: skip
                return
    except OSError as error:
        remedy = f"write elsewhere (abm doctor --folder tells where one can), or: chmod u+rwx {shlex.quote(name)}"
        yield Finding("folder", "problem", f"{name}: cannot be written to: {error.strerror}", remedy)
        return
    free = shutil.disk_usage(folder).free
    found = f"{name}: can be written to and locked, {size_text(free)} are free"
    if free < LITTLE_DISK:
        yield Finding("folder", "warning", found, "abm run refuses what does not fit; record less (record.cells, record.view)")
    else:
        yield Finding("folder", "ok", found)


def temporary_files(folder: Path) -> Iterator[Finding]:
    """Find whether there is a place for temporary files."""
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"0" * 65536)
    except OSError as error:
        found = f"cannot be written: {error.strerror or error}"
        yield Finding("temporary files", "problem", found, "export TMPDIR=FOLDER, one that can be written to")
        return
    yield Finding("temporary files", "ok", tempfile.gettempdir())


def hdf5(folder: Path) -> Iterator[Finding]:
    """Find the HDF5 library and the filters of trajectories."""
    try:
        from abm.trajectory.hdf5 import library, missing_filters
    except ImportError as error:
        yield Finding("HDF5", "problem", f"h5py cannot be loaded: {error}", "pip install --force-reinstall h5py")
        return
    missing = missing_filters()
    if missing:
        remedy = "trajectories can neither be read nor written: pip install --force-reinstall h5py, or an HDF5 with zlib"
        yield Finding("HDF5", "problem", f"{library()} lacks {', '.join(missing)}", remedy)
    else:
        yield Finding("HDF5", "ok", f"{library()}; gzip, shuffle, fletcher32 are built in, trajectories need no plugin")


def ffmpeg(folder: Path) -> Iterator[Finding]:
    """Find the ffmpeg that movies need, and its encoders."""
    from abm.errors import RunError
    from abm.playback.encoding import ffmpeg_binary

    remedy = "only for movies: pip install --force-reinstall imageio-ffmpeg, or apt install ffmpeg"
    try:
        binary = ffmpeg_binary()
    except RunError:
        yield Finding("ffmpeg", "warning", "none", remedy)
        return
    code, text = answer([binary, "-version"], 5.0)
    if code:
        yield Finding("ffmpeg", "warning", f"{binary}: does not run: {text.splitlines()[-1] if text else code}", remedy)
        return
    words = text.split()
    release = words[2] if len(words) > 2 else "of unknown version"
    _, listed = answer([binary, "-hide_banner", "-encoders"], 5.0)
    missing = [f"{name} ({kind})" for name, kind in ENCODERS.items() if name not in listed.split()]
    if missing:
        yield Finding("ffmpeg", "warning", f"{release} at {binary} lacks {', '.join(missing)}", remedy)
    else:
        yield Finding("ffmpeg", "ok", f"{release} at {binary}")


def terminal(folder: Path) -> Iterator[Finding]:
    """Find whether µ and · can be printed."""
    encoding = (sys.stdout.encoding or "unknown").lower()
    try:
        "µ · → é".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        words = "units such as µL cannot be shown: export LANG=C.UTF-8, or PYTHONUTF8=1"
        yield Finding("terminal", "warning", f"encoding {encoding}", words)
        return
    yield Finding("terminal", "ok", f"encoding {encoding}")


def browser(folder: Path) -> Iterator[Finding]:
    """Find a browser, for pages that abm writes."""
    import webbrowser

    try:
        found = getattr(webbrowser.get(), "name", "found")
    except webbrowser.Error:
        yield Finding("browser", "ok", "none", "pages that abm writes are single files: copy them to where there is one")
        return
    yield Finding("browser", "ok", str(found))


def cluster(folder: Path) -> Iterator[Finding]:
    """Find a batch system, for studies."""
    there = {command: path for command in BATCH_SYSTEMS if (path := shutil.which(command))}
    if not there:
        yield Finding("cluster", "ok", "none from here", "only for abm study run --cluster; a study runs on this machine as well")
    for command, path in there.items():
        if command == "sbatch":
            yield _slurm(path)
        else:
            yield Finding("cluster", "ok", f"{BATCH_SYSTEMS[command]} ({path}), not asked")


def _slurm(path: str) -> Finding:
    code, text = answer([path, "--version"], 2.0)
    if code:
        last = text.splitlines()[-1] if text else str(code)
        words = "jobs cannot be submitted from here: try a login node, or ask the site"
        return Finding("cluster", "warning", f"Slurm ({path}): {last}", words)
    code, listed = answer(["sinfo", "--noheader", "--format=%P"], 2.0)
    if code:
        last = listed.splitlines()[-1] if listed else str(code)
        words = "its controller does not answer from here: try a login node, or ask the site"
        return Finding("cluster", "warning", f"{text} ({path}), but sinfo says: {last}", words)
    return Finding("cluster", "ok", f"{text} ({path}), partitions {', '.join(listed.split()) or 'none'}")
