# SPDX-License-Identifier: Apache-2.0
"""Packets: what the page is sent of a frame, and a bounded memory of those that were sent."""

from __future__ import annotations

import json
import struct
import zlib
from collections import OrderedDict
from threading import Lock
from typing import Any, Generic, TypeVar

from abm.playback.player.cuts import Levels

GZIP = 16 + zlib.MAX_WBITS
_FAST = 1

Kept = TypeVar("Kept")


def packet(head: dict[str, Any], levels: Levels) -> bytes:
    """Return a frame as bytes: length of its head (uint32, little-endian), head (JSON), levels in C order."""
    words = json.dumps({**head, "shape": list(levels.shape)}, ensure_ascii=False).encode()
    return struct.pack("<I", len(words)) + words + levels.tobytes()


def gzipped(content: bytes, level: int = _FAST) -> bytes:
    """Return bytes as a gzip stream; the fast level is worth its time on a local network."""
    packer = zlib.compressobj(level, zlib.DEFLATED, GZIP)
    return packer.compress(content) + packer.flush()


class BoundedMemory(Generic[Kept]):
    """Values by key, the latest used of them, up to a number of bytes; for several threads.

    Parameters
    ----------
    limit : int
        [bytes]
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._kept: OrderedDict[object, tuple[Kept, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: object) -> Kept | None:
        """Return the value of a key, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: object, value: Kept, size: int) -> None:
        """Keep a value of so many bytes, unless it alone is more than may be kept."""
        with self._lock:
            if key in self._kept:
                self.bytes -= self._kept.pop(key)[1]
            if size > self.limit:
                return
            self._kept[key] = value, size
            self.bytes += size
            while self.bytes > self.limit:
                self.bytes -= self._kept.popitem(last=False)[1][1]
