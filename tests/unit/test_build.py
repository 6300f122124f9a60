# SPDX-License-Identifier: Apache-2.0
"""The build script: variants, the OpenMP probe and its fallback, and kernels built from outside."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from setuptools import Distribution
from setuptools.command.build_ext import build_ext

import abm

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_script", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compiler() -> Any:
    """Return the compiler object that the build itself would use."""
    from setuptools._distutils.ccompiler import new_compiler
    from setuptools._distutils.sysconfig import customize_compiler

    found = new_compiler()
    customize_compiler(found)
    return found


PLAIN = "int main(void) { return 0; }\n"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (True, False, False, False)),
        ({"ABM_OPENMP": "0"}, (False, False, False, False)),
        ({"ABM_OPENMP": "1", "ABM_DEBUG": "1"}, (True, True, False, False)),
        ({"ABM_DEBUG": "0", "ABM_SANITIZE": "1", "ABM_TRACE": ""}, (True, False, True, False)),
    ],
)
def test_variant_comes_from_the_environment(
    build: ModuleType, environ: dict[str, str], expected: tuple[bool, ...]
) -> None:
    assert build.variant(environ) == expected


def test_results_do_not_depend_on_the_optimiser(build: ModuleType) -> None:
    for environ in ({}, {"ABM_DEBUG": "1"}, {"ABM_SANITIZE": "1"}):
        flags, _ = build.compile_flags(build.variant(environ))
        assert "-ffp-contract=off" in flags
        assert not {"-ffast-math", "-Ofast", "-march=native"} & set(flags)


def test_the_first_undefined_behaviour_ends_a_sanitized_run(build: ModuleType) -> None:
    flags, link = build.compile_flags(build.variant({"ABM_SANITIZE": "1"}))
    assert "-fsanitize=address,undefined" in flags
    assert "-fsanitize=address,undefined" in link
    assert "-fno-sanitize-recover=undefined" in flags


def test_debug_build_checks_everything(build: ModuleType) -> None:
    release, debug = (build.directives(build.variant(environ)) for environ in ({}, {"ABM_DEBUG": "1"}))
    for name in ("boundscheck", "initializedcheck", "nonecheck"):
        assert (release[name], debug[name]) == (False, True)
    # a negative index must be caught, not obeyed
    assert debug["wraparound"] is False


def test_a_traced_build_traces_what_runs_without_python_too(build: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    plain, traced = (build.variant(environ) for environ in ({}, {"ABM_TRACE": "1"}))
    assert [build.directives(wanted)["linetrace"] for wanted in (plain, traced)] == [False, True]
    assert all(not item.define_macros for item in build.extensions(plain, []))
    assert all(("CYTHON_TRACE_NOGIL", "1") in item.define_macros for item in build.extensions(traced, []))


def test_openmp_refused_asks_no_compiler(build: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.openmp_flags(None, build.variant({"ABM_OPENMP": "0"})) == ([], [])
    assert "ABM_OPENMP=0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "link", "program", "expected"),
    [
        ([], [], PLAIN, True),
        (["-fno-such-flag-exists"], [], PLAIN, False),
        ([], ["-lno_such_library_exists"], PLAIN, False),
        ([], [], "#include <no_such_header.h>\n" + PLAIN, False),
        ([], [], None, False),
    ],
    ids=["works", "flag unknown", "does not link", "no header", "flag ignored"],
)
def test_probe_compiles_and_links(
    build: ModuleType, compiler: Any, flags: list[str], link: list[str], program: str | None, expected: bool
) -> None:
    assert build.works(compiler, flags, link, program or build.OPENMP_PROGRAM) is expected


def test_compiler_without_openmp_falls_back_to_serial(
    build: ModuleType, compiler: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "OPENMP_CANDIDATES", ((["-fopenmp"], ["-lno_such_library_exists"]),))
    assert build.openmp_flags(compiler, build.variant({})) == ([], [])
    assert "run serially" in capsys.readouterr().out


def test_another_variant_rebuilds(build: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "build" / "variant"
    release, debug = build.variant({}), build.variant({"ABM_DEBUG": "1"})
    assert [build.stamp(wanted, path) for wanted in (release, release, debug, debug, release)] == [
        *(True, False, True, False, True)
    ]


def test_every_kernel_is_an_extension(build: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = build.extensions(build.variant({}), ["a.pxd"])
    files = sorted(path.stem for path in (ROOT / "abm" / "_kernels").glob("*.pyx"))
    assert [item.name for item in found] == [f"abm._kernels.{name}" for name in files]
    assert "_random" in files
    assert all(item.depends == ["a.pxd"] for item in found)


OUTSIDE = """
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from abm._kernels._philox cimport binomial, philox, to_uniform

def fill(double[::1] out, int64_t[::1] counts):
    cdef Py_ssize_t i
    for i in prange(out.shape[0], nogil=True, num_threads=2):
        out[i] = to_uniform(philox(3, 9, i, 5, 0, 0).w0)
        counts[i] = binomial(1000, 0.3, 3, 9, i, 5, 0)
"""


def test_another_package_builds_on_our_declarations_without_openmp(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from Cython.Build import cythonize
    from setuptools import Extension

    from abm.streams import Draws

    monkeypatch.chdir(tmp_path)
    Path("outside.pyx").write_text(OUTSIDE, encoding="utf-8")
    wanted = build.variant({"ABM_OPENMP": "0"})
    flags, link = build.compile_flags(wanted)
    flags[0] = "-O1"  # faster to compile; the numbers must not care
    extension = Extension("outside", ["outside.pyx"], extra_compile_args=flags, extra_link_args=link)
    modules = cythonize([extension], compiler_directives=build.directives(wanted), include_path=[str(ROOT)], quiet=True)
    command = build_ext(Distribution({"name": "outside", "ext_modules": modules}))
    command.inplace = True
    command.ensure_finalized()
    command.run()
    monkeypatch.syspath_prepend(str(tmp_path))
    import outside  # type: ignore[import-not-found]

    out, counts = np.empty(50), np.empty(50, np.int64)
    outside.fill(out, counts)
    assert out.tolist() == Draws(3).uniform(9, 5, np.arange(50)).tolist()
    assert counts.tolist() == Draws(3).binomial(1000, 0.3, 9, 5, np.arange(50)).tolist()


def run_python(code: str, **environ: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    clean = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**clean, **environ}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_import_is_light() -> None:
    heavy = ("numpy", "mesa", "pandas", "matplotlib", "scipy", "h5py", "pydantic", "ruamel")
    code = f"import sys, abm; print([name for name in {heavy} if name in sys.modules])"
    assert run_python(code) == "[]"


def test_wait_policy_is_passive_unless_the_user_says_otherwise() -> None:
    code = "import os, abm; print(os.environ['OMP_WAIT_POLICY'])"
    assert run_python(code) == "PASSIVE"
    assert run_python(code, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"


def test_version_is_stated_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "abm.__version__"}
    assert abm.__version__.count(".") == 2


def test_unknown_public_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'load_scenari'; public: Scenario"):
        _ = abm.load_scenari  # type: ignore[attr-defined]
    assert set(abm.__all__) <= set(dir(abm))
