# SPDX-License-Identifier: Apache-2.0
"""The hash of a dataset, by which it is told whether it is what was written."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.trajectory.hdf5 import Spec


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

    def checksum(self) -> str:
        """Return the sha256 of the rows added so far."""
        return self._sha.hexdigest()

    def entry(self) -> list[Any]:
        """Return what goes into the digest of the run: type, shape, hash."""
        kind = "text" if self._spec.dtype is None else self._spec.dtype.newbyteorder("<").str
        return [kind, [self.length, *self._spec.tail], self.checksum()]
