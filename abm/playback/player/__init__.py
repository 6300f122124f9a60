# SPDX-License-Identifier: Apache-2.0
"""The player in a browser: a run served on this machine alone, or put into one file that needs neither server nor network."""

from __future__ import annotations

from abm.playback.player.embedding import DEFAULT_MEGABYTES, write_page
from abm.playback.player.serving import serve

__all__ = ["DEFAULT_MEGABYTES", "serve", "write_page"]
