# SPDX-License-Identifier: Apache-2.0
"""``python -m abm``: the command line without an installed script."""

from __future__ import annotations

import sys

from abm.cli import main

sys.exit(main())
