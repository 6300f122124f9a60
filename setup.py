# SPDX-License-Identifier: Apache-2.0
"""Build of the compiled kernels: every ``abm/_kernels/*.pyx`` is one extension module.

Compiler directives, flags, OpenMP with its serial fallback and the debug builds are decided here
and nowhere else. Environment variables choose a variant:

=================  ==========================================================================
``ABM_OPENMP=0``   serial kernels, whatever the compiler can do
``ABM_DEBUG=1``    bounds, initialisation and None checks everywhere; ``-O1 -g``
``ABM_SANITIZE=1`` address and undefined-behaviour sanitizers
``ABM_TRACE=1``    line tracing of the kernels, for coverage; leaves their C code beside them
=================  ==========================================================================

Results must not depend on the optimiser or on the machine that built the package, hence
``-ffp-contract=off``, no ``-ffast-math`` and no ``-march=native``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
KERNELS = Path("abm") / "_kernels"
PROCESSES = 2

OPENMP_CANDIDATES: tuple[tuple[list[str], list[str]], ...] = (
    (["-fopenmp"], ["-fopenmp"]),
    (["-Xpreprocessor", "-fopenmp"], ["-lomp"]),  # Apple's clang with libomp
)
# Uses a parallel loop and the library, so that a compiler that ignores the flag, lacks omp.h or
# cannot find the runtime when linking is told apart from one that works.
OPENMP_PROGRAM = """
#include <omp.h>
#ifndef _OPENMP
#error "OpenMP is off"
#endif
int main(void) {
    int sum = 0;
    #pragma omp parallel for reduction(+:sum)
    for (int i = 0; i < 8; i++) sum += i + omp_get_thread_num() * 0;
    return sum != 28;
}
"""


class Variant(NamedTuple):
    """What is built, as asked for by the environment."""

    openmp: bool
    debug: bool
    sanitize: bool
    trace: bool


def variant(environ: Mapping[str, str]) -> Variant:
    """Read the variant from environment variables; ``0`` and empty mean off."""

    def is_on(name: str, default: str) -> bool:
        return environ.get(name, default) not in ("", "0")

    return Variant(
        openmp=is_on("ABM_OPENMP", "1"),
        debug=is_on("ABM_DEBUG", "0"),
        sanitize=is_on("ABM_SANITIZE", "0"),
        trace=is_on("ABM_TRACE", "0"),
    )


def directives(wanted: Variant) -> dict[str, Any]:
    """Return the Cython directives, the same for every kernel."""
    return {
        "language_level": 3,
        "boundscheck": wanted.debug,
        # off in the debug build too: a negative index is then caught, where wraparound would obey it
        "wraparound": False,
        "initializedcheck": wanted.debug,
        "nonecheck": wanted.debug,
        "cdivision": True,
        "embedsignature": True,
        "linetrace": wanted.trace,
        # each would advise to drop the checks again
        "show_performance_hints": not wanted.debug,
    }


def compile_flags(wanted: Variant) -> tuple[list[str], list[str]]:
    """Return the compiler's and the linker's flags, without OpenMP."""
    flags = ["-O1", "-g"] if wanted.debug or wanted.sanitize else ["-O3"]
    flags += ["-ffp-contract=off", "-fno-fast-math"]
    link: list[str] = []
    if wanted.sanitize:
        # the first undefined behaviour ends the process, so that no test passes over it
        flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer", "-g"]
        link += ["-fsanitize=address,undefined"]
    return flags, link


def works(compiler: Any, flags: list[str], link: list[str], program: str = OPENMP_PROGRAM) -> bool:
    """Tell whether a C program compiles and links with these flags.

    Parameters
    ----------
    compiler : setuptools compiler object
        Already customised for this Python.
    flags, link : list of str
        Flags for the two steps.
    program : str
        C source of a whole program.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text(program, encoding="utf-8")
        try:
            objects = compiler.compile([str(source)], output_dir=folder, extra_postargs=flags)
            compiler.link_executable(objects, str(Path(folder) / "probe"), extra_postargs=link)
        except Exception as problem:  # the compiler's own error classes moved between setuptools versions
            print(f"probe failed with {' '.join(flags)}: {problem}", file=sys.stderr)
            return False
    return True


def openmp_flags(compiler: Any, wanted: Variant) -> tuple[list[str], list[str]]:
    """Return the flags that turn OpenMP on, or none where it is refused or cannot be had."""
    if not wanted.openmp:
        print("OpenMP: off (ABM_OPENMP=0); the kernels run serially")
        return [], []
    for flags, link in OPENMP_CANDIDATES:
        if works(compiler, flags, link):
            print(f"OpenMP: on ({' '.join(flags)})")
            return flags, link
    print("OpenMP: not found; the kernels run serially. Results are the same, only slower.")
    return [], []


def stamp(wanted: Variant, path: Path) -> bool:
    """Record the variant; return whether it differs from that of the last build.

    Extensions depend on the file, so that those of another variant are older than it and rebuilt.
    """
    text = f"{wanted} {sys.version}\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def extensions(wanted: Variant, depends: list[str]) -> list[Extension]:
    """Return one extension per kernel file."""
    flags, link = compile_flags(wanted)
    # coverage.py cannot yet run plugins on sys.monitoring, which Cython would use from Python 3.13 on
    macros = [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")] if wanted.trace else []
    return [
        Extension(
            ".".join(path.with_suffix("").parts),
            [str(path)],
            depends=depends,
            libraries=["m"],
            define_macros=list(macros),
            extra_compile_args=list(flags),
            extra_link_args=list(link),
        )
        for path in sorted(KERNELS.glob("*.pyx"))
    ]


class BuildKernels(build_ext):
    """Compile the kernels side by side, with OpenMP where it works."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.parallel is None:
            self.parallel = PROCESSES

    def build_extensions(self) -> None:
        flags, link = openmp_flags(self.compiler, variant(os.environ))
        for extension in self.extensions:
            extension.extra_compile_args += flags
            extension.extra_link_args += link
        super().build_extensions()


def main() -> None:
    """Describe the compiled part of the package to setuptools; pyproject.toml has the rest."""
    os.chdir(ROOT)
    wanted = variant(os.environ)
    stamp_file = Path("build") / "variant"
    changed = stamp(wanted, stamp_file)
    depends = [str(stamp_file), *map(str, sorted(KERNELS.glob("*.pxd")))]
    found = extensions(wanted, depends)
    setup(
        ext_modules=cythonize(
            found,
            compiler_directives=directives(wanted),
            # the plugin of coverage.py looks for the C code beside the kernel
            build_dir=None if wanted.trace else "build/cython",
            nthreads=min(PROCESSES, len(found)) if len(found) > 1 else 0,
            force=changed,
        )
        if found
        else [],
        cmdclass={"build_ext": BuildKernels},
    )


if __name__ == "__main__":
    main()
