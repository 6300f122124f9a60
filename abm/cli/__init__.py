# SPDX-License-Identifier: Apache-2.0
"""The command line ``abm``: one file per command, each of them thin.

What a command needs is imported when it runs, so that ``abm --help`` answers at once.
"""

from __future__ import annotations

import signal

# A batch system may warn before there is anything to keep, while all else is still imported: that must not end the process.
if hasattr(signal, "SIGUSR1") and signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
    signal.signal(signal.SIGUSR1, lambda number, frame: None)

from abm.cli.app import main

__all__ = ["main"]
