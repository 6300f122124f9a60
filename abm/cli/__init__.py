# SPDX-License-Identifier: Apache-2.0
"""The command line ``abm``: one file per command, each of them thin.

What a command needs is imported when it runs, so that ``abm --help`` answers at once.
"""

from __future__ import annotations

from abm.cli.app import main

__all__ = ["main"]
