# SPDX-License-Identifier: Apache-2.0
"""``abm doctor`` where all is well, and where things are really broken: it tells which, how to mend it, and never fails itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from abm import doctor
from abm.cli import main
from abm.doctor import Finding
from tests.small_scenarios import ROOT

NAMES = [
    "Python", "abm", "packages", "abm[export]", "abm[study]", "abm[calibration]", "extensions", "kernels", "OpenMP", "compiler",
    "processors", "memory", "folder", "temporary files", "HDF5", "tiny run", "ffmpeg", "terminal", "browser", "cluster",
]  # fmt: skip


def examined(
    folder: Path, *words: str, site: Path | None = None, root: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the doctor in a folder, with packages before the installed ones."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(one) for one in (site, root) if one is not None), **variables}
    return subprocess.run(
        [sys.executable, "-m", "abm", "doctor", *words],
        cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip


def found(folder: Path, *words: str, code: int = 0, **options: Any) -> dict[str, list[dict[str, str]]]:
    """Return what it finds, by name."""
    done = examined(folder, "--json", *words, **options)
    assert "Traceback" not in done.stderr, done.stderr
    told = json.loads(done.stdout)
    assert done.returncode == code == min(told["problems"], 1), done.stdout
    by_name: dict[str, list[dict[str, str]]] = {}
    for one in told["findings"]:
        by_name.setdefault(one["name"], []).append(one)
    return by_name


def problems(findings: dict[str, list[dict[str, str]]]) -> list[str]:
    return [name for name, items in findings.items() if any(one["state"] == "problem" for one in items)]


def package(site: Path, name: str, version: str, entries: str = "") -> None:
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(entries, encoding="utf-8")


def program(folder: Path, name: str, text: str) -> str:
    """Put a program on a search path of its own, and return that."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    (folder / name).chmod(0o755)
    return str(folder)


def test_where_all_is_well(tmp_path: Path) -> None:
    done = examined(tmp_path, COLUMNS="100")
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    assert all(len(line) <= 100 or "/" in line for line in done.stdout.splitlines())
    assert "the same to the byte with one thread and with two" in " ".join(done.stdout.split())
    assert done.stdout.splitlines()[-1].startswith("no problems, ")
    assert list(found(tmp_path)) == NAMES
    assert os.listdir(tmp_path) == []  # nothing is left behind


def one(check: Callable[[Path], Iterator[Finding]], folder: Path) -> Finding:
    (told,) = check(folder)
    return told


def test_nothing_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a compiler nor ffmpeg nor a batch system: runs can be made, movies cannot."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nonexistent/ffmpeg")
    assert one(doctor.cluster, tmp_path).found == "none from here"
    compiler, ffmpeg = one(doctor.compiler, tmp_path), one(doctor.ffmpeg, tmp_path)
    assert (compiler.state, compiler.found) == ("ok", "none")
    assert "apt install gcc" in compiler.mend
    assert ffmpeg.state == "warning"
    assert "pip install --force-reinstall imageio-ffmpeg" in ffmpeg.mend
    monkeypatch.setenv("CC", "/nonexistent/cc -O2")
    assert one(doctor.compiler, tmp_path).found == "CC=/nonexistent/cc -O2 is not there"


def test_an_ffmpeg_that_lacks_an_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path / "bin", "ffmpeg", 'case "$*" in *-encoders*) echo libx264 gif;; *) echo ffmpeg version 4.1;; esac')
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", f"{path}/ffmpeg")
    assert one(doctor.ffmpeg, tmp_path).found == f"4.1 at {path}/ffmpeg lacks libvpx-vp9 (webm)"
    program(tmp_path / "bin", "ffmpeg", "kill -ILL $$")
    assert one(doctor.ffmpeg, tmp_path).found == f"{path}/ffmpeg: does not run: killed by SIGILL"


