# SPDX-License-Identifier: Apache-2.0
"""The identity of a run: a digest of everything it recorded, however that is cut up and compressed.

``/provenance`` and ``/checkpoint`` stay out: threads, command and wall time are not the result.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.trajectory.hdf5 import Spec
from abm.trajectory.schema import Header
from abm.trajectory.source import Source


class DatasetHash:
    """Hash of one dataset, fed piece by piece.

    Parameters
    ----------
    spec : Spec
        Its type and the shape of a row.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._sha = hashlib.sha256()
        self.length = 0

    def update(self, piece: NDArray[Any]) -> None:
        """Add the next rows."""
        self.length += len(piece)
        if self._spec.dtype is None:
            for text in piece:
                content = text.encode()
                self._sha.update(len(content).to_bytes(8, "little") + content)
        elif piece.size:
            little = piece.astype(piece.dtype.newbyteorder("<"), order="C", copy=False)
            self._sha.update(little.reshape(-1).view(np.uint8).data)

    def entry(self) -> list[Any]:
        """Return what goes into the digest of the run: type, shape, hash."""
        kind = "text" if self._spec.dtype is None else self._spec.dtype.newbyteorder("<").str
        return [kind, [self.length, *self._spec.tail], self._sha.hexdigest()]


def combine(header: Header, hashes: dict[str, DatasetHash]) -> str:
    """Return the digest of a run (sha256, hex) from the hashes of its datasets."""
    entries = {path: found.entry() for path, found in hashes.items()}
    for path, text in header.texts().items():
        if path != "provenance":
            entries[path] = ["text", [], hashlib.sha256(text.encode()).hexdigest()]
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
