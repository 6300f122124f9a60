# SPDX-License-Identifier: Apache-2.0
"""Compiled kernels: numbers only; nothing here imports anything of abm."""
