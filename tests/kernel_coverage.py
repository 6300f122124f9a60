# SPDX-License-Identifier: Apache-2.0
"""Plugin of coverage.py for the kernels: Cython's own, made to find ``.pxd`` files.

Cython's plugin reads from the C code of a kernel which lines of which file can run. A ``.pxd`` file has no C code of its own
and is unknown until a kernel that includes it has been read; here all kernels are read first.

One fault is left: on import, each C function of a ``.pxd`` file is booked as a run of the line with the same number in the
``.pyx`` file that includes it. A few statements there count as run whether or not they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coverage.plugin_support import Plugins
from Cython.Coverage import Plugin


class KernelCoverage(Plugin):
    """Cython's plugin, with the C code of all kernels read before a report."""

    def file_reporter(self, filename: str) -> Any:
        """Return what reports on a ``.pyx`` or ``.pxd`` file."""
        for code in sorted(Path(filename).parent.glob("*.c")):
            self._read_source_lines(str(code), filename)  # type: ignore[no-untyped-call]
        return super().file_reporter(filename)  # type: ignore[no-untyped-call]


def coverage_init(registry: Plugins, options: dict[str, Any]) -> None:
    """Register the plugin; coverage.py calls this."""
    plugin = KernelCoverage()
    registry.add_configurer(plugin)
    registry.add_file_tracer(plugin)
