# SPDX-License-Identifier: Apache-2.0
"""Processes: what happens in a time step, one file each."""
