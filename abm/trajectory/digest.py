# SPDX-License-Identifier: Apache-2.0
"""The identity of a run: a digest of everything it recorded, however that is cut up and compressed.

``/provenance`` and ``/checkpoint`` stay out: threads, command and wall time are not the result.
"""

from __future__ import annotations

import hashlib
import json

from abm.trajectory.hashing import DatasetHash
from abm.trajectory.hdf5 import text_checksum
from abm.trajectory.schema import Header
from abm.trajectory.source import Source


def combine(header: Header, hashes: dict[str, DatasetHash]) -> str:
    """Return the digest of a run (sha256, hex) from the hashes of its datasets."""
    entries = {path: found.entry() for path, found in hashes.items()}
    for path, text in header.texts().items():
        if path != "provenance":
            entries[path] = ["text", [], text_checksum(text)]
    return hashlib.sha256(json.dumps(sorted(entries.items())).encode()).hexdigest()


def digest(header: Header, source: Source) -> str:
    """Read a whole trajectory and return its digest."""
    hashes = {}
    for series in source.series:
        for name, pieces in source.datasets(series):
            found = hashes[f"{series}/{name}"] = DatasetHash(source.series[series].datasets[name])
            for piece in pieces:
                found.update(piece)
    return combine(header, hashes)
