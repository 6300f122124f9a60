# SPDX-License-Identifier: Apache-2.0
"""What is installed: Python, packages, kernels, what other packages add."""

from __future__ import annotations

import json
import mmap
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from importlib.metadata import PackageNotFoundError, distribution, entry_points, version
from pathlib import Path

import abm
from abm.doctor.finding import Finding, answer, python_answer
from abm.openings import SWITCH, is_off

EXTRAS = {
    "export": "abm export --to anndata, parquet, ome-tiff",
    "study": "abm study: designs, sensitivity, runs side by side",
    "calibration": "abm study calibrate",
}
"""What the optional packages are for."""
GROUPS = ("abm.treatments", "abm.observables", "abm.cell_types")
"""Groups of entry points, as their openings name them."""
ROOT = Path(abm.__file__).parent
CHILD_SECONDS = 60.0
OPENMP = (b"GOMP_parallel", b"__kmpc_fork_call")
"""What a kernel calls, if the compiler knows OpenMP: gcc's, clang's."""


def python(folder: Path) -> Iterator[Finding]:
    """Find the version of Python."""
    from packaging.specifiers import SpecifierSet

    found, wanted = platform.python_version(), _metadata("Requires-Python")
    if wanted and not SpecifierSet(wanted).contains(found, prereleases=True):
        remedy = f"abm needs Python {wanted}: install it into an environment of such a one"
        yield Finding("Python", "problem", f"{found} at {sys.executable}", remedy)
    else:
        yield Finding("Python", "ok", f"{found} at {sys.executable}")
    yield Finding("abm", "ok", f"{abm.__version__} at {ROOT}")
    here = Path.cwd() / "abm"
    elsewhere = PathFinder.find_spec("abm", [one for one in sys.path if Path(one).resolve() != Path.cwd()])
    installed = ROOT if elsewhere is None or elsewhere.origin is None else Path(elsewhere.origin).parent
    if (here / "__init__.py").is_file() and here.resolve() != installed.resolve():
        yield Finding(
            "abm", "warning", f"there is another in this folder: {here}",
            f"python -m abm, and scripts and notebooks that lie here, take it instead of that at {installed}: "
            "stand in another folder, or set PYTHONSAFEPATH=1",
        )  # fmt: skip


def packages(folder: Path) -> Iterator[Finding]:
    """Find the packages that every run needs, and whether they can be imported."""
    needed = _requirements("")
    if not needed:
        yield Finding(
            "packages", "warning", "which ones are needed is not known: abm is not installed, only found",
            f"pip install {ROOT.parent} (or --editable) tells",
        )  # fmt: skip
        return
    wrong = [problem for one in needed if (problem := _wrong_with(*one))]
    for name, found in wrong:
        yield Finding("packages", "problem", found, f"pip install '{name}'")
    broken = _broken([name for name, requirement in needed if not _wrong_with(name, requirement)])
    for name, why in broken.items():
        words = f"{name} {version(name)} cannot be imported: {why}"
        yield Finding("packages", "problem", words, f"pip install --force-reinstall '{name}'")
    if not wrong and not broken:
        yield Finding("packages", "ok", ", ".join(f"{name} {version(name)}" for name, _ in needed))


def _broken(names: list[str]) -> dict[str, str]:
    """Return what goes wrong when packages are imported, by name; processes of their own do it, one if all is well."""
    if not python_answer(["-c", _importing(*names)], CHILD_SECONDS)[0]:
        return {}
    answers = {name: python_answer(["-c", _importing(name)], CHILD_SECONDS) for name in names}
    return {name: text.splitlines()[-1] if text else f"exit code {code}" for name, (code, text) in answers.items() if code}


def _importing(*names: str) -> str:
    return "; ".join(f"import {name.replace('-', '_')}" for name in names)


def extras(folder: Path) -> Iterator[Finding]:
    """Find the packages that some commands need."""
    for extra, purpose in EXTRAS.items():
        needed = _requirements(extra)
        wrong = [problem for one in needed if (problem := _wrong_with(*one))]
        remedy = f"only for {purpose}: in the folder of abm's source: pip install '.[{extra}]'"
        if not needed:
            yield Finding(f"abm[{extra}]", "ok", "what it needs is not known: abm was installed before it had this part", remedy)
        elif not wrong:
            yield Finding(f"abm[{extra}]", "ok", ", ".join(f"{name} {version(name)}" for name, _ in needed))
        elif all(found.endswith("is not installed") for _, found in wrong):
            missing = ", ".join(found.removesuffix(" is not installed") for _, found in wrong)
            yield Finding(f"abm[{extra}]", "ok", f"not installed: {missing}", remedy)
        else:
            yield Finding(f"abm[{extra}]", "warning", "; ".join(found for _, found in wrong), remedy)


def extensions(folder: Path) -> Iterator[Finding]:
    """Find what other packages add, and whether it can be loaded; a process of its own does it."""
    declared = [entry for group in GROUPS for entry in entry_points(group=group)]
    if is_off():
        words = f"switched off ({SWITCH}={os.environ[SWITCH]}); {len(declared)} are declared by installed packages"
        yield Finding("extensions", "ok", words)
        return
    if not declared:
        yield Finding("extensions", "ok", "none")
        return
    code, text = python_answer(["-c", _LOADS], CHILD_SECONDS)
    if code:
        names = ", ".join(sorted({entry.dist.name for entry in declared if entry.dist is not None}))
        remedy = f"uninstall it, or set {SWITCH}=0, which leaves out what packages add"
        yield Finding("extensions", "problem", f"loading what {names} add ended with: {text.splitlines()[-1] if text else code}", remedy)
        return
    for what, name, origin, error in json.loads(text.splitlines()[-1]):
        if error:
            yield Finding("extensions", "problem", f"{what} {name!r} of {origin}", error)
        else:
            yield Finding("extensions", "ok", f"{what} {name!r} of {origin}")