def test_batch_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path / "bin", "sbatch", "echo slurm 23.02.1")
    program(tmp_path / "bin", "sinfo", "echo 'slurm_load_partitions: Unable to contact slurm controller' >&2; exit 1")
    monkeypatch.setenv("PATH", path)
    told = one(doctor.cluster, tmp_path)
    assert told.state == "warning"
    assert told.found == f"slurm 23.02.1 ({path}/sbatch), but sinfo says: slurm_load_partitions: Unable to contact slurm controller"
    program(tmp_path / "bin", "sinfo", "echo short; echo long")
    program(tmp_path / "bin", "bsub", "")
    texts = [(told.state, told.found) for told in doctor.cluster(tmp_path)]
    assert texts == [("ok", f"slurm 23.02.1 ({path}/sbatch), partitions short, long"), ("ok", f"LSF ({path}/bsub), not asked")]
    program(tmp_path / "bin", "sbatch", "exec /bin/sleep 30")
    assert "no answer within 2 s" in next(doctor.cluster(tmp_path)).found


def test_packages_of_the_wrong_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path / "site", "numpy", "1.26.4")
    package(tmp_path / "site", "pyarrow", "3.0")
    monkeypatch.syspath_prepend(tmp_path / "site")
    wrong = one(doctor.packages, tmp_path)
    assert (wrong.state, wrong.found) == ("problem", "numpy 1.26.4, needed is numpy<3,>=2")
    assert wrong.mend == "pip install 'numpy<3,>=2'"
    export = next(doctor.extras(tmp_path))
    assert export.state == "warning"
    assert "pyarrow 3.0, needed is pyarrow" in export.found
    assert "in the folder of abm's source: pip install '.[export]'" in export.mend


