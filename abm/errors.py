# SPDX-License-Identifier: Apache-2.0
"""The errors a user may meet, by what they ask of the user."""

from __future__ import annotations


class AbmError(Exception):
    """Base of the package's own errors: a message for the user, no traceback."""

    exit_code = 1


class InputError(AbmError):
    """What the user gave cannot be used; the message says where, why and what is allowed."""

    exit_code = 2


class RunError(AbmError):
    """A run could not go on: a full disk, a folder that cannot be written, a damaged file."""
