# SPDX-License-Identifier: Apache-2.0
"""The Chromium of the browser tests: the system's, installed by apt if there is none.

::

    python -m tests.browser.chromium install
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = "chromium"


class ChromiumError(RuntimeError):
    """Why there is no Chromium."""


def chromium() -> str | None:
    """Return the program, or None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def install() -> None:
    """Install Chromium by apt, unless one is there.

    Raises
    ------
    ChromiumError
        There is no apt-get, no root, or no network.
    """
    if chromium() is not None:
        return
    line = ["apt-get", "install", "--yes", "--no-install-recommends", PACKAGE]
    if shutil.which(line[0]) is None:
        raise ChromiumError(f"no Chromium here, and no apt-get to install it: install {PACKAGE} by hand")
    if os.geteuid() != 0:
        raise ChromiumError(f"no Chromium here, and installing it needs root: sudo {' '.join(line)}")
    for before in (None, ["apt-get", "update"]):
        if before is not None:
            _apt(before)
        done = _apt(line)
        if done.returncode == 0 and chromium() is not None:
            return
    raise ChromiumError(f"{' '.join(line)} failed ({done.returncode}); no network?\n{done.stdout[-2000:]}")


def _apt(line: list[str]) -> subprocess.CompletedProcess[str]:
    """Run apt-get without questions; what it says, errors too, is in ``stdout``."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(line, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["install"])
    parser.parse_args()
    try:
        install()
    except ChromiumError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
