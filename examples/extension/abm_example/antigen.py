# SPDX-License-Identifier: Apache-2.0
"""The antigen of the blasts, which tells whether therapy selects those with little of it."""

from __future__ import annotations

import numpy as np

from abm.extensions import BLAST, Snapshot, observable


@observable("molecules", needs_body=False)
def blast_cd19(snapshot: Snapshot) -> float:
    """Mean CD19 of the CD19+ blasts of the body; not a number without any."""
    kinds, weights, cd19 = snapshot.state.sessile.arrays("kind", "weight", "cd19")
    blasts = kinds == BLAST.code
    return float(np.average(cd19[blasts], weights=weights[blasts])) if blasts.any() else float("nan")
