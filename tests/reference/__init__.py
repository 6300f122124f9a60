# SPDX-License-Identifier: Apache-2.0
"""Slow, readable twins of the kernels, drawing the same numbers."""
