# SPDX-License-Identifier: Apache-2.0
"""What a summary is made of: findings with their day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of a summary.

    Parameters
    ----------
    what, value, day : str
        What is said, how much or what of it, and when [d].
    """

    what: str
    value: str
    day: str = ""