_LOADS = """
import json
from abm.errors import InputError
from abm.extensions import OPENINGS
found = []
for what, opening in OPENINGS.items():
    for name in sorted({*opening.names(), *opening.clashes()}):
        try:
            opening.get(name)
            error = ""
        except InputError as problem:
            error = str(problem)
        found.append((what, name, str(opening.origin(name)), error))
print()
print(json.dumps(found))
"""


def kernels(folder: Path) -> Iterator[Finding]:
    """Find the compiled kernels, whether they are newer than their sources, and whether they are parallel."""
    sources = sorted((ROOT / "_kernels").glob("*.pyx"))
    modules = {source.stem: _compiled(source) for source in sources}
    is_checkout = (ROOT.parent / "setup.py").is_file()
    build = f"make build, or: cd {ROOT.parent} && {sys.executable} setup.py build_ext --inplace"
    again = "install abm again for this Python, in the folder of its source: pip install --force-reinstall --no-deps ."
    remedy = build if is_checkout else again
    missing = [name for name, module in modules.items() if module is None]
    if missing or not modules:
        yield Finding("kernels", "problem", f"not compiled for this Python: {', '.join(missing) or 'all'}", remedy)
        return
    imports = "; ".join(f"import abm._kernels.{name}" for name in modules)
    code, text = python_answer(["-c", imports], CHILD_SECONDS)
    if code:
        yield Finding("kernels", "problem", f"cannot be loaded: {text.splitlines()[-1] if text else code}", remedy)
        return
    shared = max((path.stat().st_mtime for path in (ROOT / "_kernels").glob("*.pxd")), default=0.0)
    stale = [
        source.stem for source in sources
        if is_checkout and (module := modules[source.stem]) and module.stat().st_mtime < max(source.stat().st_mtime, shared)
    ]  # fmt: skip
    if stale:
        words = f"runs are made with what was compiled before the sources were changed: {build}"
        yield Finding("kernels", "warning", f"older than their sources: {', '.join(stale)}", words)
    else:
        yield Finding("kernels", "ok", f"{len(modules)} compiled, and can be loaded")
    if any(module is not None and _calls_openmp(module) for module in modules.values()):
        yield Finding("OpenMP", "ok", "the kernels are parallel")
    else:
        yield Finding(
            "OpenMP", "warning", "the kernels are serial",
            "a run takes one core whatever --threads says: build where the compiler knows OpenMP "
            "(Debian: apt install gcc libgomp1; macOS: brew install libomp), and without ABM_OPENMP=0",
        )  # fmt: skip


def compiler(folder: Path) -> Iterator[Finding]:
    """Find a C compiler, which only building takes."""
    named = os.environ.get("CC")
    path = next((found for one in ([named.split()[0]] if named else ["cc", "gcc", "clang"]) if (found := shutil.which(one))), None)
    if path is None:
        remedy = "only for building the kernels: apt install gcc, dnf install gcc, or xcode-select --install"
        yield Finding("compiler", "ok", f"CC={named} is not there" if named else "none", remedy)
        return
    code, text = answer([path, "--version"], 2.0)
    found = f"{path}: {text.splitlines()[0] if text else 'says nothing'}"
    if code:
        yield Finding("compiler", "warning", found, "only for building the kernels: CC names another")
    else:
        yield Finding("compiler", "ok", found)


def _metadata(name: str) -> str:
    try:
        return "".join(distribution("abm").metadata.get_all(name) or [])
    except PackageNotFoundError:
        return ""


def _requirements(extra: str) -> list[tuple[str, str]]:
    """Return name and requirement, such as ``numpy>=2,<3``, of what abm or one of its extras needs here."""
    from packaging.requirements import Requirement

    try:
        declared = distribution("abm").requires or []
    except PackageNotFoundError:
        return []
    found = []
    for one in map(Requirement, declared):
        applies = one.marker is None or one.marker.evaluate({"extra": extra})
        if applies and (extra == "" or not (one.marker is None or one.marker.evaluate({"extra": ""}))):
            found += _requirements(next(iter(one.extras))) if one.name == "abm" else [(one.name, f"{one.name}{one.specifier}")]
    return found


def _wrong_with(name: str, requirement: str) -> tuple[str, str] | None:
    """Return a requirement and what is wrong with the package that should meet it; None if it does."""
    from packaging.requirements import Requirement

    try:
        found = version(name)
    except PackageNotFoundError:
        return requirement, f"{name} is not installed"
    if not Requirement(requirement).specifier.contains(found, prereleases=True):
        return requirement, f"{name} {found}, needed is {requirement}"
    return None


def _compiled(source: Path) -> Path | None:
    """Return the module that was compiled from a source, for the Python that runs."""
    return next((path for suffix in EXTENSION_SUFFIXES if (path := source.with_suffix(suffix)).is_file()), None)


def _calls_openmp(module: Path) -> bool:
    with module.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(name) >= 0 for name in OPENMP)