def test_a_library_that_cannot_be_loaded(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "h5py.py").write_text("raise ImportError('libhdf5.so.310: cannot open shared object file')", encoding="utf-8")
    findings = found(tmp_path, site=site, code=1)
    assert problems(findings) == ["packages", "HDF5", "tiny run"]
    (told,) = findings["packages"]
    assert told["found"].startswith("h5py ")
    assert "cannot be imported: ImportError: libhdf5.so.310" in told["found"]
    assert told["mend"] == "pip install --force-reinstall 'h5py'"
    assert "libhdf5.so.310" in findings["HDF5"][0]["found"]
    assert "libhdf5.so.310" in findings["tiny run"][0]["found"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise ImportError('no such thing')", "cannot be loaded: ImportError: no such thing"),
        ("import os; os._exit(3)", "loading what broken add ended with: 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
    ],
)
def test_an_extension_that_breaks(source: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    package(site, "broken", "2.0", "[abm.treatments]\ncure = broken:Cure\n")
    (site / "broken.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{site}")
    told = one(doctor.extensions, tmp_path)
    assert told.state == "problem"
    assert words in told.found + told.mend
    assert "ABM_EXTENSIONS=0" in told.mend
    monkeypatch.setenv("ABM_EXTENSIONS", "0")
    assert one(doctor.extensions, tmp_path).found == "switched off (ABM_EXTENSIONS=0); 1 are declared by installed packages"


def test_extensions_that_work_and_one_that_takes_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    package(site, "useful", "2.0", "[abm.observables]\none = useful:one\nmrd = useful:one\n")
    source = "from abm.extensions import observable\n\nprint('hello')\n@observable('1')\ndef one(snapshot):\n    return 1.0\n"
    (site / "useful.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{site}")
    taken, works = doctor.extensions(tmp_path)
    assert works == Finding("extensions", "ok", "observable 'one' of useful 2.0")
    assert (taken.state, taken.found) == ("problem", "observable 'mrd' of useful 2.0")
    assert "abm has one of that name already; uninstall that package" in taken.mend


def test_another_abm_in_the_folder_is_told_and_does_no_harm(tmp_path: Path) -> None:
    """Such as the source of an abm that is installed: without kernels."""
    other = tmp_path / "abm"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('the other')", encoding="utf-8")
    script = "from abm import doctor; from pathlib import Path; " \
             "print(*(one for check in doctor.CHECKS[:5] + (doctor.trial,) for one in check(Path())), sep='\\n')"  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = [line for line in done.stdout.splitlines() if "state='ok'" not in line]
    assert len(told) == 1, done.stdout
    assert told[0].startswith(f"Finding(name='abm', state='warning', found='there is another in this folder: {other}'")
    assert f"instead of that at {ROOT / 'abm'}: stand in another folder" in told[0]


def test_folders(tmp_path: Path) -> None:
    assert one(doctor.disk, tmp_path).state == "ok"
    away = one(doctor.disk, tmp_path / "away there")
    assert (away.state, away.mend) == ("problem", f"mkdir -p '{tmp_path}/away there'")
    (tmp_path / "my.yaml").touch()
    file = one(doctor.disk, tmp_path / "my.yaml")
    assert (file.state, file.found) == ("problem", f"{tmp_path}/my.yaml: is a file")
    assert file.mend == f"name the folder: --folder {tmp_path}"
    fixed = one(doctor.disk, Path("/proc"))
    assert fixed.state == "problem"
    assert fixed.found.startswith("/proc: cannot be written to")
    assert one(doctor.trial, Path("/proc")).state == "ok"  # made elsewhere


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package with its kernels."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "abm", folder / "abm", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "abm.egg-info", folder / "abm.egg-info")
    (folder / "setup.py").touch()
    return folder


def test_kernels_that_are_old_damaged_or_missing(copy: Path, tmp_path: Path) -> None:
    os.utime(copy / "abm" / "_kernels" / "_census.pyx")
    findings = found(tmp_path, root=copy)
    assert findings["kernels"][0]["state"] == "warning"
    assert "_census" in findings["kernels"][0]["found"]
    assert "make build" in findings["kernels"][0]["mend"]
    (module,) = (copy / "abm" / "_kernels").glob("_census.*.so")
    module.write_bytes(b"")
    findings = found(tmp_path, root=copy, code=1)
    assert problems(findings) == ["kernels", "tiny run"]
    assert "cannot be loaded: ImportError" in findings["kernels"][0]["found"]
    module.unlink()
    findings = found(tmp_path, root=copy, code=1)
    assert problems(findings) == ["kernels", "tiny run"]
    assert findings["kernels"][0]["found"] == "not compiled for this Python: _census"
    assert "OpenMP" not in findings


def test_a_run_that_depends_on_threads(tmp_path: Path) -> None:
    other = tmp_path / "copy"
    shutil.copytree(ROOT / "abm", other / "abm", ignore=shutil.ignore_patterns("__pycache__"))
    assembly = other / "abm" / "assembly.py"
    text = assembly.read_text(encoding="utf-8")
    old, new = "Cytokines(scenario.cytokines, secretion,", "Cytokines(scenario.cytokines, [one * n_threads for one in secretion],"
    spoilt = text.replace(old, new)
    assert spoilt != text
    assembly.write_text(spoilt, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(other)}
    script = "from abm.doctor import trial; from pathlib import Path; print(*trial(Path()))"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=True)
    assert "state='problem', found='not the same with one thread (" in done.stdout


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2, reason="needs two processors to be kept from one")
def test_a_process_that_is_bound_to_one_processor(tmp_path: Path) -> None:
    script = "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from abm.cli import main; sys.exit(main(['doctor']))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0
    assert f"warning  processors       1 of {os.cpu_count()} are for this process\n" in done.stdout
    assert "--threads 1" in done.stdout
    assert "warning  terminal         encoding ascii\n" in done.stdout


def test_temporary_files_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc")
    (told,) = doctor.temporary_files(tmp_path)
    assert told.state == "problem"
    assert "TMPDIR" in told.mend


def test_a_check_that_fails_itself_is_a_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def no_check(folder: Path) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(doctor, "CHECKS", (no_check, doctor.memory))
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "warning  no check         could not be examined"
    assert told[1].endswith("-> ZeroDivisionError: division by zero")
    assert told[-1] == "no problems, 1 warning"
