# SPDX-License-Identifier: Apache-2.0
"""Simulation state: columns, lattices, compartments, weights. Knows nothing of Mesa."""
